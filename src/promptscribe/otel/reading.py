"""The reading: a span of the SDK, of any version or make, as our plain noun.

Its law: total and by duck typing: what is missing is left out, what is odd is kept as
text. No span is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._dialects.span import KINDS, STATUSES, Event, Span
from promptscribe._providers.value import word

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

DEEPEST: Final = 64
"""Levels of an attribute that are followed."""

LONGEST: Final = 256 << 10
"""Characters of JSON text that are left as they are."""

_SCALARS: Final = (str, bool, int, float)


def read_span(span: Any) -> Span:
    """Return a span of the SDK as plain data.

    Args:
        span: A ``ReadableSpan``, ended or not.
    """
    context = getattr(span, "context", None)
    parent = getattr(span, "parent", None)
    scope = getattr(span, "instrumentation_scope", None)
    status = getattr(span, "status", None)
    parent_id = _number(parent, "span_id")
    return Span(
        trace_id=f"{_number(context, 'trace_id'):032x}",
        span_id=f"{_number(context, 'span_id'):016x}",
        parent_id=f"{parent_id:016x}" if parent_id else None,
        name=str(getattr(span, "name", "")),
        kind=_word(getattr(span, "kind", None), KINDS, "INTERNAL"),
        began=_time(span, "start_time"),
        ended=_time(span, "end_time"),
        status=_word(getattr(status, "status_code", None), STATUSES, "UNSET"),
        status_message=word(getattr(status, "description", None)),
        attributes=read_attributes(getattr(span, "attributes", None)),
        events=[_event(event) for event in getattr(span, "events", None) or ()],
        resource=read_attributes(
            getattr(getattr(span, "resource", None), "attributes", None)
        ),
        scope=str(getattr(scope, "name", "") or ""),
        scope_version=word(getattr(scope, "version", None)),
        dropped=_number(span, "dropped_attributes"),
    )


def read_kind(span: Any) -> Span:
    """Return as much of a span as says whether it is a call; a third of the time."""
    scope = getattr(span, "instrumentation_scope", None)
    status = getattr(getattr(span, "status", None), "status_code", None)
    return Span(
        trace_id="",
        span_id="",
        status=_word(status, STATUSES, "UNSET"),
        attributes=read_attributes(getattr(span, "attributes", None)),
        scope=str(getattr(scope, "name", "") or ""),
        dropped=_number(span, "dropped_attributes"),
    )


def read_attributes(attributes: Any) -> JSONObject:
    """Return attributes as plain data."""
    if not isinstance(attributes, Mapping):
        return {}
    # Not `items`: of a span that runs, another thread may set one again just now, and
    # the SDK's ``__setitem__`` takes it away for that.
    return {str(n): _opened(plain(attributes.get(n))) for n in tuple(attributes)}


def plain(value: Any, depth: int = 0) -> JSONValue:
    """Return a value of an attribute as objects, arrays and single values."""
    if value is None or isinstance(value, _SCALARS):
        return value
    if depth > DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {str(name): plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name), depth + 1) for f in fields(value)}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    return str(value)


def _opened(value: JSONValue) -> JSONValue:
    """Return what long JSON text says; other values as they are.

    Text is kept up to a limit, and JSON that is cut cannot be read: of an object
    each text and each picture is cut by itself.
    """
    if type(value) is not str or len(value) <= LONGEST or value[0] not in "[{":
        return value
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value


def _event(event: Any) -> Event:
    return Event(
        name=str(getattr(event, "name", "")),
        time=_time(event, "timestamp"),
        attributes=read_attributes(getattr(event, "attributes", None)),
    )


def _number(holder: Any, name: str) -> int:
    value = getattr(holder, name, None)
    return value if isinstance(value, int) and value >= 0 else 0


def _time(holder: Any, name: str) -> int:
    return min(_number(holder, name), 2**63 - 1)


def _word(member: Any, known: tuple[str, ...], default: str) -> str:
    name = getattr(member, "name", None)
    return name if name in known else default
