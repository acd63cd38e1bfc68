"""What the log of a decorated generator says, however the stream ends."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from promptscribe import current_log, force_flush, log_prompt
from promptscribe.testing import FixedClock, captured_logs

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def delta(text=None, *, finish=None, usage=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    choices = [] if usage else [choice]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o-mini",
        "choices": choices,
        "usage": usage,
    }


@log_prompt(path="words")
def words(*texts, error=None):
    yield from texts
    if error is not None:
        raise error


@log_prompt(path="words")
async def words_later(*texts, error=None):
    for text in texts:
        await asyncio.sleep(0)
        yield text
    if error is not None:
        raise error


def every(texts=("Hel", "lo", "!"), error=None):
    """Give the way to start either kind, and to read it as a list."""

    async def read_later():
        return [text async for text in words_later(*texts, error=error)]

    return (
        lambda: list(words(*texts, error=error)),
        lambda: asyncio.run(read_later()),
    )


kinds = pytest.mark.parametrize("kind", [0, 1], ids=["sync", "async"])


@kinds
def test_a_stream_is_one_log_with_the_joined_output(kind):
    """Text of all chunks, and how many there were."""
    with captured_logs() as logs:
        every()[kind]()

    assert [log.output for log in logs] == ["Hello!"]
    assert logs[0].metadata["chunks"] == 3
    assert "stream" not in logs[0].metadata
    assert logs[0].error is None


@kinds
def test_an_exception_in_the_middle_keeps_what_came_before(kind):
    """One log, with the partial output, the error and its traceback."""
    with captured_logs() as logs, pytest.raises(OSError, match="cut"):
        every(error=OSError("cut"))[kind]()

    assert (logs[0].output, logs[0].error) == ("Hello!", "OSError: cut")
    assert "in words" in logs[0].metadata["traceback"]
    assert len(logs) == 1


def test_a_stream_that_is_closed_early_says_so_and_is_no_error():
    """`break`, `close` and being thrown away."""

    def stop_at_once():
        for _ in words("a", "b"):
            break

    def close():
        stream = words("a", "b")
        next(stream)
        stream.close()

    def throw_away():
        stream = words("a", "b")
        next(stream)
        circle = [stream]
        circle.append(circle)
        del stream, circle
        gc.collect()

    with captured_logs() as logs:
        stop_at_once()
        close()
        throw_away()

    assert [log.output for log in logs] == ["a"] * 3
    assert [log.error for log in logs] == [None] * 3
    assert [log.metadata["stream"] for log in logs] == ["closed early"] * 3


def test_a_stream_that_nobody_starts_is_no_log():
    """Its body never ran."""
    with captured_logs() as logs:
        words("a").close()
        words("a")

    assert logs == []


def test_time_to_the_first_token_is_measured_from_the_first_step():
    """Not from when the generator was made; the waiting of the consumer is its own."""
    clock = FixedClock()

    @log_prompt
    def slow():
        clock.advance(2)
        yield "a"
        clock.advance(3)
        yield "b"

    with captured_logs(clock=clock) as logs:
        stream = slow()
        clock.advance(60)
        list(stream)

    assert logs[0].metadata["time_to_first_token"] == 2.0
    assert logs[0].provider_latency == 5.0


def test_a_recorded_stream_that_is_read_too_late_is_counted(caplog):
    """Its block has ended, and the log with it: said, not passed over."""
    with captured_logs() as logs, log_prompt("block") as log:
        stream = log.record(text for text in "ab")

    assert list(stream) == ["a", "b"]
    assert logs[0].output is None
    assert force_flush(0).reasons["recorded_late"] == 1
    assert "read after its log's end" in caplog.text


def test_usage_comes_from_the_last_chunk():
    """As OpenAI sends it with ``stream_options={"include_usage": True}``."""
    chunks = [delta("Hi"), delta(finish="stop"), delta(usage=USAGE)]

    with captured_logs() as logs:
        list(words(*chunks))

    assert (logs[0].output, logs[0].finish_reason) == ("Hi", "stop")
    assert (logs[0].prompt_tokens, logs[0].output_tokens) == (5, 2)
    assert "usage_missing" not in logs[0].metadata


@pytest.mark.parametrize("chunks", [["Hi"], [delta("Hi"), delta(finish="stop")]])
def test_a_stream_without_usage_has_no_tokens_and_says_so(chunks):
    """Absent, neither 0 nor a guess."""
    with captured_logs() as logs:
        list(words(*chunks))

    assert (logs[0].prompt_tokens, logs[0].output_tokens) == (None, None)
    assert (logs[0].prompt_cost, logs[0].output_cost) == (None, None)
    assert logs[0].metadata["usage_missing"] is True


def test_tokens_that_the_body_gives_are_no_missing_usage():
    """`current_log().update` in the generator."""

    @log_prompt
    def told():
        yield "Hi"
        current_log().update(prompt_tokens=3, output_tokens=1)

    with captured_logs() as logs:
        list(told())

    assert "usage_missing" not in logs[0].metadata


def test_a_generator_is_not_shared_with_the_thread_that_writes():
    """What is logged is encoded when the stream ends: later changes do not show."""
    chunk = {"text": "a"}

    with captured_logs() as logs:
        list(words(chunk))
        changer = threading.Thread(target=chunk.clear)
        changer.start()
        changer.join()

    assert '"a"' in logs[0].output
