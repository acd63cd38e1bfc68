"""A generator that asks several times, as an agent does whose tools have answered."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.providers import documented as d

from promptscribe import log_prompt
from promptscribe._providers.bill import bill
from promptscribe._providers.registry import interpret, join
from promptscribe.testing import captured_logs

WHEN = datetime(2026, 11, 1, tzinfo=UTC)
RECORDED = Path(__file__).parent / "recorded"


def recorded(name):
    return json.loads((RECORDED / f"{name}.json").read_text())["chunks"]


USAGE = {"prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32}
CHAT = [
    d.chat_chunk({"role": "assistant", "content": "Ra"}, id="chatcmpl-2"),
    d.chat_chunk({"content": "in."}, id="chatcmpl-2"),
    d.chat_chunk({}, finish_reason="stop", id="chatcmpl-2"),
    d.chat_chunk({}, choices=[], usage=USAGE, id="chatcmpl-2"),
]
SECOND_CALL = [
    d.chat_chunk(
        {"tool_calls": [d.call("weather", "{", "call_1", 0)]}, id="chatcmpl-2"
    ),
    d.chat_chunk(
        {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, id="chatcmpl-2"
    ),
    d.chat_chunk({}, finish_reason="tool_calls", id="chatcmpl-2"),
]

RESPONSE = d.OPENAI_RESPONSE | {"id": "resp_2"}
RESPONSE |= {"output": [d.MESSAGE | {"content": [d.EMPTY_PART | {"text": "Rain."}]}]}
RESPONSES = [
    d.event("response.created", response=RESPONSE | {"output": [], "usage": None}),
    d.event("response.completed", response=RESPONSE),
]
MESSAGES = [
    d.event("message_start", message={"content": [], "usage": {}}),
    d.event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    d.event(
        "content_block_delta", index=0, delta={"type": "text_delta", "text": "Rain."}
    ),
    d.event(
        "message_delta",
        delta={"stop_reason": "end_turn"},
        usage={"input_tokens": 30, "output_tokens": 2},
    ),
    d.event("message_stop"),
]
CONVERSE = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Rain."}}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 30, "outputTokens": 2}}},
]
CALL = {"functionCall": {"name": "weather", "args": {"city": "Paris"}}}


def gemini(name, tokens, *parts, **more):
    """Build one chunk of Gemini's."""
    content = {"role": "model", "parts": list(parts)}
    counts = dict(
        zip(("promptTokenCount", "candidatesTokenCount"), tokens, strict=True)
    )
    return {
        "candidates": [{"index": 0, "content": content} | more],
        "responseId": name,
        "usageMetadata": counts,
    }


WHOLE = {"type": "message", "role": "assistant", "model": "claude-sonnet-4-6"}
WHOLES = [
    WHOLE | {"stop_reason": reason, "content": [content]}
    | {"usage": {"input_tokens": 9, "output_tokens": 2}}
    for reason, content in (
        ("tool_use", {"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ("end_turn", {"type": "text", "text": "Rain."}),
    )
]  # fmt: skip

GEMINI = [
    gemini("a", (9, 1), {"text": "Let me "}),
    gemini("a", (9, 4), {"text": "look."}),
    gemini("a", (9, 8), CALL, finishReason="STOP"),
    gemini("b", (30, 1), {"text": "Ra"}),
    gemini("b", (30, 2), {"text": "in."}, finishReason="STOP"),
]
FIRST = [chunk for chunk in d.OPENAI_CHAT_STREAM if "Rain" not in repr(chunk)]

# name: the events of both answers, tokens, why the second one ended
TURNS = {
    "chat": ([*FIRST, *CHAT], (2036, 302), "stop"),
    "responses": ([*d.OPENAI_RESPONSE_STREAM, *RESPONSES], (656, 304), "completed"),
    "messages": ([*recorded("anthropic_stream"), *MESSAGES], (2039, 395), "end_turn"),
    "gemini": (GEMINI, (39, 10), "STOP"),
    "converse": ([*recorded("bedrock_stream"), *CONVERSE], (2039, 395), "end_turn"),
}


@pytest.mark.parametrize(("events", "tokens", "reason"), TURNS.values(), ids=TURNS)
def test_answers_one_after_another_are_all_in_the_log(events, tokens, reason):
    """What the consumer read, every call of a tool, and the tokens of all of them."""

    @log_prompt
    def agent():
        yield from copy.deepcopy(events)

    with captured_logs() as logs:
        assert list(agent()) == events

    (log,) = logs
    assert log.output == "Let me look.Rain."
    (call, *_) = log.output_message["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Paris"}'}
    assert (log.prompt_tokens, log.output_tokens) == tokens
    assert log.finish_reason == reason


def test_calls_of_the_second_answer_are_calls_of_their_own():
    """Each answer counts its calls from 0 on, and some servers name them alike."""
    facts = interpret(join([*FIRST, *SECOND_CALL]))

    calls = [call["function"] for call in facts.output_message["tool_calls"]]
    assert calls == [
        {"name": "weather", "arguments": '{"city":"Paris"}'},
        {"name": "clock", "arguments": "{}"},
        {"name": "weather", "arguments": "{}"},
    ]


def test_tokens_that_one_of_the_answers_lacks_are_not_the_others():
    """A part must not pass for the whole."""
    assert interpret(join([*FIRST, *SECOND_CALL])).usage is None
    assert interpret(join([*FIRST[:-1], *CHAT])).usage is None


def test_a_server_whose_chunks_all_have_an_id_of_their_own_answers_once():
    """Only what has ended, and goes on with something to say, was asked again."""
    whole = interpret(join(FIRST))
    chunks = [chunk | {"id": f"{n}"} for n, chunk in enumerate(FIRST)]

    assert interpret(join(chunks)) == whole
    pieces = [chunk | {"responseId": f"{n}"} for n, chunk in enumerate(GEMINI[:3])]
    assert interpret(join(pieces)).usage.prompt_tokens == 9


def test_whole_messages_of_anthropics_one_after_another_are_one():
    """Its tool runner gives them, a turn each; what else comes between stays there."""
    facts = interpret(join(WHOLES))

    assert (facts.output, facts.finish_reason) == ("Rain.", "end_turn")
    assert facts.output_message["tool_calls"][0]["id"] == "t"
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (18, 4)
    assert join([*WHOLES, {"note": "x"}]) == [*WHOLES, {"note": "x"}]


READ, SAID = 150_000, 1_000
"""Tokens: one prompt is short by every list, two are not by some."""
COUNTED = {"input_tokens": READ, "output_tokens": SAID}
HAIKU = {"type": "message", "content": [], "model": "claude-haiku-5-5"}
HAIKU |= {"usage": COUNTED | {"input_tokens": READ // 2}}
ANSWER = {"output": [], "usage": COUNTED | {"input_tokens_details": {}}}
COMPLETED = {"prompt_tokens": READ, "completion_tokens": SAID}
PRO = {"modelVersion": "gemini-2.5-pro"}


def run(*answers):
    """Build the result of a run of OpenAI's agents."""
    return {"new_items": [], "final_output": "Rain.", "raw_responses": list(answers)}


def completion(name):
    """Build the stream of one completion."""
    return [
        d.chat_chunk(
            {"content": "Rain."}, finish_reason="stop", id=name, model="gpt-5.4"
        ),
        d.chat_chunk({}, choices=[], usage=COMPLETED, id=name, model="gpt-5.4"),
    ]


def content(name):
    """Build the stream of one response of Gemini's."""
    return [gemini(name, (READ, SAID), {"text": "R"}, finishReason="STOP") | PRO]


@pytest.mark.parametrize(
    ("once", "twice", "asked"),
    [
        (HAIKU, [HAIKU, HAIKU], None),  # Anthropic's tool runner
        (run(ANSWER), run(ANSWER, ANSWER), "gpt-5.4"),
        (completion("a"), completion("a") + completion("b"), None),
        (content("a"), content("a") + content("b"), None),
    ],
)
def test_several_short_prompts_are_not_charged_as_a_long_one(once, twice, asked):
    """A prompt is dearer from a size on, which those of a loop add up to."""
    pytest.importorskip("genai_prices")
    (one, _), (two, _) = (
        bill(
            interpret(join(said) if type(said) is list else said), model=asked, at=WHEN
        )
        for said in (once, twice)
    )

    assert two["prompt_tokens"] == 2 * one["prompt_tokens"]
    assert two["prompt_cost"] == pytest.approx(2 * one["prompt_cost"])
    assert two["output_cost"] == pytest.approx(2 * one["output_cost"])
