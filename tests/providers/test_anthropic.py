"""What is special in Anthropic's messages."""

import pytest

from promptscribe._providers.registry import interpret, join


def anthropic(*content, usage=None, **more):
    """Build a message of Anthropic's."""
    made = {"type": "message", "role": "assistant", "content": list(content)}
    return made | {"stop_reason": "end_turn", "usage": usage} | more


def test_anthropics_compaction_is_counted():
    """The tokens of a compaction stand apart and are paid for as well."""
    steps = [
        {"type": "compaction", "input_tokens": 1000, "output_tokens": 100},
        {"type": "message", "input_tokens": 50, "output_tokens": 5},
    ]
    usage = {"input_tokens": 50, "output_tokens": 5, "iterations": steps}

    read = interpret(anthropic(usage=usage)).usage

    assert (read.prompt_tokens, read.output_tokens) == (1050, 105)


def test_a_part_of_the_prompt_does_not_pass_for_the_whole():
    """Where the fresh tokens are missing, the cached ones alone are no count."""
    usage = {"cache_read_input_tokens": 100, "output_tokens": 5}

    read = interpret(anthropic(usage=usage)).usage

    assert read.prompt_tokens is None
    assert read.cache_read_tokens == 100


def test_anthropics_placeholder_is_no_count():
    """A stream that was cut before its end has no output tokens, not one."""
    start = anthropic(stop_reason=None, usage={"input_tokens": 9, "output_tokens": 1})
    chunks = [{"type": "message_start", "message": start}]

    read = interpret(join(chunks)).usage

    assert (read.prompt_tokens, read.output_tokens) == (9, None)


def test_a_tool_call_cut_in_its_arguments_keeps_the_text():
    """Half a JSON text is no JSON, but it is what the model wrote."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a":'}
    chunks = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"]["arguments"] == '{"a":'


def test_citations_and_lost_starts_are_no_obstacle():
    """A stream entered in the middle of a block is read as far as it goes."""
    deltas = [
        {"type": "text_delta", "text": "hi"},
        {"type": "citations_delta", "citation": {"cited_text": "x"}},
    ]
    chunks = [
        {"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas
    ]

    assert interpret(join(chunks)).output == "hi"


def test_what_the_server_ran_stays_in_its_place():
    """Tools that Anthropic runs itself are content, kept as they are."""
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    text = {"type": "text", "text": "hi"}

    message = interpret(anthropic(search, text)).output_message

    assert message["content"] == [search, text]
    assert "tool_calls" not in message


def test_hidden_thoughts_are_kept_hidden():
    """Redacted thinking is kept, since the next request must repeat it."""
    part = {"type": "redacted_thinking", "data": "c2Vj"}

    assert interpret(anthropic(part)).output_message["thinking"] == [part]


@pytest.mark.parametrize(
    ("message_id", "provider"),
    [("msg_bdrk_01", "bedrock"), ("msg_vrtx_01", "google"), ("msg_01", "anthropic")],
)
def test_bedrock_and_vertex_mark_their_messages(message_id, provider):
    """The same shape comes from three providers; the id tells which."""
    assert interpret(anthropic(id=message_id)).provider == provider


def test_anthropics_fast_mode_is_a_tier():
    """Fast mode has its own price, as a tier has."""
    usage = {"input_tokens": 1, "service_tier": "standard", "speed": "fast"}

    assert interpret(anthropic(usage=usage)).service_tier == "fast"


def test_another_model_behind_the_same_api_is_not_anthropics():
    """A local server that speaks this API is not Anthropic."""
    assert interpret(anthropic(model="smollm2-135m")).provider is None
    assert interpret(anthropic(model="claude-opus-4-8")).provider == "anthropic"
