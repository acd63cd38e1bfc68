"""The usage of OpenAI's chat completions, in the dialects of all that speak them.

Its law: pure, and never a guess: a count of 0 for a prompt is none, and what is counted
beside the completion is added where the server's own total says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from promptscribe._providers.facts import Usage
from promptscribe._providers.model import NAMES, maker_of, split_provider
from promptscribe._providers.value import at, count, first, number, table, word

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

TOTAL: Final = ("prompt_tokens", "completion_tokens", "total_tokens")
_TOTALS: Final = frozenset(TOTAL)
CACHE_READ: Final = (
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Moonshot
    "num_cached_tokens",  # Mistral
    "cache_read_input_tokens",  # LiteLLM
)
CACHE_WRITE: Final = (
    "cache_write_tokens",  # OpenAI, OpenRouter
    "cache_creation_tokens",  # LiteLLM
    "cache_creation_input_tokens",  # LiteLLM
)
"""Where servers put the tokens of a cache beside OpenAI's ``prompt_tokens_details``."""
_UPSTREAM: Final = (
    ("upstream_inference_completions_cost", "upstream_inference_output_cost"),
    ("upstream_inference_prompt_cost", "upstream_inference_input_cost"),
)
"""OpenRouter's names for what answer and prompt cost, in either of OpenAI's APIs."""


def read_usage(body: JSONObject) -> Usage | None:
    """Read the usage of a completion; cached and reasoning tokens are parts."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        usage = at(body, "x_groq", "usage")  # Groq's streams carry it there
    if not isinstance(usage, dict):
        return None
    given = count(usage.get("prompt_tokens"))
    said = count(usage.get("completion_tokens"))
    if given == said == 0:
        return None  # no prompt has no tokens: the server does not count
    model = word(body.get("model"))
    if not is_gemini(model) and usage.keys() <= _TOTALS:
        return Usage(prompt_tokens=given, output_tokens=said)
    reasoning = _reasoning(usage, model)
    prompt = table(usage.get("prompt_tokens_details"))
    said_of = table(usage.get("completion_tokens_details"))
    written = prompt.get("cache_creation_token_details")  # LiteLLM
    return Usage(
        prompt_tokens=given,
        output_tokens=_output(usage, reasoning, model),
        reasoning_tokens=reasoning,
        cache_read_tokens=count(_either(prompt, ("cached_tokens",), usage, CACHE_READ)),
        cache_write_tokens=count(_either(prompt, CACHE_WRITE, usage, CACHE_WRITE)),
        cache_write_1h_tokens=count(at(written, "ephemeral_1h_input_tokens")),
        input_audio_tokens=count(prompt.get("audio_tokens")),
        output_audio_tokens=count(said_of.get("audio_tokens")),
        input_image_tokens=count(prompt.get("image_tokens")),
        output_image_tokens=count(said_of.get("image_tokens")),
        input_audio_seconds=number(usage.get("prompt_audio_seconds")),  # Mistral
        total_cost=read_cost(usage),
        output_share=read_share(usage),
    )


def _either(
    inner: JSONObject,
    inner_names: tuple[str, ...],
    outer: JSONObject,
    outer_names: tuple[str, ...],
) -> JSONValue:
    found = first(inner, *inner_names)
    return first(outer, *outer_names) if found is None else found


def _reasoning(usage: JSONObject, model: str | None) -> int | None:
    details = usage.get("completion_tokens_details")
    inside = None if details is None else count(at(details, "reasoning_tokens"))
    if inside is None:
        inside = count(usage.get("reasoning_tokens"))  # Perplexity
    if inside is not None or not is_gemini(model):
        return inside
    # Gemini by OpenAI's API: the thoughts are in the total only
    # (github.com/mozilla-ai/any-llm/issues/1290).
    prompt, said, total = (count(usage.get(name)) for name in TOTAL)
    if prompt is None or said is None or total is None:
        return None
    return max(total - prompt - said, 0) or None


@lru_cache(NAMES)
def is_gemini(model: str | None) -> bool:
    """Say whether a model is one of Google's."""
    return model is not None and maker_of(split_provider(model)[1]) == "google"


def _output(usage: JSONObject, reasoning: int | None, model: str | None) -> int | None:
    """Add reasoning where the server counts it beside the completion.

    xAI (github.com/UKGovernmentBEIS/inspect_ai/issues/5528), Perplexity and Gemini
    do; the total tells, and where there is none, more reasoning than completion.
    Perplexity's total leaves it out: 33 + 7,163 = 7,196, beside which 73,997 were
    reasoned, at a price of their own.
    """
    said = count(usage.get("completion_tokens"))
    if said is None or not reasoning:
        return said
    prompt, total = count(usage.get("prompt_tokens")), count(usage.get("total_tokens"))
    maker = maker_of(model)
    if reasoning > said or maker == "perplexity":
        return said + reasoning
    if prompt is not None and total is not None:
        beside = total == prompt + said + reasoning
    else:
        beside = maker == "x_ai"
    return said + reasoning if beside else said


def read_cost(usage: JSONObject) -> float | None:
    """Give what the server says the call cost, in dollars.

    OpenRouter: ``cost``, beside which a call on the user's own key has an upstream
    cost (https://openrouter.ai/docs/use-cases/usage-accounting);
    Perplexity: ``cost.total_cost``; xAI: ``cost_in_usd_ticks``, 1e10 to the dollar
    (https://docs.x.ai/developers/cost-tracking). They say it in whatever API they
    speak: OpenAI's responses, Anthropic's messages.
    """
    ticks = number(usage.get("cost_in_usd_ticks"))
    if ticks is not None and ticks >= 0:
        return ticks / 1e10
    said = usage.get("cost")
    cost = number(at(said, "total_cost") if isinstance(said, dict) else said)
    if cost is None or cost < 0:
        return None
    if usage.get("is_byok") is True:
        upstream = number(at(usage, "cost_details", "upstream_inference_cost"))
        return None if upstream is None else float(cost + upstream)
    return float(cost)


def read_share(usage: JSONObject) -> float | None:
    """Give the part of the cost that is the answer's, where the server splits it.

    Perplexity: ``cost.output_tokens_cost``, beside what prompt and search cost
    (https://docs.perplexity.ai/api-reference/chat-completions-post);
    OpenRouter: ``cost_details.upstream_inference_completions_cost``; in the responses
    API either has another name for it.
    """
    cost = usage.get("cost")
    if isinstance(cost, dict):
        spent = number(first(cost, "output_tokens_cost", "output_cost"))
        whole = number(cost.get("total_cost"))
        reasoned = number(cost.get("reasoning_tokens_cost")) or 0
    else:
        told = table(usage.get("cost_details"))
        spent, asked = (number(first(told, *names)) for names in _UPSTREAM)
        whole = None if asked is None or spent is None else asked + spent
        reasoned = 0
    if spent is None or not whole:
        return None
    share = (spent + reasoned) / whole
    return share if 0 <= share <= 1 else None
