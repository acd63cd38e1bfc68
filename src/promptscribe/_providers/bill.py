"""The bill: the tokens of one response and what they cost, as members of a log.

Its law: pure but for the price list, see `pricing`; what is not known is not there.
Whoever fills in a log does it by this: a caller's response, a span, the usual log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from promptscribe._providers import pricing

if TYPE_CHECKING:
    from datetime import datetime

    from promptscribe._providers.facts import ResponseFacts, Usage
    from promptscribe.schema import JSONObject

COSTS: Final = frozenset({"prompt_cost", "output_cost"})
"""Members that are priced together or not at all."""


def bill(
    facts: ResponseFacts,
    *,
    model: str | None = None,
    provider: str | None = None,
    at: datetime | int | None = None,
    load: bool = True,
    is_priced: bool = True,
) -> tuple[JSONObject, JSONObject]:
    """Return the counts of a response and what they cost.

    Args:
        facts: What the response says.
        model: See `pricing.price`, as for *provider*, *at* and *load*. Bedrock and
            Cohere do not repeat the model, Azure answers with an alias.
        provider: The provider that was called.
        at: When the call was made.
        load: Whether to load the price list where nobody has yet.
        is_priced: Whether to work out what it cost; not where the cost was given.

    Returns:
        The contract's counts and costs; and what stands in *metadata*: counts that it
        has no member for, where the price is from, a sum that nobody can split.
    """
    usage = facts.usage
    if usage is None:
        return {}, {}
    members, notes = _counts(usage)
    if not is_priced:
        return members, notes
    price = _price(facts, model=model, provider=provider, at=at, load=load)
    if price is not None:
        members["prompt_cost"] = price.prompt_cost
        if price.output_cost is not None:
            members["output_cost"] = price.output_cost
        notes["price_source"] = price.source
    elif usage.total_cost is not None:
        notes["total_cost"] = usage.total_cost
    return members, notes


def _price(
    facts: ResponseFacts, *, model: str | None, **known: Any
) -> pricing.Price | None:
    """Add up what each share cost; the first's model may be known as it was asked."""
    if facts.shares is None:
        return pricing.price(facts, model=model, **known)
    found: list[pricing.Price] = []
    for name, usage in facts.shares:
        share = structs.replace(facts, model=name, usage=usage)
        is_asked = name == facts.shares[0][0]
        one = pricing.price(share, model=model if is_asked else None, **known)
        if one is None:
            return None
        found.append(one)
    prompt = sum([one.prompt_cost for one in found])
    output = sum([one.output_cost or 0 for one in found])
    return pricing.Price(prompt, output, found[0].source)


def _counts(usage: Usage) -> tuple[JSONObject, JSONObject]:
    """Give the counts, one by one: a loop over their names takes twice as long."""
    members: JSONObject = {}
    notes: JSONObject = {}
    if usage.prompt_tokens is not None:
        members["prompt_tokens"] = usage.prompt_tokens
    if usage.output_tokens is not None:
        members["output_tokens"] = usage.output_tokens
    if usage.reasoning_tokens is not None:
        notes["reasoning_tokens"] = usage.reasoning_tokens
    if usage.cache_read_tokens is not None:
        notes["cache_read_tokens"] = usage.cache_read_tokens
    if usage.cache_write_tokens is not None:
        notes["cache_write_tokens"] = usage.cache_write_tokens
    if usage.input_audio_seconds is not None:
        notes["input_audio_seconds"] = usage.input_audio_seconds
    return members, notes
