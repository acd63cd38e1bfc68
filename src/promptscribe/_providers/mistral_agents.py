"""Mistral's conversations and agents: a list of entries, and what they counted.

Its law: pure. Source: mistralai 3.7.0, mistralai/client/models/conversationresponse.py
and conversationevents.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers import openai_usage
from promptscribe._providers.message import (
    answered,
    failure,
    text_part,
    tool_call,
)
from promptscribe._providers.parts import Parts, read_parts
from promptscribe._providers.stream import fused
from promptscribe._providers.value import (
    add,
    at,
    count,
    event_data,
    first,
    strings,
    table,
    tables,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts, Usage
    from promptscribe.schema import JSONObject, JSONValue

WHOLE: Final = "conversation.response"
DONE: Final = "conversation.response.done"
FAILED: Final = "conversation.response.error"
MESSAGE: Final = "message.output"
CALL: Final = "function.call"
DELTA: Final = ".delta"
_GROWING: Final = ("content", "arguments")
_PIECES: Final = "$pieces"


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a conversation's."""
    return word(at(response, "object")) == WHOLE and isinstance(
        response.get("outputs"), list
    )


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of a conversation's stream."""
    kind = word(at(event_data(chunk), "type")) or ""
    return kind.startswith((f"{WHOLE}.", MESSAGE)) or kind == CALL + DELTA


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the messages and calls as one answer; other entries stay in the response."""
    body = table(response)
    parts = Parts()
    model = None
    for entry in tables(body.get("outputs")):
        kind = word(entry.get("type"))
        if kind == MESSAGE:
            read_parts(entry.get("content"), parts)
            model = word(entry.get("model")) or model
        elif kind == CALL:
            call_id = first(entry, "tool_call_id", "id")
            call = tool_call(entry.get("name"), entry.get("arguments"), call_id)
            parts.calls.append(call)
    is_answered = parts.content or parts.calls or parts.thinking
    return answered(
        [parts.message("assistant")] if is_answered else [],
        usage=read_usage(body),
        model=model,
        provider="mistral",
        **failure(body.get("error")),
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: what its tools gave the model to read stands beside the prompt.

    ``total = prompt + completion + connector``
    (https://docs.mistral.ai/agents/connectors/websearch).
    """
    usage = openai_usage.read_usage(body)
    if usage is None:
        return None
    beside = count(at(body, "usage", "connector_tokens"))
    total = count(at(body, "usage", "total_tokens"))
    read = add(usage.prompt_tokens, beside)
    if beside and total == add(read, usage.output_tokens):
        usage.prompt_tokens = read
    return usage


def join(chunks: list[JSONValue]) -> JSONValue:
    """Put the entries together that came in pieces; the last event has the counts."""
    whole: JSONObject = {"object": WHOLE}
    entries: dict[tuple[int, str], JSONObject] = {}
    for event in filter(is_chunk, map(event_data, chunks)):
        kind = event["type"]
        if kind == DONE:
            whole["usage"] = event.get("usage")
        elif kind == FAILED:
            whole["error"] = event
        elif kind.endswith(DELTA):
            place = count(event.get("output_index")) or 0, word(event.get("id")) or ""
            _grow(entries.setdefault(place, {}), event)
        elif "conversation_id" in event:
            whole["conversation_id"] = event["conversation_id"]
    whole["outputs"] = [_sealed(entries[place]) for place in sorted(entries)]
    return whole


def _grow(entry: JSONObject, event: JSONObject) -> None:
    pieces = entry.setdefault(_PIECES, [])
    pieces.append(first(event, *_GROWING))
    told = {name: v for name, v in event.items() if name not in _GROWING}
    entry |= {name: v for name, v in told.items() if v is not None}
    entry["type"] = event["type"].removesuffix(DELTA)


def _sealed(entry: JSONObject) -> JSONObject:
    pieces = entry.pop(_PIECES)
    if entry["type"] == CALL:
        return entry | {"arguments": "".join(strings(pieces))}
    said = [text_part(p) if isinstance(p, str) else p for p in pieces if p is not None]
    return entry | {"content": fused(said)}
