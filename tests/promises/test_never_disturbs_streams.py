"""A decorated generator behaves as an undecorated one, however it is used.

Each row is a scenario that runs twice, undecorated and decorated; what a user can see
of it must be the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import sys
import traceback

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs


def talk(events):
    """Answer whatever comes: what is sent, what is thrown, what is closed."""
    heard = None
    try:
        while True:
            try:
                heard = yield f"heard {heard}"
            except LookupError as thrown:
                heard = f"caught {thrown}"
            if heard == "stop":
                return "the end"
            if heard == "raise":
                raise ValueError("mine")
    finally:
        events.append("cleaned up")


async def talk_later(events):
    heard = None
    try:
        while True:
            try:
                heard = yield f"heard {heard}"
            except LookupError as thrown:
                heard = f"caught {thrown}"
            await asyncio.sleep(0)
            if heard == "stop":
                return
            if heard == "raise":
                raise ValueError("mine")
    finally:
        events.append("cleaned up")


def stubborn(events):
    """Go on when it is closed."""
    try:
        yield 1
    except GeneratorExit:
        yield 2


async def stubborn_later(events):
    try:
        yield 1
    except GeneratorExit:
        yield 2


def answering_close(events):
    """Return a value when it is closed: Python 3.13 hands it out."""
    try:
        yield 1
    except GeneratorExit:
        return "last words"


async def answering_close_later(events):
    try:
        yield 1
    except GeneratorExit:
        return


def chaining(events):
    """Raise another error out of the handler of the one that was thrown."""
    try:
        yield 1
    except LookupError as thrown:
        raise ValueError("next") from thrown


async def chaining_later(events):
    try:
        yield 1
    except LookupError as thrown:
        raise ValueError("next") from thrown


PAIRS = {
    talk: talk_later,
    stubborn: stubborn_later,
    answering_close: answering_close_later,
    chaining: chaining_later,
}
STEPS = {
    "iterate": (talk, ["next", "next", ("send", "stop"), "next"]),
    "send": (talk, ["next", ("send", "a"), ("send", None), ("send", "b")]),
    "send before the start": (talk, [("send", "a"), "next"]),
    "send after the end": (talk, ["next", ("send", "stop"), ("send", "a")]),
    "throw, caught": (talk, ["next", ("throw", KeyError), "next"]),
    "throw, not caught": (talk, ["next", ("throw", OSError), "next"]),
    "throw before the start": (talk, [("throw", KeyError), "next"]),
    "throw, answered by another error": (chaining, ["next", ("throw", KeyError)]),
    "throw GeneratorExit": (talk, ["next", ("throw", GeneratorExit), "next"]),
    "throw GeneratorExit, ignored": (stubborn, ["next", ("throw", GeneratorExit)]),
    "raise": (talk, ["next", ("send", "raise"), "next"]),
    "close": (talk, ["next", "close", "next", "close"]),
    "close before the start": (talk, ["close", "next"]),
    "close, ignored": (stubborn, ["next", "close", "next"]),
    "close, answered": (answering_close, ["next", "close", "next"]),
}
each_use = pytest.mark.parametrize(("body", "steps"), STEPS.values(), ids=STEPS)


def undecorated(function):
    return function


def seen(error):
    """Tell of an error what a user sees, without the frames that drove it."""
    chain = [error, error.__cause__, error.__context__]
    lines = [
        frame.name
        for frame in traceback.extract_tb(error.__traceback__)
        if "/promptscribe/" in frame.filename or frame.name in names
    ]
    return [repr(e) for e in chain], lines, getattr(error, "value", None)


names = {f.__name__ for pair in PAIRS.items() for f in pair}


@each_use
def test_a_generator_answers_each_use_alike(body, steps):
    """What is sent, thrown, closed and returned, and every traceback."""

    def see(decorate):
        events = []
        made = decorate(body)(events)
        answers = [
            inspect.isgenerator(made),
            made.__name__,
            inspect.getgeneratorstate(made),
        ]
        for step in steps:
            name, *given = step if isinstance(step, tuple) else (step,)
            given = [one() if isinstance(one, type) else one for one in given]
            use = made.__next__ if name == "next" else getattr(made, name)
            try:
                answers.append(use(*given))
            except BaseException as error:  # noqa: BLE001
                answers.append(seen(error))
            answers.append(current_log().id)
        return answers, events

    with captured_logs():
        decorated = see(log_prompt)

    assert decorated == see(undecorated)


@each_use
def test_an_asynchronous_generator_answers_each_use_alike(body, steps):
    """The same for the asynchronous kind."""
    body = PAIRS[body]
    asynchronous = {"next": "__anext__", "send": "asend", "throw": "athrow"}

    async def see(decorate):
        events = []
        made = decorate(body)(events)
        answers = [inspect.isasyncgen(made), made.__name__]
        for step in steps:
            name, *given = step if isinstance(step, tuple) else (step,)
            given = [one() if isinstance(one, type) else one for one in given]
            use = getattr(made, asynchronous.get(name, "aclose"))
            try:
                answers.append(await use(*given))
            except BaseException as error:  # noqa: BLE001
                answers.append(seen(error))
            answers.append(current_log().id)
        return answers, events

    with captured_logs():
        decorated = asyncio.run(see(log_prompt))

    assert decorated == asyncio.run(see(undecorated))


def test_yield_from_gives_chunks_and_the_return_value():
    """A decorated generator may be delegated to, and may delegate."""

    @log_prompt
    def inner():
        got = yield 1
        return f"got {got}"

    @log_prompt
    def outer():
        result = yield from inner()
        yield result

    with captured_logs():
        made = outer()

        assert [next(made), made.send("x")] == [1, "got x"]


def test_a_context_variable_of_the_body_is_the_consumers():
    """What the body sets the consumer sees, and the other way round, at each step."""
    told = contextvars.ContextVar("told", default=0)

    @log_prompt
    def count():
        while True:
            told.set(told.get() + 1)
            yield told.get()

    with captured_logs():
        made = count()
        assert (next(made), told.get()) == (1, 1)
        told.set(10)
        assert (next(made), told.get()) == (11, 11)
        made.close()


def test_the_consumer_is_never_inside_of_the_log():
    """Between two chunks the current log is the consumer's own; inside, the body's."""

    @log_prompt
    def inside():
        yield current_log().id
        yield current_log().id

    @log_prompt(path="outer")
    def consume():
        outer = current_log().id
        return outer, [(chunk, current_log().id) for chunk in inside()]

    with captured_logs():
        outer, ids = consume()

    assert {here for _, here in ids} == {outer}
    assert len({chunk for chunk, _ in ids} - {outer}) == 1


@pytest.mark.parametrize("decorate", [undecorated, log_prompt])
def test_an_event_loop_that_ends_closes_a_generator_once(decorate, caplog, capsys):
    """Generators left open when `asyncio.run` ends are closed without a word."""
    events, kept = [], []

    @decorate
    async def slow_to_close():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            events.append("closed")

    async def main():
        for _ in range(10):
            made = slow_to_close()
            kept.append(made)
            await anext(made)

    with captured_logs() as logs:
        asyncio.run(main())

    assert events == ["closed"] * 10
    assert not caplog.records
    assert capsys.readouterr().err == ""
    assert len(logs) == (0 if decorate is undecorated else 10)


def test_hooks_of_the_event_loop_are_left_as_they_were():
    """Also when the first step raises."""

    @log_prompt
    async def fail():
        raise ValueError
        yield

    async def main():
        before = sys.get_asyncgen_hooks()
        with pytest.raises(ValueError):  # noqa: PT011
            await anext(fail())
        assert sys.get_asyncgen_hooks() == before

    with captured_logs():
        asyncio.run(main())


def test_an_abandoned_generator_runs_its_cleanup_at_once():
    """`break` closes it as soon as nobody refers to it, without garbage collection."""
    events = []
    gc.disable()
    try:
        with captured_logs():
            for _ in log_prompt(talk)(events):
                break
        assert events == ["cleaned up"]
    finally:
        gc.enable()
