"""The exporter: the background thread that brings the journal to a server.

Its law: a log is acknowledged in the journal only after the server has it, or after it
was put somewhere else and counted. Dying anywhere here loses nothing: what was sent
and not acknowledged is sent again, under the same id.
"""

from __future__ import annotations

import collections
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from promptscribe._delivery import retry
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Request, Transport

_BATCH: Final = 64
_POLL: Final = 0.05
"""Seconds between looks at the journal while calls go on: they need not wake us."""
_IDLE_AFTER: Final = 1.0
_RESCAN: Final = 5.0
"""Seconds between looks for the lanes of dead processes."""


class Found(Protocol):
    """A log as it lies in the journal."""

    start: bytes | None
    end: bytes | None

    def acknowledge(self) -> None:
        """Mark it as done with."""


class Source(Protocol):
    """The journal, as the exporter sees it."""

    def prepare(self) -> None:
        """Do the writer's chores: ready segments, the cap on disk."""

    def adopt(self) -> None:
        """Take over what dead processes left."""

    def take(self, limit: int) -> list[Found]:
        """Return records that were not handed out before."""

    def clean(self) -> None:
        """Remove what was acknowledged."""

    def rest(self) -> bool:
        """Ask to be woken by the next call; False if there is something already."""


@dataclass(slots=True)
class _Parcel:
    record: Found
    request: Request


class Exporter:
    """Delivers in a daemon thread that starts with the first log.

    ``_lock`` guards *_thread*. Everything else belongs to the thread, but for the
    flags that it only reads: *_urgent*, *_stopping*.

    Attributes:
        is_open: Whether the last attempt got no usable answer (the circuit is open).
    """

    def __init__(
        self,
        source: Source,
        transport: Transport | None,
        ledger: Ledger,
        *,
        render: Callable[[bytes | None, bytes | None], Request | None],
        bury: Callable[[Request, int, str], None],
    ) -> None:
        self.is_open = False
        self._source = source
        self._transport = transport
        self._ledger = ledger
        self._render = render
        self._bury = bury
        self._parcels: collections.deque[_Parcel] = collections.deque()
        self._failures = 0
        self._retry_at = 0.0
        self._rescan_at = 0.0
        self._held = False
        self._scanned = False
        self._stopping = False
        self._urgent = False
        self._wake = threading.Event()
        self._progress = threading.Condition()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread if it does not run; cheap when it does."""
        if self._thread is not None or self._stopping:
            return
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(
                target=self._run, name="promptscribe-exporter", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                return  # the interpreter shuts down: the journal has it all
            self._thread = thread

    def wake(self) -> None:
        """Have the thread look at the journal now."""
        self._wake.set()

    def flush(self, done: Callable[[], bool], timeout: float, *, eager: bool) -> None:
        """Wait until *done*, for at most *timeout* seconds.

        Args:
            done: Whether there is nothing left to wait for.
            timeout: Seconds.
            eager: Try again now even if the server was down a moment ago. If not,
                return as soon as it is known to be down.
        """
        deadline = time.monotonic() + timeout
        self._urgent = eager
        self.start()
        self._wake.set()
        with self._progress:
            while not (self._scanned and done()):
                if self._held or (self.is_open and not eager):
                    return
                left = deadline - time.monotonic()
                if left <= 0 or self._thread is None:
                    return
                self._progress.wait(min(left, 0.25))

    def stop(self, timeout: float) -> bool:
        """Stop the thread; say whether it has ended.

        A daemon thread inside OpenSSL while the interpreter goes down can crash the
        process, so this waits a moment.
        """
        self._stopping = True
        self._wake.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _run(self) -> None:
        quiet_since = time.monotonic()
        while not self._stopping:
            try:
                busy = self._step()
            except Exception as problem:  # noqa: BLE001 - the thread must live on
                self._ledger.note("exporter_error")
                self._ledger.warn(
                    "exporter", "exporter: %s: %s", type(problem).__name__, problem
                )
                busy = False
            with self._progress:
                self._progress.notify_all()
            now = time.monotonic()
            if busy:
                quiet_since = now
                continue
            self._pause(now, quiet=now - quiet_since > _IDLE_AFTER)
        if self._transport is not None:
            self._transport.close()

    def _pause(self, now: float, *, quiet: bool) -> None:
        wait = _POLL
        if self._parcels:
            wait = max(self._retry_at - now, 0.0)
        elif quiet and self._source.rest():
            wait = _RESCAN
        self._wake.wait(min(wait, _RESCAN))
        self._wake.clear()

    def _step(self) -> bool:
        """Do one round; say whether there may be more to do at once."""
        self._source.prepare()
        if self._transport is None:
            self._scanned = True
            return False
        now = time.monotonic()
        if now >= self._rescan_at or self._urgent:
            self._source.adopt()
            self._rescan_at = now + _RESCAN
        if self._urgent:
            self._urgent = False
            self._retry_at = 0.0
            self._held = False
        self._scanned = True
        if now < self._retry_at:
            return False
        if not self._parcels:
            self._load()
        sent = False
        while self._parcels and not self._stopping and self._send(self._parcels[0]):
            self._parcels.popleft()
            sent = True
        self._source.clean()
        return sent and not self._parcels

    def _load(self) -> None:
        for record in self._source.take(_BATCH):
            try:
                request = self._render(record.start, record.end)
            except Exception as problem:  # noqa: BLE001 - one bad log, not all
                self._ledger.warn(
                    "render", "a log cannot be read: %s", type(problem).__name__
                )
                request = None
            if request is None:
                record.acknowledge()
                self._ledger.add("dropped", "unreadable")
                continue
            self._parcels.append(_Parcel(record, request))

    def _send(self, parcel: _Parcel) -> bool:
        """Send one log; say whether it is done with."""
        assert self._transport is not None  # noqa: S101 - see _step
        try:
            answer = self._transport.send(parcel.request)
        except Unreachable as problem:
            self._ledger.warn(
                "unreachable", "the server cannot be reached: %s", problem.reason
            )
            self._back_off("unreachable", None, retry.LONGEST_DELAY_REFUSED)
            return False
        verdict = retry.judge(answer.status, answer.headers, now=time.time())
        if verdict.fate == "again":
            self._ledger.warn("again", "the server answers %d", answer.status)
            self._back_off(verdict.reason, verdict.retry_after, retry.LONGEST_DELAY)
            return False
        if verdict.fate == "hold":
            self._hold(answer.status, verdict.reason)
            return False
        self._failures = 0
        self.is_open = self._held = False
        if verdict.fate == "rejected":
            words = answer.body.decode("utf-8", "replace")[:500]
            self._bury(parcel.request, answer.status, words)
            self._ledger.warn(
                "rejected",
                "the server refused a log with %d; it is in the dead-letter file",
                answer.status,
            )
        parcel.record.acknowledge()
        self._ledger.add(
            verdict.fate, verdict.reason if verdict.fate == "rejected" else None
        )
        return True

    def _back_off(self, reason: str, wanted: float | None, longest: float) -> None:
        wait = wanted if wanted is not None else None
        if wait is None:
            wait = retry.delay(self._failures, longest=longest)
        self._failures += 1
        self._retry_at = time.monotonic() + wait
        self.is_open = True
        self._ledger.note(f"retry_{reason}")

    def _hold(self, status: int, reason: str) -> None:
        self._retry_at = time.monotonic() + retry.HOLD_DELAY
        self.is_open = self._held = True
        self._ledger.note(f"hold_{reason}")
        self._ledger.warn(
            "hold",
            "the server answers %d: logs are kept until key and address are right",
            status,
        )
