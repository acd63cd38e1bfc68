"""What is special in LangChain's messages."""

from promptscribe._providers.registry import interpret, join


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


def test_whole_messages_of_langchain_are_not_joined():
    """A graph that yields message after message gave messages, not pieces."""
    messages = [{"type": "ai", "content": "a"}, {"type": "ai", "content": "b"}]

    assert join(messages) == messages


def test_what_a_node_of_a_graph_adds_is_its_answer():
    """One message of the model's; a state with more in it stays as it is."""
    asked = {"type": "human", "content": "hi"}
    said = {"type": "ai", "content": "a", "response_metadata": {"model_name": "m"}}
    said["usage_metadata"] = {"input_tokens": 3, "output_tokens": 4}

    for state in ({"messages": [said]}, {"messages": said}):
        facts = interpret(state)
        assert (facts.output, facts.model) == ("a", "m")
        assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (3, 4)
    for state in ({"messages": [asked, said]}, {"messages": [asked]}, {"messages": []}):
        assert interpret(state) is None
    assert interpret({"messages": [said], "docs": []}) is None
    assert join([{"messages": [said]}, said]) == [{"messages": [said]}, said]


def test_a_whole_message_ends_a_stream_of_langchains():
    """A call that came whole among the chunks is kept."""
    call = {"name": "f", "args": {"a": 1}, "id": "c"}
    chunks = [
        {"type": "AIMessageChunk", "content": ""},
        {"type": "ai", "content": "", "tool_calls": [call]},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}
