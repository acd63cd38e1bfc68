"""OTLP's protobuf and its JSON form: one table, read in both directions.

Its law: pure. Bytes that are no message raise `ValueError`, nothing else; unknown
fields are skipped, as every protobuf reader does. Written by hand because the official
packages (opentelemetry-proto, protobuf) are ten times the size of this library.
Source: github.com/open-telemetry/opentelemetry-proto, ``trace/v1/trace.proto``,
``metrics/v1/metrics.proto`` and ``common/v1/common.proto``;
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.schema import JSONObject, JSONValue

DEEPEST: Final = 64
"""Messages inside of messages: an attack, not a span."""

MOST_FIELDS: Final = 1_000_000
"""5 s of reading. 512 spans, a batch of the SDK's, of 128 attributes have 300,000; a
bomb of 20 MB has six million, which compress to a few KB."""

_LIST: Final = "*"

Fields = dict[int, tuple[str, str]]

MESSAGES: Final[dict[str, Fields]] = {
    "Traces": {1: ("resourceSpans", "ResourceSpans*")},
    "ResourceSpans": {
        1: ("resource", "Resource"),
        2: ("scopeSpans", "ScopeSpans*"),
        3: ("schemaUrl", "string"),
    },
    "Resource": {1: ("attributes", "KeyValue*")},
    "ScopeSpans": {
        1: ("scope", "Scope"),
        2: ("spans", "Span*"),
        3: ("schemaUrl", "string"),
    },
    "Scope": {1: ("name", "string"), 2: ("version", "string")},
    "Span": {
        1: ("traceId", "hex"),
        2: ("spanId", "hex"),
        4: ("parentSpanId", "hex"),
        5: ("name", "string"),
        6: ("kind", "int"),
        7: ("startTimeUnixNano", "fixed"),
        8: ("endTimeUnixNano", "fixed"),
        9: ("attributes", "KeyValue*"),
        10: ("droppedAttributesCount", "int"),
        11: ("events", "Event*"),
        15: ("status", "Status"),
    },
    "Event": {
        1: ("timeUnixNano", "fixed"),
        2: ("name", "string"),
        3: ("attributes", "KeyValue*"),
    },
    "Status": {2: ("message", "string"), 3: ("code", "int")},
    "KeyValue": {1: ("key", "string"), 2: ("value", "AnyValue")},
    "AnyValue": {
        1: ("stringValue", "string"),
        2: ("boolValue", "bool"),
        3: ("intValue", "int"),
        4: ("doubleValue", "double"),
        5: ("arrayValue", "ArrayValue"),
        6: ("kvlistValue", "KeyValueList"),
        7: ("bytesValue", "bytes"),
    },
    "Metrics": {1: ("resourceMetrics", "ResourceMetrics*")},
    "ResourceMetrics": {
        1: ("resource", "Resource"),
        2: ("scopeMetrics", "ScopeMetrics*"),
    },
    "ScopeMetrics": {1: ("scope", "Scope"), 2: ("metrics", "Metric*")},
    "Metric": {
        1: ("name", "string"),
        2: ("description", "string"),
        3: ("unit", "string"),
        9: ("histogram", "Histogram"),
    },
    "Histogram": {
        1: ("dataPoints", "HistogramDataPoint*"),
        2: ("aggregationTemporality", "int"),
    },
    # Repeated numbers are written one by one; every reader has to take both forms.
    "HistogramDataPoint": {
        2: ("startTimeUnixNano", "fixed"),
        3: ("timeUnixNano", "fixed"),
        4: ("count", "fixed"),
        5: ("sum", "double"),
        6: ("bucketCounts", "fixed*"),
        7: ("explicitBounds", "double*"),
        9: ("attributes", "KeyValue*"),
        11: ("min", "double"),
        12: ("max", "double"),
    },
    "TracesAnswer": {1: ("partialSuccess", "PartialSuccess")},
    "Refusal": {1: ("code", "int"), 2: ("message", "string")},  # google.rpc.Status
    "PartialSuccess": {1: ("rejectedSpans", "int"), 2: ("errorMessage", "string")},
    "ArrayValue": {1: ("values", "AnyValue*")},
    "KeyValueList": {1: ("values", "KeyValue*")},
}
"""Messages by name; each field's number, its name in JSON, its type; ``*`` repeats."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRES: Final = {"int": _VARINT, "bool": _VARINT, "fixed": _FIXED64, "double": _FIXED64}


def encode(message: JSONObject, kind: str = "Traces") -> bytes:
    """Return a message in the wire format; only members that are there are written."""
    written = bytearray()
    for number, (name, declared) in MESSAGES[kind].items():
        value = message.get(name)
        if value is None:
            continue
        inner = declared.removesuffix(_LIST)
        for item in value if declared.endswith(_LIST) else [value]:
            written += _varint(number << 3 | _WIRES.get(inner, _BYTES))
            written += _write(inner, item)
    return bytes(written)


def decode(data: bytes, kind: str = "Traces") -> JSONObject:
    """Return a message as its JSON form.

    Raises:
        ValueError: The bytes are no such message, or one of too many fields.
    """
    return _decode(data, kind, 0, [MOST_FIELDS])


def _decode(data: bytes, kind: str, depth: int, left: list[int]) -> JSONObject:
    if depth > DEEPEST:
        raise ValueError("messages inside of messages without end")
    fields = MESSAGES[kind]
    message: JSONObject = {}
    for number, wire, raw in _split(data):
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("a message of too many fields")
        name, declared = fields.get(number, ("", ""))
        inner = declared.removesuffix(_LIST)
        if not name or wire != _WIRES.get(inner, _BYTES):
            continue
        value = _read(inner, raw, depth, left)
        if declared.endswith(_LIST):
            message.setdefault(name, []).append(value)
        else:
            message[name] = value
    return message


def _write(kind: str, value: Any) -> bytes:
    if kind in {"int", "bool"}:
        return _varint(int(value) & 0xFFFF_FFFF_FFFF_FFFF)
    if kind == "fixed":
        return struct.pack("<Q", int(value) & 0xFFFF_FFFF_FFFF_FFFF)
    if kind == "double":
        return struct.pack("<d", value)
    if kind == "string":
        content = str(value).encode("utf-8", "replace")
    elif kind == "hex":
        content = bytes.fromhex(value)
    elif kind == "bytes":
        content = base64.b64decode(value)
    else:
        content = encode(value, kind)
    return _varint(len(content)) + content


def _read(kind: str, raw: Any, depth: int, left: list[int]) -> JSONValue:
    if kind == "int":
        return raw - (1 << 64) if raw >> 63 else raw
    if kind == "bool":
        return bool(raw)
    if kind == "fixed":
        return struct.unpack("<Q", raw)[0]
    if kind == "double":
        return struct.unpack("<d", raw)[0]
    if kind == "string":
        return raw.decode("utf-8", "replace")
    if kind == "hex":
        return raw.hex()
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    return _decode(raw, kind, depth + 1, left)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _split(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and raw value of each field."""
    place, end = 0, len(data)
    while place < end:
        tag, place = _read_varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _read_varint(data, place)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, place = _read_varint(data, place)
        elif wire in {_FIXED64, _FIXED32}:
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} is none")
        if place + size > end:
            raise ValueError("the message is cut off")
        yield number, wire, data[place : place + size]
        place += size


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a number is cut off or too long")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
        shift += 7
