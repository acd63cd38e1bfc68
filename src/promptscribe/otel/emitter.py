"""The emitter: ``configure(otel_spans=True)``, logs as spans of the application's own.

Its law: the application's tracer provider or none. A span carries content only where
OpenTelemetry's own switch allows it, and never what the log may not have. Where an
instrumented client tells of the call, our span does not tell of it again.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from promptscribe import __version__
from promptscribe._capture import failure
from promptscribe._capture.recording import END, START
from promptscribe._clock import to_ns
from promptscribe._dialects import emission
from promptscribe._dialects.span import OURS
from promptscribe._providers import pricing
from promptscribe._runtime import render
from promptscribe._runtime.state import runtime
from promptscribe.otel import inference, measuring
from promptscribe.otel.attached import Attached

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from promptscribe._capture.context import Scope
    from promptscribe._capture.emitted import Emission
    from promptscribe._capture.recording import Recording
    from promptscribe._runtime.state import Append
    from promptscribe.schema import PromptLog

CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for content in spans; off by default."""

_ALLOWED: Final = frozenset({"span_only", "span_and_event", "true"})
_SMALLEST_KEY: Final = 1 << 32
"""Smaller span ids take fewer bytes than a frame's key has; an id generator that
counts from one makes them. Such a log keeps an id of its own."""


def emit(members: dict[str, Any], outer: Scope | None) -> Emission | None:
    """Begin a span for a log; see `promptscribe._capture.emitted.emit`."""
    settings = runtime.controls
    if settings is None:
        return None
    if settings.otel_spans and not settings.export and not _asked:
        _ask_for_prices()
    span = _emit(members, outer) if settings.otel_spans else None
    reports = inference.open_context() if settings.otel_context else None
    # With an endpoint of their own, metrics go there, with the logs.
    is_measured = settings.otel_metrics and settings.otlp_endpoint is None
    if span is None and reports is None and not is_measured:
        return None
    return Telling(span, reports, is_measured=is_measured)


def _emit(members: dict[str, Any], outer: Scope | None) -> Emitted | None:
    around = otel_context.get_current()
    if otel_context.get_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, around):
        return None
    if not trace.get_current_span(around).get_span_context().is_valid:
        around = _beneath(outer, around)
    tracer = _tracer()
    prompt = members.get("prompt")
    model = prompt.get("model") if type(prompt) is dict else None
    began = members.get("start_time")
    span = tracer.start_span(
        f"chat {model}" if type(model) is str else str(members.get("path") or "log"),
        context=around,
        kind=SpanKind.CLIENT if model is not None else SpanKind.INTERNAL,
        start_time=to_ns(began) if isinstance(began, datetime) else None,
        record_exception=False,
        set_status_on_exception=False,
    )
    ids = span.get_span_context()
    if not ids.is_valid or ids.span_id < _SMALLEST_KEY:
        span.end()
        return None
    return Emitted(span, trace.set_span_in_context(span, around))


_asked: list[threading.Thread] = []
"""The thread that loads the price list, where no other one will."""


def _ask_for_prices() -> None:
    """Have the price list loaded beside the calls: it takes 0.15 s.

    Where logs are delivered, that is what does it.
    """
    thread = threading.Thread(
        target=pricing.load_list, name="promptscribe-prices", daemon=True
    )
    _asked.append(thread)
    thread.start()


_made: tuple[Any, Tracer] | None = None
"""The tracer of the provider that was asked last: making one takes 10 µs."""


def _tracer() -> Tracer:
    global _made  # noqa: PLW0603 - see there
    provider = trace.get_tracer_provider()
    made = _made
    if made is None or made[0] is not provider:
        made = _made = (provider, trace.get_tracer(OURS, __version__))
    return made[1]


def _beneath(outer: Scope | None, around: Context) -> Context:
    """Return a context in which the log around is the parent, if there is one.

    It may be of another process, or of before OpenTelemetry was set up.
    """
    if outer is None or outer.key is None or outer.trace is None:
        return around
    parent = SpanContext(
        int.from_bytes(outer.trace, "big"),
        outer.key,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), around)


class Telling:
    """What OpenTelemetry hears of one log: a span, a measurement, or both.

    Attributes:
        trace: Trace id of the span, 16 bytes; None without a span.
        key: Its span id, or None.
    """

    def __init__(
        self,
        span: Emitted | None,
        reports: inference.Inference | None,
        *,
        is_measured: bool,
    ) -> None:
        self.trace: bytes | None = None if span is None else span.trace
        self.key: int | None = None if span is None else span.key
        self._span = span
        self._reports = reports
        self._is_measured = is_measured
        self._start: bytes | None = None

    def enter(self) -> None:
        """Make the span active, and have calls report to the log."""
        if self._span is not None:
            self._span.enter()
        if self._reports is not None:
            self._reports.enter()

    def leave(self) -> None:
        """Make active what was before, the inner one first."""
        if self._reports is not None:
            self._reports.leave()
        if self._span is not None:
            self._span.leave()

    def tell(self, recording: Recording) -> None:
        """Fill the log, about to end, with what was reported."""
        if self._reports is not None:
            self._reports.tell(recording)

    def tap(self, append: Append) -> Append:
        """Return an append that passes frames on, and ends the span with the log."""
        if self._span is None and not self._is_measured:
            return append

        def tapped(kind: int, payload: bytes) -> bool | None:
            took = append(kind, payload)
            if kind == START:
                self._start = payload
                if took is None and self._span is not None:
                    self._span.end(None)  # it begins anew, in a forked child
            else:
                self._end(kind, payload)
            return took

        return tapped

    def _end(self, kind: int, payload: bytes) -> None:
        log: PromptLog | None = None
        try:
            is_measured = self._is_measured and measuring.is_heard()
            if is_measured or (self._span is not None and self._span.is_recording()):
                # Once for both, and in microseconds: the caller waits.
                start = self._start if kind == END else None
                log = render.read_at_once(start, payload)
            if log is not None and is_measured:
                measuring.measure(log)
        except BaseException as problem:  # noqa: BLE001 - the call is over, and logged
            failure.note("otel_failed", problem)
        if self._span is not None:
            self._span.end(log)


class Emitted:
    """One span, begun together with a log.

    Attributes:
        trace: Its trace id, 16 bytes.
        key: Its span id.
    """

    def __init__(self, span: Span, inside: Context) -> None:
        ids = span.get_span_context()
        self.trace: bytes = ids.trace_id.to_bytes(16, "big")
        self.key: int = ids.span_id
        self._span = span
        self._inside = inside
        self._attached = Attached()

    def is_recording(self) -> bool:
        """Say whether anybody wants to know what the span is told."""
        return self._span.is_recording()

    def enter(self) -> None:
        """Make the span active."""
        self._attached.enter(self._inside)

    def leave(self) -> None:
        """Make active what was before; in another context, there is no need to."""
        self._attached.leave()

    def end(self, log: PromptLog | None) -> None:
        """End the span, with what a log says if there is one."""
        ended: int | None = None
        try:
            if log is not None and self._span.is_recording():
                self._tell(log)
                ended = to_ns(log.end_time) if log.end_time else runtime.wall_ns()
        except BaseException as problem:  # noqa: BLE001 - the call is over, and logged
            failure.note("otel_failed", problem)
        try:
            self._span.end(ended)
        except BaseException as problem:  # noqa: BLE001 - a processor of the application's
            failure.note("otel_failed", problem)

    def _tell(self, log: PromptLog) -> None:
        repeats = not emission.is_told(log)
        if repeats:
            self._span.update_name(emission.name_of(log))
        else:
            self._span.update_name(log.path or "log")
        content = os.environ.get(CONTENT, "").strip().lower() in _ALLOWED
        told = emission.attributes_of(log, content=content, repeats=repeats)
        self._span.set_attributes(told)
        if log.error is None:
            return
        name, _, message = log.error.partition(": ")
        said = message if content else ""
        self._span.set_status(Status(StatusCode.ERROR, said or name))
        event = {"exception.type": name, "exception.message": said}
        traceback = (log.metadata or {}).get("traceback")
        if content and type(traceback) is str:
            event["exception.stacktrace"] = traceback
        self._span.add_event("exception", event)
