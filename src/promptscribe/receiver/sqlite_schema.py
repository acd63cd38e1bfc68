"""The SQLite file: how it is opened, and how old ones are brought up.

Its law: ``user_version`` counts the migrations that a file has had; all that it
lacks are one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.sqlite_migration import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Bulk intake of logs of 3.4 KB costs 50 µs of processor time a log with pages of 4 KB,
# 44 with 8, 42 with 16; an empty file has 45 pages, so 16 would be too much of a good
# thing where the file may not grow.
_PAGE_BYTES: Final = 8192
_WAL_BYTES: Final = 64 * 1024 * 1024


class NewerFile(sqlite3.DatabaseError):
    """The file was written by a later promptscribe; update this one to read it."""


class StrangeFile(sqlite3.DatabaseError):
    """The file belongs to another program, and is left as it is."""


def make_private_file(path: Path) -> None:
    """Make the file and its folder where they are missing, for this user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0)
    # SQLite gives the files beside it (-wal, -shm) the mode of this one.
    os.close(os.open(path, flags, 0o600))


def connect(
    path: Path, *, read_only: bool = False, max_bytes: int | None = None
) -> sqlite3.Connection:
    """Return a connection whose transactions are begun and ended by hand.

    Args:
        path: The SQLite file.
        read_only: True for a connection that cannot write.
        max_bytes: How large the file may become through this connection; None
            sets no limit. Beyond it a write fails as on a full disk.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=10
    )
    # For a file that is new; an old one keeps its own.
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    # FULL: an acknowledged log outlives a power cut, since the client deletes
    # its own copy on our word. Group commit shares the fsync.
    connection.execute("PRAGMA synchronous = FULL")
    # Another thread does this sooner (`sqlite_checkpoint`). Where it cannot keep up,
    # the WAL ends here: 64 MiB.
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // page_bytes}")
    connection.execute("PRAGMA cache_size = -16000")
    if max_bytes is not None:
        connection.execute(f"PRAGMA max_page_count = {max(max_bytes // page_bytes, 1)}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        # A trigger has semicolons of its own.
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    """Return how many migrations a file has had; raise what `migrate` does."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise NewerFile(
            f"it is of version {version}, and this code knows {len(MIGRATIONS)};"
            " update promptscribe"
        )
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise StrangeFile("it is a database, but none of promptscribe's")
    return int(version)


def migrate(path: Path) -> None:
    """Bring a file up to the newest schema; safe beside other processes.

    Raises:
        NewerFile: The file has had migrations that this code does not know.
        StrangeFile: The file is the database of something else.
    """
    make_private_file(path)
    # With a connection that changes nothing: that it has a WAL is written into a file.
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        _version(connection)
    with closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        for script in MIGRATIONS[version:]:
            # Not executescript(): that would commit between the statements.
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
