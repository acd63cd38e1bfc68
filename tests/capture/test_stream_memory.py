"""What is kept of a stream: each chunk as it was, and of an endless one both ends."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
MIB = 1 << 20


def delta(text=None, *, finish=None, usage=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o-mini",
        "choices": [] if usage else [choice],
        "usage": usage,
    }


@log_prompt(path="words")
def words(chunks):
    yield from chunks


@log_prompt(path="words")
async def words_later(chunks):
    for chunk in chunks:
        yield chunk


class Stream:
    """As an SDK's."""

    __module__ = "openai._streaming"

    def __init__(self, chunks):
        self.chunks = iter(chunks)

    def __iter__(self):
        yield from self.chunks

    def __next__(self):
        return next(self.chunks)


@log_prompt(path="words")
def stream_of(chunks):
    return Stream(chunks)


def read(chunks):
    yield from words(chunks)


def read_later(chunks):
    """Read an asynchronous generator, step by step."""
    loop = asyncio.new_event_loop()
    stream = words_later(chunks)
    try:
        while True:
            yield loop.run_until_complete(anext(stream))
    except StopAsyncIteration:
        pass
    finally:
        loop.close()


def read_steps(chunks):
    stream = stream_of(chunks)
    while (chunk := next(stream, None)) is not None:
        yield chunk


each_way = pytest.mark.parametrize(
    "way", [read, read_later, lambda c: iter(stream_of(c)), read_steps],
    ids=["sync", "async", "iterated", "by steps"],
)  # fmt: skip


@each_way
def test_a_chunk_is_logged_as_it_was_when_it_came(way):
    """What its consumer does with it afterwards does not show."""
    with captured_logs() as logs:
        for chunk in way([{"text": "a"}, {"text": "b"}, ["c"]]):
            chunk.clear()

    assert json.loads(logs[0].output) == [{"text": "a"}, {"text": "b"}, ["c"]]
    assert logs[0].metadata["chunks"] == 3


@each_way
def test_a_chunk_that_is_reused_is_logged_each_time_as_it_was(way):
    """Some streams fill one and the same object again and again."""

    def refill():
        chunk = delta("")
        for text in ("Hel", "lo", "!"):
            chunk["choices"][0]["delta"]["content"] = text
            yield chunk

    with captured_logs() as logs:
        for _ in way(refill()):
            pass

    assert logs[0].output == "Hello!"


def test_texts_among_other_chunks_stay_where_they_were():
    """As a list, in order."""
    with captured_logs() as logs:
        list(words(["a", "b", {"c": 1}, "d", "e"]))

    assert json.loads(logs[0].output) == ["a", "b", {"c": 1}, "d", "e"]
    assert logs[0].metadata["chunks"] == 5


@pytest.mark.parametrize("count", [63, 64, 65, 129, 5_000, 60_000])
def test_every_text_of_a_long_stream_is_in_the_output(count):
    """In order, whatever their number."""
    with captured_logs() as logs:
        list(words(f"{n} " for n in range(count)))

    assert logs[0].output == "".join(f"{n} " for n in range(count))
    assert logs[0].metadata["chunks"] == count
    assert "chunks_cut" not in logs[0].metadata


def test_a_text_that_is_no_unicode_spoils_nothing():
    """A lone surrogate among the texts, many or few."""
    for texts in (["a", "\ud800", "b"], ["a", "\ud800", *["b"] * 10_000]):
        with captured_logs() as logs:
            list(words(texts))
        assert logs[0].output.startswith("a\\ud800b")
        assert logs[0].metadata["chunks"] == len(texts)


def test_thousands_of_deltas_are_all_joined():
    """A long answer of a provider that sends 200 bytes a word."""
    chunks = [delta("word ") for _ in range(20_000)]

    with captured_logs() as logs:
        list(words([*chunks, delta(finish="stop"), delta(usage=USAGE)]))

    assert logs[0].output == "word " * 20_000
    assert (logs[0].finish_reason, logs[0].output_tokens) == ("stop", 2)
    assert "chunks_cut" not in logs[0].metadata


def endless(kind, count):
    """Give far more than is kept; of deltas the last ones say what all the rest do."""
    if kind == "deltas":
        yield delta("The beginning. ")
        for n in range(count):
            yield delta(f"{n} " * 200)
        yield delta(finish="stop")
        yield delta(usage=USAGE)
        return
    yield "The beginning. "
    for n in range(count):
        yield f"{n} " * 150_000
    yield "The end."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"), [("deltas", 100_000), ("texts", 300)], ids=["deltas", "texts"]
)
def test_what_is_held_of_an_endless_stream_is_bounded(kind, count):
    """And let go of at once: a consumer that keeps nothing needs no memory."""
    with captured_logs() as logs:
        tracemalloc.start()
        try:
            for _ in words(endless(kind, count)):
                pass
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < 80 * MIB
    assert held < 20 * MIB
    assert logs[0].output.startswith("The beginning. ")


class Endless:
    """An SDK's stream that goes on for whoever closed it."""

    __module__ = "openai._streaming"

    def __init__(self, chunk):
        self.chunk = chunk

    def __iter__(self):
        return self

    def __next__(self):
        return self.chunk

    def close(self):
        """Close nothing."""


Endless.__name__ = "Stream"


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [delta("x" * 400), "x" * 400], ids=["dict", "text"])
def test_of_what_is_read_after_the_end_of_its_log_nothing_is_held(chunk):
    """The consumer may go on, and is the only one that reads it."""
    ask = log_prompt(lambda: Endless(chunk))

    with captured_logs() as logs:
        stream = ask()
        next(stream)
        stream.close()
        tracemalloc.start()
        try:
            for _ in range(30_000):
                next(stream)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert peak < MIB
    assert len(logs) == 1


@pytest.mark.slow
def test_of_an_endless_stream_the_last_chunks_count():
    """Reason and usage are right, and that the middle is missing is said."""
    with captured_logs() as logs:
        for _ in words(endless("deltas", 20_000)):
            pass

    log = logs[0]
    assert (log.finish_reason, log.prompt_tokens, log.output_tokens) == ("stop", 5, 2)
    assert log.metadata["chunks"] == 20_003
    assert 0 < log.metadata["chunks_cut"] < 20_000
    assert log.output.startswith("The beginning. 0 0 ")
    assert log.output.endswith("19999 19999 ")


def test_where_texts_are_cut_the_output_says_so():
    """Both ends are there, and between them how much is not."""
    with captured_logs() as logs:
        for _ in words(endless("texts", 60)):
            pass

    log = logs[0]
    assert log.output.startswith("The beginning. 0 0 ")
    assert log.output.endswith(" 59 59 The end.")
    assert f"… [{log.metadata['chunks_cut']} chunks cut] …" in log.output
    assert log.metadata["chunks"] == 62
    assert len(log.output) < 9 * MIB


def test_a_sudden_large_text_is_looked_at_soon():
    """After many small ones, too."""
    texts = ["small "] * 3_000 + ["x" * MIB] * 200

    with captured_logs() as logs:
        for _ in words(iter(texts)):
            pass

    assert logs[0].metadata["chunks"] == len(texts)
    assert logs[0].metadata["chunks_cut"] > 100
    assert logs[0].output.startswith("small small ")


@pytest.mark.parametrize("decorate", ["stream", "block"])
def test_a_secret_split_over_chunks_is_found(decorate):
    """Whole texts are looked at, however the stream got into the log."""
    parts = ["my key is sk-proj-abcdefgh", "ijklmnopqrstuvwxyz0123456789ABCD", "."]

    with captured_logs() as logs:
        if decorate == "stream":
            list(log_prompt(redact=True)(lambda: (yield from parts))())
        else:
            with log_prompt("block", redact=True) as log:
                list(log.record(part for part in parts))

    assert "abcdefgh" not in str(logs[0])
    assert "ijklmnop" not in str(logs[0])
    assert logs[0].output.startswith("my key is ")


@pytest.mark.parametrize(
    ("chunks", "joined"),
    [
        (["Hel", "lo"], "Hello"),
        ([delta("Hi"), delta(finish="stop")], "chat.completion"),
        ([{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
    ],
)
def test_an_output_transform_is_given_the_joined_stream(chunks, joined):
    """Text, the whole response, or the list of chunks that nobody knows."""
    given = []

    @log_prompt(output_transform=lambda result: given.append(result) or "transformed")
    def stream():
        yield from chunks

    with captured_logs() as logs:
        list(stream())

    assert joined in (given[0], given[0]["object"] if type(given[0]) is dict else None)
    assert logs[0].output == "transformed"
    assert logs[0].metadata["chunks"] == len(chunks)
