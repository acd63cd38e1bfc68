"""Gemini's generateContent, as REST's camelCase and as the Python SDK's snake_case.

Its law: pure. Sources: https://ai.google.dev/api/generate-content and
google-genai 3.6.1, google/genai/types.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered, role_of
from promptscribe._providers.parts import read_parts
from promptscribe._providers.stream import fused, total
from promptscribe._providers.value import (
    add,
    at,
    count,
    first,
    rows,
    table,
    tables,
    word,
)

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

CACHED: Final = ("cacheTokensDetails", "cache_tokens_details")
PROMPT: Final = ("promptTokensDetails", "prompt_tokens_details")
ANSWER: Final = ("candidatesTokensDetails", "candidates_tokens_details")

USAGE: Final = ("usageMetadata", "usage_metadata")
ID: Final = ("responseId", "response_id")
REASON: Final = ("finishReason", "finish_reason")

ON_DEMAND: Final = "on_demand"
"""Traffic at the usual price; ``on_demand_flex``, ``on_demand_priority`` and
``on_demand_offpeak`` have their own, and for ``provisioned_throughput`` nobody pays by
the token (google-genai 3.6.1, types.TrafficType)."""

BESIDE: Final = frozenset(
    {
        *("modelVersion", "model_version"),
        *ID,
        *USAGE,
    }
)
"""What a response has beside its candidates."""


def detect(response: JSONValue) -> bool:
    """Say whether *response* has candidates, or was blocked before it had any."""
    blocked = first(response, "promptFeedback", "prompt_feedback")
    if isinstance(blocked, dict):
        return True
    candidates = at(response, "candidates")
    if not isinstance(candidates, list):
        return False
    # A program's own data has candidates as well: for a job, for a name.
    return not BESIDE.isdisjoint(response) or any(
        isinstance(candidate.get("content"), dict)
        or word(first(candidate, *REASON)) is not None
        for candidate in tables(candidates)
    )


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is a piece of a stream: a small response, or usage alone."""
    usage = first(chunk, *USAGE)
    return detect(chunk) or (isinstance(usage, dict) and "content" not in chunk)


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole response."""
    body = table(response)
    candidates = tables(body.get("candidates"))
    reasons = (word(first(candidate, *REASON)) for candidate in candidates)
    feedback = first(body, "promptFeedback", "prompt_feedback")
    return answered(
        [_message(candidate) for candidate in candidates],
        finish_reason=next(reasons, None)
        or word(first(feedback, "blockReason", "block_reason")),
        usage=read_usage(body),
        model=word(first(body, "modelVersion", "model_version")),
        provider="google",
        service_tier=_tier(table(first(body, *USAGE))),
    )


def _tier(usage: JSONObject) -> str | None:
    """Give the tier, as it sets the price: named by it, or by Vertex's traffic."""
    traffic = (word(first(usage, "trafficType", "traffic_type")) or ON_DEMAND).lower()
    tier = word(first(usage, "serviceTier", "service_tier")) or ""
    if traffic in (ON_DEMAND, "traffic_type_unspecified"):
        return tier.lower() or None
    return traffic.removeprefix(f"{ON_DEMAND}_")


def _message(candidate: JSONObject) -> JSONObject:
    content = table(candidate.get("content"))
    return read_parts(content.get("parts")).message(role_of(content.get("role")))


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage: thoughts stand beside the candidates' tokens, cached inside.

    ``total = prompt + candidates + tool use + thoughts``
    (https://ai.google.dev/api/generate-content#UsageMetadata).
    """
    usage = first(body, *USAGE)
    if not isinstance(usage, dict):
        return None
    thoughts = _count(usage, "thoughtsTokenCount", "thoughts_token_count")
    prompt = _count(usage, "promptTokenCount", "prompt_token_count")
    tools = _count(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count")
    answer = _count(usage, "candidatesTokenCount", "candidates_token_count")
    return Usage(
        prompt_tokens=None if prompt is None else add(prompt, tools),
        output_tokens=add(answer, thoughts),
        reasoning_tokens=thoughts,
        cache_read_tokens=_count(
            usage, "cachedContentTokenCount", "cached_content_token_count"
        ),
        cache_audio_read_tokens=_part(usage, CACHED, "AUDIO"),
        input_audio_tokens=_part(usage, PROMPT, "AUDIO"),
        output_audio_tokens=_part(usage, ANSWER, "AUDIO"),
        input_image_tokens=_part(usage, PROMPT, "IMAGE"),
        output_image_tokens=_part(usage, ANSWER, "IMAGE"),
        input_video_tokens=_part(usage, PROMPT, "VIDEO"),
        output_video_tokens=_part(usage, ANSWER, "VIDEO"),
    )


def _count(usage: JSONObject, *names: str) -> int | None:
    return count(first(usage, *names))


def _part(usage: JSONObject, names: tuple[str, ...], modality: str) -> int | None:
    details = tables(first(usage, *names))
    counted = (row for row in details if word(row.get("modality")) == modality)
    return add(*(_count(row, "tokenCount", "token_count") for row in counted))


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the chunks: parts are appended, the newest of anything else is kept.

    Of several answers, one after another, the counts are added up.
    """
    whole: JSONObject = {}
    used: list[JSONValue] = [None]
    has_ended = False
    candidates: dict[int, JSONObject] = {}
    parts: dict[int, list[JSONValue]] = {}
    for chunk in filter(is_chunk, chunks):
        if has_ended and first(chunk, *ID) not in (None, first(whole, *ID)):
            used.append(None)
            has_ended = False
        _renew(whole, chunk, "candidates")
        used[-1] = first(chunk, *USAGE) or used[-1]
        for candidate in tables(chunk.get("candidates")):
            place = count(candidate.get("index")) or 0
            _renew(candidates.setdefault(place, {}), candidate, "content")
            has_ended |= first(candidate, *REASON) is not None
            content = table(candidate.get("content"))
            parts.setdefault(place, []).extend(rows(content.get("parts")))
    whole["candidates"] = [
        candidates[place] | {"content": {"role": "model", "parts": fused(parts[place])}}
        for place in sorted(candidates)
    ]
    if used[1:]:
        whole |= {name: total(used) for name in USAGE if name in whole}
    return whole


def _renew(held: JSONObject, newer: JSONObject, but: str) -> None:
    for name, value in newer.items():
        if name != but and (value is not None or name not in held):
            held[name] = value
