"""What a call cost in dollars, by the price list of genai-prices (extra ``prices``).

Its law: a price that is not known is None, never 0 and never another model's or
another tier's. The list is loaded at the first call, in the thread that asks, unless
it says that it has no time; nothing is fetched.

It is the price of tokens. What a provider charges by the call (a search of its own,
a container, a request's fee) is in it only where the response says the sum.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from promptscribe import _clock
from promptscribe._fork import ForkLock
from promptscribe._providers.model import (
    is_anyones,
    provider_name,
    split_model,
    split_provider,
)
from promptscribe._providers.tariff import Tariffs, counts_of, is_linear, learn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from promptscribe._providers.facts import ResponseFacts, Usage
    from promptscribe._providers.tariff import Tariff

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

_ANYONE: Final = (None, "openai")
"""What is said of whoever is called by OpenAI's client, which sells no open weights."""

_USUAL_TIERS: Final = frozenset(
    {None, "auto", "default", "standard", "on_demand", "unspecified"}
)
"""Tiers at the price that a model has without one."""


class Price(NamedTuple):
    """Dollars for one call.

    Attributes:
        prompt_cost: For the request, cached tokens at their own rate.
        output_cost: For the answer, reasoning included; None of what has no answer.
        source: Where the price is from: ``genai-prices 0.2.3, tokens only``, or
            ``response`` where the sum is what the response itself said.
    """

    prompt_cost: float
    output_cost: float | None
    source: str


def price(
    facts: ResponseFacts,
    *,
    model: str | None = None,
    provider: str | None = None,
    at: datetime | int | None = None,
    load: bool = True,
) -> Price | None:
    """Work out what a call cost.

    Args:
        facts: The response: tokens, and the model and provider that answered.
        model: The model that was asked for; taken where the response's own name
            has no price (an Azure deployment, a proxy's alias).
        provider: The provider that was called, if known better than by *facts*.
        at: When the call was made, aware, or in nanoseconds since 1970; prices
            change. None is now.
        load: Whether to load the list where nobody has yet; it takes 0.15 s.

    Returns:
        The price; None without both token counts (an embedding has one), without a
        known model, without the extra ``prices``, or where there is no time to load
        the list.
    """
    usage = facts.usage
    if usage is None:
        return None
    if usage.total_cost is not None and usage.output_share is not None:
        answer = usage.total_cost * usage.output_share
        return Price(usage.total_cost - answer, answer, "response")
    if not _is_counted(facts, usage):
        return None
    genai_prices = _loaded()
    if genai_prices is None and load:
        genai_prices = load_list()
    counts = counts_of(usage, has_answer=facts.has_answer)
    if genai_prices is None or counts is None:
        return None
    names = (facts.model, model, provider, facts.provider, facts.service_tier)
    if not isinstance(at, int):
        at = time.time_ns() if at is None else _clock.to_ns(at)
    key = _tariffs.key(names, counts, at)
    is_known, tariff = _tariffs.find(key, counts)
    if is_known:
        charge = None if tariff is None else tariff.charge(counts)
    else:
        listed = _Listed(genai_prices, facts, _clock.from_ns(at))
        charge = listed.charge(counts, model, provider)
        learnt = listed.tariff(counts)
        if charge is None or learnt is not None:
            _tariffs.keep(key, learnt)
    if charge is None:
        return None
    return _price(charge, usage, genai_prices, is_answered="output_tokens" in counts)


def _is_counted(facts: ResponseFacts, usage: Usage) -> bool:
    """Say whether all is counted by which a call is charged."""
    if usage.prompt_tokens is None or usage.input_audio_seconds:
        return False  # genai-prices 0.2.3 has rates for hours, and does not apply them
    if usage.cache_write_12h_tokens:
        return False  # nor has it OpenAI's rate for these, twice that of the prompt
    return usage.output_tokens is not None or not facts.has_answer


class _Listed:
    """What the list says of one call; asking takes 100 µs."""

    def __init__(self, genai_prices: Any, facts: ResponseFacts, at: datetime) -> None:
        self._list = genai_prices
        self._facts = facts
        self._tier = facts.service_tier and facts.service_tier.lower()
        self._at = at
        self._reference: tuple[str, str | None] = ("", None)
        self._found: Any = None

    def charge(
        self, counts: dict[str, int], model: str | None, provider: str | None
    ) -> tuple[float, float] | None:
        """Return the dollars for prompt and answer; None without a price."""
        for reference in _references(self._facts, model, provider):
            self._reference = reference
            try:
                found = self._ask(counts)
                usage = self._facts.usage
                if usage and _is_priced(found, usage) and self._is_of_tier(found):
                    self._found = found
                    return float(found.input_price), float(found.output_price)
            except Exception:  # noqa: BLE001, S112 - see below
                # An unknown model, counts that contradict each other, or a version of
                # the list that is not known here: no price is worth a log.
                continue
        return None

    def tariff(self, counts: dict[str, int]) -> Tariff | None:
        """Return the tariff behind the price; None if it cannot be told."""
        if self._found is None or not is_linear(counts):
            return None
        try:
            return learn(self._found, counts, self._ask)
        except Exception:  # noqa: BLE001 - another's list, of a version not yet seen
            return None  # it is asked each time

    def _is_of_tier(self, found: Any) -> bool:
        """Say whether the tier that served the call has rates of its own.

        Where it has none, the list gives the usual ones.
        """
        if self._tier in _USUAL_TIERS:
            return True
        if self._tier == "flex" and found.provider.id == "groq":
            return True  # as on demand: https://console.groq.com/docs/flex-processing
        usual = self._ask({"input_tokens": 1}, is_usual=True)
        return bool(found.model_price != usual.model_price)

    def _ask(self, counts: dict[str, int], *, is_usual: bool = False) -> Any:
        name, price_id = self._reference
        return self._list.calc_price(
            self._list.Usage(**counts),
            name,
            provider_id=price_id,
            genai_request_timestamp=self._at,
            price_context=None if is_usual else _context(self._tier),
        )


_tariffs: Final = Tariffs()


_importing: Final = ForkLock()
"""Held while the list is imported, and by whoever forks: a child that is forked in the
middle of an import waits for the import lock of a thread that it does not have."""


def load_list() -> Any:
    """Load the price list; return None without the extra ``prices``.

    Whether that is installed is looked at once: finding out that it is not takes 40 µs.
    """
    global _is_missing  # noqa: PLW0603 - only ever set
    if _is_missing:
        return None
    with _importing.mutex:
        try:
            return import_module("genai_prices")
        except ImportError:
            _is_missing = "genai_prices" not in sys.modules  # else: kept out for now
            return None
        except Exception:  # noqa: BLE001 - what it loads in turn: pydantic's plug-ins
            # Logfire is one, and starts threads, which there are none of as the program
            # ends: a log without a price is a log.
            _is_missing = True
            return None


_is_missing = False


def _loaded() -> Any:
    """Return the list if it is there, and whole: another thread may be at it."""
    global _whole  # noqa: PLW0603 - one store
    found = sys.modules.get("genai_prices")
    if found is not _whole:
        if getattr(getattr(found, "__spec__", None), "_initializing", False):
            return None
        _whole = found
    return found


_whole: Any = None
"""The list, once it was found to be whole."""


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
        if known in _ANYONE and is_anyones(name):
            continue
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

    Sound is dearer than text wherever it is sold, but for some of Gemini's inputs, and
    so are pictures as an answer, but of OpenAI's models that give nothing else: a model
    without a rate for these has a gap in the list, not the price of text.
    """
    rates = {name for name, rate in vars(found.model_price).items() if rate is not None}
    if usage.prompt_tokens and "input_mtok" not in rates:
        return False
    if "output_reasoning_mtok" in rates:  # cheaper than the answer: sonar-deep-research
        return False
    if usage.output_tokens and "output_mtok" not in rates:
        return False
    if usage.output_audio_tokens and "output_audio_mtok" not in rates:
        return False
    seller = found.provider.id
    mixed = "output_image_mtok" not in rates and seller not in ("openai", "azure")
    if usage.output_image_tokens and mixed:
        return False
    free = seller == "google" or "input_audio_mtok" in rates
    return free or not usage.input_audio_tokens


def _price(
    charge: tuple[float, float], usage: Usage, genai_prices: Any, *, is_answered: bool
) -> Price:
    """Split what the response says it cost in the proportion of the list's prices."""
    prompt, output = charge
    listed = prompt + output
    source = f"genai-prices {genai_prices.__version__}, tokens only"
    if usage.total_cost is not None and listed > 0:
        share = usage.total_cost / listed
        prompt, output, source = prompt * share, output * share, "response"
    return Price(prompt, output if is_answered else None, source)
