"""Gemini's interactions: the steps that one took, and the events that stream them.

Its law: pure. Sources: https://ai.google.dev/gemini-api/docs/interactions,
https://ai.google.dev/gemini-api/docs/interactions/streaming and google-genai 3.6.1,
google/genai/_gaos/types/interactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered, failure
from promptscribe._providers.parts import Parts, read_parts
from promptscribe._providers.stream import fused, merge, sealed, total, turns
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

OBJECT: Final = "interaction"
OUTPUT: Final = "model_output"
THOUGHT: Final = "thought"
GIVEN: Final = ("user_input", "function_result")
"""Steps that are the request's, and only repeated."""

CREATED: Final = "interaction.created"
UPDATED: Final = "interaction.status_update"
FAILED: Final = "error"
EVENTS: Final = frozenset(
    {
        CREATED,
        UPDATED,
        "interaction.completed",
        "step.start",
        "step.delta",
        "step.stop",
    }
)

CONTENT: Final = ("text", "image", "audio", "document", "video")
"""Deltas that are a part of the step's content; ``thought_summary`` holds one of its
summary, and others are members of the step."""

TOLD: Final = frozenset({"status", "usage"})
"""What a ``status_update`` says of the interaction."""

UNFINISHED: Final = ("in_progress", "queued")


def detect(response: JSONValue) -> bool:
    """Say whether *response* is an interaction: steps, and how far it came."""
    if word(at(response, "status")) is None:
        return False
    if word(response.get("object")) == OBJECT:
        return True
    # A program's own plan has a status and steps as well.
    steps = tables(response.get("steps"))
    is_counted = count(at(response, "usage", "total_input_tokens")) is not None
    is_output = any(word(step.get("type")) == OUTPUT for step in steps)
    return is_output or (is_counted and isinstance(response.get("steps"), list))


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is an event of an interaction's stream."""
    kind = at(chunk, "event_type")
    return isinstance(kind, str) and kind in EVENTS


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the steps as one answer; what the request gave is left out."""
    body = table(response)
    parts = Parts()
    failed = None
    for step in tables(body.get("steps")):
        kind = word(step.get("type"))
        if kind == OUTPUT:
            read_parts(step.get("content"), parts)
            failed = failed or step.get("error")
        elif kind not in GIVEN:
            read_parts(step, parts)
    status = word(body.get("status"))
    errors = tables(body.get("errors"))
    is_answered = parts.content or parts.calls or parts.thinking
    return answered(
        [parts.message("assistant")] if is_answered else [],
        finish_reason=None if status in UNFINISHED else status,
        usage=read_usage(body),
        model=word(first(body, "model", "agent")),
        provider="google",
        service_tier=word(body.get("service_tier")),
        **failure(errors[0] if errors else failed),
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: thoughts are beside the output, tools' results beside the input.

    ``total = input + tool use + output + thought``, cached inside the input.
    """
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return None
    thoughts = count(usage.get("total_thought_tokens"))
    given = count(usage.get("total_input_tokens"))
    tools = count(usage.get("total_tool_use_tokens"))
    return Usage(
        prompt_tokens=None if given is None else add(given, tools),
        output_tokens=add(count(usage.get("total_output_tokens")), thoughts),
        reasoning_tokens=thoughts,
        cache_read_tokens=count(usage.get("total_cached_tokens")),
        cache_audio_read_tokens=_part(usage, "cached_tokens_by_modality", "audio"),
        input_audio_tokens=_part(usage, "input_tokens_by_modality", "audio"),
        output_audio_tokens=_part(usage, "output_tokens_by_modality", "audio"),
        input_image_tokens=_part(usage, "input_tokens_by_modality", "image"),
        output_image_tokens=_part(usage, "output_tokens_by_modality", "image"),
        input_video_tokens=_part(usage, "input_tokens_by_modality", "video"),
        output_video_tokens=_part(usage, "output_tokens_by_modality", "video"),
    )


def _part(usage: JSONObject, name: str, modality: str) -> int | None:
    details = tables(usage.get(name))
    counted = (row for row in details if word(row.get("modality")) == modality)
    return add(*(count(row.get("tokens")) for row in counted))


def join(chunks: list[JSONValue]) -> JSONValue:
    """Put the steps together; of several interactions, one after another, as well.

    Where decoding reaches a limit, the SDK goes on with another one, whose usage is
    its own.
    """
    answers = [_join(turn) for turn in turns(filter(is_chunk, chunks), _begins)]
    steps = [step for answer in answers for step in rows(answer.get("steps"))]
    usage = total([answer.get("usage") for answer in answers])
    whole = answers[-1] | {"object": OBJECT, "steps": steps, "usage": usage}
    whole.setdefault("status", "in_progress")
    broken = [event for event in chunks if word(at(event, "event_type")) == FAILED]
    if broken:
        whole["errors"] = [table(event.get("error")) for event in tables(broken)]
    return whole


def _begins(event: JSONObject) -> bool:
    return bool(event["event_type"] == CREATED)


def _join(events: list[JSONObject]) -> JSONObject:
    whole: JSONObject = {}
    steps: dict[int, JSONObject] = {}
    for event in events:
        kind = event["event_type"]
        told = event if kind == UPDATED else table(event.get("interaction"))
        names = told.keys() & TOLD if kind == UPDATED else told.keys()
        whole |= {name: told[name] for name in names if told[name] is not None}
        place = count(event.get("index"))
        if place is None:
            continue
        if kind == "step.start":
            steps[place] = merge({}, event.get("step"))
        elif kind == "step.delta":
            _grow(steps.setdefault(place, {}), table(event.get("delta")))
    if not tables(whole.get("steps")):
        whole["steps"] = [_sealed(steps[place]) for place in sorted(steps)]
    return whole


def _grow(step: JSONObject, delta: JSONObject) -> None:
    kind = word(delta.get("type"))
    if kind in CONTENT:
        held, part = "content", delta
    elif kind == "thought_summary":
        held, part = "summary", table(delta.get("content"))
    else:  # arguments, a signature, annotations, a tool's result
        merge(step, {name: value for name, value in delta.items() if name != "type"})
        return
    if not isinstance(step.get(held), list):
        step[held] = []
        step.setdefault("type", OUTPUT if held == "content" else THOUGHT)
    step[held].append(part)


def _sealed(step: JSONObject) -> JSONObject:
    whole: JSONObject = sealed(step)
    for name in ("content", "summary"):
        if isinstance(whole.get(name), list):
            whole[name] = fused(whole[name])
    if "arguments" in whole:  # cut in the middle they are no JSON yet, and stay text
        whole["arguments"] = read_json(whole["arguments"])
    return whole
