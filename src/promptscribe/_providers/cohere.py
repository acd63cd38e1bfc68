"""Cohere's chat, second API and first.

Its law: pure. Sources: https://docs.cohere.com/reference/chat,
https://docs.cohere.com/v2/docs/streaming, https://docs.cohere.com/v1/reference/chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered, failure
from promptscribe._providers.parts import read_calls
from promptscribe._providers.stream import merge, sealed
from promptscribe._providers.value import at, count, first, table, tables, text, word

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

EVENTS: Final = frozenset(
    {
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "citation-end",
        "message-end",
    }
)


FIRST_EVENTS: Final = frozenset(
    {
        "stream-start",
        "search-queries-generation",
        "search-results",
        "text-generation",
        "citation-generation",
        "tool-calls-generation",
        "tool-calls-chunk",
        "stream-end",
        "debug",
    }
)
"""Those of the first API, as ``event_type`` (cohere 7.3.1, types/…_streamed_…)."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a chat's: a message, or the first API's text."""
    if isinstance(at(response, "message"), dict):
        reason = text(response.get("finish_reason")) or ""
        return reason.isupper() or ("usage" in response and "finish_reason" in response)
    return _is_first(response)


def _is_first(response: JSONValue) -> bool:
    if text(at(response, "text")) is None:
        return False
    return "generation_id" in response or isinstance(
        at(response, "meta", "billed_units"), dict
    )


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of either API's stream."""
    kind, first_kind = at(chunk, "type"), at(chunk, "event_type")
    return (isinstance(kind, str) and kind in EVENTS) or (
        isinstance(first_kind, str) and first_kind in FIRST_EVENTS
    )


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole response; Cohere does not repeat the model."""
    body = table(response)
    message = body.get("message")
    if isinstance(message, dict):
        answer = read_answer(message)
    else:
        answer = {"role": "assistant", "content": text(body.get("text"))}
        calls = read_calls(body.get("tool_calls"))
        if calls:
            answer["tool_calls"] = calls
    return answered(
        [answer],
        finish_reason=word(body.get("finish_reason")),
        usage=read_usage(body),
        provider="cohere",
        **failure(body.get("error")),
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: the billed units, and only without them the tokens."""
    usage = first(body, "usage", "meta")
    if not isinstance(usage, dict):
        return None
    billed, counted = table(usage.get("billed_units")), table(usage.get("tokens"))
    prompt, output = (
        first(billed, name) if first(billed, name) is not None else counted.get(name)
        for name in ("input_tokens", "output_tokens")
    )
    given, cached = count(prompt), count(usage.get("cached_tokens"))
    if given is not None and cached is not None and cached > given:
        cached = None  # a part of the tokens, of which fewer are billed
    return Usage(
        prompt_tokens=given,
        output_tokens=count(output),
        cache_read_tokens=cached,
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the events of a stream into one response."""
    if any("event_type" in chunk for chunk in filter(is_chunk, chunks)):
        return _join_first(chunks)
    whole: JSONObject = {}
    message: JSONObject = {"role": "assistant"}
    for event in filter(is_chunk, chunks):
        delta = table(event.get("delta"))
        if word(event.get("id")) and "id" not in whole:
            whole["id"] = event["id"]
        place = count(event.get("index")) or 0
        merge(message, _placed(table(delta.get("message")), place))
        if event["type"] == "message-end":
            ends = ("finish_reason", "usage", "error")
            whole |= {name: delta[name] for name in ends if name in delta}
    for row in tables(message.get("content")) + tables(message.get("tool_calls")):
        row.pop("index", None)
    whole["message"] = sealed(message)
    whole.setdefault("finish_reason", None)
    whole.setdefault("usage", None)
    return whole


def _placed(delta: JSONObject, place: int) -> JSONObject:
    """Give an event's one block or call the place that the event names."""
    placed = dict(delta)
    for name in ("content", "tool_calls"):
        block = placed.get(name)
        if isinstance(block, dict):
            placed[name] = [block | {"index": place}]
    placed.pop("citations", None)
    return placed


def _join_first(chunks: list[JSONValue]) -> JSONValue:
    whole: JSONObject = {"generation_id": None}
    pieces: list[str] = []
    for event in filter(is_chunk, chunks):
        if event.get("event_type") == "stream-end" and _is_first(event.get("response")):
            ended = {"finish_reason": event.get("finish_reason")}
            return ended | event["response"]
        if event.get("event_type") == "text-generation":
            pieces.append(text(event.get("text")) or "")
        if event.get("event_type") == "tool-calls-generation":
            whole["tool_calls"] = event.get("tool_calls")
        whole["generation_id"] = whole["generation_id"] or event.get("generation_id")
    whole["text"] = "".join(pieces)
    return whole
