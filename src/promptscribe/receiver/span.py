"""OTLP spans of the hosted service's decorators, as log requests of the contract.

Its law: pure functions of decoded JSON. SDKs from 0.8.27 on post each span alone,
Python with base64 ids and Node with hexadecimal ones, and every attribute is the
text that ``str()`` made of it: types are guessed only where the contract has one.
Source: humanloop-python ``otel/exporter``, humanloop-node ``otel/exporter``.
"""

from __future__ import annotations

import ast
import base64
import binascii
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe._clock import format_log_id
from promptscribe.receiver.genai import call_members
from promptscribe.receiver.request import LOG_REQUEST
from promptscribe.receiver.version import KERNEL_MEMBERS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue

_FILE: Final = "humanloop.file."
_LOG: Final = "humanloop.log."
_KINDS: Final[dict[str, FileKind]] = {kind: kind for kind in KINDS}
_WORDS: Final = {"True": True, "False": False, "None": None}
_SCALARS: Final = ("stringValue", "boolValue", "intValue", "doubleValue")


class SpanLog(msgspec.Struct):
    """A span as a log request.

    Attributes:
        kind: Which route it would have been posted to.
        body: The request's body.
        ends: True where the span ends a log that was posted when it began.
    """

    kind: FileKind
    body: JSONObject
    ends: bool


def read_spans(upload: JSONValue) -> Iterator[SpanLog]:
    """Yield the logs of an upload; spans that are none of a decorator are left out."""
    for resource in _objects(upload, "resourceSpans"):
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                log = _read_span(span)
                if log is not None:
                    yield log


def _objects(holder: JSONValue, name: str) -> list[JSONObject]:
    items = holder.get(name) if isinstance(holder, dict) else None
    found = items if isinstance(items, list) else []
    return [item for item in found if isinstance(item, dict)]


def _read_span(span: JSONObject) -> SpanLog | None:
    attributes = _attributes(span)
    kind = _kind(attributes.get(f"{_FILE}type"))
    if kind is None:
        return None
    file = nested(attributes, _FILE)
    log = nested(attributes, _LOG)
    body: JSONObject = {"path": file.get("path"), "id": file.get("id")}
    if kind == "prompt":
        body |= call_members(attributes)
    details = _details(kind, file) | body.pop("prompt", {})
    if details and (kind != "prompt" or "model" in details):
        body[kind] = details
    error = attributes.get("exception.message") or attributes.get("error.type")
    if error is not None:
        body["error"] = str(error)
    body |= {name: log[name] for name in log if name in LOG_REQUEST[kind] - {"id"}}
    body |= {
        "log_id": log.get("id") or _log_id(span),
        "start_time": _seconds(span.get("startTimeUnixNano")),
        "end_time": _seconds(span.get("endTimeUnixNano")),
    }
    return SpanLog(kind, body, ends="id" in log)


def _kind(word: JSONValue) -> FileKind | None:
    return _KINDS.get(word) if isinstance(word, str) else None


def _details(kind: FileKind, file: JSONObject) -> JSONObject:
    details = {name: file[name] for name in KERNEL_MEMBERS[kind] if name in file}
    if "function" in details:
        details["function"] = _typed(details["function"])
        if isinstance(details["function"], dict):
            details["function"].setdefault("description", "")
    return details


def _typed(value: JSONValue) -> JSONValue:
    """Return JSON Schema whose booleans and lists went through ``str()``."""
    if isinstance(value, dict):
        return {
            key: item if key in {"name", "description"} else _typed(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if value in _WORDS:
        return _WORDS[value]
    if isinstance(value, str) and value.startswith("("):
        return tuple_items(value)
    return value


def tuple_items(text: str) -> list[JSONValue] | str:
    """Return the items of a tuple that went through ``str()``: ``"('stop',)"``."""
    try:
        # Literals only: no name is looked up and nothing is called.
        items = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    plain = isinstance(items, tuple) and all(
        isinstance(item, str | int | float) for item in items
    )
    return list(items) if plain else text


def _attributes(span: JSONObject) -> dict[str, JSONValue]:
    return {
        attribute["key"]: _value(attribute.get("value"))
        for attribute in _objects(span, "attributes")
        if isinstance(attribute.get("key"), str)
    }


def _value(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return None
    for name in _SCALARS:
        if name in value:
            return value[name]
    return [_value(item) for item in _objects(value.get("arrayValue"), "values")]


def nested(attributes: Mapping[str, JSONValue], prefix: str) -> JSONObject:
    """Return what dotted names say as nested objects; indexes make lists."""
    tree: JSONObject = {}
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        *way, last = key[len(prefix) :].split(".")
        here = tree
        for step in way[:32]:
            below = here.setdefault(step, {})
            if not isinstance(below, dict):
                break
            here = below
        here[last] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    indexes = [str(index) for index in range(len(items))]
    if items and items.keys() == set(indexes):
        return [items[index] for index in indexes]
    return items


def _log_id(span: JSONObject) -> str | None:
    trace, own = _number(span.get("traceId"), 16), _number(span.get("spanId"), 8)
    return format_log_id(trace, own) if trace and own else None


def _number(text: JSONValue, size: int) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        if len(text) == size * 2:
            return int(text, 16)
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return int.from_bytes(data) if len(data) == size else None


def _seconds(nanoseconds: JSONValue) -> float | None:
    try:
        return int(nanoseconds) / 1e9
    except (TypeError, ValueError, OverflowError):
        return None
