"""What is special in each provider's own shape."""

import pytest

from promptscribe._providers.registry import interpret, join


def anthropic(*content, usage=None, **more):
    """Build a message of Anthropic's."""
    made = {"type": "message", "role": "assistant", "content": list(content)}
    return made | {"stop_reason": "end_turn", "usage": usage} | more


def gemini(*parts, **more):
    """Build a response of Gemini's."""
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"content": content, "finishReason": "STOP"}]} | more


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


def test_a_prompt_that_gemini_blocked_says_so():
    """Without a candidate, the reason of the block is the reason."""
    facts = interpret({"promptFeedback": {"blockReason": "SAFETY"}})

    assert facts.finish_reason == "SAFETY"
    assert facts.output_message is None


def test_geminis_media_are_content():
    """Pictures become data URLs, other media keep their kind and place."""
    parts = [
        {"inlineData": {"mimeType": "image/png", "data": "a-_k"}},
        {"inline_data": {"mime_type": "audio/wav", "data": b"hi"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/i.png"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/d.pdf"}},
        {"executableCode": {"code": "1 + 1", "language": "PYTHON"}},
        {"inlineData": {"mimeType": "image/png"}},
        {"text": ""},
        {},
    ]

    content = interpret(gemini(*parts)).output_message["content"]

    blob = {"type": "blob", "content": "aGk=", "mime_type": "audio/wav"}
    uri = {"type": "uri", "uri": "gs://b/d.pdf", "mime_type": "application/pdf"}
    code = {"code": "1 + 1", "language": "PYTHON"}
    assert content == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a+/k"}},
        blob | {"modality": "audio"},
        {"type": "image_url", "image_url": {"url": "gs://b/i.png"}},
        uri,
        {"type": "executableCode", "executableCode": code},
    ]


def test_geminis_counts_may_be_text():
    """Protobuf's JSON writes large integers as text."""
    usage = {"promptTokenCount": "7", "candidatesTokenCount": 3.0}

    read = interpret(gemini({"text": "hi"}, usageMetadata=usage)).usage

    assert (read.prompt_tokens, read.output_tokens) == (7, 3)


def test_geminis_modalities_are_counted_apart():
    """Sound and pictures have prices of their own."""
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 9,
        "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 8}],
    }

    read = interpret(gemini({"text": "hi"}, usageMetadata=usage)).usage

    assert (read.input_audio_tokens, read.cache_audio_read_tokens) == (6, 2)
    assert (read.output_image_tokens, read.output_audio_tokens) == (8, None)


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


def test_a_chunk_of_ollamas_has_no_usage():
    """Before the last line nothing was counted."""
    assert interpret({"done": False, "response": "hi"}).usage is None


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


def test_a_whole_message_ends_a_stream_of_langchains():
    """A call that came whole among the chunks is kept."""
    call = {"name": "f", "args": {"a": 1}, "id": "c"}
    chunks = [
        {"type": "AIMessageChunk", "content": ""},
        {"type": "ai", "content": "", "tool_calls": [call]},
    ]

    call = interpret(join(chunks)).output_message["tool_calls"][0]

    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}


def test_bare_content_of_gemini_is_an_answer():
    """Role and parts alone are a message, too."""
    facts = interpret({"role": "model", "parts": [{"text": "hi"}]})

    assert facts.output == "hi"
    assert facts.output_message["role"] == "assistant"
