"""The log as a span: for those who take OTLP and no prompt logs.

Its law: pure. The same log is the same span, whoever sends it and however often: ids
that are not ours become W3C ids by their digest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from promptscribe._clock import parse_log_id, to_ns
from promptscribe._dialects import emission, own
from promptscribe._dialects.span import Event, Span

if TYPE_CHECKING:
    from promptscribe.schema import PromptLog

_PARENT: Final = "otel_parent_span_id"
"""Where a trace's first log names the span that it was made under."""


def to_span(log: PromptLog) -> Span:
    """Return the span that a log is."""
    trace_id, span_id = _ids(log)
    began = to_ns(log.start_time) if log.start_time else 0
    ended = to_ns(log.end_time) if log.end_time else began
    name, _, message = (log.error or "").partition(": ")
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=_parent(log, trace_id),
        name=emission.name_of(log),
        kind="CLIENT" if emission.is_call(log) else "INTERNAL",
        began=began,
        ended=max(ended, began),
        status="UNSET" if log.error is None else "ERROR",
        status_message=message or name or None,
        attributes={own.LOG: True, **emission.attributes_of(log, content=True)},
        events=_events(log, name, message, ended),
    )


def _ids(log: PromptLog) -> tuple[str, str]:
    own = log.log_id or ""
    known = parse_log_id(own)
    if known is not None and all(known):
        return f"{known[0]:032x}", f"{known[1]:016x}"
    parent = parse_log_id(log.trace_parent_id or "")
    if parent is not None and parent[0]:
        trace = f"{parent[0]:032x}"
    else:
        trace = _digest(log.trace_parent_id or own, 32)
    return trace, _digest(own, 16)


def _parent(log: PromptLog, trace_id: str) -> str | None:
    told = log.trace_parent_id
    if told is not None:
        known = parse_log_id(told)
        if known is None:
            return _digest(told, 16)
        if f"{known[0]:032x}" == trace_id:
            return f"{known[1]:016x}"
    metadata = log.metadata or {}
    own = metadata.get("otel")
    above = metadata.get(_PARENT)
    if above is None and type(own) is dict:
        above = own.get("parent_span_id")
    return above if type(above) is str and len(above) == 16 else None


def _digest(value: str, digits: int) -> str:
    found = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:digits]
    return found if found.strip("0") else "1" * digits


def _events(log: PromptLog, name: str, message: str, ended: int) -> list[Event]:
    if log.error is None:
        return []
    said = {"exception.type": name, "exception.message": message}
    trace = (log.metadata or {}).get("traceback")
    if type(trace) is str:
        said["exception.stacktrace"] = trace
    return [Event(name="exception", time=ended, attributes=said)]
