"""Whether there is room for more logs: the quota of the SQLite file, and the disk.

Its law: new logs are refused a little before the end, so that there is room left for
what makes room, which is deleting, and for ending what was begun.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.store import StoreUnavailable

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

# Of the quota, or of the disk, but not more than the WAL may grow to (64 MiB).
_RESERVE: Final = 0.05
_MOST_RESERVE: Final = 64 * 1024 * 1024


class Room:
    """Looks how much room there is.

    Args:
        path: The SQLite file.
        max_bytes: How large the file may become; None sets no limit.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        self._folder = path.parent
        self._max_bytes = max_bytes

    def require(self, connection: sqlite3.Connection) -> None:
        """Refuse new logs where there is no room for them.

        Args:
            connection: In a transaction.

        Raises:
            StoreUnavailable: The quota or the disk is used up, but for the reserve.
        """
        if self._max_bytes is not None:
            pages, free, page_bytes = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            left = self._max_bytes - (pages - free) * page_bytes
            if left < _reserve(self._max_bytes):
                raise StoreUnavailable("the quota is used up", full=True)
        disk = shutil.disk_usage(self._folder)
        if disk.free < _reserve(disk.total):
            raise StoreUnavailable("the disk is full", full=True)

    def is_enough(self, connection: sqlite3.Connection) -> bool:
        """Return whether new logs are taken."""
        try:
            self.require(connection)
        except StoreUnavailable:
            return False
        return True


def _reserve(all_bytes: int) -> float:
    return min(all_bytes * _RESERVE, _MOST_RESERVE)
