"""The ambient span: where a trace of ours begins inside a trace of OpenTelemetry's.

Its law: nothing is imported for it. Where nobody has loaded OpenTelemetry there is no
span, and asking costs one look into a dict (10 ns, once a trace); elsewhere 1 µs.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from promptscribe._capture import failure
from promptscribe._clock import parse_log_id

MODULE: Final = "opentelemetry.trace"
modules: Final = sys.modules
_BAGGAGE: Final = "opentelemetry.baggage"
NAMED: Final = "promptscribe.parent"
"""Entry of the baggage in which `promptscribe.inject` names the current log."""

_INTAKE: Final = "promptscribe.otel.intake"
"""Where the plug-in knows which spans are logs; it is not loaded for this."""

PARENT: Final = "otel_parent_span_id"
"""Key in the metadata of the trace's first log: the span that it was made under."""


def find_span() -> tuple[bytes, str] | None:
    """Return trace id and span id, the latter as text, of the span that is active."""
    try:
        context = modules[MODULE].get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return context.trace_id.to_bytes(16, "big"), f"{context.span_id:016x}"
    except BaseException as problem:  # noqa: BLE001 - another's tracing: half loaded, odd
        failure.note("otel_failed", problem)
        return None


def with_parent(given: Any, span_id: str) -> dict[str, Any]:
    """Return the members of a log, and in its metadata the span above it.

    The log above is that of a span, if the plug-in takes those in; or one of another
    process, if OpenTelemetry's baggage names it.
    """
    given = given or {}
    metadata = given.get("metadata")
    known = metadata if type(metadata) is dict else {}
    members = {**given, "metadata": {PARENT: span_id, **known}}
    parent = _find_log() if _INTAKE in modules else None
    if parent is None and _BAGGAGE in modules:
        parent = _find_parent()
    if parent is not None:
        members.setdefault("trace_parent_id", parent)
    return members


def _find_log() -> str | None:
    """Return the log that the active span will be, or is inside of."""
    try:
        intake = getattr(modules[_INTAKE], "intake", None)  # it may be half loaded
        span = modules[MODULE].get_current_span()
        found = None if intake is None else intake.log_around(span)
    except BaseException as problem:  # noqa: BLE001 - as above
        failure.note("otel_failed", problem)
        return None
    return found if type(found) is str else None


def _find_parent() -> str | None:
    """Return what `promptscribe.inject` wrote, and another's propagator has read."""
    try:
        told = modules[_BAGGAGE].get_baggage(NAMED)
        ids = parse_log_id(told) if type(told) is str else None
    except BaseException as problem:  # noqa: BLE001 - as above
        failure.note("otel_failed", problem)
        return None
    return told if ids is not None and all(ids) else None
