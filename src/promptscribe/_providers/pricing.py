"""What a call cost in dollars, by the price list of genai-prices (extra ``prices``).

Its law: a price that is not known is None, never 0 and never another model's.
The list is loaded at the first call, in the thread that asks; nothing is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from promptscribe._providers.model import provider_name, split_model, split_provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from promptscribe._providers.facts import ResponseFacts, Usage

PRICE_IDS: Final = {
    "openai": "openai",
    "openai_azure": "azure",
    "anthropic": "anthropic",
    "bedrock": "aws",
    "google": "google",
    "cohere": "cohere",
    "groq": "groq",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "x_ai": "x-ai",
    "perplexity": "perplexity",
    "openrouter": "openrouter",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "moonshot_ai": "moonshotai",
    "databricks": "databricks",
}
"""Our names of providers and those of genai-prices; others have no price list
(an Ollama or vLLM of one's own is free, whatever the model's maker charges)."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one call.

    Attributes:
        prompt_cost: For the request, cached tokens at their own rate.
        output_cost: For the answer, reasoning included.
        source: Where the price is from: ``genai-prices 0.2.3``, or ``response``
            where the sum is what the response itself said.
    """

    prompt_cost: float
    output_cost: float
    source: str


def price(
    facts: ResponseFacts,
    *,
    model: str | None = None,
    provider: str | None = None,
    at: datetime | None = None,
) -> Price | None:
    """Work out what a call cost.

    Args:
        facts: The response: tokens, and the model and provider that answered.
        model: The model that was asked for; taken where the response's own name
            has no price (an Azure deployment, a proxy's alias).
        provider: The provider that was called, if known better than by *facts*.
        at: When the call was made, aware; prices change. None is now.

    Returns:
        The price; None without both token counts, without a known model, or
        without the extra ``prices``.
    """
    usage = facts.usage
    if usage is None or usage.prompt_tokens is None or usage.output_tokens is None:
        return None
    try:
        genai_prices = import_module("genai_prices")
    except ImportError:
        return None
    counts = _counts(usage)
    if counts is None:
        return None
    context = _context(facts.service_tier)
    for name, price_id in _references(facts, model, provider):
        try:
            found = genai_prices.calc_price(
                genai_prices.Usage(**counts),
                name,
                provider_id=price_id,
                genai_request_timestamp=at,
                price_context=context,
            )
        except (LookupError, ValueError, TypeError, ArithmeticError):
            continue  # an unknown model, or counts that contradict each other
        if _is_priced(found, usage):
            source = f"genai-prices {genai_prices.__version__}"
            return _charged(found, usage, source)
    return None


def _counts(usage: Usage) -> dict[str, int] | None:
    """Name the counts as genai-prices does; None where they contradict each other."""
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    hour = usage.cache_write_1h_tokens or 0
    if read + write > (usage.prompt_tokens or 0) or hour > write:
        return None
    # A part that is 0 is left out: a model may have no rate of its own for it.
    parts = {
        "cache_read_tokens": read,
        "cache_write_tokens": write,
        "cache_write_1h_tokens": hour,
        "cache_write_5m_tokens": write - hour if hour else 0,
        "cache_audio_read_tokens": usage.cache_audio_read_tokens or 0,
        "input_audio_tokens": usage.input_audio_tokens or 0,
        "output_audio_tokens": usage.output_audio_tokens or 0,
        "output_image_tokens": usage.output_image_tokens or 0,
    }
    counts = {name: value for name, value in parts.items() if value}
    counts["input_tokens"] = usage.prompt_tokens or 0
    counts["output_tokens"] = usage.output_tokens or 0
    return counts


def _context(tier: str | None) -> dict[str, str] | None:
    """Say under which of a model's price variants a call falls."""
    if tier is None:
        return None
    if tier == "batch":
        return {"processing": "batch"}
    if tier == "fast":  # Anthropic's fast mode
        return {"service_tier": "fast", "speed": "fast"}
    return {"service_tier": tier}


def _references(
    facts: ResponseFacts, model: str | None, provider: str | None
) -> Iterator[tuple[str, str | None]]:
    """Give the names to look up, the surest first: as they are, then normalised."""
    known = provider_name(provider) or facts.provider
    for name in dict.fromkeys(name for name in (facts.model, model) if name):
        if name.lower().endswith(".gguf"):
            continue  # a file of one's own
        prefix, whole = split_provider(name)
        bare = split_model(name)
        who = known or prefix or bare[0]
        if who is not None and who not in PRICE_IDS:
            continue
        price_id = PRICE_IDS[who] if who is not None else None
        for reference in dict.fromkeys((name, whole, _plainest(name, bare[1]))):
            yield reference, price_id


def _plainest(name: str, bare: str) -> str:
    # Fine-tuned, a model costs more than the one it was made from; ":free" costs 0.
    return name if "ft:" in name or name.endswith(":free") else bare


def _is_priced(found: Any, usage: Usage) -> bool:
    """Say whether the list has a rate for all that was used.

    Sound is dearer than text wherever it is sold, but for some of Gemini's inputs:
    a model without a rate for it has a gap in the list, not the price of text.
    """
    rates = {name for name, rate in vars(found.model_price).items() if rate is not None}
    if usage.prompt_tokens and "input_mtok" not in rates:
        return False
    if usage.output_tokens and "output_mtok" not in rates:
        return False
    if usage.output_audio_tokens and "output_audio_mtok" not in rates:
        return False
    free = found.provider.id == "google" or "input_audio_mtok" in rates
    return free or not usage.input_audio_tokens


def _charged(found: Any, usage: Usage, source: str) -> Price:
    """Split what the response says it cost in the proportion of the list's prices."""
    prompt, output = float(found.input_price), float(found.output_price)
    listed = prompt + output
    if usage.total_cost is not None and listed > 0:
        share = usage.total_cost / listed
        return Price(prompt * share, output * share, "response")
    return Price(prompt, output, source)
