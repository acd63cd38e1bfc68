"""OpenAI's responses API, which others speak, and what its realtime API responds.

Its law: pure. Sources: https://platform.openai.com/docs/api-reference/responses/object,
https://platform.openai.com/docs/api-reference/responses-streaming and
https://platform.openai.com/docs/api-reference/realtime-server-events/response/done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from promptscribe._providers import openai_images
from promptscribe._providers.facts import Usage
from promptscribe._providers.media import base64_image
from promptscribe._providers.message import answered, failure, image_part
from promptscribe._providers.model import maker_of
from promptscribe._providers.openai_usage import read_cost, read_share
from promptscribe._providers.parts import Parts, read_parts
from promptscribe._providers.stream import ANSWERS, merge, sealed, total, turns
from promptscribe._providers.value import (
    add,
    at,
    count,
    event_data,
    first,
    rows,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

ENDS: Final = (
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.done",
)
"""Events that carry the whole response; the last is the realtime API's."""

DELTAS: Final = {
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    **dict.fromkeys(
        ("response.output_audio_transcript.delta", "response.audio_transcript.delta"),
        ("content", "content_index", "output_audio", "transcript"),
    ),
    "response.reasoning_text.delta": (
        "content",
        "content_index",
        "reasoning_text",
        "text",
    ),
    "response.reasoning_summary_text.delta": (
        "summary",
        "summary_index",
        "summary_text",
        "text",
    ),
}
"""Events that grow a part of an item: the item's list, the member with the place in
it, the part's type, and its member that grows."""

ARGUMENTS: Final = {
    "response.function_call_arguments.delta": ("function_call", "arguments"),
    "response.mcp_call_arguments.delta": ("mcp_call", "arguments"),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "input"),
}
"""Events that grow an item itself: the item's type and its member that grows."""

OBJECTS: Final = ("response", "realtime.response")

RUN: Final = frozenset({"final_output", "new_items", "raw_responses"})
"""What the result of a run has (openai-agents 0.24.0, agents/result.py)."""

FAILED: Final = "error"
"""The event of a stream that breaks off: ``{code, message}``, or both in ``error``."""

UNFINISHED: Final = ("in_progress", "queued")

TOOLS: Final = "tool_usage"
DRAWING: Final = "image_generation"


def detect(response: JSONValue) -> bool:
    """Say whether *response* is a response: so it says, or it counts like one."""
    if not isinstance(at(response, "output"), list):
        return False
    counted = at(response, "usage", "input_tokens_details")
    return word(response.get("object")) in OBJECTS or isinstance(counted, dict)


def carried(event: JSONValue) -> JSONValue:
    """Return what an event carries that has the response whole; of others, None.

    The result of a run of OpenAI's agents has one after another, as one.
    """
    if isinstance(event, dict) and event.keys() >= RUN:
        answers = tables(event["raw_responses"])
        return {"object": "response"} | _added(answers) if answers else None
    told = event_data(event)
    return at(told, "response") if word(at(told, "type")) in ENDS else None


def _added(answers: list[JSONObject]) -> JSONObject:
    output = [item for answer in answers for item in rows(answer.get("output"))]
    added = {"output": output, "usage": total([one.get("usage") for one in answers])}
    tools = [one[TOOLS] for one in answers if one.get(TOOLS) is not None]
    return added | ({TOOLS: total(tools)} if tools else {})


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of a response's stream."""
    return (word(at(event_data(chunk), "type")) or "").startswith("response.")


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole response."""
    body = table(response)
    parts = Parts()
    for item in tables(body.get("output")):
        _read_item(item, parts)
    usage, shares = _with_pictures(body, read_usage(body))
    return answered(
        [parts.message("assistant")] if body.get("output") else [],
        finish_reason=_finish_reason(body),
        usage=usage,
        shares=shares,
        model=word(body.get("model")),
        provider=_provider(body),
        service_tier=word(body.get("service_tier")),
        **failure(body.get("error")),
    )


def _read_item(item: JSONObject, parts: Parts) -> None:
    kind = word(item.get("type"))
    if kind == "message":
        if word(item.get("role")) != "user":  # a compaction repeats what it was given
            read_parts(item.get("content"), parts)
    elif kind == "image_generation_call" and word(item.get("result")):
        form = word(item.get("output_format")) or "png"
        parts.content.append(image_part(base64_image(item["result"], form)))
    else:
        read_parts(item, parts)


def _finish_reason(body: JSONObject) -> str | None:
    reason = word(at(body, "incomplete_details", "reason"))
    status = word(body.get("status"))
    return reason or (None if status in UNFINISHED else status)


def _provider(body: JSONObject) -> str | None:
    if body.get("content_filters") is not None:
        return "openai_azure"
    return maker_of(word(body.get("model")))


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage; cached and reasoning tokens are parts of the two counts."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    read = ("cached_tokens", "cache_read_input_tokens")  # the second is Perplexity's
    given = first(usage, "input_tokens_details", "input_token_details")
    answer = first(usage, "output_tokens_details", "output_token_details")
    return Usage(
        prompt_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=count(at(answer, "reasoning_tokens")),
        cache_read_tokens=count(first(given, *read)),
        cache_write_tokens=count(at(given, "cache_write_tokens")),
        cache_write_12h_tokens=count(
            at(given, "cache_write_tokens_details", "ttl_12h_tokens")
        ),
        cache_audio_read_tokens=count(
            at(given, "cached_tokens_details", "audio_tokens")
        ),
        input_audio_tokens=count(at(given, "audio_tokens")),
        output_audio_tokens=count(at(answer, "audio_tokens")),
        input_image_tokens=count(at(given, "image_tokens")),
        total_cost=read_cost(usage),
        output_share=read_share(usage),
    )


def _with_pictures(
    body: JSONObject, usage: Usage | None
) -> tuple[Usage | None, list[tuple[str | None, Usage]] | None]:
    """Add what another model used to draw, which the usage leaves out.

    Source: openai 3.57.0, types/responses/response.py, ``ToolUsage``: "separate from
    base model usage". Each model has its own price.
    """
    drawn = openai_images.read_usage({"usage": at(body, TOOLS, "image_gen")})
    if (
        usage is None
        or drawn is None
        or not add(drawn.prompt_tokens, drawn.output_tokens)
    ):
        return usage, None
    if usage.total_cost is not None:
        return usage, None
    model = word(body.get("model"))
    answers = tables(at(body, "usage", ANSWERS)) or [table(body.get("usage"))]
    told = (read_usage({"usage": one}) for one in answers)
    shares = [(model, one) for one in told if one is not None]
    whole = structs.replace(
        usage,
        prompt_tokens=add(usage.prompt_tokens, drawn.prompt_tokens),
        output_tokens=add(usage.output_tokens, drawn.output_tokens),
        cache_read_tokens=add(usage.cache_read_tokens, drawn.cache_read_tokens),
    )
    return whole, [*shares, (_painter(body), drawn)]


def _painter(body: JSONObject) -> str | None:
    """Return the model that draws; a response repeats the tools it was given."""
    drawing = [t for t in tables(body.get("tools")) if t.get("type") == DRAWING]
    return word(drawing[0].get("model")) if drawing else None


def join(chunks: list[JSONValue]) -> JSONValue:
    """Give the whole response: the last event carries it; a cut stream is built.

    Several, of a generator that asks again once the tools have answered, become one.
    """
    events = [event_data(chunk) for chunk in chunks]
    answers = [_join(turn) for turn in turns(filter(is_chunk, events), _begins)]
    whole = answers[-1]
    if answers[1:]:
        whole = whole | _added(answers)
    broken = [event for event in events if word(at(event, "type")) == FAILED]
    if broken:
        whole["error"] = broken[0].get("error") or broken[0]
    return whole


def _begins(event: JSONObject) -> bool:
    return bool(event["type"] == "response.created")


def _join(events: list[JSONObject]) -> JSONObject:
    whole: JSONObject = {"object": "response"}
    items: dict[int, JSONObject] = {}
    done: dict[int, JSONObject] = {}
    for event in events:
        carried = event.get("response")
        if isinstance(carried, dict):
            whole = whole | carried
        if event["type"] in ENDS:
            break
        place = count(event.get("output_index"))
        if place is None:
            continue
        if event["type"] == "response.output_item.done":
            done[place] = table(event.get("item"))
        else:
            _grow(items, place, event)
    if (items or done) and not tables(whole.get("output")):
        built = {place: _sealed(item) for place, item in items.items()} | done
        whole["output"] = [built[place] for place in sorted(built)]
    return whole


def _grow(items: dict[int, JSONObject], place: int, event: JSONObject) -> None:
    kind = event["type"]
    if kind == "response.output_item.added":
        items[place] = merge({}, event.get("item"))
    elif kind in DELTAS:
        rows, index, part, member = DELTAS[kind]
        delta: JSONObject = {"type": part, member: text(event.get("delta"))}
        delta["index"] = count(event.get(index)) or 0
        held = "message" if rows == "content" else "reasoning"
        held = "reasoning" if "reasoning" in kind else held
        merge(items.setdefault(place, {"type": held}), {rows: [delta]})
    elif kind in ARGUMENTS:
        held, member = ARGUMENTS[kind]
        delta = {member: text(event.get("delta"))}
        merge(items.setdefault(place, {"type": held}), delta)


def _sealed(item: JSONObject) -> JSONObject:
    whole: JSONObject = sealed(item)
    for name in ("content", "summary"):
        for part in tables(whole.get(name)):
            part.pop("index", None)
    return whole
