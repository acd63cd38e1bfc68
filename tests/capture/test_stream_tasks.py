"""Where a stream belongs, and how it ends, across tasks, threads and event loops."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import trio

from promptscribe import current_log, log_context, log_prompt
from promptscribe.testing import captured_logs


@log_prompt(path="words")
def words(*texts):
    yield from texts


@log_prompt(path="words")
async def words_later(*texts):
    for text in texts:
        await asyncio.sleep(0)
        yield text


@log_prompt(path="parent")
def make(stream):
    return current_log().id, stream("a", "b")


def test_the_parent_is_the_log_that_was_current_at_creation():
    """In whatever thread or task it is read, and whatever is current there."""

    async def read(stream):
        return [part async for part in stream]

    async def main():
        first, stream = make(words_later)
        with log_prompt("elsewhere"):
            await asyncio.create_task(read(stream))
        return first

    with captured_logs() as logs:
        here, stream = make(words)
        with ThreadPoolExecutor(1) as pool, log_prompt("elsewhere"):
            pool.submit(list, stream).result()
        later = asyncio.run(main())

    parents = [log.trace_parent_id for log in logs if log.path == "words"]
    assert parents == [here, later]


def test_each_step_may_be_made_in_another_thread():
    """As Starlette reads a plain generator; what is logged inside stays inside."""

    @log_prompt(path="stream")
    def nested():
        for text in "abc":
            with log_prompt("step"):
                yield text

    with captured_logs() as logs, ThreadPoolExecutor(3) as pool:
        stream = nested()
        texts = [pool.submit(next, stream).result() for _ in range(3)]
        pool.submit(stream.close).result()
        left = [pool.submit(current_log).result() for _ in range(3)]

    outer = next(log for log in logs if log.path == "stream")
    steps = [log for log in logs if log.path == "step"]
    assert texts == ["a", "b", "c"]
    assert {log.trace_parent_id for log in steps} == {outer.log_id}
    assert not any(left)


def test_a_stream_may_be_closed_in_another_task(capsys):
    """No "created in a different Context", and nothing stays current anywhere."""

    async def main():
        stream = words_later("a", "b")
        await asyncio.create_task(anext_of(stream))
        await asyncio.create_task(close_of(stream))
        assert not current_log()

    async def anext_of(stream):
        await anext(stream)
        assert not current_log()

    async def close_of(stream):
        await stream.aclose()
        assert not current_log()

    with captured_logs() as logs:
        asyncio.run(main())

    assert (logs[0].output, logs[0].metadata["stream"]) == ("a", "closed early")
    assert capsys.readouterr().err == ""


def test_streams_and_coroutines_run_under_trio():
    """Cancelled, nested and in parallel."""

    @log_prompt(path="answer")
    async def answer(name):
        await trio.lowlevel.checkpoint()
        return name

    @log_prompt(path="stream")
    async def stream(name):
        yield await answer(name)
        await trio.sleep_forever()

    async def read(name):
        with log_context(user=name), trio.CancelScope() as scope:
            async with contextlib.aclosing(stream(name)) as parts:
                async for _ in parts:
                    assert not current_log()
                    scope.cancel()

    async def main():
        async with trio.open_nursery() as nursery:
            for name in ("a", "b", "c"):
                nursery.start_soon(read, name)

    with captured_logs() as logs:
        trio.run(main)

    streams = {log.log_id: log for log in logs if log.path == "stream"}
    answers = [log for log in logs if log.path == "answer"]
    assert sorted(log.output for log in streams.values()) == ["a", "b", "c"]
    assert {log.error.split(":")[0] for log in streams.values()} == {"Cancelled"}
    assert len(answers) == 3
    for log in answers:
        assert log.user == streams[log.trace_parent_id].user == log.output


def run_interleaved():
    """Make 100 requests on one loop and 100 on four threads; return their logs."""

    @log_prompt(path="leaf")
    async def leaf(name):
        await asyncio.sleep(0)
        return name

    @log_prompt(path="stream")
    async def stream(name):
        for _ in range(3):
            yield await leaf(name)

    @log_prompt(path="leaf")
    def plain_leaf(name):
        return name

    @log_prompt(path="stream")
    def plain_stream(name):
        yield plain_leaf(name)
        yield plain_leaf(name)

    async def request(name):
        with log_context(user=name), log_prompt("root"):
            async for _ in stream(name):
                await asyncio.sleep(0)
        assert not current_log()

    def work(name):
        with log_context(user=name), log_prompt("root"):
            list(plain_stream(name))
        return bool(current_log())

    async def main():
        await asyncio.gather(*(request(f"u{n}") for n in range(100)))

    with captured_logs() as logs, ThreadPoolExecutor(4) as pool:
        asyncio.run(main())
        assert not any(pool.map(work, (f"t{n}" for n in range(100))))
    return logs


def test_two_hundred_interleaved_requests_never_mix():
    """On one loop and on reused threads: each log has its own user and parent."""
    logs = run_interleaved()

    by_id = {log.log_id: log for log in logs}
    assert len(logs) == 100 * 5 + 100 * 4
    for log in logs:
        above = by_id.get(log.trace_parent_id)
        place = (above.path, above.user) if above else (None, log.user)
        expected = {"root": None, "stream": "root", "leaf": "stream"}[log.path]
        assert place == (expected, log.user)
