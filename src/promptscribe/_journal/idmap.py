"""The id map: which id a server gave to a log of ours, where it gives its own.

Its law: one short line a log, appended in one write. A child may be delivered by
another process than its parent was, so the map outlives both.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "ids.tsv"
_MOST_BYTES: Final = 4 << 20
"""About 40,000 logs; then it begins anew, and children of older ones lose theirs."""
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class IdMap:
    """Ids by ours, in memory and on disk.

    Args:
        root: Folder of the journal.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._ids: dict[str, str] | None = None

    def get(self, log_id: str) -> str | None:
        """Return the server's id of a log, or None if it is not known."""
        ids = self._load()
        if log_id not in ids:
            self._ids = None  # another process may have delivered it meanwhile
            ids = self._load()
        return ids.get(log_id)

    def add(self, log_id: str, given: str) -> None:
        """Remember the id that a server gave to a log."""
        self._load()[log_id] = given
        if "\t" in given or "\n" in given:
            return
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _MOST_BYTES:
                self._path.unlink()
            fd = os.open(self._path, _FLAGS, 0o600)
            try:
                os.write(fd, f"{log_id}\t{given}\n".encode())
            finally:
                os.close(fd)

    def _load(self) -> dict[str, str]:
        if self._ids is None:
            self._ids = {}
            with contextlib.suppress(OSError):
                for line in self._path.read_text("utf-8", "replace").splitlines():
                    log_id, tab, given = line.partition("\t")
                    if tab:
                        self._ids[log_id] = given
        return self._ids
