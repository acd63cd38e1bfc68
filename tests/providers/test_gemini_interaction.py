"""Gemini's interactions: steps, whole and as events, and what they count."""

import pytest
from tests.providers import documented_interaction as d

from promptscribe import log_prompt
from promptscribe._providers.pricing import price
from promptscribe._providers.registry import interpret, join
from promptscribe._providers.request import read_request
from promptscribe.testing import captured_logs

WEATHER = {
    "id": "fc_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
}
ANSWER = {
    "role": "assistant",
    "content": "Let me look.",
    "tool_calls": [WEATHER],
    "thinking": [
        {"type": "thinking", "thinking": "Look it up.", "signature": "c2lnbmVk"}
    ],
}


@pytest.mark.parametrize("answer", [d.INTERACTION, d.INTERACTION_STREAM], ids=type)
def test_an_interaction_is_read_whole_and_streamed(answer):
    """Thoughts, text and the call are one answer; the user's input is none of it."""
    facts = interpret(answer)

    assert facts.output == "Let me look."
    assert facts.output_message == ANSWER
    assert facts.finish_reason == "requires_action"
    assert (facts.model, facts.provider) == ("gemini-3-flash-preview", "google")
    assert facts.service_tier == "standard"
    assert not facts.has_failed


def test_an_interactions_counts_are_inclusive():
    """Thoughts are told beside the output, what tools gave beside the input."""
    usage = interpret(d.INTERACTION).usage

    assert (usage.prompt_tokens, usage.output_tokens) == (1034, 160)
    assert (usage.reasoning_tokens, usage.cache_read_tokens) == (120, 200)
    assert (usage.input_image_tokens, usage.input_audio_tokens) == (100, None)
    assert usage.prompt_tokens + usage.output_tokens == d.USAGE["total_tokens"]


def test_an_interaction_costs_what_the_same_tokens_do_otherwise():
    """The list of prices knows nothing of the way in."""
    pytest.importorskip("genai_prices")
    counts = {
        "promptTokenCount": 1000,
        "toolUsePromptTokenCount": 34,
        "cachedContentTokenCount": 200,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 120,
    }
    said = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
    other = {"candidates": [said], "usageMetadata": counts}
    other |= {"modelVersion": d.ABOUT["model"]}

    found = price(interpret(d.INTERACTION))

    assert found == price(interpret(other))
    assert found.prompt_cost > 0


def test_of_a_stream_that_was_cut_there_is_what_came():
    """Neither a reason nor tokens that nobody sent; arguments stay as they were cut."""
    facts = interpret(join(d.INTERACTION_STREAM[:13]))

    assert facts.output == "Let me look."
    assert facts.output_message["tool_calls"][0]["function"] == {
        "name": "weather",
        "arguments": '{"city": ',
    }
    assert facts.finish_reason is facts.usage is None


def test_a_stream_that_began_before_it_was_read_is_read():
    """It is resumed after an event's id; no step has begun then."""
    facts = interpret(join(d.INTERACTION_STREAM[3:5] + d.INTERACTION_STREAM[8:10]))

    assert facts.output == "Let me look."
    assert facts.output_message["thinking"][0]["thinking"] == "Look it up."


def test_interactions_that_go_on_with_another_are_one_answer():
    """The SDK asks again where decoding reaches its limit; each counts its own."""
    limited = d.INTERACTION_STREAM[:-1]
    limited += [d.event("interaction.completed", interaction={
        "status": "requires_continuation", "usage": d.USAGE,
    })]  # fmt: skip

    facts = interpret(join(limited + d.INTERACTION_STREAM))

    assert facts.output == "Let me look.Let me look."
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (2068, 320)
    assert facts.finish_reason == "requires_action"


def test_an_interaction_that_failed_says_why():
    """In its errors, in the step, or as an event of its own."""
    fault = {"code": "internal", "message": "It broke."}
    failed = d.ABOUT | {"status": "failed", "steps": [], "errors": [fault]}
    stopped = {"type": "model_output", "error": {"code": 13, "message": "It broke."}}
    streamed = [*d.INTERACTION_STREAM[:10], d.event("error", error=fault)]

    for answer in (failed, failed | {"errors": None, "steps": [stopped]}, streamed):
        facts = interpret(answer)
        assert (facts.error_code, facts.error_message) in (
            ("internal", "It broke."), ("13", "It broke."),
        )  # fmt: skip


def test_an_interaction_in_the_background_has_no_end_yet():
    """It is polled until it has one; an agent stands for the model."""
    queued = {"id": "v1_x", "object": "interaction", "status": "in_progress"}

    facts = interpret(queued | {"agent": "deep-research-pro-preview-12-2025"})

    assert facts.finish_reason is facts.output is facts.usage is None
    assert facts.model == "deep-research-pro-preview-12-2025"


def test_tools_that_google_runs_stay_in_their_place():
    """The search is content between two texts; pictures are pictures."""
    search = {"type": "google_search_call", "id": "s1"}
    search |= {"arguments": {"queries": ["rain"]}}
    picture = {"type": "image", "data": "aGk=", "mime_type": "image/png"}
    linked = {"type": "image", "uri": "https://example.org/a.png"}
    said = {"type": "model_output", "content": [picture, linked]}

    facts = interpret(d.INTERACTION | {"steps": [search, d.SAID, said]})

    assert facts.output == "Let me look."
    assert facts.output_message["content"] == [
        search,
        {"type": "text", "text": "Let me look."},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]


@pytest.mark.parametrize(
    "plan",
    [
        {"status": "open", "steps": [{"type": "function_call", "name": "f"}]},
        {"status": "open", "steps": []},
        {"steps": [d.SAID]},
        {"object": "interaction"},
    ],
    ids=repr,
)
def test_a_programs_own_steps_are_not_taken_for_an_interaction(plan):
    assert interpret(plan) is None


def test_a_programs_own_events_stay_a_list():
    """An event that is called an error is no stream of Google's by itself."""

    @log_prompt
    def stream():
        yield {"event_type": "error", "error": {"message": "no"}}
        yield {"event_type": "clicked"}

    with captured_logs() as logs:
        list(stream())

    assert logs[0].output.count("event_type") == 2


def test_what_an_interaction_was_asked_is_its_messages_and_its_prompt():
    """Steps are turns; results of functions are tools'."""
    result = {"type": "function_result", "call_id": "fc_1", "name": "weather"}
    asked = {
        "model": "gemini-3-flash-preview",
        "system_instruction": "Be brief.",
        "input": [
            {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
            d.SAID,
            d.CALL,
            result | {"result": "Rain"},
        ],
        "generation_config": {"temperature": 0.5, "thinking_level": "low"},
        "tools": [{"type": "function", "name": "weather", "parameters": {}}],
        "previous_interaction_id": "v1_x",
        "store": False,
    }

    facts = read_request(asked)

    assert facts.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look."},
        {"role": "assistant", "content": None, "tool_calls": [WEATHER]},
        {"role": "tool", "content": "Rain", "tool_call_id": "fc_1", "name": "weather"},
    ]
    assert facts.prompt == {
        "model": "gemini-3-flash-preview",
        "provider": "google",
        "endpoint": "chat",
        "temperature": 0.5,
        "reasoning_effort": "low",
        "tools": [{"name": "weather", "description": "", "parameters": {}}],
    }
