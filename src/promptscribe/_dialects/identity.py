"""The identity: by what two spans of one call know each other.

Its law: pure. Two instrumentations of one client tell of each call twice: inside of
each other, or side by side. The id of the response says so for sure; test servers and
gateways give every answer the same one, so besides, the calls were under way at the
same time, and no instrumentation tells of one call twice by itself.
"""

from __future__ import annotations

from typing import Final

import msgspec

from promptscribe._dialects import gen_ai, openinference
from promptscribe._dialects.span import Span
from promptscribe._providers.value import word

_MODELS: Final = (
    gen_ai.REQUEST_MODEL,
    "gen_ai.response.model",
    "llm.request.model_name",
    "llm.response.model_name",
    "llm.model_name",
    "ai.model.id",
    "ai.response.model",
    "langfuse.observation.model.name",
)


_TOKENS: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "langfuse.observation.usage_details",
)


class _Named(msgspec.Struct):
    id: str | None = None


class _Body(_Named):
    """What is looked at of a response; the rest is passed over, not read."""

    llm_output: _Named | None = None  # LangChain's


_decode: Final = msgspec.json.Decoder(_Body).decode


def response_id(span: Span) -> str | None:
    """Give the id of the response."""
    attributes = span.attributes
    found = word(attributes.get(gen_ai.RESPONSE_ID))
    found = found or word(attributes.get("ai.response.id"))
    if found is not None or openinference.KIND not in attributes:
        return found
    body = attributes.get("output.value")
    if not isinstance(body, str):
        return None
    try:  # it is only in what the instrumentation kept of the response
        said = _decode(body)
    except ValueError:
        return None
    return said.id or (said.llm_output and said.llm_output.id) or None


def outline(span: Span) -> Span:
    """Return of a span what the other functions here look at: no message is in it."""
    names = {*_MODELS, *_TOKENS} & span.attributes.keys()
    kept = {name: span.attributes[name] for name in names}
    response = response_id(span)
    if response is not None:
        kept[gen_ai.RESPONSE_ID] = response
    return Span(trace_id=span.trace_id, span_id=span.span_id, attributes=kept)


def has_tokens(span: Span) -> bool:
    """Say whether a span tells of tokens."""
    return any(name in span.attributes for name in _TOKENS)


def is_same_model(one: Span, other: Span) -> bool:
    """Say whether two spans may tell of the same model.

    One says ``gpt-4o``, as was asked for, the other ``gpt-4o-2024-08-06``, as
    answered, or ``openai/gpt-4o``; and one that still runs may say nothing yet.
    """
    these, those = _models(one), _models(other)
    if not these or not those:
        return True
    return any(a.startswith(b) or b.startswith(a) for a in these for b in those)


def _models(span: Span) -> list[str]:
    names = [word(span.attributes.get(name)) for name in _MODELS]
    return [name.rpartition("/")[2].lower() for name in names if name is not None]
