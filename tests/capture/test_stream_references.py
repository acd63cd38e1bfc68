"""A stream lets go of what passes through it as soon as an undecorated one does.

Each row runs twice, undecorated and decorated; what was alive when must be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import traceback
import weakref

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


class Thing:
    """Something that can be seen to go."""

    def __init__(self):
        born.append(weakref.ref(self))


class Fault(LookupError):
    """The same, thrown."""

    def __init__(self):
        super().__init__()
        born.append(weakref.ref(self))


born = []


def alive():
    """Say how many things there are."""
    return sum(thing() is not None for thing in born)


def source():
    """Give things, take things, and hold none."""
    while True:
        try:
            if (yield Thing()) == "stop":
                return Thing()
        except Fault:
            pass


async def source_later():
    while True:
        try:
            if (yield Thing()) == "stop":
                return
            await asyncio.sleep(0)
        except Fault:
            await asyncio.sleep(0)


def use(decorate):
    stream = decorate(source)()
    yield next(stream)
    yield alive()
    yield stream.send(Thing()), alive()
    yield alive()
    yield stream.throw(Fault()), alive()
    yield alive()
    yield next(stream), alive()
    yield alive()
    try:
        stream.send("stop")
    except StopIteration as stop:
        yield stop.value, alive()
    yield alive()
    again = decorate(source)()
    next(again)
    again.close()
    yield alive()


async def use_later(decorate):
    stream = decorate(source_later)()
    yield await anext(stream)
    yield alive()
    yield await stream.asend(Thing()), alive()
    yield alive()
    yield await stream.athrow(Fault()), alive()
    yield alive()
    yield await anext(stream), alive()
    yield alive()
    with pytest.raises(StopAsyncIteration):
        await stream.asend("stop")
    yield alive()
    again = decorate(source_later)()
    await anext(again)
    await again.aclose()
    yield alive()


def undecorated(function):
    return function


def counted(seen):
    """Return the counts; the things themselves are let go of."""
    kind = type(seen)
    return seen if kind is int else [one for one in (seen,) if type(one) is int]


@pytest.fixture(autouse=True)
def _nothing_born():
    born.clear()
    gc.disable()
    yield
    gc.enable()


def test_a_generator_holds_neither_chunks_nor_what_was_sent_or_thrown():
    """Without garbage collection, at every step and at the end."""

    def see(decorate):
        born.clear()
        return [counted(seen) for seen in use(decorate)], alive()

    with captured_logs():
        decorated = see(log_prompt)

    assert decorated == see(undecorated)
    assert decorated[1] == 0


def test_an_asynchronous_generator_holds_none_of_them_either():
    """The same for the asynchronous kind."""

    async def see(decorate):
        born.clear()
        seen = [counted(seen) async for seen in use_later(decorate)]
        return seen, alive()

    with captured_logs():
        decorated = asyncio.run(see(log_prompt))

    assert decorated == asyncio.run(see(undecorated))
    assert decorated[1] == 0


@pytest.mark.parametrize("decorate", [undecorated, log_prompt])
def test_an_error_that_ended_a_stream_goes_when_its_handler_ends(decorate):
    """And with it the frames of its traceback: no cycle of ours holds it."""

    @decorate
    def fail(thing):
        yield 1
        raise Fault

    @decorate
    async def fail_later(thing):
        yield 1
        raise Fault

    def exhaust(step):
        try:
            while True:
                step()
        except Fault:
            return alive()

    def step_by_hand(stream):
        with contextlib.suppress(StopIteration):
            anext(stream).send(None)

    with captured_logs():
        first = fail(Thing())
        assert exhaust(lambda: next(first)) == 2
        later = fail_later(Thing())
        assert exhaust(lambda: step_by_hand(later)) == 2
    assert alive() == 0


@pytest.mark.parametrize(
    "decorate", [undecorated, log_prompt, log_prompt(capture_stdout=True)]
)
def test_an_error_that_was_thrown_in_goes_when_its_handler_ends(decorate):
    """So does what closes a stream: nothing waits for the garbage collector."""

    @decorate
    def words(thing):
        yield 1

    @decorate
    async def words_later(thing):
        yield 1

    def end(use):
        with contextlib.suppress(Fault, StopIteration):
            use()

    with captured_logs():
        first, second = words(Thing()), words(Thing())
        next(first), next(second)
        end(lambda: first.throw(Fault()))
        second.close()
        third, fourth = words_later(Thing()), words_later(Thing())
        end(lambda: anext(third).send(None))
        end(lambda: anext(fourth).send(None))
        end(lambda: third.athrow(Fault()).send(None))
        end(lambda: fourth.aclose().send(None))

    assert alive() == 0


def read_traceback(throw):
    try:
        throw()
    except Fault as fault:
        lines = traceback.format_exception(fault)
        frames = [frame for frame, _ in traceback.walk_tb(fault.__traceback__)]
        names = [frame.f_code.co_qualname for frame in frames]
        return lines, names[1:], str(fault.__context__)
    return None


@pytest.mark.parametrize("capture_stdout", [False, True])
def test_an_error_thrown_before_the_first_step_shows_the_function_alone(
    capture_stdout,
):
    """Its file, its line and its name, as undecorated."""

    @log_prompt(capture_stdout=capture_stdout)
    def decorated():
        yield

    def see(function):
        stream = function()
        return read_traceback(lambda: stream.throw(Fault()))

    with captured_logs() as logs:
        assert see(decorated) == see(decorated.__wrapped__)
    assert logs == []


def test_an_error_thrown_before_the_first_asynchronous_step_neither():
    """The same for the asynchronous kind."""

    @log_prompt
    async def decorated():
        yield

    def see(function):
        stream = function()
        return read_traceback(lambda: stream.athrow(Fault()).send(None))

    with captured_logs() as logs:
        assert see(decorated) == see(decorated.__wrapped__)
    assert logs == []


def test_a_generator_that_is_looked_at_says_where_it_is_from():
    """Its code and its frame name the function that was decorated."""

    @log_prompt
    def decorated():
        yield

    with captured_logs():
        stream, plain = decorated(), decorated.__wrapped__()

        assert stream.gi_code.co_filename == plain.gi_code.co_filename == __file__
        assert stream.gi_frame.f_lineno == plain.gi_frame.f_lineno
        assert stream.gi_frame.f_globals["__name__"] == __name__
        assert stream.gi_code.co_qualname == plain.gi_code.co_qualname
        next(stream)
        assert stream.gi_frame.f_lineno == stream.gi_code.co_firstlineno
