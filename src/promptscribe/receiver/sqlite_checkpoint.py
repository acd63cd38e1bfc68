"""The thread that brings what was committed from the WAL into the SQLite file.

Its law: it works beside the writer, never in its way. SQLite would do this inside a
COMMIT, and be asked to wait for the disk three times instead of once: with logs of
3 KB that was half of the writer's time.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.sqlite_schema import connect

if TYPE_CHECKING:
    from pathlib import Path

# Pages that are written again and again in the meantime are copied once. At full
# speed 20 MB are written in this time.
_PAUSE: Final = 0.25  # seconds


class Checkpointer:
    """Copies pages from the WAL into the file, a moment after they were committed.

    Args:
        path: The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Say that something was written; called by one thread."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="promptscribe-receiver-checkpoint", daemon=True
            )
            self._thread.start()
        self._written.set()

    def close(self) -> None:
        """End the thread; what is left, SQLite does as it closes the file."""
        self._closing.set()
        self._written.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while self._written.wait():
            # In this order: `close` sets both, the other way round, and whatever of
            # it is seen here, the end is.
            self._written.clear()
            if self._closing.wait(_PAUSE):
                return
            try:
                # Opened anew: a connection that is kept would count as one more
                # user of a file that was moved away or restored.
                with closing(connect(self._path)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error:
                # The disk is full or gone: the writer finds out, and says so.
                continue
