"""The keys in a receiver's file, for the command line: made, listed, revoked.

Its law: a receiver that runs on the same file sees each change with its next request.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptscribe._clock import SystemClock
from promptscribe.errors import ConfigurationError
from promptscribe.receiver.key import SCOPES, make_key
from promptscribe.receiver.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptscribe.receiver.key import KeyEntry


class Keyring:
    """The keys in a receiver's file, for the command line.

    Args:
        db: The SQLite file; made where it is missing.
    """

    def __init__(self, db: Path) -> None:
        self._db = db

    def add(self, name: str, scopes: Sequence[str] = SCOPES) -> tuple[str, KeyEntry]:
        """Make a key and return it, for the only time, with its entry.

        Raises:
            ConfigurationError: The name is blank: nobody would know whose key it is.
        """
        if not name.strip():
            raise ConfigurationError("name", "must not be blank")
        now_us = SystemClock.wall_ns() // 1000
        key, entry = make_key(name, scopes, now_us)
        with self._store() as store:
            asyncio.run(store.add_key(entry))
        return key, entry

    def list(self) -> list[KeyEntry]:
        """Return every key that was made, revoked ones included, oldest first."""
        with self._store() as store:
            return asyncio.run(store.list_keys())

    def revoke(self, key_id: str) -> bool:
        """Revoke a key; return False where there is none of this id to revoke."""
        with self._store() as store:
            return asyncio.run(store.revoke_key(key_id))

    @contextmanager
    def _store(self) -> Iterator[SqliteStore]:
        store = SqliteStore(self._db)
        try:
            yield store
        finally:
            store.close()
