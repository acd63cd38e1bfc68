"""The answer: what a response, or any other result, says of its log.

Its law: pure and total. It fills in only what nobody gave.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._providers import registry
from promptscribe._providers.bill import COSTS, bill
from promptscribe._providers.facts import ResponseFacts, Usage
from promptscribe._providers.value import table, word
from promptscribe._runtime.layers import Draft
from promptscribe._wire import body, member, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._runtime.layers import Members

_COUNTED: Final = ("prompt_tokens", "output_tokens")
_PARTS: Final = ("cache_read_tokens", "cache_write_tokens")

_PRICING: Final = ("model", "provider", "service_tier", "shares", "has_answer")
"""What a price depends on, besides the tokens."""

ERROR: Final = "error"
"""Stands for the code of an error that has none."""


def read_response(value: Any) -> Members:
    """Return the members that a response, or any other result, says by itself.

    For a log without payload; what quotes some in *metadata* is left out.

    The caller waits for it, and what its log says of model and provider is not known
    here: the price is worked out later, from ``$usage`` and ``$facts``.
    """
    draft = Draft()
    facts = add_response(draft, value, record.plain, is_priced=False)
    members = draft.finish()
    if type(members.get("metadata")) is dict:
        members["metadata"] = member.without_content(members["metadata"])
    if facts is None:
        return members
    if facts.has_failed:
        members["error"] = facts.error_code or ERROR  # the sentence is payload
    if facts.usage is not None:
        members["$usage"] = msgspec.to_builtins(facts.usage)
        told = {name: getattr(facts, name) for name in _PRICING}
        members["$facts"] = msgspec.to_builtins(ResponseFacts(**told))
    return members


def add_response(
    draft: Draft, value: Any, plain: Callable[[Any], Any], *, is_priced: bool = True
) -> ResponseFacts | None:
    """Fill in what a response, or any other result, says.

    Args:
        draft: Is filled in.
        value: The response as it was decoded.
        plain: Makes plain data of a decoded value.
        is_priced: Whether to work out what it cost.

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
        value = registry.join([record.plain(c) for c in value.chunks])
    elif _is_made_of(value):
        made, (type_name, value) = value
        draft.fill("output", _as_text(record.plain(made)))
    else:
        value = plain(value)
    facts = registry.interpret(value, type_name)
    if facts is None:
        draft.fill("output", _as_text(record.plain(value)))
    else:
        _add_facts(draft, facts, value, is_priced=is_priced)
    return facts


def _is_made_of(value: Any) -> bool:
    """Say whether this is what was made of a response, and the response.

    instructor's ``create_with_completion`` gives the two (instructor 1.17.0,
    instructor/core/client.py), and so do functions that were written like it.
    """
    if type(value) is not list or len(value) != 2:
        return False
    made, response = value
    if type(response) is not record.Model:
        return False
    name, held = response
    # Two responses are no one's answer.
    is_response = registry.interpret(held, name) is not None
    return is_response and registry.interpret(record.plain(made)) is None


def add_given(draft: Draft, response: Any) -> ResponseFacts | None:
    """Fill in what the *provider_response* says that the program gave of its own.

    Unlike a result it is nothing else, if it is no response.

    Args:
        draft: Is filled in.
        response: The member as it was decoded; None where it was not given.

    Returns:
        What is known of the response, if it is one.
    """
    if response is None:
        return None
    type_name = None
    if type(response) is record.Model:
        type_name, response = response
    response = record.plain(response)
    facts = registry.interpret(response, type_name)
    if facts is not None:
        _add_facts(draft, facts, response, is_priced=True)
    return facts


def _add_facts(
    draft: Draft, facts: ResponseFacts, value: Any, *, is_priced: bool
) -> None:
    draft.fill("output", facts.output)
    draft.fill("output_message", facts.output_message)
    draft.fill("finish_reason", facts.finish_reason)
    if facts.has_failed:
        _add_failure(draft, facts)
    if type(value) is dict and not facts.is_message:
        draft.fill("provider_response", value)
    _add_model(draft, facts.model, facts.provider)
    add_usage(draft, facts, is_priced=is_priced)
    if facts.choices is not None:
        draft.note("choices", facts.choices)


def add_usage(draft: Draft, facts: ResponseFacts, *, is_priced: bool = True) -> None:
    """Fill in tokens and cost; no cost where a part of it was given."""
    if facts.usage is None:
        return
    known = draft.members
    prompt, began = table(known.get("prompt")), known.get("start_time")
    members, notes = bill(
        facts,
        model=word(prompt.get("model")),
        provider=word(prompt.get("provider")),
        at=began if isinstance(began, datetime) else None,
        load=not draft.is_hasty,
        is_priced=is_priced and COSTS.isdisjoint(known),
    )
    for name, value in members.items():
        draft.fill(name, value)
    for name, value in notes.items():
        draft.note(name, value)


def add_price(draft: Draft) -> None:
    """Fill in what tokens cost that the program itself told."""
    members = draft.members
    counts = {name: members.get(name) for name in _COUNTED}
    if None in counts.values() or not draft.unfit.isdisjoint(counts):
        return
    noted = members.get("metadata")
    parts = {name: noted.get(name) for name in _PARTS} if type(noted) is dict else {}
    with contextlib.suppress(ValueError):  # a part that is no count
        usage = msgspec.convert({**counts, **parts}, Usage)
        add_usage(draft, ResponseFacts(usage=usage))


def _add_failure(draft: Draft, facts: ResponseFacts) -> None:
    """Fill in what the provider says went wrong, though nothing was raised."""
    name, message = facts.error_code or ERROR, facts.error_message
    if draft.members.get("save") is False:
        message = None  # it quotes what the call was given
    draft.fill("error", f"{name}: {message}" if message else name)


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
