"""A response that the program gives as a member: what it says fills the rest."""

from __future__ import annotations

import pytest
from tests.providers import documented as d
from tests.providers import documented_other as o

from promptscribe import (
    configure,
    current_log,
    log_context,
    log_prompt,
    record_log,
    start_log,
)
from promptscribe.testing import captured_logs

SAID = ("Let me look.", "tool_calls", 2006, 300)
BEDROCK = {
    "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "messages": [{"role": "user", "content": [{"text": "Weather?"}]}],
    "inferenceConfig": {"maxTokens": 500},
}
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Rain."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 21, "outputTokens": 393},
}


def facts(log):
    return log.output, log.finish_reason, log.prompt_tokens, log.output_tokens


def as_model(response):
    chat = pytest.importorskip("openai.types.chat")
    return chat.ChatCompletion.model_validate(response)


def as_block(response):
    with log_prompt("p", provider_response=response):
        pass


def as_update(response):
    with log_prompt("p") as log:
        log.update(provider_response=response)


def as_span(response):
    log = start_log("p", provider_response=response)
    log.end()


@pytest.mark.parametrize("made", [dict, as_model])
@pytest.mark.parametrize(
    "give",
    [lambda r: record_log("p", provider_response=r), as_block, as_update, as_span],
    ids=["record_log", "block", "update", "start_log"],
)
def test_what_a_given_response_says_is_in_the_log(give, made):
    """Output, reason, model, tokens and cost, as if the call had returned it."""
    with captured_logs() as logs:
        give(made(d.OPENAI_CHAT))

    (log,) = logs
    assert facts(log) == SAID
    assert len(log.output_message["tool_calls"]) == 2
    assert log.prompt == {"model": "gpt-5-mini-2025-08-07", "provider": "openai"}
    assert log.metadata["reasoning_tokens"] == 192
    assert log.provider_response["id"] == "chatcmpl-1"
    pytest.importorskip("genai_prices")
    cost = (86 * 0.25 + 1920 * 0.025) / 1e6
    assert log.prompt_cost == pytest.approx(cost, abs=1e-9)
    assert log.output_cost == pytest.approx(300 * 2 / 1e6, abs=1e-9)


def test_what_the_program_gives_beside_it_wins():
    given = {
        "output": "mine",
        "output_message": {"role": "assistant", "content": "mine"},
        "finish_reason": "enough",
        "prompt_tokens": 1,
        "output_tokens": 2,
        "prompt_cost": 3.0,
        "output_cost": 4.0,
        "prompt": {"model": "mine"},
        "error": "late",
        "metadata": {"reasoning_tokens": 5},
    }

    with captured_logs() as logs:
        record_log("p", provider_response=d.OPENAI_CHAT, **given)

    told = {name: getattr(logs[0], name) for name in given}
    assert told.pop("metadata")["reasoning_tokens"] == 5
    assert told == {name: given[name] for name in told}


def test_what_the_function_returns_comes_before_what_it_gave():
    @log_prompt
    def ask():
        current_log().update(provider_response=d.OPENAI_CHAT)
        return "in short: rain"

    with captured_logs() as logs:
        ask()

    assert logs[0].output == "in short: rain"
    assert logs[0].output_tokens == 300


def test_a_given_request_names_the_messages_and_the_model():
    """Bedrock does not repeat the model: without the request there is no price."""
    with captured_logs() as logs:
        record_log("p", provider_request=BEDROCK, provider_response=CONVERSED)

    (log,) = logs
    assert log.messages == [{"role": "user", "content": "Weather?"}]
    assert log.prompt["model"] == BEDROCK["modelId"]
    assert log.prompt["max_tokens"] == 500
    assert (log.prompt_tokens, log.output_tokens) == (21, 393)
    pytest.importorskip("genai_prices")
    assert log.output_cost == pytest.approx(393 * 16.5 / 1e6, abs=1e-9)


@pytest.mark.parametrize("response", [{"a": 1}, {}])
def test_what_is_no_response_says_nothing(response):
    """It is kept as it is, and is no output."""
    with captured_logs() as logs:
        record_log("p", provider_response=response)

    assert logs[0].provider_response == response
    assert facts(logs[0]) == (None, None, None, None)


def test_of_the_chunks_of_a_stream_the_tokens_are_read():
    """They are no response as the contract has it, and so are not sent as one."""
    with captured_logs() as logs:
        record_log("p", provider_response=d.OPENAI_CHAT_STREAM)

    assert facts(logs[0]) == SAID
    assert logs[0].provider_response is None


def by_member():
    record_log("p", provider_response=d.OPENAI_CHAT, save=False)


def by_context():
    with log_context(save=False):
        record_log("p", provider_response=d.OPENAI_CHAT)


def by_setting():
    configure(capture="metadata")
    record_log("p", provider_response=d.OPENAI_CHAT)


def by_update():
    @log_prompt(path="p", capture="metadata")
    def ask():
        current_log().update(provider_response=d.OPENAI_CHAT)

    ask()


def at_once():
    start_log("p", provider_response=d.OPENAI_CHAT, save=False).end()


def at_once_by_option():
    with log_prompt("p", provider_response=d.OPENAI_CHAT, capture="metadata"):
        pass


@pytest.mark.parametrize(
    "leave_out",
    [by_update, by_member, by_context, by_setting, at_once, at_once_by_option],
)
def test_without_payload_the_tokens_of_a_given_response_stay(leave_out):
    """Tokens, cost, model and reason; no text, and no raw response."""
    with captured_logs() as logs:
        leave_out()

    (log,) = logs
    assert facts(log) == (None, "tool_calls", 2006, 300)
    assert log.provider_response is log.output_message is None
    assert "look" not in repr(log)
    pytest.importorskip("genai_prices")
    assert log.output_cost == pytest.approx(300 * 2 / 1e6, abs=1e-9)


def test_without_payload_a_failure_is_told_by_its_code():
    """The sentence may quote what the model was asked."""
    with captured_logs() as logs:
        record_log("p", provider_response=o.FAILED, save=False)
        log_prompt(path="p", capture="metadata")(lambda: o.FAILED)()
        with log_prompt("p") as log:
            log.record(o.FAILED)
            log.update(save=False)

    assert [log.error for log in logs] == ["server_error"] * 3


@pytest.mark.parametrize("member", ["code", "type"])
def test_without_payload_a_code_that_is_a_sentence_is_not_told(member):
    """Some servers have no other place for it; with payload, it is there in full."""
    said = {member: "cannot answer 'Am I ill?'", "message": "refused"}
    failed = {"object": "chat.completion", "choices": None, "error": said}

    with captured_logs() as logs:
        record_log("p", provider_response=failed, save=False)
        log_prompt(path="p", capture="metadata")(lambda: failed)()
        log_prompt(path="p")(lambda: failed)()

    full = "error: cannot answer 'Am I ill?': refused"
    assert [log.error for log in logs] == ["error", "error", full]


def test_without_payload_a_call_costs_what_its_tier_does():
    """Also where the price list is loaded later than the call is made."""
    pytest.importorskip("genai_prices")
    answer = d.OPENAI_CHAT | {"service_tier": "flex"}

    with captured_logs() as logs:
        log_prompt(path="p", capture="metadata")(lambda: answer)()
        log_prompt(path="p")(lambda: answer)()

    bare, whole = logs
    assert bare.output_cost == pytest.approx(300 * 1 / 1e6, abs=1e-9)
    assert bare.prompt_cost == pytest.approx(whole.prompt_cost, abs=1e-12)
    assert bare.output_cost == pytest.approx(whole.output_cost, abs=1e-12)


@pytest.mark.parametrize("member", ["prompt_tokens", "output_tokens"])
def test_tokens_that_the_program_tells_are_priced(member):
    """By its model; of half the counts nothing is said."""
    pytest.importorskip("genai_prices")
    counts = {"prompt_tokens": 100, "output_tokens": 10}

    with captured_logs() as logs:
        record_log("p", prompt={"model": "gpt-4o-mini"}, **counts)
        record_log("p", prompt={"model": "gpt-4o-mini"}, **{member: counts[member]})
        record_log("p", prompt={"model": "no-such-model"}, **counts)

    whole, half, unknown = logs
    assert whole.prompt_cost == pytest.approx(100 * 0.15 / 1e6, abs=1e-9)
    assert whole.output_cost == pytest.approx(10 * 0.6 / 1e6, abs=1e-9)
    assert half.prompt_cost is half.output_cost is None
    assert unknown.prompt_cost is unknown.output_cost is None


def test_cached_tokens_that_the_program_tells_are_cheaper():
    """Where they stand in metadata, as those do that are read."""
    pytest.importorskip("genai_prices")

    with captured_logs() as logs:
        record_log(
            "p",
            prompt={"model": "gpt-5-mini"},
            prompt_tokens=2006,
            output_tokens=300,
            metadata={"cache_read_tokens": 1920},
        )

    cost = (86 * 0.25 + 1920 * 0.025) / 1e6
    assert logs[0].prompt_cost == pytest.approx(cost, abs=1e-9)


def test_tokens_that_have_no_price_get_none_by_being_told_again():
    """Sound has a rate of its own, which the list does not have for this model."""
    pytest.importorskip("genai_prices")
    details = {"completion_tokens_details": {"audio_tokens": 200}}
    answer = d.OPENAI_CHAT | {"model": "gpt-4o-audio-preview"}
    answer["usage"] = {"prompt_tokens": 20, "completion_tokens": 300, **details}

    @log_prompt(prompt={"model": "gpt-4o-audio-preview"})
    def ask():
        current_log().update(prompt_tokens=20, output_tokens=300)
        return answer

    with captured_logs() as logs:
        ask()

    assert logs[0].output_tokens == 300
    assert logs[0].prompt_cost is logs[0].output_cost is None


def test_a_sum_that_cannot_be_split_is_kept_as_a_sum():
    """OpenRouter says what the call cost; the list does not know the model."""
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.0125}
    answer = d.OPENAI_CHAT | {"model": "some/unknown-model", "usage": usage}

    with captured_logs() as logs:
        log_prompt(path="p")(lambda: answer)()

    assert logs[0].metadata["total_cost"] == 0.0125
    assert logs[0].prompt_cost is logs[0].output_cost is None
