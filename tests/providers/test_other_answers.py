"""What is no chat: vectors, pictures, what was said in a sound; and what failed."""

import pytest
from tests.providers import documented_other as o

from promptscribe import log_prompt
from promptscribe._providers.pricing import price
from promptscribe._providers.registry import interpret, join
from promptscribe.testing import captured_logs

VERTEX = {
    "embeddings": [
        {"values": o.VECTOR, "statistics": {"token_count": 4.0, "truncated": False}},
        {"values": o.VECTOR, "statistics": {"token_count": 3.0, "truncated": False}},
    ],
    "metadata": {"billable_character_count": 21},
}
OPENROUTER = o.EMBEDDING | {"model": "openai/text-embedding-3-small"}
OPENROUTER |= {"usage": {"prompt_tokens": 8, "total_tokens": 8, "cost": 0.00000016}}

# name: response, model asked for, tokens, provider, millionths of a dollar
EMBEDDINGS = {
    "openai": (o.EMBEDDING, None, 8, "openai", 8 * 0.02),
    "mistral": (o.MISTRAL_EMBEDDING, None, 15, None, 15 * 0.1),
    "voyage": (o.VOYAGE_EMBEDDING, None, 10, None, 10 * 0.06),
    "cohere": (o.COHERE_EMBEDDING, "embed-v4.0", 2, "cohere", 2 * 0.12),
    "gemini": (o.GEMINI_EMBEDDING, "gemini-embedding-001", 7, "google", 7 * 0.15),
    "vertex": (VERTEX, "gemini-embedding-001", 7, "google", 7 * 0.15),
    "ollama": (o.OLLAMA_EMBEDDING, None, 8, "ollama", None),
    "azure": (o.EMBEDDING, "azure/text-embedding-3-small", 8, "openai", 8 * 0.02),
    "openrouter": (OPENROUTER, None, 8, None, 0.16),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_an_embedding_counts_what_its_texts_do(name):
    """The tokens of the request; no answer, and so no tokens and no cost of one."""
    response, model, tokens, provider, cost = EMBEDDINGS[name]

    facts = interpret(response)
    found = price(facts, model=model)

    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (tokens, None)
    assert facts.provider == provider
    assert facts.output is facts.output_message is None
    if cost is None:
        assert found is None
    elif found is not None:  # with the extra ``prices``
        assert found.prompt_cost * 1e6 == pytest.approx(cost, abs=1e-9)
        assert found.output_cost is None


def test_the_price_of_an_embedding_is_the_same_when_it_is_asked_again():
    """It is kept by the kinds of tokens: a chat by the same model is none of these."""
    pytest.importorskip("genai_prices")
    chat = {"choices": [{"message": {"role": "assistant", "content": "x"}}]}
    chat |= {"model": "mistral-embed"}
    chat |= {"usage": {"prompt_tokens": 15, "completion_tokens": 10}}
    cost = pytest.approx(15 * 0.1 / 1e6, abs=1e-15)

    for _ in range(3):
        assert price(interpret(o.MISTRAL_EMBEDDING))[:2] == (cost, None)
        assert price(interpret(chat))[:2] == (cost, pytest.approx(1e-6, abs=1e-15))


@pytest.mark.parametrize(
    "value",
    [
        {"data": [{"embedding": o.VECTOR}]},
        {"embeddings": [o.VECTOR]},
        {"embeddings": [{"values": o.VECTOR, "id": "a"}]},
        {"data": [{"url": "https://example.org"}]},
        {"text": "hello"},
        {"text": "hello", "usage": "often"},
    ],
    ids=repr,
)
def test_a_programs_own_data_is_not_taken_for_an_answer(value):
    """Its log has it as output, as before."""
    assert interpret(value) is None


def test_vectors_without_a_count_have_none():
    """Gemini's own API counts nothing for one model; half a count is none, too."""
    half = {"embeddings": [VERTEX["embeddings"][0], {"values": o.VECTOR}]}
    for silent in ({"embeddings": [{"values": o.VECTOR}], "metadata": None}, half):
        assert interpret(silent).usage is None


@pytest.mark.parametrize("form", [None, "png", "webp"])
def test_pictures_are_content_whatever_their_form(form):
    """OpenAI's are PNG where nothing is said; a URL stays what it is."""
    rows = [{"b64_json": "aGk="}, {"url": "https://example.org/cat.png"}]

    facts = interpret({"created": 1, "data": rows, "output_format": form})

    first, second = facts.output_message["content"]
    assert first["image_url"] == {"url": f"data:image/{form or 'png'};base64,aGk="}
    assert second["image_url"] == {"url": "https://example.org/cat.png"}
    assert facts.output is facts.usage is None


def test_a_large_picture_stays_the_mark_that_stands_for_it():
    """What is put in the place of many bytes is no base64 of its own."""
    mark = "$promptscribe:media;type=image/png;bytes=800000;sha256=5a9a"
    drawn = {"type": "image_generation_call", "result": mark}
    answers = (
        {"created": 1, "data": [{"b64_json": mark}]},
        {"object": "response", "output": [drawn]},
    )

    for answer in answers:
        (part,) = interpret(answer).output_message["content"]
        assert part["image_url"] == {"url": mark}


def test_a_picture_is_charged_by_what_is_picture_and_what_is_text():
    """Rates of gpt-image-1.5: text 5, pictures 8; of the answer, pictures 32."""
    pytest.importorskip("genai_prices")
    apart = {"output_tokens_details": {"image_tokens": 4000, "text_tokens": 160}}

    cost = price(
        interpret(o.IMAGE | {"usage": o.IMAGE_USAGE | apart}), model="gpt-image-1.5"
    )

    assert cost.prompt_cost * 1e6 == pytest.approx(60 * 5 + 40 * 8, abs=1e-9)
    assert cost.output_cost * 1e6 == pytest.approx(4000 * 32 + 160 * 10, abs=1e-6)


def test_a_stream_of_pictures_that_was_cut_has_the_draft():
    """It is what its reader saw; nothing was counted yet."""
    facts = interpret(join(o.IMAGE_STREAM[:1]))

    url = "data:image/webp;base64,aA=="
    assert facts.output_message["content"][0]["image_url"]["url"] == url
    assert facts.usage is None


def test_pictures_of_a_chat_are_charged_as_such_or_not_at_all():
    """Google's own list has a rate for them, OpenRouter's has the one of text only."""
    pytest.importorskip("genai_prices")
    details = {"completion_tokens_details": {"image_tokens": 1290}}
    usage = {"prompt_tokens": 8, "completion_tokens": 1300, **details}
    body = {"choices": [{"message": {"role": "assistant", "content": "x"}}]}
    body |= {"model": "gemini-2.5-flash-image", "usage": usage}

    cost = price(interpret(body), provider="google")

    assert cost.output_cost * 1e6 == pytest.approx(1290 * 30 + 10 * 2.5, abs=1e-6)
    body["model"] = "google/gemini-2.5-flash-image"
    assert price(interpret(body), provider="openrouter") is None


def test_a_transcription_that_was_cut_is_what_was_heard():
    """Deltas, or segments with speakers, in order."""
    segments = [
        {"type": "transcript.text.segment", "text": text, "speaker": "A", "id": "1"}
        for text in ("Hello. ", "Bye.")
    ]
    mistral = [
        {"event": "x", "data": {"type": "transcription.text.delta", "text": text}}
        for text in ("This", " week")
    ]

    assert interpret(join(o.TRANSCRIPTION_STREAM[:1])).output == "Imagine the"
    assert interpret(join(segments)).output == "Hello. Bye."
    assert interpret(join(mistral)).output == "This week"


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ({"text": "Hi", "languages": None, "usage": None}, "Hi"),
        ({"text": "Hi", "x_groq": {"id": "req_1"}}, "Hi"),
        ({"text": "Hi", "task": "transcribe", "segments": [], "duration": 1}, "Hi"),
        (o.VERBOSE, o.VERBOSE["text"]),
    ],
)
def test_a_transcription_without_tokens_is_text(body, output):
    """Nothing is counted where the server counts nothing, or seconds."""
    facts = interpret(body)

    assert facts.output == output
    assert facts.usage is None or facts.usage.prompt_tokens is None


def test_sound_that_is_charged_by_time_has_no_price_by_tokens():
    """Mistral counts the words beside it: their price alone would be too low."""
    pytest.importorskip("genai_prices")
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "prompt_audio_seconds": 17}
    body = {"choices": [{"message": {"role": "assistant", "content": "x"}}]}
    body |= {"model": "voxtral-small-24b-2507", "usage": usage}

    heard, chat = interpret(o.MISTRAL_TRANSCRIPTION), interpret(body)

    assert (heard.usage.prompt_tokens, heard.usage.output_tokens) == (4, 635)
    assert heard.usage.input_audio_seconds == 203
    assert price(heard, provider="mistral") is None
    assert price(chat, provider="mistral") is None
    usage["prompt_audio_seconds"] = 0
    assert price(interpret(body), provider="mistral") is not None


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (o.FAILED, *o.FAILED["error"].values()),
        (join(o.FAILED_STREAM), *o.FAILED["error"].values()),
        (join(o.BROKEN_STREAM), *o.FAILED["error"].values()),
        (
            o.OPENROUTER_FAILED | {"choices": None},
            *("502", "Provider returned error"),
        ),
        (o.OPENROUTER_BROKEN, "502", "Provider disconnected"),
    ],
)
def test_a_failure_has_the_providers_code_and_words(answer, code, message):
    facts = interpret(answer)

    assert (facts.error_code, facts.error_message) == (code, message)


def test_a_stream_of_coheres_says_why_it_failed():
    """There is no code, only a sentence."""
    ended = {"error": "upstream died", "finish_reason": "ERROR"}

    facts = interpret(join([{"type": "message-end", "delta": ended}]))

    assert (facts.error_code, facts.error_message) == (None, "upstream died")
    assert facts.finish_reason == "ERROR"


def test_an_error_that_is_none_is_no_failure():
    """``error`` stands in every response of OpenAI's, as nothing."""
    body = o.RESPONSE | {"status": "completed", "error": None}

    assert not interpret(body).has_failed
    assert interpret({"error": {"message": "no"}}) is None


@pytest.mark.parametrize("answer", [o.CONVERSATION, join(o.CONVERSATION_STREAM)])
def test_a_conversation_of_mistrals_is_one_answer(answer):
    """Its messages and calls; what tools gave the model to read counts as read."""
    facts = interpret(answer)

    assert facts.output == "Hello"
    (call,) = facts.output_message["tool_calls"]
    assert call["id"] == "call_1"
    assert call["function"] == {"name": "weather", "arguments": '{"city":"Paris"}'}
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (7300, 55)
    assert (facts.model, facts.provider) == ("mistral-medium-latest", "mistral")


def test_a_conversation_that_was_cut_or_failed_says_so():
    """What there was is kept; nobody counted it."""
    failed = o.entry("conversation.response.error", code=3000, message="overloaded")

    cut = interpret(join(o.CONVERSATION_STREAM[:2]))
    broken = interpret(join([*o.CONVERSATION_STREAM[:2], failed]))

    assert (cut.output, cut.usage) == ("Hel", None)
    assert (broken.error_code, broken.error_message) == ("3000", "overloaded")


def test_a_choice_is_an_answer_as_its_message_is():
    """Functions return ``response.choices[0]`` as well, with the odds of each word."""
    odds = {"content": [{"token": "Paris", "logprob": -0.1}]}
    choice = o.STRUCTURED["choices"][0] | {"logprobs": odds}

    with captured_logs() as logs:
        log_prompt(path="a")(lambda: choice)()
        log_prompt(path="a")(lambda: choice["message"])()

    whole, message = logs
    assert whole.output == message.output == '{"city":"Paris"}'
    assert whole.finish_reason == "stop"
    assert (whole.provider_response, message.provider_response) == (choice, None)


@pytest.mark.parametrize("more", [{"sources": ["a.md"]}, {"score": 0}, {"sure": False}])
def test_what_a_program_adds_to_a_message_stays_in_the_log(more):
    """It is no response of a provider's; what is empty is nothing that was added."""
    message = {"role": "assistant", "content": "hi", "annotations": [], "audio": None}

    with captured_logs() as logs:
        log_prompt(path="a")(lambda: message | more)()
        log_prompt(path="a")(lambda: message)()

    whole, bare = logs
    assert whole.output == bare.output == "hi"
    assert (whole.provider_response, bare.provider_response) == (message | more, None)


def test_a_structured_output_of_langchains_is_read_by_its_raw_message():
    """``with_structured_output(…, include_raw=True)`` gives three members."""
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    raw = {"type": "ai", "content": "hi", "usage_metadata": usage}
    raw |= {"response_metadata": {"status": "completed"}}
    answer = {"raw": raw, "parsed": {"city": "Paris"}, "parsing_error": None}

    facts = interpret(answer)

    assert facts.output == "hi"
    assert facts.finish_reason == "completed"
    assert (facts.usage.prompt_tokens, facts.usage.output_tokens) == (10, 5)
    assert interpret([answer, answer]) is None
