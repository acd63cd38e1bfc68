import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptscribe._providers.facts import RequestFacts, ResponseFacts
from promptscribe._providers.model import split_model
from promptscribe._providers.pricing import Price, price
from promptscribe._providers.registry import interpret, join
from promptscribe._providers.request import read_request

WORDS = st.sampled_from(
    [
        "role",
        "content",
        "text",
        "type",
        "message",
        "messages",
        "choices",
        "delta",
        "index",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "model",
        "object",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "input",
        "output",
        "parts",
        "candidates",
        "usageMetadata",
        "stopReason",
        "stop_reason",
        "done",
        "system",
        "tools",
        "response",
        "thinking",
        "output_index",
        "item",
        "event_type",
        "config",
        "part",
        "image",
        "source",
        "total_tokens",
        "completion_tokens_details",
        "reasoning_tokens",
        "cost",
        "kwargs",
        "lc",
    ]
)
VALUES = st.sampled_from(
    [
        "assistant",
        "chat.completion",
        "chat.completion.chunk",
        "text",
        "message",
        "chunk",
        "message_start",
        "content_block_delta",
        "response.completed",
        "AIMessageChunk",
        "message-start",
        "content-delta",
        "response",
        "tool_result",
        "image",
        "reasoning",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=4)
    | VALUES
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(JSON, st.none() | st.text(max_size=9))
def test_any_value_is_read_or_not_known(value, type_name):
    """Whatever a function returned, reading it does not fail."""
    facts = interpret(value, type_name)

    assert facts is None or isinstance(facts, ResponseFacts)


@given(st.lists(JSON, max_size=6))
def test_any_chunks_join_into_something_that_can_be_read(chunks):
    """Whatever a stream yielded, joining and reading it does not fail."""
    whole = join(chunks)

    facts = interpret(whole)
    assert facts is None or isinstance(facts, ResponseFacts)


@given(st.lists(JSON, max_size=6))
def test_joining_leaves_the_chunks_as_they_were(chunks):
    """The chunks can be kept beside the joined response: nothing in them changes."""
    before = repr(chunks)

    join(chunks)

    assert repr(chunks) == before


@given(JSON)
def test_any_request_is_read(request):
    """Whatever was passed to a provider, reading it does not fail."""
    assert isinstance(read_request(request), RequestFacts)


@given(JSON)
def test_any_response_is_priced_or_not(value):
    """Pricing never fails; without both counts there is no price."""
    facts = interpret(value)
    cost = price(facts) if facts else None

    assert cost is None or isinstance(cost, Price)


@given(st.text())
def test_any_name_is_split(name):
    """Splitting a model name never fails."""
    provider, model = split_model(name)

    assert provider is None or provider
    assert isinstance(model, str)


@pytest.mark.parametrize("value", [None, "text", 7, [], {}, [{"a": 1}], b"x"])
def test_a_value_of_no_known_shape_is_not_interpreted(value):
    """A result that is no response stays what it is: nothing is read into it."""
    assert interpret(value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"candidates": ["Ada", "Grace"]},
        {"candidates": [{"name": "Ada", "score": 3}]},
        {"candidates": []},
        {"choices": [{"text": "go left", "next": "cave"}]},
        {"choices": [{"message": "go left"}]},
    ],
    ids=repr,
)
def test_a_programs_own_data_is_not_taken_for_a_response(value):
    """It was, and its log had no output."""
    assert interpret(value) is None


def test_a_stream_of_text_is_joined():
    """A generator of strings gives its text."""
    assert join(["He", "llo", ""]) == "Hello"


def test_chunks_of_no_known_shape_stay_the_list_they_are():
    """A generator of anything else keeps all it yielded."""
    assert join([1, "a", {"b": 2}]) == [1, "a", {"b": 2}]


def test_a_bare_message_is_an_answer():
    """A function that returns the message alone is read as well."""
    message = {"role": "assistant", "content": "hi"}

    facts = interpret(message)

    assert facts.output == "hi"
    assert facts.output_message == message


def test_facts_are_json():
    """What is read can be sent: it holds plain values only."""
    facts = interpret({"role": "assistant", "content": [{"type": "x", "y": 1}]})

    assert json.loads(json.dumps(facts.output_message)) == facts.output_message


def test_bare_content_of_gemini_is_an_answer():
    """Role and parts alone are a message, too."""
    facts = interpret({"role": "model", "parts": [{"text": "hi"}]})

    assert facts.output == "hi"
    assert facts.output_message["role"] == "assistant"


def test_several_answers_in_a_list_are_not_one():
    """A function that asks twice and returns both has no one answer."""
    answer = {"model": "m", "done": True, "response": "hi"}

    assert interpret([answer, answer]) is None
