"""The answer: what a response, or any other result, says of its log.

Its law: pure and total. It fills in only what nobody gave.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._providers import pricing, registry
from promptscribe._runtime.layers import Draft
from promptscribe._wire import body, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._providers.facts import ResponseFacts
    from promptscribe._runtime.layers import Members

_NOTED: Final = ("reasoning_tokens", "cache_read_tokens", "cache_write_tokens")
"""Tokens that the contract has no member for."""


def read_response(value: Any) -> Members:
    """Return the members that a response, or any other result, says by itself.

    While the caller waits for it: the price, where no list is loaded, is worked out
    later, from ``$usage`` and ``$model``.
    """
    draft = Draft()
    draft.is_hasty = True
    facts = add_response(draft, value, record.plain)
    members = draft.finish()
    if facts is not None and facts.usage is not None and "prompt_cost" not in members:
        members["$usage"] = msgspec.to_builtins(facts.usage)
        members["$model"] = facts.model
    return members


def add_response(
    draft: Draft, value: Any, plain: Callable[[Any], Any]
) -> ResponseFacts | None:
    """Fill in what a response, or any other result, says.

    Args:
        draft: Is filled in.
        value: The response as it was decoded.
        plain: Makes plain data of a decoded value.

    Returns:
        What is known of the response, if it is one.
    """
    if type(value) is str:
        draft.fill("output", value)
        return None
    type_name = None
    if type(value) is record.Model:
        type_name, value = value
    elif type(value) is record.Chunks:
        type_name = value.type_name
        value = registry.join([record.plain(c) for c in value.chunks], type_name)
    else:
        value = plain(value)
    facts = registry.interpret(value, type_name)
    if facts is None:
        draft.fill("output", _as_text(record.plain(value)))
        return None
    draft.fill("output", facts.output)
    draft.fill("output_message", facts.output_message)
    draft.fill("finish_reason", facts.finish_reason)
    if type(value) is dict and (facts.usage is not None or facts.model is not None):
        draft.fill("provider_response", value)
    _add_model(draft, facts.model, facts.provider)
    if facts.usage is not None:
        add_usage(draft, facts)
    if facts.choices is not None:
        draft.note("choices", facts.choices)
    return facts


def add_usage(draft: Draft, facts: ResponseFacts) -> None:
    """Fill in tokens and cost."""
    usage, members = facts.usage, draft.members
    if usage is None:
        return
    draft.fill("prompt_tokens", usage.prompt_tokens)
    draft.fill("output_tokens", usage.output_tokens)
    for name in _NOTED:
        count = getattr(usage, name)
        if count is not None:
            draft.note(name, count)
    if "prompt_cost" in members or "output_cost" in members:
        return
    prompt = members.get("prompt")
    model = provider = None
    if type(prompt) is dict:
        model, provider = prompt.get("model"), prompt.get("provider")
    began = members.get("start_time")
    price = pricing.price(
        facts,
        # Bedrock and Cohere do not repeat the model, Azure answers with an alias.
        model=model if type(model) is str else None,
        provider=provider if type(provider) is str else None,
        at=began if isinstance(began, datetime) else None,
        load=not draft.is_hasty,
    )
    if price is not None:
        members["prompt_cost"] = price.prompt_cost
        members["output_cost"] = price.output_cost
        draft.note("price_source", price.source)


def _add_model(draft: Draft, model: str | None, provider: str | None) -> None:
    if model is None:
        return
    prompt = draft.members.get("prompt")
    if type(prompt) is dict and "model" not in prompt:
        # The client is bound to it.
        draft.members["prompt"] = record.plain({"model": model, **prompt})
        draft.unfit.discard("prompt")
    elif prompt is None:
        prompt = {"model": model}
        if provider is not None:
            prompt["provider"] = provider
        draft.members["prompt"] = prompt


def _as_text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return msgspec.json.encode(body.jsonable(value)).decode()
