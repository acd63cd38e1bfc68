"""What is special in Bedrock's, Cohere's and Ollama's shapes."""

import copy
import json
from pathlib import Path

import pytest
from tests.providers import documented as d

from promptscribe._providers.pricing import price
from promptscribe._providers.registry import interpret, join


def test_bedrocks_cache_of_an_hour_is_counted_apart():
    """An hour's cache is dearer than the default."""
    usage = {"inputTokens": 1, "outputTokens": 2, "cacheWriteInputTokens": 30}
    usage["cacheDetails"] = [{"ttl": "5m", "inputTokens": 20}]
    usage["cacheDetails"] += [{"ttl": "1h", "inputTokens": 10}]
    message = {"role": "assistant", "content": [{"text": "hi"}]}
    body = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}

    read = interpret(body).usage

    assert (read.prompt_tokens, read.cache_write_1h_tokens) == (31, 10)


def test_bedrocks_redacted_thoughts_and_pictures_are_read():
    """Bytes become base64: a log is text."""
    content = [
        {"reasoningContent": {"redactedContent": b"sec"}},
        {"image": {"format": "jpeg", "source": {"bytes": b"hi"}}},
    ]
    message = {"role": "assistant", "content": content}

    facts = interpret({"output": {"message": message}, "stopReason": "end_turn"})

    url = "data:image/jpeg;base64,aGk="
    assert facts.output_message["thinking"][0]["data"] == "c2Vj"
    assert facts.output_message["content"][0]["image_url"]["url"] == url


def test_what_bedrock_says_with_sources_is_the_answer():
    """It stands in ``citationsContent``; in a stream, the sources stand beside."""
    sources = [{"title": "a", "location": {"documentChar": {"start": 0}}}]
    said = {"content": [{"text": "It "}, {"text": "rains."}], "citations": sources}
    message = {"role": "assistant", "content": [{"citationsContent": said}]}
    deltas = [{"text": "It "}, {"citation": sources[0]}, {"text": "rains."}]
    chunks = [
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}}
        for delta in deltas
    ]

    for answer in ({"output": {"message": message}, "stopReason": "end_turn"}, chunks):
        assert interpret(answer).output == "It rains."


def test_a_tool_that_bedrock_runs_itself_is_no_call():
    """As Anthropic's: whoever calls what is in ``tool_calls`` has none to call."""
    call = {"toolUseId": "t", "name": "search", "input": {}, "type": "server_tool_use"}
    own = {"toolUseId": "u", "name": "weather", "input": {}}
    message = {"role": "assistant", "content": [{"toolUse": call}, {"toolUse": own}]}

    read = interpret({"output": {"message": message}, "stopReason": "tool_use"})

    calls = read.output_message["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather"]
    assert read.output_message["content"] == [call]


def test_a_tool_without_arguments_has_an_empty_object():
    """Bedrock streams no input at all for it."""
    start = {"toolUse": {"toolUseId": "t", "name": "f"}}
    delta = {"toolUse": {"input": ""}}
    chunks = [
        {"contentBlockStart": {"contentBlockIndex": 0, "start": start}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": delta}},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"] == {"name": "f", "arguments": "{}"}


def test_coheres_tokens_stand_in_for_the_billed_units():
    """Billed units come first; without them, the tokens that were counted."""
    body = {"finish_reason": "COMPLETE", "message": {"content": []}}
    tokens = {"input_tokens": 9.0, "output_tokens": 2.0}

    read = interpret(body | {"usage": {"tokens": tokens, "cached_tokens": 4}}).usage

    assert (read.prompt_tokens, read.output_tokens) == (9, 2)
    assert read.cache_read_tokens == 4


def test_coheres_cached_tokens_may_be_more_than_the_billed_ones():
    """They are a part of the tokens: of what is billed they say nothing."""
    genai_prices = pytest.importorskip("genai_prices")
    usage = {"billed_units": {"input_tokens": 10, "output_tokens": 5}}
    usage |= {"tokens": {"input_tokens": 500}, "cached_tokens": 448}
    body = {"finish_reason": "COMPLETE", "message": {"content": []}, "usage": usage}

    facts = interpret(body)
    cost = price(facts, model="command-r-08-2024")

    assert (facts.usage.prompt_tokens, facts.usage.cache_read_tokens) == (10, None)
    assert cost.prompt_cost == pytest.approx(10 * 0.15 / 1e6, abs=1e-12)
    assert genai_prices.__version__ in cost.source


def test_coheres_first_api_calls_tools():
    """Flat calls with parameters are tool calls like any other."""
    calls = [{"name": "f", "parameters": {"a": 1}}]
    body = {"text": "", "generation_id": "g", "tool_calls": calls}
    chunks = [
        {"event_type": "stream-start", "generation_id": "g"},
        {"event_type": "tool-calls-generation", "tool_calls": calls},
    ]

    for facts in (interpret(body), interpret(join(chunks))):
        assert facts.output is None
        call = facts.output_message["tool_calls"][0]
        assert call["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_a_chat_of_coheres_without_usage_is_known_by_its_reason():
    """Cohere's reasons are in capitals."""
    message = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}

    assert interpret({"message": message, "finish_reason": "COMPLETE"}).output == "hi"


def test_ollamas_cached_prompt_has_no_count():
    """A count that is missing is missing, not 0."""
    body = {"model": "m", "done": True, "response": "hi", "eval_count": 3}

    read = interpret(body).usage

    assert (read.prompt_tokens, read.output_tokens) == (None, 3)


def test_the_last_of_mistrals_messages_is_the_answer():
    """Where the server has called tools, a choice has all that was said between."""
    messages = [
        {"role": "assistant", "tool_calls": [{"function": {"name": "search"}}]},
        {"role": "tool", "content": "rain", "tool_call_id": "t"},
        {"role": "assistant", "content": "It rains."},
    ]
    choice = {"index": 0, "finish_reason": "stop", "messages": messages}

    facts = interpret({"object": "chat.completion", "choices": [choice], "model": "m"})

    assert facts.output_message == {"role": "assistant", "content": "It rains."}


def test_a_picture_of_ollamas_is_content():
    """A model that draws answers no text, and a picture as base64."""
    body = {"model": "m", "done": True, "response": "", "image": "aGk="}

    content = interpret(body).output_message["content"]

    url = "data:image/png;base64,aGk="
    assert content == [{"type": "image_url", "image_url": {"url": url}}]


def test_a_chunk_of_ollamas_has_no_usage():
    """Before the last line nothing was counted."""
    assert interpret({"done": False, "response": "hi"}).usage is None


TITAN = [
    {"outputText": "Ra", "index": 0, "inputTextTokenCount": 5}
    | {"totalOutputTextTokenCount": None, "completionReason": None},
    {"outputText": "in.", "index": 0, "inputTextTokenCount": None}
    | {"totalOutputTextTokenCount": 7, "completionReason": "FINISH"},
]
LLAMA = [
    {"generation": "Ra", "prompt_token_count": 5, "generation_token_count": 1}
    | {"stop_reason": None},
    {"generation": "in.", "prompt_token_count": None, "generation_token_count": 7}
    | {"stop_reason": "FINISH"},
]
TITAN_WHOLE = {
    "inputTextTokenCount": 5,
    "results": [{"tokenCount": 7, "outputText": "Rain.", "completionReason": "FINISH"}],
}


def packed(events):
    """Pack events as InvokeModelWithResponseStream does."""
    return [{"chunk": {"bytes": json.dumps(event).encode()}} for event in events]


@pytest.mark.parametrize(
    "body",
    [TITAN_WHOLE, join(TITAN), join(LLAMA), join(packed(TITAN)), join(packed(LLAMA))],
    ids=["titan", "titan stream", "llama stream", "titan packed", "llama packed"],
)
def test_bodies_of_bedrocks_own_models_are_read(body):
    """Titan and Llama have words of their own, whole and as events."""
    facts = interpret(body)

    assert (facts.output, facts.finish_reason) == ("Rain.", "FINISH")
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (5, 7)
    assert facts.provider == "bedrock"


def test_packed_events_are_those_of_whichever_model():
    """Claude's and Nova's are what they are elsewhere; what is no JSON stays."""
    recorded = Path(__file__).parent / "recorded"

    for name in ("anthropic", "bedrock"):
        events = json.loads((recorded / f"{name}_stream.json").read_text())["chunks"]
        assert interpret(join(packed(events))).usage.output_tokens == 393
    assert join([{"chunk": {"bytes": b"no"}}]) == [{"chunk": {"bytes": b"no"}}]


@pytest.mark.parametrize(
    "chunks",
    [
        [{"items": ["Ra"]}, {"items": ["in."], "metadata": {"usage": {"total": 9}}}],
        [{"event_type": "token", "text": "Ra"}, {"event_type": "end"}],
        [{"said": "Rain."}, {"usage_metadata": {"prompt_token_count": 9}}],
        [{"said": "Rain."}, {"metadata": {"usage": {"inputTokens": 9}}}],
    ],
    ids=repr,
)
def test_a_programs_own_stream_stays_what_it_is(chunks):
    """Some of it was taken for a provider's, and the log had none of its text."""
    assert join(chunks) == chunks


def test_pieces_of_a_call_whose_place_is_no_whole_number_are_one_call():
    """Together's SDK says 0.0, and that there is no name."""
    chunks = copy.deepcopy(d.OPENAI_CHAT_STREAM)
    for chunk in chunks:
        for choice in chunk["choices"]:
            for call in choice["delta"].get("tool_calls", []):
                call["index"] = float(call["index"])
                call["function"] = {"name": None} | call["function"]

    assert interpret(join(chunks)) == interpret(join(d.OPENAI_CHAT_STREAM))
