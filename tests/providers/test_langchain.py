"""What is special in LangChain's messages."""

from datetime import UTC, datetime

import pytest

from promptscribe._providers.bill import bill
from promptscribe._providers.registry import interpret, join

WHEN = datetime(2026, 11, 1, tzinfo=UTC)


def test_langchains_envelope_is_opened():
    """A message as LangChain serialises it is the message."""
    inner = {"type": "ai", "content": [{"type": "text", "text": "hi"}]}
    body = {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": inner}

    assert interpret(body).output == "hi"


def test_langchains_token_usage_stands_in_for_its_metadata():
    """Older integrations give the provider's usage only."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    about = {"token_usage": usage, "model_provider": "azure"}

    facts = interpret({"type": "ai", "content": "hi", "response_metadata": about})

    assert facts.usage.prompt_tokens == 3
    assert facts.provider == "openai_azure"


def test_langchains_counts_are_added_over_the_chunks():
    """Chunks carry a share each: input at the start, output at the end."""
    shares = [
        {
            "input_tokens": 9,
            "output_tokens": 0,
            "input_token_details": {"cache_read": 4},
        },
        {"input_tokens": 0, "output_tokens": 5},
    ]
    chunks = [
        {
            "type": "AIMessageChunk",
            "content": [{"type": "text", "text": "h", "index": 0}],
        }
        | {"usage_metadata": share}
        for share in shares
    ]

    facts = interpret(join(chunks))

    assert facts.output == "hh"
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (9, 5)
    assert facts.usage.cache_read_tokens == 4


def test_what_a_tier_served_is_counted_with_all_else():
    """langchain-openai names cached and reasoning tokens by the tier that served."""
    plain = {"input_token_details": {"cache_read": 4}}
    plain |= {"output_token_details": {"reasoning": 2}}
    tiers = [
        {"input_token_details": {f"{tier}_cache_read": 8, f"{tier}_cache_creation": 3}}
        | {"output_token_details": {f"{tier}_reasoning": 5, tier: 1}}
        for tier in ("flex", "priority")
    ]
    messages = [
        {"type": "ai", "content": "a", "response_metadata": {"model_name": "m"}}
        | {"usage_metadata": {"input_tokens": 20, "output_tokens": 9} | details}
        for details in (plain, *tiers)
    ]

    read = [interpret(message).usage for message in messages]
    state = interpret({"messages": messages}).usage

    assert [usage.cache_read_tokens for usage in read] == [4, 8, 8]
    assert [usage.cache_write_tokens for usage in read] == [None, 3, 3]
    assert [usage.reasoning_tokens for usage in read] == [2, 5, 5]
    assert (state.prompt_tokens, state.output_tokens) == (60, 27)
    assert (state.cache_read_tokens, state.reasoning_tokens) == (20, 12)


def test_whole_messages_of_langchain_are_not_joined():
    """A graph that yields message after message gave messages, not pieces."""
    messages = [{"type": "ai", "content": "a"}, {"type": "ai", "content": "b"}]

    assert join(messages) == messages


def test_what_a_node_of_a_graph_adds_is_its_answer():
    """One message of the model's; what a program adds of its own stays as it is."""
    asked = {"type": "human", "content": "hi"}
    said = {"type": "ai", "content": "a", "response_metadata": {"model_name": "m"}}
    said["usage_metadata"] = {"input_tokens": 3, "output_tokens": 4}

    for state in ({"messages": [said]}, {"messages": said}):
        facts = interpret(state)
        assert (facts.output, facts.model) == ("a", "m")
        assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (3, 4)
    for state in ({"messages": [said, asked]}, {"messages": [asked]}, {"messages": []}):
        assert interpret(state) is None
    assert interpret({"messages": [asked, {"type": "ai", "content": "a"}]}) is None
    assert interpret({"messages": [said], "docs": []}) is None
    assert join([{"messages": [said]}, said]) == [{"messages": [said]}, said]


def spoken(kind, content, prompt=None, output=None, **more):
    """Build a message of a graph's state, as langchain-core 1.8.3 dumps it."""
    made = {"type": kind, "content": content, "response_metadata": {}} | more
    if prompt is not None:
        made["usage_metadata"] = {"input_tokens": prompt, "output_tokens": output}
        made["response_metadata"] = {"model_name": "gpt-5.4-2026-03-05"}
    return made


def test_a_graphs_state_is_the_answer_to_the_last_question():
    """What was said before is repeated by a checkpointer, and was another call's."""
    state = [
        spoken("human", "hi"),
        spoken("ai", "hello", 1_000, 100),
        spoken("human", "weather?"),
        spoken("ai", "", 10, 2, tool_calls=[{"name": "f", "args": {}, "id": "c"}]),
        spoken("tool", "rain", tool_call_id="c"),
        spoken("ai", "Rain.", 20, 3),
    ]

    for more in ({}, {"structured_response": {"sky": "grey"}}):
        facts = interpret({"messages": state} | more)
        assert (facts.output, facts.model) == ("Rain.", "gpt-5.4-2026-03-05")
        assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (30, 5)


def test_a_graphs_state_without_a_count_in_it_is_not_counted_in_part():
    state = [spoken("human", "hi"), spoken("ai", ""), spoken("ai", "hello", 20, 3)]

    facts = interpret({"messages": state})

    assert (facts.output, facts.usage) == ("hello", None)


def test_many_short_prompts_of_a_graph_are_not_charged_as_a_long_one():
    """Beyond 272,000 tokens of a prompt the model costs twice as much."""
    pytest.importorskip("genai_prices")
    said = [spoken("ai", "a", 200_000, 1_000)] * 2
    loop = interpret({"messages": [spoken("human", "hi"), *said]})
    once = interpret(said[0])

    (cost, _), (one, _) = (bill(facts, at=WHEN) for facts in (loop, once))

    assert cost["prompt_cost"] == pytest.approx(2 * one["prompt_cost"])
    assert cost["output_cost"] == pytest.approx(2 * one["output_cost"])


def test_a_whole_message_ends_a_stream_of_langchains():
    """A call that came whole among the chunks is kept."""
    call = {"name": "f", "args": {"a": 1}, "id": "c"}
    chunks = [
        {"type": "AIMessageChunk", "content": ""},
        {"type": "ai", "content": "", "tool_calls": [call]},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}
