"""API keys in SQLite.

Its law: a key is a row for ever; a revoked one stays in the list, with its date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from promptscribe.receiver.key import KeyEntry

if TYPE_CHECKING:
    import sqlite3

    from promptscribe.receiver.key import Scope
    from promptscribe.receiver.sqlite_writer import Batch


def add_key(batch: Batch, entry: KeyEntry) -> None:
    """Keep a key."""
    batch.connection.execute(
        "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id,
            entry.name,
            entry.digest,
            entry.hint,
            " ".join(entry.scopes),
            entry.created_us,
            entry.revoked_us,
        ),
    )


def revoke_key(batch: Batch, key_id: str) -> bool:
    """Revoke a key; return False where there is none of this id to revoke."""
    revoked = batch.connection.execute(
        "UPDATE keys SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL",
        (batch.now_us, key_id),
    )
    return revoked.rowcount == 1


def list_keys(connection: sqlite3.Connection) -> list[KeyEntry]:
    """Return every key, oldest first."""
    rows = connection.execute(
        "SELECT id, name, digest, hint, scopes, created_us, revoked_us FROM keys"
        " ORDER BY created_us, id"
    )
    return [
        KeyEntry(
            id=row[0],
            name=row[1],
            digest=row[2],
            hint=row[3],
            scopes=_scopes(row[4]),
            created_us=row[5],
            revoked_us=row[6],
        )
        for row in rows
    ]


def key_scopes(connection: sqlite3.Connection, digest: str) -> tuple[Scope, ...]:
    """Return what the key with this digest may do: nothing, if there is none."""
    row = connection.execute(
        "SELECT scopes FROM keys WHERE digest = ? AND revoked_us IS NULL", (digest,)
    ).fetchone()
    return () if row is None else _scopes(row[0])


def has_keys(connection: sqlite3.Connection) -> bool:
    """Return whether a key was ever made."""
    return connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone() is not None


def _scopes(words: str) -> tuple[Scope, ...]:
    return cast("tuple[Scope, ...]", tuple(words.split()))
