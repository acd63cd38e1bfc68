"""The store in one SQLite file: the default, with no server to run.

Its law: one thread writes, others read; nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from promptscribe._clock import SystemClock
from promptscribe.receiver import (
    sqlite_file_change,
    sqlite_file_query,
    sqlite_key,
    sqlite_log,
    sqlite_move,
    sqlite_query,
    sqlite_read,
)
from promptscribe.receiver.sqlite_failure import explained
from promptscribe.receiver.sqlite_row import prepared
from promptscribe.receiver.sqlite_schema import connect, migrate
from promptscribe.receiver.sqlite_words import index_some
from promptscribe.receiver.sqlite_writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptscribe.receiver.file_entry import (
        Environment,
        FileDraft,
        FileName,
        FilePage,
        FileQuery,
        FileVersion,
        MovedVersion,
    )
    from promptscribe.receiver.key import KeyEntry, Scope
    from promptscribe.receiver.log_entry import (
        LogChange,
        LogDraft,
        LogOutline,
        LogPage,
        LogQuery,
        LogReceipt,
        LogStep,
        Refused,
        StoredLog,
    )
    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.receiver.upload import SpanLink
    from promptscribe.receiver.version import FileKind

P = ParamSpec("P")
T = TypeVar("T")

READERS: Final = 4  # pages are read for people; the writer needs the other core


class SqliteStore:
    """A `Store` in a file; several processes may have the same one open.

    Args:
        path: The file; made for this user alone where it is missing.
        max_bytes: How large the file may become; None sets no limit. Beyond it
            the store is full: what is deleted makes room.
    """

    def __init__(self, path: Path, *, max_bytes: int | None = None) -> None:
        migrate(path)
        self._path = path
        self._writer = Writer(path, SystemClock(), index_some, max_bytes=max_bytes)
        self._readers = ThreadPoolExecutor(READERS, "promptscribe-receiver-reader")
        self._local = threading.local()
        # Guards the list: each reader adds its connection once.
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._readers.submit(self._warm_up)

    async def add_logs(self, drafts: Sequence[LogDraft]) -> list[LogReceipt | Refused]:
        """Keep logs, in one transaction."""
        entries = [prepared(draft) for draft in drafts]
        return await self._write(sqlite_log.add_logs, entries)

    async def update_log(self, change: LogChange) -> Refused | None:
        """Change a stored log."""
        return await self._writer.run(
            lambda batch: sqlite_log.update_log(batch, change)
        )

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete logs and return how many there were."""
        return await self._write(sqlite_log.delete_logs, ids)

    async def delete_before(self, before_us: int, limit: int) -> int:
        """Delete at most so many logs made before a time, the oldest first."""
        return await self._write(sqlite_log.delete_before, before_us, limit)

    async def add_upload(
        self, links: Sequence[SpanLink], drafts: Sequence[LogDraft]
    ) -> list[LogReceipt | Refused | None]:
        """Keep the logs of an upload of spans, in one transaction."""
        if not links and not drafts:
            return []
        entries = [prepared(draft) for draft in drafts]
        return await self._write(sqlite_log.add_upload, links, entries)

    async def find_logs(self, query: LogQuery) -> LogPage:
        """Return one page of logs, newest first."""
        return await self._read(sqlite_query.find_logs, query)

    async def walk_logs(self, file_id: str | None, after: str, limit: int) -> LogStep:
        """Return the next logs, oldest first."""
        return await self._read(sqlite_read.walk_logs, file_id, after, limit)

    async def read_log(self, log_id: str) -> StoredLog | None:
        """Return one log, or None."""
        return await self._read(sqlite_read.read_log, log_id)

    async def read_trace(self, trace_id: str, limit: int) -> list[StoredLog]:
        """Return the logs of one trace, oldest first."""
        return await self._read(sqlite_read.read_trace, trace_id, limit)

    async def read_outlines(
        self, trace_ids: Sequence[str], limit: int, log_ids: Sequence[str] = ()
    ) -> list[LogOutline]:
        """Return the logs of several traces, and some more, without their content."""
        return await self._read(sqlite_read.read_outlines, trace_ids, limit, log_ids)

    async def read_versions(self, version_ids: Sequence[str]) -> dict[str, FileVersion]:
        """Return versions by id."""
        return await self._read(sqlite_file_query.read_versions, version_ids)

    async def put_version(self, draft: FileDraft) -> str | Refused:
        """Make a version, and its file where that is new."""
        return await self._write(sqlite_file_change.put_version, draft)

    async def move_in(self, version: MovedVersion) -> str | Refused:
        """Keep a version from another store; return the id that it has here."""
        return await self._write(sqlite_move.move_in, version)

    async def find_file(self, name: FileName) -> FileVersion | Refused:
        """Return a file at one of its versions."""
        return await self._read(sqlite_file_query.find_file, name)

    async def find_files(self, query: FileQuery) -> FilePage:
        """Return one page of files."""
        return await self._read(sqlite_file_query.find_files, query)

    async def find_versions(self, file_id: str) -> list[FileVersion]:
        """Return all versions of a file, newest first."""
        return await self._read(sqlite_file_query.find_versions, file_id)

    async def move_file(
        self, kind: FileKind, file_id: str, path: str
    ) -> Refused | None:
        """Give a file another path."""
        return await self._write(sqlite_file_change.move_file, kind, file_id, path)

    async def delete_file(self, kind: FileKind, file_id: str) -> Refused | None:
        """Delete a file; its logs stay readable."""
        return await self._write(sqlite_file_change.delete_file, kind, file_id)

    async def deploy(
        self, kind: FileKind, file_id: str, environment_id: str, version_id: str | None
    ) -> Refused | None:
        """Deploy a version to an environment, or take away what is there."""
        return await self._write(
            sqlite_file_change.deploy, kind, file_id, environment_id, version_id
        )

    async def environments(self) -> list[Environment]:
        """Return every environment there is, the default first."""
        return await self._read(sqlite_file_query.environments)

    async def add_key(self, entry: KeyEntry) -> None:
        """Keep an API key."""
        await self._write(sqlite_key.add_key, entry)

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key; return False where there is none of this id to revoke."""
        return await self._write(sqlite_key.revoke_key, key_id)

    async def list_keys(self) -> list[KeyEntry]:
        """Return every key, oldest first."""
        return await self._read(sqlite_key.list_keys)

    # Asked with every request: a look into a tiny table costs 5 µs here, and the
    # way to another thread and back 60. WAL readers wait for nobody.

    async def key_scopes(self, digest: str) -> tuple[Scope, ...]:
        """Return what the key with this digest may do: nothing, if there is none."""
        try:
            return sqlite_key.key_scopes(self._connection(), digest)
        except sqlite3.DatabaseError as error:
            raise explained(error) from error

    async def has_keys(self) -> bool:
        """Return whether a key was ever made."""
        try:
            return sqlite_key.has_keys(self._connection())
        except sqlite3.DatabaseError as error:
            raise explained(error) from error

    def begin(self) -> None:
        """Index what was left unindexed, though nothing is written yet."""
        self._writer.begin()

    def close(self) -> None:
        """Commit what was asked for, then close every connection."""
        self._writer.close()
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()

    async def _write(
        self,
        operation: Callable[Concatenate[Batch, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return await self._writer.run(lambda batch: operation(batch, *args, **kwargs))

    async def _read(
        self,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        def run() -> T:
            try:
                connection = self._connection()  # a thread's first one opens the file
                # One snapshot for all statements of a query, so that a total and
                # the page that it goes with agree.
                connection.execute("BEGIN")
                try:
                    return query(connection, *args, **kwargs)
                finally:
                    if connection.in_transaction:  # an I/O error ended it
                        connection.execute("COMMIT")
            except sqlite3.DatabaseError as error:
                raise explained(error) from error

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, run)

    def _warm_up(self) -> None:
        """Read what every page needs, while nobody waits: off a disk it takes long."""
        with suppress(sqlite3.Error):  # the first page will say what is wrong
            self._connection().execute(
                "SELECT count(*) FROM logs WHERE root"
            ).fetchone()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, read_only=True)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection
