"""However a stream ends: quietly, as one log, and nothing stays current."""

from __future__ import annotations

import asyncio
import gc

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs


async def exhaust(make):
    here = current_log()
    async for _ in make():
        assert current_log() is here


async def leave(make):
    async for _ in make():
        break


async def close_elsewhere(make):
    stream = make()
    await anext(stream)
    await asyncio.create_task(stream.aclose())


async def throw_away(make):
    stream = make()
    await asyncio.create_task(anext(stream))
    circle = [stream]
    circle.append(circle)
    del stream, circle
    gc.collect()
    await asyncio.sleep(0)


async def cancel_reader(make):
    started = asyncio.Event()

    async def read():
        async for _ in make():
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])


async def leave_to_the_loop(make):
    stream = make()
    await anext(stream)
    left_over.append(stream)


left_over = []


@pytest.mark.parametrize(
    "end",
    [exhaust, leave, close_elsewhere, throw_away, cancel_reader, leave_to_the_loop],
)
def test_however_a_stream_ends_nobody_hears_of_it(end, caplog, capsys):
    """No line on stderr or in a log, and the current log of every task stays."""

    @log_prompt(path="words")
    async def nested():
        try:
            yield "a"
            yield "b"
        finally:
            await asyncio.sleep(0)

    async def main():
        bystander = asyncio.create_task(end(nested))
        with log_prompt("outer") as outer:
            await end(nested)
            await bystander
            assert current_log() is outer
        assert not current_log()

    with captured_logs() as logs:
        asyncio.run(main())

    assert len([log for log in logs if log.path == "words"]) == 2
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


@log_prompt(path="endless")
async def endless(waits):
    """Wait for ever after the first chunk."""
    yield "a"
    waits.set()
    await asyncio.Event().wait()


async def read_all(stream):
    return [part async for part in stream]


async def wait_for():
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read_all(endless(asyncio.Event())), 0.01)
    assert not current_log()


async def timeout():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await read_all(endless(asyncio.Event()))
    assert not current_log()


async def cancel():
    waits = asyncio.Event()
    task = asyncio.create_task(read_all(endless(waits)))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def abort():
    waits = asyncio.Event()

    async def fail():
        await waits.wait()
        raise LookupError

    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(read_all(endless(waits)))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await both()


@pytest.mark.parametrize("way", [wait_for, timeout, cancel, abort])
def test_a_cancelled_stream_is_one_log_with_what_came_and_the_error(way):
    """Told apart from an error of the provider's, and from the end."""
    with captured_logs() as logs:
        asyncio.run(way())

    assert [(log.output, log.error) for log in logs] == [("a", "CancelledError")]
