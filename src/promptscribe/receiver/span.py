"""OTLP spans of the hosted service's decorators, as log requests of the contract.

Its law: pure functions of decoded JSON. SDKs from 0.8.27 on post each span alone,
Python with base64 ids and Node with hexadecimal ones, and every attribute is the
text that ``str()`` made of it: types are guessed only where the contract has one. What
the provider's call says is read as in any other span.
Source: humanloop-python ``otel/exporter``, humanloop-node ``otel/exporter``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe._clock import from_ns
from promptscribe._dialects import otlp, translation, usage
from promptscribe.receiver.request import LOG_REQUEST
from promptscribe.receiver.version import KERNEL_MEMBERS, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptscribe._dialects.span import Span
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue

_FILE: Final = "humanloop.file."
_LOG: Final = "humanloop.log."
_KINDS: Final[dict[str, FileKind]] = {kind: kind for kind in KINDS}
_WORDS: Final = {"True": True, "False": False, "None": None}
_CALL: Final = (
    "prompt",
    "messages",
    "tool_choice",
    "output",
    "output_message",
    "finish_reason",
    "prompt_tokens",
    "output_tokens",
    "prompt_cost",
    "output_cost",
)
"""Members that the provider's call has; the decorator says the others."""


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
    for span in otlp.read_upload(upload):
        log = _read_span(span)
        if log is not None:
            yield log


def _read_span(span: Span) -> SpanLog | None:
    attributes = span.attributes
    kind = _kind(attributes.get(f"{_FILE}type"))
    if kind is None:
        return None
    file = nested(attributes, _FILE)
    log = nested(attributes, _LOG)
    body: JSONObject = {"path": file.get("path"), "id": file.get("id")}
    if kind == "prompt":
        body |= call_members(span)
    details = _details(kind, file) | body.pop("prompt", {})
    if details and (kind != "prompt" or "model" in details):
        body[kind] = details
    error = attributes.get("exception.message") or attributes.get("error.type")
    if error is not None:
        body["error"] = str(error)
    body |= {name: log[name] for name in log if name in LOG_REQUEST[kind] - {"id"}}
    body |= {
        "log_id": log.get("id") or (span.log_id if span.has_ids else None),
        "start_time": span.began / 1e9 if span.began else None,
        "end_time": span.ended / 1e9 if span.ended else None,
    }
    return SpanLog(kind, body, ends="id" in log)


def call_members(span: Span) -> JSONObject:
    """Return the members of a Prompt's log that a provider's call has."""
    typed = {
        name: tuple_items(value)
        if isinstance(value, str) and value.startswith("(")
        else value
        for name, value in span.attributes.items()
        if not name.startswith((_FILE, _LOG))
    }
    told = translation.read_call(msgspec.structs.replace(span, attributes=typed))
    members = usage.settle(told, from_ns(span.began))
    found: JSONObject = {name: members[name] for name in _CALL if name in members}
    if "prompt" not in found:  # a model is what makes it one
        found["prompt"] = (members.get("metadata") or {}).get("prompt", {})
    return found


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
