"""The golden table: usage as providers send it, the tokens and the dollars it means."""

import sys
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace

import pytest

from promptscribe._providers import pricing
from promptscribe._providers.bill import bill
from promptscribe._providers.facts import ResponseFacts, Usage
from promptscribe._providers.pricing import Price, price
from promptscribe._providers.registry import interpret, join
from promptscribe._providers.request import read_request
from promptscribe._providers.tariff import Tariffs

WHEN = datetime(2026, 11, 1, tzinfo=UTC)
MILLION = 1_000_000


def chat(model, prompt, output, **more):
    """Build a chat completion with a usage."""
    usage = {"prompt_tokens": prompt, "completion_tokens": output} | more
    choice = {"message": {"role": "assistant", "content": "x"}}
    return {"choices": [choice], "model": model, "usage": usage}


def claude(model="claude-sonnet-4-5-20250929", **usage):
    """Build a message of Anthropic's with a usage."""
    return {"type": "message", "content": [], "model": model, "usage": usage}


def gemini(model="gemini-2.5-flash", **usage):
    """Build a response of Gemini's with a usage."""
    return {"candidates": [], "modelVersion": model, "usageMetadata": usage}


def responses(tier="default", **usage):
    """Build a response of OpenAI's second API with a usage."""
    made = {"object": "response", "output": [], "model": "gpt-5-mini-2025-08-07"}
    return made | {"usage": usage, "service_tier": tier}


CACHED = {"prompt_tokens_details": {"cached_tokens": 1920}}
REASONED = {"completion_tokens_details": {"reasoning_tokens": 192}}
RESPONSE = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 128},
    "output_tokens": 152,
    "output_tokens_details": {"reasoning_tokens": 64},
}
CACHING = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 1800,
    "output_tokens": 393,
}
HOUR = {"cache_creation": {"ephemeral_1h_input_tokens": 100}}
THINKING = {"promptTokenCount": 1024, "cachedContentTokenCount": 800}
THINKING |= {"candidatesTokenCount": 40, "thoughtsTokenCount": 120}
SPOKEN = {"promptTokenCount": 100, "candidatesTokenCount": 5}
SPOKEN |= {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}]}
BEDROCK = {
    "inputTokens": 21,
    "cacheReadInputTokens": 1800,
    "cacheWriteInputTokens": 188,
    "outputTokens": 393,
}
CONVERSE = {"output": {"message": {}}, "stopReason": "end_turn", "usage": BEDROCK}
REGIONAL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
DEEP = {"prompt_cache_hit_tokens": 600, "prompt_cache_miss_tokens": 400}

NOVA = {
    "inputTokens": 100,
    "outputTokens": 20,
    "totalTokens": 1120,
    "cacheReadInputTokenCount": 1000,
    "cacheWriteInputTokenCount": 0,
}
FLEX = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "input_token_details": {"flex_cache_read": 800, "flex": 200},
    "output_token_details": {"flex_reasoning": 60, "flex": 40},
}
CHEAPLY = {"model_name": "gpt-5-mini-2025-08-07", "model_provider": "openai"}
CHEAPLY |= {"service_tier": "flex"}
DREW = {
    "input_tokens": 50,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 50},
    "output_tokens": 7024,
    "output_tokens_details": {"image_tokens": 7024, "text_tokens": 0},
    "total_tokens": 7074,
}
PAINTER = {"type": "image_generation", "model": "gpt-image-1"}
DRAWN = {"tools": [PAINTER], "tool_usage": {"image_gen": DREW}}

GROK = {
    "total_tokens": 14428,
    "prompt_tokens_details": {"cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 2809},
}

# name: response, model asked for, prompt tokens, output tokens,
# prompt cost and output cost as a sum of bucket x dollars per million tokens
GOLDEN = {
    "openai chat": (
        *(chat("gpt-5-mini-2025-08-07", 2006, 300, **CACHED, **REASONED), None),
        *(2006, 300, 86 * 0.25 + 1920 * 0.025, 300 * 2),
    ),
    "openai chat, plain": (
        *(chat("gpt-4o-mini", 100, 10), None, 100, 10),
        *(100 * 0.15, 10 * 0.6),
    ),
    "openai fine-tuned": (
        *(chat("ft:gpt-4o-mini-2024-07-18:org::id", 100, 10), None, 100, 10),
        *(100 * 0.3, 10 * 1.2),
    ),
    "openai responses": (
        *(responses(**RESPONSE), None, 328, 152),
        *(200 * 0.25 + 128 * 0.025, 152 * 2),
    ),
    "openai responses, flex": (
        *(responses("flex", **RESPONSE), None, 328, 152),
        *(200 * 0.125 + 128 * 0.0125, 152 * 1),
    ),
    "anthropic": (
        *(claude(**CACHING), None, 2009, 393),
        *(21 * 3 + 188 * 3.75 + 1800 * 0.3, 393 * 15),
    ),
    "anthropic, cached for an hour": (
        *(claude(**CACHING, **HOUR), None, 2009, 393),
        *(21 * 3 + 88 * 3.75 + 100 * 6 + 1800 * 0.3, 393 * 15),
    ),
    "anthropic, batch": (
        *(claude(**CACHING, service_tier="batch"), None, 2009, 393),
        *(21 * 1.5 + 188 * 1.875 + 1800 * 0.15, 393 * 7.5),
    ),
    "gemini": (
        *(gemini(**THINKING), None, 1024, 160),
        *(224 * 0.3 + 800 * 0.03, 160 * 2.5),
    ),
    "gemini, spoken": (
        *(gemini(**SPOKEN), None, 100, 5),
        *(70 * 0.3 + 30 * 1, 5 * 2.5),
    ),
    "bedrock": (
        *(CONVERSE, REGIONAL, 2009, 393),
        *(21 * 3.3 + 188 * 4.125 + 1800 * 0.33, 393 * 16.5),
    ),
    "bedrock, Nova's own body": (
        *(CONVERSE | {"usage": NOVA}, "amazon.nova-pro-v1:0", 1100, 20),
        *(100 * 0.8 + 1000 * 0.2, 20 * 3.2),
    ),
    "langchain, flex": (
        {"type": "ai", "content": "x", "response_metadata": CHEAPLY}
        | {"usage_metadata": FLEX},
        *(None, 1000, 100, 200 * 0.125 + 800 * 0.0125, 100 * 1),
    ),
    "deepseek": (
        *(chat("deepseek-chat", 1000, 10, **DEEP), None, 1000, 10),
        *(400 * 0.135 + 600 * 0.035, 10 * 0.55),
    ),
    "x_ai, reasoning beside": (
        *(chat("grok-3-mini", 100, 10, total_tokens=302, **REASONED), None, 100, 202),
        *(100 * 0.3, 202 * 0.5),
    ),
    # as recorded in github.com/Wei-Shaw/sub2api/issues/5771
    "x_ai, cached": (
        *(chat("grok-4.20-0309-reasoning", 10120, 1499, **GROK), None, 10120, 4308),
        *(9992 * 1.25 + 128 * 0.2, 4308 * 2.5),
    ),
    "azure, by the model asked for": (
        *(chat("my-deployment", 100, 10), "azure/gpt-5-mini", 100, 10),
        *(100 * 0.25, 10 * 2),
    ),
    "openrouter": (
        *(chat("openai/gpt-4o", 100, 10) | {"provider": "OpenAI"}, None, 100, 10),
        *(100 * 2.5, 10 * 10),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_tokens_are_counted_as_the_provider_means_them(name):
    """Cached and reasoning tokens are in the two counts once, never twice."""
    response, _, prompt, output, _, _ = GOLDEN[name]

    usage = interpret(response).usage

    assert (usage.prompt_tokens, usage.output_tokens) == (prompt, output)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_call_costs_the_sum_of_its_buckets(name):
    """Each kind of token has its own rate; the sum is right to a billionth."""
    pytest.importorskip("genai_prices")
    response, model, _, _, prompt_cost, output_cost = GOLDEN[name]

    cost = price(interpret(response), model=model, at=WHEN)

    assert cost.prompt_cost == pytest.approx(prompt_cost / MILLION, abs=1e-9)
    assert cost.output_cost == pytest.approx(output_cost / MILLION, abs=1e-9)
    assert cost.source.startswith("genai-prices ")


def facts(model="gpt-4o-mini", provider=None, **usage):
    """Build facts with a usage."""
    usage = {"prompt_tokens": 100, "output_tokens": 10} | usage
    return ResponseFacts(model=model, provider=provider, usage=Usage(**usage))


@pytest.mark.parametrize(
    "unpriced",
    [
        ResponseFacts(model="gpt-4o-mini"),
        facts(prompt_tokens=None),
        facts(output_tokens=None),
        facts(model=None),
        facts(model="gpt-99"),
        facts(model="llama3.2"),
        facts(model="mistral-nemo", provider="ollama"),
        facts(model="mistral-7b-instruct.Q4_K_M.gguf"),
        facts(model="whisper-1"),
        facts(model="voyage-3"),
        facts(cache_read_tokens=101),
        facts(cache_write_1h_tokens=1),
        facts(cache_write_tokens=9, cache_write_12h_tokens=1),
        facts(model="gpt-4o-audio-preview", output_audio_tokens=5),
        facts(model="gpt-4o-audio-preview", input_audio_tokens=5),
        facts("gemini-2.5-flash", cache_read_tokens=50, input_audio_tokens=30),
    ],
)
def test_what_is_not_known_has_no_price(unpriced):
    """Unknown model, missing or contradictory counts: no price, and never 0."""
    assert price(unpriced, at=WHEN) is None


@pytest.mark.parametrize(
    ("model", "is_sold"),
    [
        ("gpt-oss-20b", False),  # vLLM's, LM Studio's, Ollama's names of one's own
        ("openai/gpt-oss-20b", False),
        ("deepseek-r1:8b", False),
        ("deepseek/deepseek-r1-0528-qwen3-8b", False),
        ("mistral-nemo", False),
        ("mistralai/devstral-small-2507", False),
        ("kimi-k2", False),
        ("mistral/open-mistral-nemo", True),  # these name who sells
        ("devstral-small-2507", True),
        ("ministral-8b-latest", True),
        ("deepseek-chat", True),
        ("us.meta.llama3-1-8b-instruct-v1:0", True),
    ],
)
def test_open_weights_cost_what_their_server_charges(model, is_sold):
    """Who that is, OpenAI's client does not tell: one's own computer, perhaps."""
    pytest.importorskip("genai_prices")

    assert (price(facts(model), at=WHEN) is not None) == is_sold
    if "gpt-oss" in model:
        assert price(facts(model), provider="openai", at=WHEN) is None
        assert "provider" not in read_request({"model": model}).prompt
    if model == "mistral-nemo":
        assert price(facts(model), provider="mistral", at=WHEN) is not None


@pytest.mark.parametrize("known", [None, "openai", "OpenAI", "azure"])
def test_a_name_in_disguise_is_priced(known):
    """Prefixes are taken off where the name as it is has no price."""
    pytest.importorskip("genai_prices")

    cost = price(facts("openai/gpt-4o-mini"), provider=known, at=WHEN)

    assert cost.prompt_cost == pytest.approx(100 * 0.15 / MILLION, abs=1e-9)


def test_a_free_variant_is_not_charged_as_its_model():
    """A name that ends in ":free" never falls back to the paid one."""
    pytest.importorskip("genai_prices")

    assert price(facts("gpt-4o-mini:free", provider="openrouter"), at=WHEN) is None


def test_a_cost_in_the_response_comes_before_the_list():
    """The sum is what the response says, split as the list's prices are."""
    pytest.importorskip("genai_prices")

    cost = price(facts(total_cost=0.5), at=WHEN)

    assert cost.prompt_cost + cost.output_cost == pytest.approx(0.5)
    assert cost.prompt_cost / cost.output_cost == pytest.approx(15 / 6)
    assert cost.source == "response"


@pytest.mark.parametrize(
    "cost", [10**400, -(10**400), 1e305, float("inf")], ids=lambda cost: str(cost)[:5]
)
@pytest.mark.parametrize("place", ["cost", "cost_in_usd_ticks"])
def test_a_cost_that_is_no_sum_of_money_is_none(cost, place):
    """Then the list says what it costs, as of any other."""
    pytest.importorskip("genai_prices")
    damaged, sound = (
        price(interpret(chat("gpt-4o", 10, 20, **said)), at=WHEN)
        for said in ({place: cost}, {})
    )

    assert damaged == sound


PERPLEXITY = {"input_tokens_cost": 0.00003, "output_tokens_cost": 0.0003}
PERPLEXITY |= {"request_cost": 0.006, "total_cost": 0.00633}
UPSTREAM = {"upstream_inference_cost": None, "upstream_inference_prompt_cost": 0.0001}
UPSTREAM |= {"upstream_inference_completions_cost": 0.0003}


@pytest.mark.parametrize(
    ("usage", "prompt_cost", "output_cost"),
    [
        ({"cost": PERPLEXITY}, 0.00603, 0.0003),
        ({"cost": PERPLEXITY | {"reasoning_tokens_cost": 0.001}}, 0.00503, 0.0013),
        ({"cost": 0.0004, "cost_details": UPSTREAM}, 0.0001, 0.0003),
        ({"cost": 0.0, "cost_details": UPSTREAM}, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("model", ["sonar-pro", "nobody/knows-it"])
def test_a_cost_that_the_response_splits_needs_no_list(
    model, usage, prompt_cost, output_cost
):
    """What was searched for is part of the request; the sum is the server's."""
    cost = price(interpret(chat(model, 10, 20, **usage)))

    assert cost.prompt_cost == pytest.approx(prompt_cost, abs=1e-12)
    assert cost.output_cost == pytest.approx(output_cost, abs=1e-12)
    assert cost.source == "response"


RESPONDED = {"input_cost": 0.001, "output_cost": 0.002, "total_cost": 0.008}
INPUT, OUTPUT = "upstream_inference_input_cost", "upstream_inference_output_cost"


@pytest.mark.parametrize(
    ("said", "prompt_cost", "output_cost"),
    [
        ({"cost_in_usd_ticks": 120_000_000}, 0.005, 0.007),  # xAI
        ({"cost": 0.01, "cost_details": {INPUT: 0.003, OUTPUT: 0.007}}, 0.003, 0.007),
        ({"cost": RESPONDED | {"tool_calls_cost": 0.005}}, 0.006, 0.002),  # Perplexity
    ],
)
def test_a_cost_is_the_servers_in_whatever_api_it_speaks(
    said, prompt_cost, output_cost
):
    """OpenAI's responses and Anthropic's messages carry it where completions do."""
    pytest.importorskip("genai_prices")
    counts = {"input_tokens": 500, "output_tokens": 140}
    second = responses(**counts, input_tokens_details={}, **said)

    for response in (second, claude("gpt-5-mini", **counts, **said)):
        cost = price(interpret(response), at=WHEN)
        assert cost.source == "response"
        if "cost" in said:
            assert cost.prompt_cost == pytest.approx(prompt_cost, abs=1e-12)
            assert cost.output_cost == pytest.approx(output_cost, abs=1e-12)
        whole = prompt_cost + output_cost
        assert cost.prompt_cost + cost.output_cost == pytest.approx(whole, abs=1e-12)


def test_a_picture_in_a_response_is_charged_as_its_model_charges():
    """The usage leaves out what the tool used; each model has its own rates."""
    pytest.importorskip("genai_prices")

    members, notes = bill(interpret(responses(**RESPONSE) | DRAWN), at=WHEN)

    assert (members["prompt_tokens"], members["output_tokens"]) == (378, 7176)
    assert (notes["cache_read_tokens"], notes["reasoning_tokens"]) == (128, 64)
    prompt_cost = (200 * 0.25 + 128 * 0.025 + 50 * 5) / MILLION
    assert members["prompt_cost"] == pytest.approx(prompt_cost, abs=1e-9)
    output_cost = (152 * 2 + 7024 * 40) / MILLION
    assert members["output_cost"] == pytest.approx(output_cost, abs=1e-9)


def test_pictures_of_several_responses_are_added_up():
    """A generator that asks again once the tools have answered gives one log."""
    pytest.importorskip("genai_prices")
    one, other = (responses(**RESPONSE) | DRAWN for _ in range(2))
    other = other | {"tool_usage": None}
    turns = [
        {"type": kind, "response": response}
        for response in (one, one, other)
        for kind in ("response.created", "response.completed")
    ]

    members, _ = bill(interpret(join(turns)), at=WHEN)
    single, _ = bill(interpret(responses(**RESPONSE) | DRAWN), at=WHEN)
    plain, _ = bill(interpret(other), at=WHEN)

    for name in ("prompt_tokens", "output_tokens", "prompt_cost", "output_cost"):
        whole = 2 * single[name] + plain[name]
        assert members[name] == pytest.approx(whole, abs=1e-9)


def test_a_picture_by_an_unknown_model_has_no_price():
    """What it cost besides is no price of the response: that would be far too low."""
    pytest.importorskip("genai_prices")
    whole = responses(**RESPONSE)
    nothing = whole | {"tool_usage": {"image_gen": dict.fromkeys(DREW, 0)}}

    members, _ = bill(interpret(whole | DRAWN | {"tools": []}), at=WHEN)

    assert members == {"prompt_tokens": 378, "output_tokens": 7176}
    assert bill(interpret(nothing), at=WHEN) == bill(interpret(whole), at=WHEN)


def test_a_cache_that_is_kept_for_long_has_no_price():
    """It is twice as dear; the list knows the half hour's one only."""
    pytest.importorskip("genai_prices")
    written = {"ttl_12h_tokens": 4000, "ttl_30m_tokens": 0}
    details = {"cache_write_tokens": 4000, "cache_write_tokens_details": written}
    usage = {"input_tokens": 5000, "output_tokens": 100}
    long = responses(**usage, input_tokens_details=details)
    short = {"ttl_12h_tokens": 0, "ttl_30m_tokens": 4000}
    details = details | {"cache_write_tokens_details": short}

    assert interpret(long).usage.cache_write_tokens == 4000
    assert price(interpret(long), at=WHEN) is None
    assert price(interpret(responses(**usage, input_tokens_details=details)), at=WHEN)


def test_a_price_that_anthropic_made_anew_is_not_known():
    """With a fallback credit, what was not in the cache is charged as if it were."""
    pytest.importorskip("genai_prices")
    redeemed, not_applied = (
        claude(**CACHING, fallback_credit={"status": {"type": kind}})
        for kind in ("redeemed", "not_applied")
    )

    assert price(interpret(redeemed), at=WHEN) is None
    assert price(interpret(not_applied), at=WHEN) is not None


@pytest.mark.parametrize(
    "usage",
    [
        {"cost": {"total_cost": 0.1, "output_tokens_cost": 0.2}},
        {"cost": {"total_cost": 0.0, "output_tokens_cost": 0.0}},
        {"cost": {"total_cost": 0.1}},
        {"cost": 0.1, "cost_details": {"upstream_inference_cost": 0.1}},
        {"cost": 0.1, "cost_details": {"upstream_inference_completions_cost": 0.1}},
    ],
)
def test_a_split_that_does_not_add_up_is_none(usage):
    """Then it is as if the response said the sum alone."""
    facts = interpret(chat("nobody/knows-it", 10, 20, **usage))

    assert facts.usage.total_cost is not None
    assert facts.usage.output_share is None
    assert price(facts) is None


def test_anthropics_fast_mode_has_its_own_price():
    """Fast mode is charged as such."""
    pytest.importorskip("genai_prices")
    usage = {"input_tokens": 100, "output_tokens": 10}
    calm = interpret(claude("claude-opus-4-8", **usage))
    fast = interpret(claude("claude-opus-4-8", **usage, speed="fast"))

    assert price(fast, at=WHEN).prompt_cost > price(calm, at=WHEN).prompt_cost


SPENT = {"input_tokens": 100, "output_tokens": 10}
WRITTEN = {"promptTokenCount": 100, "candidatesTokenCount": 10}
SERVED = CONVERSE | {"usage": {"inputTokens": 100, "outputTokens": 10}}
LANGCHAIN = {"type": "ai", "content": "hi", "usage_metadata": SPENT}


def langchain(**about):
    """Build LangChain's message of a Claude's answer."""
    return LANGCHAIN | {"response_metadata": about}


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (chat("gpt-4o-mini", 100, 10) | {"service_tier": "flex"}, None),
        (chat("gpt-4o-mini", 100, 10) | {"service_tier": "scale"}, None),
        (chat("gpt-5-mini", 100, 10) | {"service_tier": "flex"}, "azure/gpt-5-mini"),
        (chat("claude-opus-4-8", 100, 10, inference_geo="us"), None),
        (claude(**SPENT, service_tier="priority"), None),
        (claude("claude-opus-4-8", **SPENT, inference_geo="us"), None),
        (claude("claude-opus-4-8", **SPENT, inference_geo="us", speed="fast"), None),
        (gemini(**WRITTEN, serviceTier="FLEX"), None),
        (gemini(**WRITTEN, trafficType="ON_DEMAND_OFFPEAK"), None),
        (gemini(**WRITTEN, trafficType="PROVISIONED_THROUGHPUT"), None),
        (SERVED | {"serviceTier": {"type": "flex"}}, REGIONAL),
        (SERVED | {"performanceConfig": {"latency": "optimized"}}, REGIONAL),
        (langchain(model="claude-opus-4-8", usage={"inference_geo": "us"}), None),
        (langchain(serviceTier={"type": "reserved"}), REGIONAL),
    ],
)
def test_a_tier_that_has_no_price_of_its_own_is_not_charged_as_another(answer, asked):
    """The list would give the usual price, which is dearer, or cheaper."""
    pytest.importorskip("genai_prices")
    provider = "azure" if asked and asked.startswith("azure") else None

    cost = price(interpret(answer), model=asked, provider=provider, at=WHEN)

    assert cost is None


@pytest.mark.parametrize(
    ("answer", "asked", "tier"),
    [
        (chat("gpt-4o-mini", 100, 10), None, {"service_tier": "default"}),
        (chat("llama-3.3-70b-versatile", 1, 1), None, {"service_tier": "flex"}),
        (chat("llama-3.3-70b-versatile", 1, 1), None, {"service_tier": "on_demand"}),
        (SERVED, REGIONAL, {"serviceTier": {"type": "default"}}),
        (SERVED, REGIONAL, {"performanceConfig": {"latency": "standard"}}),
    ],
)
def test_a_tier_at_the_usual_price_costs_that(answer, asked, tier):
    """So does Groq's flex (https://console.groq.com/docs/flex-processing)."""
    pytest.importorskip("genai_prices")
    name = "groq.types.chat.ChatCompletion" if "llama" in str(answer) else None
    usual, served = (
        price(interpret(body, name), model=asked, at=WHEN)
        for body in (answer, answer | tier)
    )

    assert served.prompt_cost == pytest.approx(usual.prompt_cost)
    assert served.output_cost == pytest.approx(usual.output_cost)


@pytest.mark.parametrize("place", ["global", "not_available", None])
def test_inference_in_any_place_has_the_usual_price(place):
    pytest.importorskip("genai_prices")
    usual, there = (
        price(interpret(claude(**SPENT, **said)), at=WHEN)
        for said in ({}, {"inference_geo": place})
    )

    assert there.prompt_cost == pytest.approx(usual.prompt_cost)


def test_moving_pictures_have_their_own_price():
    """Twice that of text: they were charged as such."""
    pytest.importorskip("genai_prices")
    shown = [{"modality": "VIDEO", "tokenCount": 10}]
    answer = gemini("gemini-omni-1.1-flash", **WRITTEN, candidatesTokensDetails=shown)

    cost = price(interpret(answer), at=WHEN)

    assert cost.output_cost == pytest.approx(10 * 17.5 / MILLION)


def test_a_price_by_the_list_says_that_it_is_of_tokens():
    """A search is charged by the call, and no member of a log is for that."""
    pytest.importorskip("genai_prices")
    searched = {"server_tool_use": {"web_search_requests": 3}}
    cost, plain = (
        price(interpret(claude(**SPENT, **more)), at=WHEN) for more in (searched, {})
    )

    assert cost.prompt_cost == pytest.approx(plain.prompt_cost)
    assert cost.source.endswith(", tokens only")


def test_without_the_extra_there_is_no_price(monkeypatch):
    """The price list is optional: without it a call has tokens and no cost."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert price(facts()) is None


def test_a_price_is_plain_numbers():
    """Dollars are floats, as the contract has them."""
    pytest.importorskip("genai_prices")

    cost = price(facts(), at=WHEN)

    assert isinstance(cost, Price)
    assert isinstance(cost.prompt_cost, float)


def test_a_price_is_that_of_the_day_of_the_call():
    """Prices change: a call is charged as it was when it was made."""
    pytest.importorskip("genai_prices")
    early = datetime(2026, 3, 1, tzinfo=UTC)

    then = price(facts("grok-4.20"), at=early)

    assert then.output_cost > price(facts("grok-4.20"), at=WHEN).output_cost


@pytest.mark.parametrize("tier", [None, "default", "flex", "priority", "batch"])
@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("gpt-5-mini", "openai"),
        ("gpt-5.4", "openai"),
        ("gemini-2.5-pro", "google"),  # dearer from 200,000 tokens on
        ("gemini-2.5-flash", "google"),
        ("claude-sonnet-4-5", "anthropic"),
        ("grok-4.20", "x-ai"),  # its price changed in 2026
        ("deepseek-chat", "deepseek"),  # cheaper at night
    ],
)
def test_a_price_is_what_the_list_says_whatever_was_asked_before(model, provider, tier):
    """Sizes around every step of a price, with and without a cache, in any order."""
    genai_prices = pytest.importorskip("genai_prices")
    context = None if tier is None else {"service_tier": tier}
    if tier == "batch":
        context = {"processing": "batch"}
    sizes = (1, 7, 999, 127_999, 128_000, 128_001, 200_000, 200_001, 272_001, 900_000)
    times = [
        datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 16, 29, 59, tzinfo=UTC),
        datetime(2026, 11, 1, 16, 30, tzinfo=UTC),
        datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2025, 9, 1, 0, 30, tzinfo=UTC),
    ]
    cases = [
        (at, size, output, cached)
        for at in times
        for size in sizes
        for output in (1, 4_321)
        for cached in (0, 1, size // 2, size)
    ]
    cases.sort(key=lambda case: hash(case[1:]) % 97)  # any order, the same each time
    for at, size, output, cached in cases:
        parts = {"cache_read_tokens": cached} if cached else {}
        counts = {"input_tokens": size, "output_tokens": output} | parts
        listed = genai_prices.calc_price(
            genai_prices.Usage(**counts),
            model,
            provider_id=provider,
            genai_request_timestamp=at,
            price_context=context,
        )
        used = Usage(prompt_tokens=size, output_tokens=output, **parts)
        answer = ResponseFacts(model=model, usage=used, service_tier=tier)

        usual = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1),
            model,
            provider_id=provider,
            genai_request_timestamp=at,
        )

        cost = price(answer, provider=provider, at=at)

        if tier not in (None, "default") and listed.model_price == usual.model_price:
            assert cost is None
            continue
        assert cost.prompt_cost == pytest.approx(float(listed.input_price), abs=1e-12)
        assert cost.output_cost == pytest.approx(float(listed.output_price), abs=1e-12)


def test_a_list_that_does_not_tell_its_rates_prices_all_the_same(monkeypatch):
    """Another version of the list may keep them elsewhere; the log must not suffer."""
    genai_prices = pytest.importorskip("genai_prices")
    ask = genai_prices.calc_price
    monkeypatch.setattr(pricing, "_tariffs", Tariffs())
    known = price(facts(), at=WHEN)
    asked = []

    def tell_less(*args, **kwargs):
        asked.append(args)
        found = ask(*args, **kwargs)
        return SimpleNamespace(
            input_price=found.input_price,
            output_price=found.output_price,
            provider=found.provider,
            model_price=SimpleNamespace(
                **vars(found.model_price), another=SimpleNamespace(tiers=[None])
            ),
        )

    monkeypatch.setattr(pricing, "_tariffs", Tariffs())
    monkeypatch.setattr(genai_prices, "calc_price", tell_less)

    assert [price(facts(), at=WHEN) for _ in range(2)] == [known, known]
    assert len(asked) == 2


def test_a_list_that_breaks_costs_the_price_and_nothing_else(monkeypatch):
    genai_prices = pytest.importorskip("genai_prices")
    monkeypatch.setattr(pricing, "_tariffs", Tariffs())
    monkeypatch.setattr(genai_prices, "calc_price", lambda *_, **__: object())

    assert price(facts(), at=WHEN) is None


def test_a_list_that_another_thread_is_loading_is_not_asked(monkeypatch):
    """Half of it prices nothing; what is not known yet is asked again later."""
    pytest.importorskip("genai_prices")
    half = ModuleType("genai_prices")
    half.__spec__ = SimpleNamespace(_initializing=True)
    monkeypatch.setattr(pricing, "_tariffs", Tariffs())

    with monkeypatch.context() as loading:
        loading.setitem(sys.modules, "genai_prices", half)
        assert price(facts(), at=WHEN, load=False) is None

    assert price(facts(), at=WHEN) is not None
