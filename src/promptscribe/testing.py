"""The testing kit: see what your code logs, without a server and without a disk.

Its law: nothing here leaves the process, and what it borrows it gives back.
"""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from promptscribe import _clock
from promptscribe._delivery.transport import Answer, Request
from promptscribe._journal import frame
from promptscribe._runtime import render
from promptscribe._runtime.state import runtime
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.schema import PromptLog

__all__ = [
    "Answer",
    "FixedClock",
    "MemoryTransport",
    "Request",
    "captured_logs",
    "isolated",
]


@contextlib.contextmanager
def captured_logs(*, clock: _clock.Clock | None = None) -> Iterator[list[PromptLog]]:
    """Collect the logs that are made inside of the block, and keep them from leaving.

    The list is live: a log is in it as soon as its call has returned. Threads and
    tasks that run meanwhile are captured as well. Also a pytest fixture of that name.

    Args:
        clock: Tells the time inside of the block, for example a `FixedClock`.

    Example:
        >>> from promptscribe import log_prompt
        >>> from promptscribe.testing import captured_logs
        >>> @log_prompt(path="greet")
        ... def greet(name: str) -> str:
        ...     return f"Hello {name}"
        >>> with captured_logs() as logs:
        ...     _ = greet("Ada")
        >>> logs[0].output, logs[0].inputs
        ('Hello Ada', {'name': 'Ada'})
    """
    capture = _Capture()
    before = (runtime.wall_ns, runtime.monotonic_ns)
    with runtime.lend(capture.append):
        if clock is not None:
            runtime.use_clock(clock)
        try:
            yield capture.logs
        finally:
            runtime.wall_ns, runtime.monotonic_ns = before


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Run a block with fresh settings and counters; nothing of it stays.

    For tests that call `promptscribe.configure`: give it a *journal_dir* of the test's
    own, and a *transport* or the *base_url* of a server that the test started.

    Example:
        >>> import promptscribe
        >>> from promptscribe.testing import MemoryTransport, isolated
        >>> with isolated():
        ...     promptscribe.configure(environment="test")
    """
    with runtime.isolate():
        yield


class _Capture:
    """Takes frames in the journal's place; ``_lock`` guards both collections."""

    def __init__(self) -> None:
        self.logs: list[PromptLog] = []
        self._starts: dict[bytes, bytes] = {}
        self._lock = threading.RLock()

    def append(self, kind: int, payload: bytes) -> bool:
        with self._lock:
            key = payload[frame.KEY]
            if kind == frame.START:
                self._starts[key] = payload
                return True
            start = self._starts.pop(key, None) if kind == frame.END else None
            if kind == frame.END and start is None:
                return False  # began before the block: it belongs to the outside
            self.logs.append(render.read_log(start, payload))
        return True


class FixedClock:
    """A clock that stands still until it is told to move.

    Args:
        start: The time it shows first; 2025-01-01 UTC if None.
        tick: Seconds that each reading of the monotonic clock moves it on.
    """

    def __init__(self, start: datetime | None = None, *, tick: float = 0.0) -> None:
        self._wall = _clock.to_ns(start or datetime(2025, 1, 1, tzinfo=UTC))
        self._elapsed = 0
        self._tick = int(tick * 1e9)

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970, UTC."""
        return self._wall + self._elapsed

    def monotonic_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        now = self._elapsed
        self._elapsed += self._tick
        return now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._elapsed += int(seconds * 1e9)


class MemoryTransport:
    """A server in memory, for ``configure(transport=…)``.

    Attributes:
        requests: What was sent, in order.
        status: What it answers from now on; None is a server that is down.
        headers: Header fields of its answers, names in lower case.
    """

    def __init__(self, status: int | None = 200) -> None:
        self.requests: list[Request] = []
        self.status = status
        self.headers: dict[str, str] = {}

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The bodies of the requests, decoded."""
        return [json.loads(request.body) for request in self.requests]

    def send(self, request: Request) -> Answer:
        """Take one request.

        Raises:
            Unreachable: *status* is None.
        """
        if self.status is None:
            raise Unreachable("the server in memory is down")
        self.requests.append(request)
        named = json.dumps({"id": json.loads(request.body).get("log_id")})
        return Answer(self.status, self.headers, named.encode())

    def close(self) -> None:
        """Do nothing."""
