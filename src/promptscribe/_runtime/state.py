"""The state of the library in this process: settings in force and where frames go.

Its law: `runtime.append` is all that a call needs. It is None while nothing is to be
recorded; it starts everything the first time; and whoever borrows it gives it back.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import msgspec

from promptscribe import _clock, _config
from promptscribe._delivery.ledger import Ledger, add_up
from promptscribe._fork import ForkLock
from promptscribe._interrupt import note_again
from promptscribe._runtime.first import First, Unasked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptscribe._delivery.ledger import FlushResult
    from promptscribe._delivery.transport import Transport
    from promptscribe._runtime.pipeline import Pipeline
    from promptscribe.errors import ConfigurationError

Append: TypeAlias = "Callable[[int, bytes], bool | None]"
"""Takes a frame's kind and payload; says whether it was kept, see `Writer.append`."""

_THREADS: Final = "promptscribe._capture.thread"

_encode: Final = msgspec.msgpack.Encoder().encode


class Runtime:
    """Holds what every call looks at; ``_lock`` guards every change.

    Attributes:
        append: Takes a frame's kind and payload; None records nothing.
        controls: The settings, if any of them limits what is recorded, else None.
        members: Members that every log gets from the settings, encoded, or None.
        wall_ns: The wall clock, nanoseconds since 1970.
        monotonic_ns: The monotonic clock.
        ledger: Counts what goes wrong before the journal.
        unbegun: Calls for which no log could be begun, a number alone: near the
            recursion limit there is no room for a call that would count them.
    """

    __slots__ = (
        "_code",
        "_early",
        "_lent_over",
        "_lock",
        "_pipelines",
        "_registered",
        "_settings",
        "_transport",
        "append",
        "controls",
        "ledger",
        "members",
        "monotonic_ns",
        "unbegun",
        "wall_ns",
    )

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._registered = False
        self._start_over()

    def _start_over(self) -> None:
        self._code: dict[str, Any] = {}
        self._early: list[tuple[int, bytes]] | None = None
        self._transport: Transport | None = None
        self._settings: _config.Settings | None = None
        self._pipelines: list[Pipeline] = []
        self._lent_over: Append | None = None
        self.ledger = Ledger()
        self.unbegun = 0
        self.controls: _config.Settings | None = cast("Any", Unasked(self))
        self.members: msgspec.Raw | None = None
        self.append: Append | None = First(self)
        self.use_clock(_clock.SystemClock())

    @property
    def settings(self) -> _config.Settings:
        """The settings in force, read from everywhere when first asked for."""
        if self._settings is None:
            with self._lock.mutex:
                self._apply(_config.resolve(self._code, complain=self._complain))
        assert self._settings is not None  # noqa: S101 - set by _apply
        return self._settings

    def configure(self, code: dict[str, Any], transport: Transport | None) -> None:
        """Change settings; what was configured before stays unless it is given anew.

        Raises:
            ConfigurationError: A value is wrong; nothing was changed.
        """
        with self._lock.mutex:
            merged = self._code | {k: v for k, v in code.items() if v is not None}
            settings = _config.resolve(merged)
            self._code = merged
            self._transport = transport or self._transport
            self._apply(settings)

    def use_clock(self, clock: _clock.Clock) -> None:
        """Take the time from *clock* from now on."""
        self.wall_ns = clock.wall_ns
        self.monotonic_ns = clock.monotonic_ns

    @contextlib.contextmanager
    def lend(self, append: Append) -> Iterator[None]:
        """Have frames go to *append* for a while, and nowhere else."""
        with self._lock.mutex:
            before, under = self._for_later(), self._lent_over
            if under is None:
                self._lent_over = before or nowhere
            self.append = append
        try:
            yield
        finally:
            with self._lock.mutex:
                self.append = before
                if under is None:
                    self.append, self._lent_over = self._lent_over, None
                    if self.append is nowhere:
                        self.append = None

    @contextlib.contextmanager
    def isolate(self) -> Iterator[None]:
        """Have a fresh state for a while: no settings, no servers, own counts."""
        with self._lock.mutex:
            before = {name: getattr(self, name) for name in self.__slots__}
            before["append"] = self._for_later()
            self._start_over()
            _follow_threads(False)
        try:
            yield
        finally:
            for pipeline in self._pipelines:
                pipeline.close(0.0, eager=False)
            with self._lock.mutex:
                for name, value in before.items():
                    setattr(self, name, value)
                known = self._settings
                _follow_threads(known is not None and known.propagate_threads)

    def result(self) -> FlushResult:
        """Return the sums over all servers that were configured so far."""
        return self._add_up([p.result() for p in self._pipelines])

    def _add_up(self, results: list[FlushResult]) -> FlushResult:
        lost, self.unbegun = self.unbegun, 0
        if lost:
            self.ledger.add("dropped", "not_begun", lost)
        return add_up(results, self.ledger)

    def flush(self, timeout: float) -> FlushResult:
        """Wait until everything recorded so far is delivered."""
        left = _clock.countdown(timeout)
        for pipeline in self._reached():
            pipeline.flush(left())
        return self.result()

    def deliver(self, timeout: float) -> None:
        """Wait until what was recorded so far is delivered, or cannot be just now."""
        left = _clock.countdown(timeout)
        for pipeline in list(self._pipelines):
            pipeline.deliver(left())

    def shutdown(self, timeout: float, *, eager: bool) -> FlushResult:
        """Flush, stop the background threads, and leave the rest in the journal."""
        pipelines, left = self._reached(), _clock.countdown(timeout)
        for pipeline in pipelines:
            pipeline.settle(left(), eager=eager)
        for pipeline in pipelines:  # all at once: of a hundred keys each takes a moment
            pipeline.stop(left())
        results = [p.close(left(), eager=eager) for p in pipelines]
        return self._add_up(results)

    def after_fork(self) -> None:
        """Start afresh in a forked child."""
        if self._lock.is_torn:
            self._early = None  # of a thread that is not in this process
        self.ledger = Ledger()
        self.unbegun = 0
        for pipeline in self._pipelines:
            pipeline.writer.after_fork()

    def _for_later(self) -> Append | None:
        # A `First` that a call on its way has may take to what is in force meanwhile.
        return First(self) if isinstance(self.append, First) else self.append

    def _reached(self) -> list[Pipeline]:
        if not self._pipelines and self.settings.keep and self.settings.enabled:
            with self._lock.mutex:  # to deliver what an earlier process left behind
                if self._early is None and not self._pipelines:
                    with self._starting():
                        self._start_pipeline()
        return list(self._pipelines)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        # A signal handler may log on this very stack, amid half-made imports.
        self._early = early = list[tuple[int, bytes]]()
        try:
            yield
        finally:
            self._early = None
            for frame in early:  # if it ended this, all starts once more for its logs
                append = self.append or nowhere
                self.get_ready(append)
                append(*frame)

    def _apply(self, settings: _config.Settings) -> None:
        self._settings = settings
        _follow_threads(settings.propagate_threads)
        self.members = _labels(settings)
        self.controls = settings if settings.is_limiting() else None
        append: Append | None = First(self)
        known = None
        if not (settings.enabled and settings.keep and settings.capture != "none"):
            append = None
        elif known := self._find_pipeline(settings):
            append = known.writer.append
        else:
            for pipeline in self._pipelines:
                pipeline.hand_over(settings)
        if append is not None:
            for pipeline in self._pipelines:
                pipeline.step_back(by_other=pipeline is not known)
        if self._lent_over is None:
            self.append = append
        else:
            self._lent_over = append or nowhere

    def _find_pipeline(self, settings: _config.Settings) -> Pipeline | None:
        """Return the newest that may go on with these settings."""
        pipelines = reversed(self._pipelines)
        return next((p for p in pipelines if p.serves(settings, self._transport)), None)

    def take_first(self, first: First, kind: int, payload: bytes) -> bool | None:
        """Start the pipeline with the first frame, then get out of the way.

        A call is begun again then: its clock went while all was loaded.
        """
        with self._lock.mutex:
            is_other = _clock.reseed_in_child()  # its ids are those of other children's
            if self._early is None:
                self._open(first)
            elif not (is_other and kind == 1):
                self._early.append((kind, payload))
                return True
            if kind == 1 and (is_other or first.append is not None):
                return None
        return False if first.append is None else first.append(kind, payload)

    def get_ready(self, append: Append) -> None:
        """Start what a first call needs, before it begins."""
        if isinstance(append, First) and append.append is None:
            with self._lock.mutex:
                _clock.reseed_in_child()
                if self._early is None:
                    self._open(append)

    def _open(self, first: First) -> None:
        if first.append is None:  # else another thread's first frame was sooner
            with self._starting():
                if self._settings is None:
                    self._apply(_config.resolve(self._code, complain=self._complain))
                if isinstance(self.append, First):
                    self._start_pipeline()
                first.append = self.append

    def _start_pipeline(self) -> None:
        from promptscribe._runtime.pipeline import Pipeline

        pipeline = Pipeline(self.settings, self._transport)
        for before in self._pipelines:
            before.part(pipeline)
        self._pipelines.append(pipeline)
        if isinstance(self.append, First):
            self.append = pipeline.writer.append
        elif isinstance(self._lent_over, First):
            self._lent_over = pipeline.writer.append
        self.watch_exit()

    def watch_exit(self) -> None:
        """Have the journal closed when the process ends.

        That happens after what is registered later with `atexit`, and may log by then.
        """
        if not self._registered:
            self._registered = True
            atexit.register(self._at_exit)

    def _at_exit(self) -> None:
        # Only what was started is flushed: a program that logged only in isolation, as
        # a test run does, has no reason to look for what other programs left.
        try:
            with contextlib.suppress(Exception):
                if self._pipelines:
                    self.shutdown(self.settings.flush_timeout, eager=False)
        finally:
            note_again()

    def _complain(self, wrong: ConfigurationError) -> None:
        self.ledger.note("bad_setting")
        self.ledger.warn(f"setting {wrong.name}", "setting passed over: %s", wrong)


def _follow_threads(asked: bool) -> None:
    """Switch propagation into threads; by name, since it is a room above this one."""
    if asked or _THREADS in sys.modules:
        import_module(_THREADS).follow(asked)


def nowhere(kind: int, payload: bytes) -> bool:  # noqa: ARG001 - an Append
    """Keep nothing."""
    return False


def _labels(settings: _config.Settings) -> msgspec.Raw | None:
    labels = {
        name: value
        for name in ("environment", "source")
        if (value := getattr(settings, name)) is not None
    }
    return msgspec.Raw(_encode(labels)) if labels else None


runtime: Final = Runtime()
"""The one of this process."""

os.register_at_fork(after_in_child=runtime.after_fork)
