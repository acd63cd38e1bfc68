"""LangChain's AIMessage and AIMessageChunk, whatever model is behind them.

Its law: pure. Source: langchain-core 1.8.3, langchain_core/messages/ai.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers import anthropic, bedrock, openai_usage
from promptscribe._providers.dialogue import KINDS, read_answer, unwrapped
from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered, role_of
from promptscribe._providers.model import maker_of, provider_name
from promptscribe._providers.stream import fused, merge, sealed
from promptscribe._providers.value import (
    add,
    at,
    count,
    first,
    read_json,
    rows,
    table,
    tables,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

TYPES: Final = ("ai", "AIMessage", "AIMessageChunk")
CALL_BLOCKS: Final = ("tool_use", "tool_call_chunk", "input_json_delta", "tool_call")
"""Blocks of content that repeat what ``tool_call_chunks`` says."""


PARSED: Final = frozenset({"raw", "parsed", "parsing_error"})
"""What ``with_structured_output(…, include_raw=True)`` gives: the message is raw."""
STATE: Final = frozenset({"messages"})
"""What a node of LangGraph's adds to the state, and what an agent's graph gives: one
message, or a list."""
STRUCTURED: Final = STATE | {"structured_response"}
"""What an agent gives that was told a form to answer in."""
TIERS: Final = ("", "flex_", "priority_")
"""Prefixes that langchain-openai gives parts of the counts, by the tier that served
the call (1.7.4, langchain_openai/chat_models/base.py, ``_create_usage_metadata``)."""


def _messages(response: JSONValue) -> list[JSONObject]:
    """Return the model's messages that a value holds.

    Of a conversation, those after the last message of the user's: what was said before
    was another call's, which a graph with a checkpointer repeats.
    """
    if not _is_around(response):
        return [unwrapped(response)] if isinstance(response, dict) else []
    inner = first(response, "raw", "messages")
    if not isinstance(inner, list):
        return [unwrapped(inner)] if isinstance(inner, dict) else []
    held = [unwrapped(message) for message in tables(inner)]
    if len(inner) != len(held) or not all(map(_is_turn, held)):
        return []
    if len(held) > 1 and ("response_metadata" not in held[-1] or not _is_ai(held[-1])):
        return []
    asked = [n for n, message in enumerate(held) if role_of(message["type"]) == "user"]
    return [one for one in held[asked[-1] + 1 if asked else 0 :] if _is_ai(one)]


def _is_turn(message: JSONObject) -> bool:
    return "content" in message and (word(message.get("type")) or "").lower() in KINDS


def _is_ai(message: JSONObject) -> bool:
    kind = word(message.get("type"))
    return kind is not None and kind in TYPES


def _is_around(response: JSONValue) -> bool:
    if not isinstance(response, dict):
        return False
    return response.keys() in (PARSED, STATE, STRUCTURED)


def detect(response: JSONValue) -> bool:
    """Say whether *response* is an AI message, dumped or in LangChain's envelope."""
    messages = _messages(response)
    return bool(messages) and _is_ai(messages[-1]) and "content" in messages[-1]


def _is_message(chunk: JSONValue) -> bool:
    return detect(chunk) and not _is_around(chunk)


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is a piece of a message; whole ones are not joined."""
    return _is_message(chunk) and word(unwrapped(chunk).get("type")) == "AIMessageChunk"


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole message."""
    messages = _messages(response)
    body = messages[-1]
    about = table(body.get("response_metadata"))
    reasons = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
    model = _model(about)
    maker = word(first(about, "model_provider", "ls_provider"))
    return answered(
        [read_answer(body | {"role": "assistant", "name": None})],
        finish_reason=word(first(about, *reasons)),
        usage=_read_sum(messages) if messages[1:] else read_usage(body),
        shares=_shares(messages),
        model=model,
        provider=provider_name(maker) or maker_of(model),
        service_tier=_tier(about),
    )


def _model(about: JSONObject) -> str | None:
    return word(first(about, "model_name", "model", "model_id", "model_version"))


def _read_sum(messages: list[JSONObject]) -> Usage | None:
    """Add up what a loop over tools has used, if each message says it."""
    usages = [message.get("usage_metadata") for message in messages]
    if not all(isinstance(usage, dict) for usage in usages):
        return None
    return read_usage({"usage_metadata": _summed(tables(usages))})


def _shares(messages: list[JSONObject]) -> list[tuple[str | None, Usage]] | None:
    """Give each message its own price: a long prompt is dearer, many short ones not."""
    if not messages[1:]:
        return None
    told = [
        (_model(table(m.get("response_metadata"))), read_usage(m)) for m in messages
    ]
    return [(model, usage) for model, usage in told if usage is not None]


def _tier(about: JSONObject) -> str | None:
    tier = word(about.get("service_tier")) or bedrock.read_tier(about)
    return tier or anthropic.read_tier(table(about.get("usage")))


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage, which LangChain has made all-inclusive for every model."""
    usage = body.get("usage_metadata")
    if not isinstance(usage, dict):
        said = first(body.get("response_metadata"), "token_usage")
        return openai_usage.read_usage({"usage": said})
    details = table(usage.get("input_token_details"))
    hours = count(details.get("ephemeral_1h_input_tokens"))
    # langchain-anthropic leaves cache_creation at 0 where it gives the two lifetimes
    write = _part(details, "cache_creation") or add(
        hours, count(details.get("ephemeral_5m_input_tokens"))
    )
    output = table(usage.get("output_token_details"))
    return Usage(
        prompt_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=_part(output, "reasoning"),
        cache_read_tokens=_part(details, "cache_read"),
        cache_write_tokens=write,
        cache_write_1h_tokens=hours,
        input_audio_tokens=count(details.get("audio")),
        output_audio_tokens=count(output.get("audio")),
    )


def _part(details: JSONObject, name: str) -> int | None:
    """Read a part of a count; in a sum of several messages each tier has its own."""
    return add(*(count(details.get(tier + name)) for tier in TIERS))


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join chunks as adding them in LangChain does: usage is summed, not renewed."""
    whole: JSONObject = {"type": "ai"}
    calls: JSONObject = {}
    usages: list[JSONObject] = []
    for chunk in filter(_is_message, chunks):
        body = unwrapped(chunk)
        skipped = ("usage_metadata", "tool_calls", "tool_call_chunks", "type")
        merge(whole, {name: v for name, v in body.items() if name not in skipped})
        usages += [row for row in [body.get("usage_metadata")] if isinstance(row, dict)]
        for piece in tables(body.get("tool_call_chunks")):
            row = {name: v for name, v in piece.items() if name not in ("args", "type")}
            merge(calls, {"calls": [row | {"arguments": piece.get("args")}]})
        if not body.get("tool_call_chunks"):  # a whole message among the chunks
            merge(calls, {"calls": rows(body.get("tool_calls"))})
    whole["usage_metadata"] = _summed(usages) if usages else None
    whole["tool_calls"] = [_call(row) for row in tables(sealed(calls.get("calls")))]
    return _sealed(whole)


def _call(row: JSONObject) -> JSONObject:
    arguments = row.get("arguments")
    args = row.get("args") if arguments is None else read_json(arguments)
    return {"name": row.get("name"), "args": args, "id": row.get("id")}


def _summed(usages: list[JSONObject]) -> JSONObject:
    names = dict.fromkeys(name for usage in usages for name in usage)
    summed: JSONObject = {}
    for name in names:
        values = [usage.get(name) for usage in usages]
        parts = [value for value in values if isinstance(value, dict)]
        if parts:
            inner = dict.fromkeys(key for part in parts for key in part)
            summed[name] = {k: add(*(count(p.get(k)) for p in parts)) for k in inner}
        else:
            summed[name] = add(*map(count, values))
    return summed


def _sealed(whole: JSONObject) -> JSONObject:
    message: JSONObject = sealed(whole)
    content = message.get("content")
    if isinstance(content, list):
        kept = [row for row in content if word(at(row, "type")) not in CALL_BLOCKS]
        message["content"] = fused(kept)
        for row in tables(message["content"]):
            row.pop("index", None)
    return message
