"""Uses of generators that frameworks make, each as with an undecorated one.

Each row is a scenario that runs twice, undecorated and decorated; what comes out must
be the same, and nothing may stay current in its context.
"""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import contextvars
import copy
import itertools
import pickle
import sys
import threading

import anyio
import anyio.lowlevel
import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs


def cancelled_with_its_group(decorate, backend):
    """A task group is cancelled while the body waits for its next chunk."""
    events, got = [], []

    @decorate
    async def words():
        try:
            for n in range(1_000):
                await anyio.lowlevel.checkpoint()
                yield n
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            events.append("cleaned up")

    async def read(enough):
        async with contextlib.aclosing(words()) as stream:
            async for n in stream:
                got.append(n)
                assert not current_log()
                if n == 2:
                    enough.set()

    async def main():
        enough = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(read, enough)
            await enough.wait()
            group.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    return got[:3], events


def with_scopes_of_its_own(decorate, backend):
    """The body cancels what it waits for, and goes on."""

    @decorate
    async def words():
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep_forever()
        yield scope.cancelled_caught
        with anyio.fail_after(0.001):
            await anyio.sleep_forever()

    async def main():
        got = []
        with contextlib.suppress(TimeoutError):
            async for word in words():
                got.append(word)  # noqa: PERF401
        return got

    return anyio.run(main, backend=backend)


def with_a_group_of_its_own(decorate, backend):
    """A task group stays open over the chunks."""

    @decorate
    async def words():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
            yield 1
            yield 2

    async def main():
        return [word async for word in words()]

    return anyio.run(main, backend=backend)


@pytest.fixture(params=["asyncio", "trio"])
def backend(request):
    return request.param


def undecorated(function):
    return function


@pytest.mark.parametrize(
    "scenario",
    [cancelled_with_its_group, with_scopes_of_its_own, with_a_group_of_its_own],
)
def test_task_groups_and_cancel_scopes_work_as_undecorated(scenario, backend):
    """Under asyncio and under trio; each run is one log."""
    with captured_logs() as logs:
        decorated = scenario(log_prompt, backend)
        assert not current_log()

    assert decorated == scenario(undecorated, backend)
    assert len(logs) == 1


def delegate(decorate):
    """One decorated generator delegates to another."""

    @decorate
    def inner():
        answer = None
        while True:
            try:
                answer = yield answer
            except KeyError as thrown:
                answer = repr(thrown)
            if answer == "end":
                return "returned"

    @decorate
    def outer():
        yield (yield from inner())

    stream = outer()
    yield next(stream)
    yield stream.send("a")
    yield stream.throw(KeyError("k"))
    yield stream.send("end")
    yield list(stream)


def close_in_a_thread(decorate):
    """It cleans up in the thread that closes it."""
    where = []

    @decorate
    def words():
        try:
            yield 1
        finally:
            where.append(threading.current_thread())

    stream = words()
    yield next(stream)
    thread = threading.Thread(target=stream.close)
    thread.start()
    thread.join()
    yield where == [thread]


def close_in_a_context(decorate):
    """It cleans up in the context that closes it."""
    told = contextvars.ContextVar("told", default=0)
    seen = []

    @decorate
    def words():
        try:
            yield told.get()
        finally:
            seen.append(told.get())

    stream = words()
    yield next(stream)
    other = contextvars.copy_context()
    other.run(told.set, 5)
    other.run(stream.close)
    yield seen, told.get()


def step_in_many_contexts(decorate):
    """Each step sees, and changes, the context that it is made in."""
    told = contextvars.ContextVar("told", default=0)

    @decorate
    def words():
        while True:
            told.set(told.get() + 1)
            yield told.get()

    stream = words()
    first, second = contextvars.copy_context(), contextvars.copy_context()
    yield [c.run(next, stream) for c in (first, second, first)]
    yield next(stream), told.get()


def enter_again(decorate):
    """It asks itself for a chunk."""

    @decorate
    def words():
        yield 1
        next(stream)

    stream = words()
    yield next(stream)
    with pytest.raises(ValueError, match="already executing"):
        next(stream)


def stop_from_inside(decorate):
    """Python turns a StopIteration of the body's into a RuntimeError."""

    @decorate
    def words():
        yield 1
        raise StopIteration(5)  # noqa: PLR1708 - that is what it is about

    with pytest.raises(RuntimeError) as caught:
        list(words())
    yield repr(caught.value), repr(caught.value.__cause__)


def stop_from_outside(decorate):
    """So it does with one that is thrown in."""

    @decorate
    def words():
        yield 1

    stream = words()
    next(stream)
    with pytest.raises(RuntimeError) as caught:
        stream.throw(StopIteration(3))
    yield repr(caught.value), repr(caught.value.__cause__)


def be_copied(decorate):
    """A generator can be neither copied nor pickled."""

    @decorate
    def words():
        yield 1

    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError) as caught:
            make(words())
        yield str(caught.value)


def be_a_context_manager(decorate):
    """`contextlib.contextmanager` throws into it, and looks at what comes out."""

    @contextlib.contextmanager
    @decorate
    def words():
        try:
            yield 1
        except KeyError:
            return

    with words() as word:
        yield word
    with words():
        raise KeyError
    for error in (ValueError("v"), StopIteration("s")):
        try:
            with words():
                raise error
        except (ValueError, StopIteration) as caught:
            yield caught is error, repr(error.__context__), repr(error.__cause__)


def see_handled_errors(decorate):
    """The body sees the exception that its consumer is handling."""

    @decorate
    def words():
        yield repr(sys.exception())
        yield repr(sys.exception())
        raise ValueError

    stream = words()
    yield next(stream)
    try:
        {}["handled"]
    except KeyError:
        yield next(stream)
        try:
            next(stream)
        except ValueError as error:
            yield repr(error.__context__)


def be_asked_by_two_tasks(decorate):
    """An asynchronous one refuses the second of them."""

    @decorate
    async def words():
        yield 1
        await asyncio.sleep(0)
        yield 2

    async def main():
        stream = words()
        first = await anext(stream)
        task = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already running"):
            await anext(stream)
        second = await task
        await stream.aclose()
        return first, second

    yield asyncio.run(main())


def be_an_asynchronous_context_manager(decorate):
    """`contextlib.asynccontextmanager` does the same as the plain one."""

    @contextlib.asynccontextmanager
    @decorate
    async def words():
        try:
            yield 1
        except KeyError:
            return

    async def main():
        async with words() as word:
            pass
        async with words():
            raise KeyError
        error = StopAsyncIteration("s")
        try:
            async with words():
                raise error
        except StopAsyncIteration as caught:
            return word, caught is error, repr(error.__cause__)

    yield asyncio.run(main())


SCENARIOS = [
    delegate,
    close_in_a_thread,
    close_in_a_context,
    step_in_many_contexts,
    enter_again,
    stop_from_inside,
    stop_from_outside,
    be_copied,
    be_a_context_manager,
    see_handled_errors,
    be_asked_by_two_tasks,
    be_an_asynchronous_context_manager,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_generator_may_be_used_as_undecorated(scenario):
    """The same values, errors, causes and contexts."""
    with captured_logs():
        decorated = list(scenario(log_prompt))
        assert not current_log()

    assert decorated == list(scenario(undecorated))


def silent():
    yield 1


def stopping():
    with contextlib.nullcontext():
        yield 1
        return
    yield 2


def answering():
    yield 1
    return "end"


def answering_at_times():
    if (yield 1) is not None:
        return "asked"


def answering_or_not():
    return (yield 1) or None


def answering_from_a_handler():
    try:
        yield 1
    except KeyError:
        return "caught"


def answering_for_another():
    return (yield from answering())


lazily = lambda: (yield 1)  # noqa: E731 - it returns what it is sent


@pytest.mark.parametrize(
    "body",
    [
        silent,
        stopping,
        answering,
        answering_at_times,
        answering_or_not,
        answering_from_a_handler,
        answering_for_another,
        lazily,
    ],
)
@pytest.mark.parametrize("last", [None, "sent", KeyError])
def test_whatever_a_generator_returns_is_returned(body, last):
    """By whichever of its ways out, after whatever was sent or thrown."""

    def see(decorate):
        stream = decorate(body)()
        got = [next(stream)]
        try:
            if last is KeyError:
                got.append(stream.throw(KeyError("k")))
            else:
                got.append(stream.send(last))
            got.append(next(stream))
        except (StopIteration, KeyError) as ended:
            got.append(repr(ended))
        return got

    with captured_logs() as logs:
        decorated = see(log_prompt)
    assert decorated == see(undecorated)
    assert logs[0].metadata["chunks"] == 1


@pytest.mark.slow  # hundreds of interrupts
@pytest.mark.parametrize("chunk", ["a", {"a": [1]}], ids=["text", "dict"])
@pytest.mark.parametrize("returns", [None, "something"])
def test_an_interrupt_between_two_steps_is_the_one_that_is_raised(returns, chunk):
    """It comes while the scope changes, say; it neither is lost nor leaves that."""

    def silent():
        while True:
            yield chunk

    def answering():
        yield from silent()
        return returns

    decorated = log_prompt(answering if returns else silent)
    with captured_logs(), log_prompt("outer") as outer:
        for n in range(40):
            stream = decorated()
            next(stream)
            timer = threading.Timer(0.0005 + n * 3e-6, _thread.interrupt_main)
            with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come early
                timer.start()
                for _ in itertools.islice(stream, 1_000_000):
                    pass
            timer.join()
            assert current_log() is outer


def test_a_generator_that_calls_itself_reaches_a_useful_depth():
    """Python counts our frame: half of its limit is left."""

    @log_prompt
    def walk(depth):
        if depth:
            yield from walk(depth - 1)
        yield depth

    with captured_logs() as logs:
        assert list(walk(400)) == list(range(401))
    assert len(logs) == 401
