"""Amazon Bedrock's Converse and ConverseStream.

Its law: pure. Sources:
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.stream import merge, sealed, total, turns
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

EVENTS: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
)

CACHED: Final = ("cacheReadInputTokens", "cacheReadInputTokenCount")
WRITTEN: Final = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")
"""Converse's names, and those in Nova's own body, which InvokeModel gives."""

GROWING: Final = (("contentBlockStart", "start"), ("contentBlockDelta", "delta"))
"""Events that grow a block, and their member that it grows by."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is Converse's."""
    if not isinstance(at(response, "output", "message"), dict):
        return False
    return "stopReason" in response or isinstance(
        at(response, "usage", "inputTokens"), int
    )


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of ConverseStream."""
    if any(isinstance(at(chunk, name), dict) for name in EVENTS):
        return True
    return at(chunk, "metadata", "usage", "inputTokens") is not None


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole response; Bedrock does not repeat the model."""
    body = table(response)
    return answered(
        [read_answer(table(at(body, "output", "message")))],
        finish_reason=word(body.get("stopReason")),
        usage=read_usage(body),
        provider="bedrock",
        service_tier=read_tier(body),
    )


def read_tier(body: JSONObject) -> str | None:
    """Say what sets the price; LangChain keeps it under the same names."""
    latency = word(at(body, "performanceConfig", "latency"))
    if latency in (None, "standard"):
        return word(at(body, "serviceTier", "type"))
    return latency  # "optimized", which has a price of its own


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: ``inputTokens`` are those beside the cache, so all are added.

    Of Nova's own body that is not documented: its total tells.
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    fresh, output = count(usage.get("inputTokens")), count(usage.get("outputTokens"))
    read, write = count(first(usage, *CACHED)), count(first(usage, *WRITTEN))
    is_nova = CACHED[0] not in usage and WRITTEN[0] not in usage
    is_inside = is_nova and count(usage.get("totalTokens")) == add(fresh, output)
    beside = [] if is_inside else [read, write]
    hours = (
        row for row in tables(usage.get("cacheDetails")) if word(row.get("ttl")) == "1h"
    )
    return Usage(
        prompt_tokens=None if fresh is None else add(fresh, *beside),
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=add(*(count(row.get("inputTokens")) for row in hours)),
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the events of a stream into Converse's response.

    Several, of a generator that asks again once the tools have answered, become one.
    """
    answers = [_join(turn) for turn in turns(filter(is_chunk, chunks), _begins)]
    whole = answers[-1]
    if answers[1:]:
        message = whole["output"]["message"]
        said = [rows(at(one, "output", "message", "content")) for one in answers]
        message["content"] = [block for blocks in said for block in blocks]
        whole["usage"] = total([answer.get("usage") for answer in answers])
    return whole


def _begins(event: JSONObject) -> bool:
    return "messageStart" in event


def _join(events: list[JSONObject]) -> JSONObject:
    whole: JSONObject = {}
    role = "assistant"
    blocks: dict[int, JSONObject] = {}
    for event in events:
        role = word(at(event, "messageStart", "role")) or role
        for name, inner in GROWING:
            place = count(at(event, name, "contentBlockIndex"))
            if place is not None:
                merge(blocks.setdefault(place, {}), at(event, name, inner))
        whole |= table(event.get("messageStop")) | table(event.get("metadata"))
    content = [_sealed(blocks[place]) for place in sorted(blocks)]
    # A reason that nobody gave is None, but there: it is what `detect` looks for.
    head: JSONObject = {"output": {"message": {"role": role, "content": content}}}
    return head | {"stopReason": None, "usage": None} | whole


def _sealed(block: JSONObject) -> JSONObject:
    whole: JSONObject = sealed(block)
    call = whole.get("toolUse")
    if isinstance(call, dict) and "input" in call:
        call["input"] = read_json(call["input"]) if call["input"] else {}
    said = whole.get("reasoningContent")
    if isinstance(said, dict) and "text" in said:  # flat in the stream, nested whole
        whole["reasoningContent"] = {"reasoningText": said}
    return whole
