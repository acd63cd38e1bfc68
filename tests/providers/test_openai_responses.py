"""What is special in OpenAI's responses API."""

from tests.providers import documented as d

from promptscribe._providers.registry import interpret, join


def response(*items, **more):
    """Build a response of the responses API."""
    made = {"object": "response", "status": "completed", "output": list(items)}
    return made | {"model": "gpt-5"} | more


def test_an_incomplete_response_says_why():
    """The reason is the provider's own word, not just that it is incomplete."""
    details = {"reason": "max_output_tokens"}
    facts = interpret(response(status="incomplete", incomplete_details=details))

    assert facts.finish_reason == "max_output_tokens"


def test_a_compaction_answers_with_what_it_was_given():
    """Messages of the user's are none of the model's; the tokens are counted."""
    given = {"type": "message", "role": "user"}
    given["content"] = [{"type": "input_text", "text": "hi"}]
    kept = {"type": "compaction", "id": "c", "encrypted_content": "c2Vj"}
    usage = {"input_tokens": 100, "output_tokens": 20, "input_tokens_details": {}}

    facts = interpret({"object": "response.compaction", "usage": usage}
                      | {"output": [given, kept]})  # fmt: skip

    assert facts.output is None
    assert facts.output_message["content"] == [kept]
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (100, 20)


def test_mistrals_events_of_the_responses_api_are_in_an_envelope():
    """Its SDK yields ``{event, data}``; a cut or failed stream is read as well."""
    events = d.OPENAI_RESPONSE_STREAM
    broken = [*events[:-1], {"type": "error", "code": "server_error", "message": "no"}]

    for stream in (events, events[:-1], broken, events[-1:]):
        enclosed = [{"event": event["type"], "data": event} for event in stream]
        assert interpret(join(enclosed)) == interpret(join(stream))
    whole = {"event": events[-1]["type"], "data": events[-1]}
    assert interpret(whole) == interpret(d.OPENAI_RESPONSE)
    assert interpret(whole).usage.prompt_tokens == 328


def test_azure_marks_its_responses():
    """The content filter's verdict is Azure's mark in the responses API, too."""
    assert interpret(response(content_filters=[])).provider == "openai_azure"


def test_items_of_the_responses_api_find_their_place():
    """Pictures are content, hidden reasoning is redacted thinking, the rest is kept."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    items = [
        {"type": "reasoning", "summary": [], "encrypted_content": "c2Vj"},
        search,
        {"type": "image_generation_call", "result": "aGk=", "output_format": "webp"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "SELECT"},
    ]

    message = interpret(response(*items)).output_message

    image = {"url": "data:image/webp;base64,aGk="}
    assert message["content"] == [search, {"type": "image_url", "image_url": image}]
    assert message["thinking"] == [{"type": "redacted_thinking", "data": "c2Vj"}]
    call = message["tool_calls"][0]
    assert call["function"] == {"name": "sql", "arguments": "SELECT"}


SPOKEN = {
    "object": "realtime.response",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_audio", "transcript": "Hello there."}],
        }
    ],
    "usage": {
        "input_tokens": 132,
        "output_tokens": 121,
        "input_token_details": {"cached_tokens": 64, "audio_tokens": 13},
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    },
}


def test_a_response_of_the_realtime_api_is_read():
    """By itself, as the event that carries it, and in a stream of events."""
    done = {"type": "response.done", "event_id": "e", "response": SPOKEN}
    created = {"type": "response.created", "response": SPOKEN | {"output": []}}
    heard = {
        "type": "response.output_audio_transcript.delta",
        "output_index": 0,
        "content_index": 0,
    }
    deltas = [heard | {"delta": piece} for piece in ("Hello ", "there.")]
    events = [{"type": "session.created"}, created, *deltas]

    whole = interpret(SPOKEN)

    assert (whole.output, whole.finish_reason) == ("Hello there.", "completed")
    assert (whole.usage.prompt_tokens, whole.usage.output_tokens) == (132, 121)
    assert (whole.usage.input_audio_tokens, whole.usage.cache_read_tokens) == (13, 64)
    assert interpret(done) == whole
    assert interpret([*events, done]) == whole
    assert interpret(events[1:]).output == "Hello there."


def test_deltas_without_their_item_make_one():
    """A stream that was entered in the middle is read as far as it goes."""
    refusal = {"type": "response.refusal.delta", "output_index": 0, "delta": "No."}
    call = {"type": "response.function_call_arguments.delta", "output_index": 1}

    facts = interpret(join([refusal, call | {"delta": "{}"}]))

    assert facts.finish_reason is None
    assert facts.output_message["refusal"] == "No."
    assert facts.output_message["tool_calls"][0]["function"]["arguments"] == "{}"
