"""The one thread that writes to the SQLite file, and its group commit.

Its law: an operation's result is handed out only after the commit that holds it.
While one commit waits for the disk, the operations that arrive meanwhile gather
and share the next one, so that the fsync is paid once for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections import defaultdict
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from promptscribe.receiver.sqlite_checkpoint import Checkpointer
from promptscribe.receiver.sqlite_failure import explained
from promptscribe.receiver.sqlite_intake import Intake
from promptscribe.receiver.sqlite_room import Room
from promptscribe.receiver.sqlite_schema import connect
from promptscribe.receiver.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptscribe._clock import Clock

T = TypeVar("T")

LOGGER: Final = logging.getLogger("promptscribe.receiver")
# A pause is time for a chore, and where there is none, one is made: a step of 10 ms
# now and then, so that the chore is not put off for as long as logs come in.
_PAUSE: Final = 0.02  # seconds without a write
_PATIENCE: Final = 0.1  # seconds of writes before a chore is done between them
MAX_BATCH: Final = 512  # operations in one transaction: bounds what waits on one


class Batch:
    """One transaction, and what its operations may share while it lasts.

    Attributes:
        connection: In the transaction.
        now_us: When the transaction began, µs since 1970.
        versions: Where a path or id with these details goes; right as long as
            the transaction lasts, since nobody else can write meanwhile.
        used: New logs for each version, written once at the end.
        newest: When the newest of these was made, µs since 1970.
        intake: New logs, written together at the end, or before something
            else looks at logs.
    """

    def __init__(self, connection: sqlite3.Connection, now_us: int, room: Room) -> None:
        self.connection = connection
        self._room: Room | None = room
        self.now_us = now_us
        self.versions: dict[object, tuple[str, str]] = {}
        self.used: defaultdict[str, int] = defaultdict(int)
        self.newest: defaultdict[str, int] = defaultdict(int)
        self.intake = Intake(connection)

    def require_room(self) -> None:
        """Ask for room for something new.

        Raises:
            StoreUnavailable: There is none; the operation is to end with this.
        """
        if self._room is not None:
            self._room.require(self.connection)
            self._room = None  # looked at once for a transaction

    def finish(self) -> None:
        """Write down the new logs and the uses of versions."""
        self.intake.flush()
        self.connection.executemany(
            "UPDATE versions SET logs = logs + ?,"
            " last_used_us = max(ifnull(last_used_us, 0), ?) WHERE id = ?",
            [
                (count, self.newest[version], version)
                for version, count in self.used.items()
            ],
        )


class _Ticket(Generic[T]):
    """An operation that waits for its commit."""

    __slots__ = ("future", "loop", "operation", "outcome")

    def __init__(self, operation: Callable[[Batch], T]) -> None:
        self.operation = operation
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.outcome: T | BaseException

    def settle(self) -> None:
        if self.future.done():  # the client has gone
            return
        if isinstance(self.outcome, BaseException):
            self.future.set_exception(self.outcome)
        else:
            self.future.set_result(self.outcome)


class Writer:
    """Runs operations in transactions, in the order in which they came.

    Args:
        path: The SQLite file.
        clock: Source of time.
        chore: What there is to do in a pause after writing; returns whether there
            is more of it.
        max_bytes: How large the file may become; None sets no limit.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        chore: Callable[[sqlite3.Connection], bool] = lambda _: False,
        *,
        max_bytes: int | None = None,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._chore = chore
        self._checkpointer = Checkpointer(path)
        self._room = Room(path, max_bytes)
        self._queue: SimpleQueue[_Ticket[Any] | None] = SimpleQueue()
        # Guards the two below: the thread is started once, and not after close.
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._chore_failed = False  # told once: it would be again after each write

    async def run(self, operation: Callable[[Batch], T]) -> T:
        """Return what an operation returns, once it is committed.

        Args:
            operation: Called in the writer's thread; it may be called again in
                a transaction of its own when one of its neighbours fails.

        Raises:
            StoreUnavailable: Disk full, file locked by others, or closed.
        """
        ticket = _Ticket(operation)
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            self._start()
            self._queue.put(ticket)
        return await ticket.future

    def begin(self) -> None:
        """Do what chores are left from before, though nothing is written yet."""
        with self._lock:
            if not self._closed:
                self._start()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="promptscribe-receiver-writer", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Commit what was asked for, then end the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()
        self._checkpointer.close()

    def _work(self) -> None:
        connection = self._connect()
        if connection is None:
            return
        try:
            pause: float | None = 0
            since = self._clock.monotonic_ns()
            while True:
                tickets, last = self._gather(pause)
                if tickets:
                    self._commit(connection, tickets)
                    self._checkpointer.nudge()
                    pause = _PAUSE
                if last:
                    return
                now = self._clock.monotonic_ns()
                if not tickets or now - since > _PATIENCE * 1e9:
                    more = self._do_chore(connection)
                    since = self._clock.monotonic_ns()
                    if not tickets:
                        pause = 0 if more else None
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection | None:
        """Open the file; while that fails, what comes in is told so, to the end."""
        while True:
            try:
                return connect(self._path, max_bytes=self._max_bytes)
            except (sqlite3.Error, OSError) as error:
                tickets, last = self._gather(None)
                refusal = StoreUnavailable(f"the store cannot be opened: {error}")
                _hand_out(tickets, [refusal] * len(tickets))
                if last:
                    return None

    def _do_chore(self, connection: sqlite3.Connection) -> bool:
        try:
            return self._room.is_enough(connection) and self._chore(connection)
        except (
            Exception
        ) as error:  # whatever it is: without this thread nothing is kept
            # Busy or full: the chore stays undone, and is tried after the next write.
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error) and not self._chore_failed:
                LOGGER.exception("what waits for a pause in writing cannot be done")
                self._chore_failed = True
            return False

    def _gather(self, pause: float | None) -> tuple[list[_Ticket[Any]], bool]:
        """Return what has come in, waiting for it at most for a pause."""
        tickets: list[_Ticket[Any]] = []
        try:
            ticket = self._queue.get(block=pause != 0, timeout=pause)
        except Empty:
            return tickets, False
        while ticket is not None:
            tickets.append(ticket)
            if len(tickets) == MAX_BATCH:
                return tickets, False
            try:
                ticket = self._queue.get_nowait()
            except Empty:
                return tickets, False
        return tickets, True

    def _commit(
        self, connection: sqlite3.Connection, tickets: list[_Ticket[Any]]
    ) -> None:
        try:
            outcomes = self._transact(connection, tickets)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever asked
            if len(tickets) > 1:
                # One of them is at fault, perhaps: alone, it can harm no other.
                for ticket in tickets:
                    self._commit(connection, [ticket])
                return
            outcomes = [explained(error)]
        _hand_out(tickets, outcomes)

    def _transact(
        self, connection: sqlite3.Connection, tickets: list[_Ticket[Any]]
    ) -> list[Any]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            batch = Batch(connection, self._clock.wall_ns() // 1000, self._room)
            outcomes = [ticket.operation(batch) for ticket in tickets]
            batch.finish()
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes


def _hand_out(tickets: list[_Ticket[Any]], outcomes: Sequence[Any]) -> None:
    loops: defaultdict[asyncio.AbstractEventLoop, list[_Ticket[Any]]]
    loops = defaultdict(list)
    for ticket, outcome in zip(tickets, outcomes, strict=True):
        ticket.outcome = outcome
        loops[ticket.loop].append(ticket)
    for loop, settled in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:  # the loop has ended: nobody waits
            continue


def _settle(tickets: list[_Ticket[Any]]) -> None:
    for ticket in tickets:
        ticket.settle()
