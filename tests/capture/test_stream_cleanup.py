"""An asynchronous generator that is left to others cleans up as it does undecorated.

Each row is a scenario that runs twice, undecorated and decorated; what the body did,
and what anybody was told, must be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import re
import sys
import warnings

import pytest
import trio

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

pytestmark = pytest.mark.slow  # a collection of all garbage in each


def make(decorate, events, pause):
    """Make a function whose generators wait for something while they clean up."""

    async def words(name="x", holds=None):
        try:
            for n in range(100):
                yield f"{name}{n}"
        except BaseException as error:
            events.append(f"{name} {type(error).__name__}")
            raise
        finally:
            await pause()
            events.append(f"{name} cleaned up")

    return decorate(words)


class AsyncStream:
    """As an SDK's: each loop over it is an asynchronous generator of its own."""

    __module__ = "openai._streaming"

    def __init__(self, words):
        self.words = words

    async def __aiter__(self):
        words = self.words
        async for word in words:
            yield word

    async def __anext__(self):
        return await anext(self.words)


def make_stream(decorate, events, pause):
    """The same, of what a plain function returns: an SDK's stream."""
    make_words = make(undecorated, events, pause)
    ask = decorate(lambda *args, **given: AsyncStream(make_words(*args, **given)))
    return lambda *args, **given: aiter(ask(*args, **given))


async def circle(words, pause):
    """Garbage that refers to itself: found by the collector, in any order."""
    ring = []
    stream = words(holds=ring)
    ring.append(stream)
    await anext(stream)
    del ring, stream
    gc.collect()
    for _ in range(10):
        await pause()


async def several_circles(words, pause):
    """The same, a hundred at once."""
    rings = []
    for n in range(100):
        ring = []
        ring.append(words(f"{n:02} ", holds=ring))
        await anext(ring[0])
        rings.append(ring)
    del rings, ring
    gc.collect()
    for _ in range(10):
        await pause()


async def leave(words, pause):
    """Break off, and let go of it."""
    async for _ in words():
        break
    for _ in range(10):
        await pause()


async def leave_at_the_end(words, pause):
    """Break off just before the event loop stops."""
    async for _ in words():
        break


async def leave_in_a_task(words, pause):
    """Break off in a task that ends with it."""

    async def read():
        async for _ in words():
            break

    await asyncio.create_task(read())
    for _ in range(10):
        await pause()


async def leave_open(words, pause):
    """Leave it to the event loop's end, in the hands of somebody."""
    for n in range(3):
        stream = words(f"{n} ")
        await anext(stream)
        left_open.append(stream)


async def leave_circle_open(words, pause):
    """Leave garbage that nobody collects before the event loop's end."""
    ring = []
    ring.append(words(holds=ring))
    await anext(ring[0])


async def close(words, pause):
    """Close it in order, twice."""
    stream = words()
    async with contextlib.aclosing(stream):
        await anext(stream)
    await stream.aclose()


async def close_from_two_tasks(words, pause):
    """The second one is told that it is closed already; once, as ever."""
    stream = words()
    await anext(stream)
    tasks = [asyncio.create_task(stream.aclose()) for _ in range(2)]
    await asyncio.wait(tasks)
    for task in tasks:
        if task.exception() is not None:
            raise task.exception()


async def nest(words, pause):
    """One that reads another, both garbage."""

    async def outer(holds):
        async for word in words("inner ", holds=holds):
            yield word

    ring = []
    ring.append((log_prompt(outer) if current_log() else outer)(ring))
    await anext(ring[0])
    del ring
    gc.collect()
    for _ in range(10):
        await pause()


left_open = []
WAYS = [
    circle,
    several_circles,
    leave,
    leave_at_the_end,
    leave_open,
    leave_circle_open,
    close,
    nest,
]
ON_ASYNCIO = [*WAYS, leave_in_a_task, close_from_two_tasks]


def undecorated(function):
    return function


class Listener(logging.Handler):
    """Takes down what is logged, and holds nothing of what it is about."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def emit(self, record):
        self.told.append(re.sub(r"0x\w+|Task-\d+", "_", record.getMessage()))


@contextlib.contextmanager
def listening(told):
    """Take down what anybody is told: warnings, odd ends, lines in logs."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda odd: told.append(repr(odd.exc_value))
    loggers = [logging.getLogger(n) for n in ("asyncio", "promptscribe", "trio")]
    listener = Listener(told)
    for logger in loggers:
        logger.addHandler(listener)
        logger.propagate = False
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
            told += [str(w.message) for w in warned]
    finally:
        sys.unraisablehook = before
        for logger in loggers:
            logger.removeHandler(listener)
            logger.propagate = True


def watch(run, decorate, capsys):
    """Run something; return what the bodies did, and what anybody was told of it."""
    events, told = [], []
    with captured_logs() as logs, listening(told):
        try:
            # Of its own: what is driven by hand may stop anywhere in it.
            contextvars.copy_context().run(run, events)
        except Exception as error:  # noqa: BLE001
            told.append(repr(error))
        left_open.clear()
        gc.collect()
    told += [*capsys.readouterr()]
    if decorate is log_prompt:
        assert logs
        told_of = {log.error.split(":")[0] for log in logs if log.error}
        # By trio, and by an event loop that has ended, while they close it.
        assert told_of <= {"Cancelled", "CancelledError", "GeneratorExit"}
        assert not current_log()
    return sorted(events), sorted(told)


@pytest.mark.parametrize("make", [make, make_stream])
@pytest.mark.parametrize("way", ON_ASYNCIO)
def test_asyncio_cleans_up_as_undecorated(way, make, capsys):
    """However it is left, its ``finally: await`` runs, once, and nobody complains."""

    def see(decorate):
        async def pause():
            await asyncio.sleep(0)

        def run(events):
            asyncio.run(way(make(decorate, events, pause), pause))

        return watch(run, decorate, capsys)

    plain = see(undecorated)

    assert see(log_prompt) == plain
    assert plain[0]


@pytest.mark.parametrize("make", [make, make_stream])
@pytest.mark.parametrize("way", WAYS)
def test_trio_cleans_up_as_undecorated(way, make, capsys):
    """The same; trio says by name which generator was left to it."""

    def see(decorate):
        async def pause():
            await trio.lowlevel.checkpoint()

        def run(events):
            trio.run(way, make(decorate, events, pause), pause)

        return watch(run, decorate, capsys)

    plain = see(undecorated)

    decorated = see(log_prompt)
    if way is leave_at_the_end:  # trio closes what is open in any order, and tells
        plain, decorated = plain[:1], decorated[:1]  # of what is open after that
    assert decorated == plain
    assert plain[0]


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("waits", [False, True])
def test_without_an_event_loop_it_is_closed_as_undecorated(waits, cyclic, capsys):
    """By hand, step by step: Python closes it on the spot, and says if it cannot."""

    class Wait:
        def __await__(self):
            yield "waiting"

    async def pause():
        if waits:
            await Wait()

    def see(decorate):
        def run(events):
            ring = []
            stream = make(decorate, events, pause)(holds=ring if cyclic else None)
            ring.append(stream)
            with pytest.raises(StopIteration, match="x0"):
                anext(stream).send(None)
            del ring, stream
            gc.collect()

        return watch(run, decorate, capsys)

    assert see(log_prompt) == see(undecorated)


def test_garbage_is_logged_with_what_it_does_while_it_is_cleaned_up():
    """The log ends when the body has, not when the garbage was found."""

    @log_prompt(path="words", capture_stdout=True)
    async def words(holds):
        try:
            yield "a"
        finally:
            await asyncio.sleep(0)
            print("cleaned up")  # noqa: T201 - it is captured
            current_log().update(user="user-7")

    async def main():
        async def pause():
            await asyncio.sleep(0)

        await circle(words, pause)

    with captured_logs() as logs:
        asyncio.run(main())

    assert [(log.output, log.user) for log in logs] == [("a", "user-7")]
    assert logs[0].stdout == "cleaned up\n"
    assert logs[0].metadata["stream"] == "closed early"


@pytest.mark.parametrize("end", ["drop", "aclose"])
def test_a_generator_that_ignores_its_closing_is_told_of_as_undecorated(end, capsys):
    """It goes on with another chunk: a mistake that Python points out."""

    async def stubborn():
        with contextlib.suppress(GeneratorExit):
            yield "a"
        yield "b"

    def see(decorate):
        async def main():
            stream = decorate(stubborn)()
            await anext(stream)
            if end == "aclose":
                await stream.aclose()
            del stream
            for _ in range(5):
                await asyncio.sleep(0)

        return watch(lambda events: asyncio.run(main()), decorate, capsys)

    plain = see(undecorated)

    assert see(log_prompt) == plain
    assert "ignored GeneratorExit" in str(plain)
