"""A decorated call takes, returns and leaves behind what an undecorated one does."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import random
import weakref

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

TOLD = contextvars.ContextVar("told", default="before")


@log_prompt
def greedy(self=0, *, wrapped=0, instance=0, args=0, kwargs=0, path=0, prompt=0):
    return self, wrapped, instance, args, kwargs, path, prompt


@log_prompt
async def greedy_async(self=0, *, wrapped=0, instance=0, args=0, kwargs=0, path=0):
    return self, wrapped, instance, args, kwargs, path


@log_prompt
def greedy_stream(self=0, *, wrapped=0, instance=0, args=0, kwargs=0, path=0):
    yield from (self, wrapped, instance, args, kwargs, path)


@log_prompt
def open_to_all(*args, **kwargs):
    return args, kwargs


class Echo:
    def __init__(self):
        self.asked = 0

    def __call__(self, /, *args, **kwargs):
        self.asked += 1
        return args, kwargs


NAMES = (
    "self", "cls", "wrapped", "instance", "args", "kwargs", "function", "binders",
    "declared", "path", "prompt", "messages", "inputs", "config", "target", "members",
    "id", "metadata", "save", "parent", "result", "error", "_self_wrapper", "def_",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_keyword_argument_is_eaten(name):
    """Whatever an argument is called, it reaches the function."""
    with captured_logs():
        assert open_to_all(1, **{name: 2}) == ((1,), {name: 2})
        assert log_prompt(Echo())(1, **{name: 2}) == ((1,), {name: 2})


def test_parameters_may_be_named_as_ours_are():
    """Also where the function declares them, and is given them by name."""
    names = inspect.signature(greedy).parameters
    given = {name: number for number, name in enumerate(names)}
    few = {name: number for name, number in given.items() if name != "prompt"}

    with captured_logs() as logs:
        assert greedy(**given) == tuple(range(7))
        assert asyncio.run(greedy_async(**few)) == tuple(range(6))
        assert list(greedy_stream(**few)) == list(range(6))

    assert logs[0].inputs == given


@pytest.mark.parametrize(
    "make",
    [
        object,
        list,
        dict,
        lambda: {"stream": object()},
        lambda: {"stream": iter([1])},
        lambda: (x for x in "ab"),
        lambda: iter([1]),
        lambda: map(str, [1]),
        lambda: open_to_all,
        lambda: NotImplemented,
        lambda: type("Odd", (str,), {})("text"),
        contextvars.copy_context,
    ],
)
def test_a_result_is_the_very_object(make):
    """Identity and type, for plain values and the user's own generators too."""
    value = make()

    async def give():
        return value

    with captured_logs():
        assert log_prompt(lambda: value)() is value
        assert asyncio.run(log_prompt(give)()) is value


def test_a_generator_that_a_plain_function_returns_gives_all_its_items():
    """Nobody else has read from it."""
    with captured_logs() as logs:
        result = log_prompt(lambda: (x for x in "abc"))()

        assert list(result) == ["a", "b", "c"]

    assert len(logs) == 1


def test_a_coroutine_that_a_plain_function_returns_is_awaited_by_the_caller():
    """It is handed on; the log has a mark in its place."""

    async def answer():
        return 42

    coroutine = answer()
    with captured_logs():
        assert log_prompt(lambda: coroutine)() is coroutine

    assert asyncio.run(coroutine) == 42


def test_a_context_variable_set_inside_is_visible_outside():
    """A function, a coroutine and a generator leave their context as before."""

    @log_prompt
    def set_it(value):
        TOLD.set(value)

    @log_prompt
    async def set_later(value):
        TOLD.set(value)

    @log_prompt
    def set_and_yield(value):
        TOLD.set(value)
        yield TOLD.get()

    async def set_all():
        set_it("function")
        seen = [TOLD.get()]
        await set_later("coroutine")
        seen.append(TOLD.get())
        next(set_and_yield("generator"))
        return [*seen, TOLD.get()]

    with captured_logs():
        assert asyncio.run(set_all()) == ["function", "coroutine", "generator"]


def test_a_coroutine_runs_in_the_callers_task_and_starts_when_it_is_awaited():
    """No task of ours between, and no step before its time."""
    ran = []

    @log_prompt
    async def answer():
        ran.append(asyncio.current_task())

    async def main():
        coroutine = answer()
        assert not ran
        assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
        await coroutine
        assert ran == [asyncio.current_task()]

    with captured_logs():
        asyncio.run(main())


def test_arguments_and_result_live_no_longer_than_before():
    """After the call nothing of ours refers to them, without a garbage collection."""

    class Thing:
        pass

    @log_prompt
    def swap(thing):
        return Thing()

    gc.disable()
    try:
        with captured_logs():
            thing = Thing()
            given, got = weakref.ref(thing), None
            got = weakref.ref(swap(thing))
            del thing
            assert given() is None
            assert got() is None
    finally:
        gc.enable()


class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def test_what_a_coroutine_lets_go_of_is_free_while_it_waits():
    """An argument that nobody else holds goes with the body's own name for it."""

    class Large:
        pass

    async def call(document):
        held = weakref.ref(document)
        del document
        await asyncio.sleep(0)
        return held() is None

    async def main(d):
        return await d(call)(Large())

    with captured_logs() as logs:
        assert asyncio.run(main(log_prompt)) is asyncio.run(main(lambda f: f)) is True
    assert len(logs) == 1


@pytest.mark.slow
def test_any_arguments_any_result_and_any_exception_pass_unchanged():
    """Ten thousand random calls: the same objects in and out, decorated or not."""
    luck = random.Random(7)  # noqa: S311
    values = [
        None, True, 2**70, float("nan"), "\ud800", b"\xff", object(), [[]], {1: {}},
        {"stream": 1}, Ellipsis, int, len, (x for x in ()), Odd(), open_to_all, {"a"},
    ]  # fmt: skip
    errors = [
        ValueError("x"),
        Odd(),
        KeyboardInterrupt(),
        SystemExit(),
        StopIteration(),
    ]

    def act(outcome, *args, **kwargs):
        if isinstance(outcome, BaseException):
            outcome.__traceback__ = None  # it is raised again and again
            raise outcome
        return outcome, args, kwargs

    recorded = log_prompt(act)
    with captured_logs() as logs:
        for _ in range(10_000):
            args = luck.choices(values, k=luck.randrange(3))
            kwargs = {name: luck.choice(values) for name in luck.sample(NAMES, 2)}
            outcome = luck.choice(errors + values)
            try:
                got = recorded(outcome, *args, **kwargs)
            except BaseException as error:  # noqa: BLE001
                assert error is outcome  # noqa: PT017
                continue
            assert got[0] is outcome
            assert all(a is b for a, b in zip(got[1], args, strict=True))
            assert got[2].keys() == kwargs.keys()
            assert all(got[2][name] is kwargs[name] for name in kwargs)

    assert len(logs) == 10_000
    assert not current_log()
