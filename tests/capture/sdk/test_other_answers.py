"""Answers that are no chat: vectors, pictures, what was said in a sound, and failures.

Each is what a real SDK made of the documented answer of a server on this machine.
"""

from __future__ import annotations

import asyncio

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

openai = pytest.importorskip("openai")

EMBED = {"model": "text-embedding-3-small", "input": ["why?", "because"]}
DRAW = {"model": "gpt-image-1", "prompt": "A cat"}
HEAR = {"model": "gpt-4o-transcribe", "file": ("a.wav", b"RIFF")}
PICTURE = {"url": "data:image/webp;base64,aGk="}
SAID = "Imagine the wildest idea."
BROKE = "server_error: The model failed to generate a response."


def costs(log):
    """Give what a log says that its call cost, in millionths of a dollar."""
    pytest.importorskip("genai_prices")
    given = log.prompt_cost, log.output_cost
    return tuple(None if cost is None else cost * 1e6 for cost in given)


def logged(call, **options):
    """Give the log of one call."""
    with captured_logs() as logs:
        log_prompt(path="p", **options)(call)()
    (log,) = logs
    return log


def read(stream):
    """Read a stream to its end."""
    for _ in stream:
        pass


def logged_stream(call, **options):
    """Give the log of one call whose answer is read as a stream."""
    with captured_logs() as logs:
        read(log_prompt(path="p", **options)(call)())
    (log,) = logs
    return log


@pytest.mark.parametrize("raw", [False, True])
def test_the_tokens_of_an_embedding_are_those_of_its_texts(client, raw):
    """There is no answer: neither tokens of one nor a cost, and no text."""
    embeddings = client.embeddings.with_raw_response if raw else client.embeddings

    log = logged(lambda: embeddings.create(**EMBED))

    assert (log.prompt_tokens, log.output_tokens) == (8, None)
    assert costs(log) == (pytest.approx(8 * 0.02, abs=1e-9), None)
    assert log.prompt == {"model": "text-embedding-3-small", "provider": "openai"}
    assert log.output is log.output_message is log.finish_reason is None
    assert len(log.provider_response["data"]) == 2
    assert log.error is None


def test_an_embedding_of_the_asynchronous_client_is_logged_the_same(provider):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            await log_prompt(client.embeddings.create)(**EMBED)

    with captured_logs() as logs:
        asyncio.run(main())

    assert (logs[0].prompt_tokens, logs[0].output_tokens) == (8, None)


def test_of_vectors_that_are_too_many_the_tokens_are_kept(client, monkeypatch):
    """Of a thousand vectors most are counted only; what they cost is not lost."""
    documented = pytest.importorskip("documented_other")
    vectors = [{"object": "embedding", "index": n, "embedding": [0.5] * 1536}
               for n in range(1000)]  # fmt: skip
    monkeypatch.setitem(documented.EMBEDDING, "data", vectors)

    log = logged(lambda: client.embeddings.create(**EMBED))

    assert log.prompt_tokens == 8
    assert 0 < len(log.provider_response["data"]) < 1000


def test_of_odds_that_are_too_many_the_tokens_are_kept():
    """``logprobs=True, top_logprobs=5``: 25 values a word stand before the usage."""
    documented = pytest.importorskip("documented")
    odds = [{"token": "a", "logprob": -0.1, "bytes": [97]} for _ in range(5)]
    words = [odds[0] | {"top_logprobs": odds} for _ in range(3000)]
    choice = documented.OPENAI_CHAT["choices"][0]
    choice = choice | {"logprobs": {"content": words, "refusal": None}}
    body = documented.OPENAI_CHAT | {"choices": [choice]}
    answer = openai.types.chat.ChatCompletion.model_validate(body)

    log = logged(lambda: answer)

    assert (log.prompt_tokens, log.output_tokens) == (2006, 300)
    assert log.output == "Let me look."


def test_a_picture_is_content_and_its_tokens_are_counted(client):
    """The model is the declared one: the response does not name it."""
    log = logged(
        lambda: client.images.generate(**DRAW), prompt={"model": "gpt-image-1"}
    )

    parts = log.output_message["content"]
    assert parts == [{"type": "image_url", "image_url": PICTURE}]
    assert (log.prompt_tokens, log.output_tokens) == (100, 4160)
    assert costs(log) == (
        pytest.approx(60 * 5 + 40 * 10, abs=1e-9),
        pytest.approx(4160 * 40, abs=1e-6),
    )


def test_without_a_model_a_picture_has_tokens_and_no_cost(client):
    log = logged(lambda: client.images.generate(**DRAW))

    assert (log.prompt_tokens, log.output_tokens) == (100, 4160)
    assert log.prompt_cost is log.output_cost is None


def test_a_streamed_picture_is_the_one_that_was_completed(client):
    """Drafts before it are none of its content."""
    log = logged_stream(lambda: client.images.generate(**DRAW, stream=True))

    parts = log.output_message["content"]
    assert parts == [{"type": "image_url", "image_url": PICTURE}]
    assert (log.prompt_tokens, log.output_tokens) == (100, 4160)
    assert log.metadata["chunks"] == 2
    assert "usage_missing" not in log.metadata


@pytest.mark.parametrize("streamed", [False, True])
def test_a_transcription_is_text_with_tokens_of_sound(client, streamed):
    create = client.audio.transcriptions.create
    ask = HEAR | ({"stream": True} if streamed else {})
    take = logged_stream if streamed else logged

    log = take(lambda: create(**ask), prompt={"model": "gpt-4o-transcribe"})

    assert log.output == SAID
    assert (log.prompt_tokens, log.output_tokens) == (14, 45)
    assert costs(log) == (
        pytest.approx(14 * 6, abs=1e-9),
        pytest.approx(45 * 10, abs=1e-9),
    )


def test_a_transcription_that_is_charged_by_time_has_no_tokens(provider):
    """Seconds are no tokens, and the price list does not apply its rate for them."""
    with openai.OpenAI(base_url=f"{provider}/verbose/v1") as client:
        create = client.audio.transcriptions.create
        log = logged(lambda: create(**HEAR), prompt={"model": "whisper-1"})

    assert log.output == "The beach was a popular spot."
    assert log.prompt_tokens is log.output_tokens is log.prompt_cost is None
    assert log.metadata == {"input_audio_seconds": 9}


ASK = {"model": "m", "input": "x"}
CHAT = {"model": "m", "messages": []}
FAILURES = {
    "whole": (
        lambda c: logged(lambda: c.responses.create(**ASK)),
        ("failed", BROKE, "failed", None),
    ),
    "raw": (
        lambda c: logged(lambda: c.responses.with_raw_response.create(**ASK)),
        ("failed", BROKE, "failed", None),
    ),
    "stream": (
        lambda c: logged_stream(lambda: c.responses.create(**ASK, stream=True)),
        ("failed", BROKE, "failed", "Hel"),
    ),
    "stream that breaks": (
        lambda c: logged_stream(lambda: c.responses.create(**ASK, stream=True)),
        ("broken", BROKE, None, "Hel"),
    ),
    "chat": (
        lambda c: logged(lambda: c.chat.completions.create(**CHAT)),
        ("failed", "502: Provider returned error", None, None),
    ),
    "choice": (
        lambda c: logged(lambda: c.chat.completions.create(**CHAT)),
        ("broken", "502: Provider disconnected", "error", "Hel"),
    ),
}


@pytest.mark.parametrize(("take", "said"), FAILURES.values(), ids=FAILURES)
def test_a_failure_that_the_sdk_does_not_raise_is_the_logs_error(provider, take, said):
    """The call returned, and what came is kept; but it was no success."""
    server, *told = said

    with openai.OpenAI(base_url=f"{provider}/{server}/v1") as client:
        log = take(client)

    assert [log.error, log.finish_reason, log.output] == told
    assert "traceback" not in (log.metadata or {})
