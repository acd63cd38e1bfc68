"""Anthropic's messages API, also as Bedrock and Vertex serve it.

Its law: pure. Sources: https://docs.claude.com/en/api/messages and
https://docs.claude.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.model import maker_of
from promptscribe._providers.openai_usage import read_cost, read_share
from promptscribe._providers.parts import read_parts
from promptscribe._providers.stream import Pieces, merge, sealed, total, turns
from promptscribe._providers.value import (
    add,
    at,
    count,
    read_json,
    rows,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

EVENTS: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)
"""Events of the wire. What the SDK's `MessageStream` adds (``text``, ``thinking``,
``input_json`` …) repeats them and is passed over."""


BESIDE: Final = ("compaction", "advisor_message")
"""Steps whose tokens are in none of the upper counts."""
THOUGHTS: Final = ("output_tokens_details", "thinking_tokens")
ANYWHERE: Final = (None, "global", "not_available")
"""Where inference ran, at the usual price; in the US it costs a tenth more
(https://platform.claude.com/docs/en/manage-claude/data-residency)."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a message: a list of blocks and why it stopped."""
    if not isinstance(at(response, "content"), list):
        return False
    return word(response.get("type")) == "message" or "stop_reason" in response


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of a message's stream."""
    kind = at(chunk, "type")
    return isinstance(kind, str) and kind in EVENTS


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole message."""
    body = table(response)
    return answered(
        [read_parts(body.get("content")).message("assistant")],
        shares=_shares(body),
        finish_reason=word(body.get("stop_reason")),
        usage=read_usage(body),
        model=word(body.get("model")),
        provider=_provider(body),
        service_tier=read_tier(table(body.get("usage"))),
    )


def _provider(body: JSONObject) -> str | None:
    """Tell who served it: Bedrock and Vertex mark the ids of their messages.

    Others speak this API as well (llama.cpp, DeepSeek, Moonshot): a model that is
    not Claude is not Anthropic's.
    """
    message_id = word(body.get("id")) or ""
    if message_id.startswith("msg_bdrk_"):
        return "bedrock"
    if message_id.startswith("msg_vrtx_"):
        return "google"
    model = word(body.get("model"))
    return "anthropic" if model is None else maker_of(model)


def read_tier(usage: JSONObject) -> str | None:
    """Say what sets the price, by a usage, which others pass on as it came."""
    place = word(usage.get("inference_geo"))
    if place not in ANYWHERE:
        return place  # dearer, whatever the tier
    if word(at(usage, "fallback_credit", "status", "type")) == "redeemed":
        return "fallback_credit"  # billed as if the cache had been this model's
    is_fast = word(usage.get("speed")) == "fast"
    return "fast" if is_fast else word(usage.get("service_tier"))


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: ``input_tokens`` are those beside the cache, so all are added.

    So are those of steps that are not in the upper counts, see `_beside`.
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    used = _counted([usage, *_beside(body)])
    used.total_cost, used.output_share = read_cost(usage), read_share(usage)
    return used


def _counted(counts: list[JSONObject]) -> Usage:
    fresh, read, write, output = (
        add(*(count(row.get(name)) for row in counts))
        for name in (
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        )
    )
    thoughts = (count(at(row, *THOUGHTS)) for row in counts)
    hours = (
        count(at(row, "cache_creation", "ephemeral_1h_input_tokens")) for row in counts
    )
    return Usage(
        # Without the fresh ones the sum would be a part that passes for the whole.
        prompt_tokens=None if fresh is None else add(fresh, read, write),
        output_tokens=output,
        reasoning_tokens=add(*thoughts),
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=add(*hours),
    )


def _beside(body: JSONObject) -> list[JSONObject]:
    """Give the steps that the upper counts leave out, though they are paid for.

    A compaction; an advisor, by another model's price; and a model that declined, once
    it had begun to answer (anthropic 2.14.0, types/beta/beta_usage.py and
    beta_iterations_usage.py; https://platform.claude.com/docs/en/agents-and-tools/
    tool-use/advisor-tool, "Usage and billing").
    """
    steps = tables(at(body, "usage", "iterations"))
    kinds = [word(step.get("type")) for step in steps]
    is_handed_on = "fallback_message" in kinds
    return [
        step
        for kind, step in zip(kinds, steps, strict=True)
        if kind in BESIDE
        or (is_handed_on and kind == "message" and _is_a_beginning(step, body))
    ]


def _is_a_beginning(step: JSONObject, body: JSONObject) -> bool:
    return _is_anothers(step, body) and bool(count(step.get("output_tokens")))


def _is_anothers(step: JSONObject, body: JSONObject) -> bool:
    return word(step.get("model")) not in (None, word(body.get("model")))


def _shares(body: JSONObject) -> list[tuple[str | None, Usage]] | None:
    """Split the usage by model, if it was not all of one."""
    beside = _beside(body)
    others = [step for step in beside if _is_anothers(step, body)]
    if not others:
        return None
    own = [table(body.get("usage")), *(step for step in beside if step not in others)]
    shares = [(word(body.get("model")), _counted(own))]
    return shares + [(step["model"], _counted([step])) for step in others]


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the events of a stream into one message.

    Several messages, of a generator that asks again once the tools have answered,
    become one, too.
    """
    return add_up([_join(turn) for turn in turns(filter(is_chunk, chunks), _begins)])


def add_up(answers: list[JSONObject]) -> JSONObject:
    """Make one message of several, one after another, as a loop over tools has them."""
    content = [row for answer in answers for row in rows(answer.get("content"))]
    usage = total([answer.get("usage") for answer in answers])
    return answers[-1] | {"content": content, "usage": usage}


def _begins(event: JSONObject) -> bool:
    return bool(event["type"] == "message_start")


def _join(events: list[JSONObject]) -> JSONObject:
    whole: JSONObject = {"type": "message", "role": "assistant"}
    usage: JSONObject = {}
    blocks: dict[int, JSONObject] = {}
    for event in events:
        kind = event["type"]
        if kind == "message_start":
            started = table(event.get("message"))
            whole |= started
            usage = dict(table(started.get("usage")))
            # A placeholder: the true count comes with message_delta.
            usage.pop("output_tokens", None)
        elif kind == "message_delta":
            whole |= table(event.get("delta"))
            said = table(event.get("usage"))
            usage |= {name: v for name, v in said.items() if v is not None}
        elif kind == "message_stop" and detect(event.get("message")):
            return table(event["message"])  # the SDK's MessageStream gives it whole
        else:
            _grow(blocks, event)
            # Another model goes on where one declined.
            served = word(at(event, "content_block", "to", "model"))
            whole |= {} if served is None else {"model": served}
    whole["usage"] = usage or None
    whole["content"] = [_sealed(blocks[place]) for place in sorted(blocks)]
    return whole


def _grow(blocks: dict[int, JSONObject], event: JSONObject) -> None:
    place = count(event.get("index"))
    if place is None:
        return
    if event["type"] == "content_block_start":
        blocks[place] = merge({}, event.get("content_block"))
    elif event["type"] == "content_block_delta":
        block = blocks.setdefault(place, {})
        _apply(block, table(event.get("delta")))


def _apply(block: JSONObject, delta: JSONObject) -> None:
    kind = word(delta.get("type"))
    if kind == "citations_delta":
        citations = block.get("citations")
        held = citations if isinstance(citations, list) else []
        block["citations"] = [*held, delta.get("citation")]
    elif kind == "input_json_delta":
        held = block.setdefault("partial_json", Pieces())
        said = text(delta.get("partial_json"))
        if isinstance(held, Pieces) and said:
            held.append(said)
    else:  # text_delta, thinking_delta, signature_delta, compaction_delta
        merge(block, {name: v for name, v in delta.items() if name != "type"})
        if "type" not in block and kind is not None:
            block["type"] = kind.removesuffix("_delta")


def _sealed(block: JSONObject) -> JSONObject:
    whole: JSONObject = sealed(block)
    partial = whole.pop("partial_json", None)
    if partial:  # cut in the middle it is no JSON yet, and stays text
        whole["input"] = read_json(partial)
    return whole
