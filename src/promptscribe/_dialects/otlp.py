"""OTLP's JSON form: an upload as spans, and spans as an upload.

Its law: pure and total; what is malformed in an upload is left out, not the rest of it.
Ids may be hexadecimal, as OTLP says, or base64, as protobuf's own JSON has them.
Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import base64
import math
import re
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe._dialects.protobuf import decode
from promptscribe._dialects.span import KINDS, STATUSES, Event, Span
from promptscribe._providers.value import table, tables, text, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from promptscribe.schema import JSONObject, JSONValue

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_LONGEST: Final = 2**63 - 1
_DEEPEST: Final = 64


def read_upload(upload: JSONValue) -> Iterator[Span]:
    """Yield the spans of an upload, in its order."""
    for resource in tables(table(upload).get("resourceSpans")):
        labels = _attributes(table(resource.get("resource")).get("attributes"))
        for scope in tables(resource.get("scopeSpans")):
            named = table(scope.get("scope"))
            for span in tables(scope.get("spans")):
                yield _span(span, labels, named)


def write_upload(resource: JSONObject, scope: str, spans: Iterable[Span]) -> JSONObject:
    """Return an upload with spans of one resource and one instrumentation."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": write_attributes(resource)},
                "scopeSpans": [
                    {"scope": {"name": scope}, "spans": [_written(s) for s in spans]}
                ],
            }
        ]
    }


def read_refusal(answer: bytes) -> tuple[int, str]:
    """Return how many spans of an upload an answer of status 200 refuses, and why.

    Args:
        answer: In protobuf, as it should be, or in JSON, as some answer. What is
            neither refuses nothing.
    """
    try:
        if answer.lstrip().startswith(b"{"):
            said: JSONValue = msgspec.json.decode(answer)
        else:
            said = decode(answer, "TracesAnswer")
    except (ValueError, RecursionError):
        return 0, ""
    partial = table(table(said).get("partialSuccess"))
    return _count(partial.get("rejectedSpans")), text(partial.get("errorMessage")) or ""


def _span(span: JSONObject, labels: JSONObject, scope: JSONObject) -> Span:
    status = table(span.get("status"))
    parent = _id(span.get("parentSpanId"), 8)
    return Span(
        trace_id=_id(span.get("traceId"), 16),
        span_id=_id(span.get("spanId"), 8),
        parent_id=parent if parent.strip("0") else None,
        name=text(span.get("name")) or "",
        kind=_word(span.get("kind"), KINDS, "SPAN_KIND_", KINDS[0]),
        began=_count(span.get("startTimeUnixNano")),
        ended=_count(span.get("endTimeUnixNano")),
        status=_word(status.get("code"), STATUSES, "STATUS_CODE_", "UNSET"),
        status_message=word(status.get("message")),
        attributes=_attributes(span.get("attributes")),
        events=[_event(event) for event in tables(span.get("events"))],
        resource=labels,
        scope=text(scope.get("name")) or "",
        scope_version=word(scope.get("version")),
        dropped=_count(span.get("droppedAttributesCount")),
    )


def _event(event: JSONObject) -> Event:
    return Event(
        name=text(event.get("name")) or "",
        time=_count(event.get("timeUnixNano")),
        attributes=_attributes(event.get("attributes")),
    )


def _attributes(pairs: JSONValue) -> JSONObject:
    return {
        pair["key"]: _value(pair.get("value"))
        for pair in tables(pairs)
        if isinstance(pair.get("key"), str)
    }


def _value(value: JSONValue, depth: int = 0) -> JSONValue:
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    if "intValue" in value:
        number = value["intValue"]
        return _integer(number)
    for name in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        if name in value:
            return value[name]
    if "kvlistValue" in value:
        pairs = tables(table(value["kvlistValue"]).get("values"))
        return {str(p.get("key")): _value(p.get("value"), depth + 1) for p in pairs}
    if "arrayValue" in value:
        items = tables(table(value["arrayValue"]).get("values"))
        return [_value(item, depth + 1) for item in items]
    return None


def _integer(value: JSONValue) -> JSONValue:
    """Give a number that JSON has as text; what is none is left as it is."""
    if isinstance(value, str):
        try:
            return int(value[:20])
        except ValueError:
            return value
    return value


def _count(value: JSONValue) -> int:
    number = _integer(value)
    if isinstance(number, float) and math.isfinite(number):
        number = int(number)
    return number if isinstance(number, int) and 0 <= number <= _LONGEST else 0


def _id(value: JSONValue, size: int) -> str:
    """Give an id as hexadecimal digits, all zeros where it is none."""
    if isinstance(value, str):
        if len(value) == 2 * size and _HEX.fullmatch(value):
            return value.lower()
        try:
            raw = base64.b64decode(value, validate=True)
        except ValueError:
            raw = b""
        if len(raw) == size:
            return raw.hex()
    return "0" * 2 * size


def _word(value: JSONValue, words: tuple[str, ...], prefix: str, default: str) -> str:
    """Give an enumeration's word, for its number or its long name."""
    if isinstance(value, str):
        short = value.removeprefix(prefix)
        return short if short in words else default
    if isinstance(value, int) and 0 <= value < len(words):
        return words[value]
    return default


def _written(span: Span) -> JSONObject:
    written: JSONObject = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": KINDS.index(span.kind),
        "startTimeUnixNano": span.began,
        "endTimeUnixNano": span.ended,
        "attributes": write_attributes(span.attributes),
        "events": [
            {
                "timeUnixNano": event.time,
                "name": event.name,
                "attributes": write_attributes(event.attributes),
            }
            for event in span.events
        ],
        "status": {"code": STATUSES.index(span.status)},
    }
    if span.parent_id is not None:
        written["parentSpanId"] = span.parent_id
    if span.status_message:
        written["status"]["message"] = span.status_message
    return written


def write_attributes(attributes: JSONObject) -> list[JSONObject]:
    """Return attributes as OTLP has them; those that are None are left out."""
    return [
        {"key": name, "value": _boxed(value)}
        for name, value in attributes.items()
        if value is not None
    ]


def _boxed(value: JSONValue) -> JSONObject:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return {"intValue": value}
        return {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_boxed(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": write_attributes(value)}}
    return {"stringValue": str(value)}
