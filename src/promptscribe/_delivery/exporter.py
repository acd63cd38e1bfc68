"""The exporter: the background thread that brings the journal to a server.

Its law: a log is acknowledged in the journal only after the server has it, or after it
was put somewhere else and counted. Dying anywhere here loses nothing: what was sent
and not acknowledged is sent again, under the same id.

It never waits for the network itself: senders do, so that the journal's chores, a flush
and the end of the program are not held up by a server that hangs.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from promptscribe import _clock
from promptscribe._delivery.desk import Desk
from promptscribe._delivery.sender import Background, Senders, is_background
from promptscribe._fork import is_fork_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.goal import Goal
    from promptscribe._delivery.identity import Ids
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.parcel import Found, Packing, Render
    from promptscribe._delivery.transport import Request, Transport

_POLL: Final = 0.05
"""Seconds between looks at the journal while calls go on: they need not wake us."""
_IDLE_AFTER: Final = 1.0
"""Seconds without work after which the thread waits to be woken by the next call."""
_RESCAN: Final = 5.0
"""Seconds between looks for the lanes of dead processes."""
_NEXT: Final = 0.5
"""The same, while there are more than can be taken over at a time."""
_LAST_MOMENT: Final = 0.05
"""Seconds that stopping takes at least: for answers that are just coming in."""
_LAST_WORD: Final = 0.15
"""Seconds that it takes at most where a server is not well, or owes no answer to a log:
together with the rest an exit takes 0.3 then."""


class Source(Protocol):
    """The journal, as the exporter sees it."""

    def prepare(self) -> float:
        """Do the writer's chores; return seconds until the next are due at most."""
        ...

    def adopt(self) -> bool:
        """Take over what dead processes left; say whether that was all."""
        ...

    def take(self, limit: int) -> list[Found]:
        """Return records that were not handed out before."""
        ...

    def acknowledge(self, found: list[Found]) -> None:
        """Mark records as done with, and remove what has none left in it."""

    def clean(self) -> None:
        """Remove what was acknowledged."""

    def rest(self) -> bool:
        """Ask to be woken by the next call; False if there is something already."""
        ...

    def retire(self) -> bool:
        """Keep nothing open, if others have its place and nothing is left in it.

        Returns:
            Whether that is so: then the next call makes everything anew.
        """
        ...


class Exporter:
    """Delivers in a daemon thread that starts with the first log.

    ``_lock`` guards *_thread* and *is_resting*. Everything else belongs to the thread,
    but for the flags that it only reads: *_urgent*, *_stopping*.

    Attributes:
        desk: What is on its way, and how the server does; None leaves delivery to
            others.
        has_looked: Whether it knows by now what dead processes have left.
        is_resting: Whether the thread has ended, since nothing was left to do.
    """

    def __init__(
        self,
        source: Source,
        transport: Transport | None,
        ledger: Ledger,
        *,
        render: Render,
        packing: Packing,
        bury: Callable[[Request, int, str], bool],
        ids: Ids,
    ) -> None:
        self._source = source
        self._ledger = ledger
        self._next_transport: Transport | None = None
        self._hang_bell()
        self._senders = Senders(self.wake)
        self.desk: Desk | None = None
        if transport is not None:
            self.desk = Desk(
                source,
                transport,
                self._senders,
                ledger,
                render=render,
                packing=packing,
                bury=bury,
                ids=ids,
            )
        self.has_looked = self.is_resting = False
        self._chores_within = _RESCAN
        self._rescan_at = 0.0
        self._scanned = False
        self._stopping = False
        self._stop_by = 0.0
        self._urgent = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def _hang_bell(self) -> None:
        # No Event: its lock would hang a signal handler that logs while the code that
        # it interrupted is ringing. A SimpleQueue's ``put`` is re-entrant.
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._progress = threading.Condition()

    def start(self) -> None:
        """Start the thread if it does not run; cheap when it does."""
        if self._is_up() or self._stopping or sys.is_finalizing():
            return
        if is_fork_server():
            self._source.rest()  # its logs wait for those who come after it
            return
        if not self._lock.acquire(blocking=False):
            return  # another thread, or the code that a signal interrupted, is at it
        try:
            self._start()
        finally:
            self._lock.release()

    def _is_up(self) -> bool:
        return self._thread is not None and not self.is_resting

    def _start(self) -> None:
        if self._is_up():
            return
        # A queue or a condition made before gevent patched `threading`, as in a worker
        # forked from a server that had loaded us, would block all greenlets.
        self._hang_bell()
        thread = Background(self._run, "promptscribe-exporter")
        try:
            thread.start()
        except RuntimeError as problem:
            # The interpreter shuts down, or a limit is reached just now: it is all on
            # disk, and the next call tries again.
            if threading.main_thread().is_alive():
                self._ledger.warn(
                    "exporter_start", "no thread can be started, logs wait: %s", problem
                )
            self._source.rest()
        else:
            self._thread = thread
            self.is_resting = False

    def wake(self) -> None:
        """Have the thread look at the journal now."""
        if self._bell.empty():
            self._bell.put(None)

    def use_transport(self, transport: Transport | None) -> None:
        """Use another transport from now on, and try at once."""
        self._next_transport = transport
        self._urgent = True
        self.wake()

    def flush(
        self,
        goal: Goal,
        timeout: float,
        *,
        eager: bool,
        once: bool = False,
    ) -> None:
        """Wait until a goal is reached, for at most *timeout* seconds.

        Args:
            goal: What to wait for.
            timeout: Seconds.
            eager: Try again now even if the server was down a moment ago. If not,
                return as soon as it is known to be down, or the goal out of reach.
            once: Return as soon as that fails, too, and at once if the server has
                asked to be left alone.
        """
        countdown = _clock.countdown(timeout)
        late = 0.0  # how much later than asked busy threads let this one wake
        desk = self.desk
        if desk is None or (self.is_resting and goal.is_reached()) or is_background():
            return
        if once and time.monotonic() < desk.circuit.asked_until:
            return
        attempts = desk.attempts
        self._urgent = eager
        self._scanned = False
        self.start()
        self.wake()
        with (progress := self._progress):
            while not (self._scanned and goal.is_reached()):
                failed = desk.circuit.is_open and (
                    not eager or once or desk.circuit.is_held
                )
                if failed and (not eager or desk.attempts > attempts):
                    return
                left = countdown()
                if not eager and goal.is_out_of_reach(left):
                    return
                if left <= late or self._is_down():
                    return
                if self._stopping:
                    return  # the exit has waited already: its thread may hang
                asked = min(left - late, 0.1)
                before = time.monotonic()
                progress.wait(asked)
                late = max(late, time.monotonic() - before - asked)

    def _is_down(self) -> bool:
        """Say whether there is no thread, and nobody else is just starting it."""
        if self._lock.locked():
            return False
        return self._thread is None or not self._thread.is_alive()

    def ask_to_stop(self, timeout: float) -> None:
        """Have the thread end in *timeout* seconds at most; does not wait for it."""
        if not self._stopping:
            self._stop_by = time.monotonic() + max(timeout, _LAST_MOMENT)
            self._stopping = True
        self.wake()

    def stop(self, timeout: float) -> bool:
        """Stop the thread; say whether it has ended.

        A daemon thread inside OpenSSL while the interpreter goes down can crash the
        process, so this waits a moment.
        """
        self.ask_to_stop(timeout)
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(self._stop_by + _LAST_MOMENT - time.monotonic(), 0.0))
        return not thread.is_alive()

    def _run(self) -> None:
        quiet_since = time.monotonic()
        while not self._stopping:
            wait = _POLL
            try:
                wait = self._step()
            except BaseException as problem:  # noqa: BLE001 - the thread must live on
                self._ledger.note("exporter_error")
                # Not its message: that may quote what a prompt says.
                self._ledger.warn("exporter", "exporter: %s", type(problem).__name__)
            with self._progress:
                self._progress.notify_all()
            now = time.monotonic()
            if self.desk is not None and self.desk.is_busy:
                quiet_since = now
            elif now - quiet_since > _IDLE_AFTER:
                if self._rest():
                    return
                if self._source.rest():
                    wait = max(wait, _RESCAN)
            self._pause(wait)
        self._finish()

    def _rest(self) -> bool:
        """End for now if the source is done; say whether this thread has to."""
        if self._urgent or self._stopping or not self._source.retire():
            return False
        if self.desk is not None:
            self.desk.rest()
        with self._lock:
            self.is_resting = True
        if self._source.retire():
            return True  # the next call starts another thread
        with self._lock:  # a call came, and may have found this thread still up
            is_alone = self._thread is threading.current_thread()
            if is_alone:
                self.is_resting = False
        return not is_alone

    def _pause(self, wait: float) -> None:
        if not self._stopping:
            self._listen(min(wait, self._chores_within))

    def _listen(self, timeout: float) -> None:
        """Wait for the bell; rings after that are for the next wait."""
        with contextlib.suppress(queue.Empty):
            self._bell.get(timeout=max(timeout, 0.0))
            while True:
                self._bell.get_nowait()

    def _step(self) -> float:
        """Do one round; return seconds until there may be more to do."""
        self._chores_within = self._source.prepare()
        desk = self.desk
        if desk is None:
            return self._chores_within
        now = time.monotonic()
        urgent, self._urgent = self._urgent, False
        if now >= self._rescan_at or urgent:
            self.has_looked = self._source.adopt()
            self._rescan_at = now + (_RESCAN if self.has_looked else _NEXT)
        if self._next_transport is not None:
            transport, self._next_transport = self._next_transport, None
            desk.use_transport(transport)
        if urgent:
            desk.hurry()
        wait = desk.work(now)
        self._source.clean()
        self._scanned = True
        return _POLL if wait is None else wait

    def _finish(self) -> None:
        desk = self.desk
        if desk is None:
            return
        stop_by = self._stop_by
        if desk.circuit.is_open or not desk.logs_out:
            stop_by = min(stop_by, time.monotonic() + _LAST_WORD)
        while self._senders.in_flight and time.monotonic() < stop_by:
            self._listen(stop_by - time.monotonic())
            desk.settle()
        self._source.clean()
        self._senders.stop(desk.close)
