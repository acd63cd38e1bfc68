"""A decorated function behaves as if it were not decorated, whatever it is.

Each row is a scenario that runs twice, undecorated and decorated; what a user can see
of it must be the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
import inspect
import traceback
import typing

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

TOLD = contextvars.ContextVar("told", default="before")


def plain(question: str, style: str = "short") -> str:
    """Answer."""
    TOLD.set("inside")
    return f"{question}:{style}"


async def coroutine(question: str, style: str = "short") -> str:
    """Answer later."""
    await asyncio.sleep(0)
    TOLD.set("inside")
    return f"{question}:{style}"


def generator(question: str, style: str = "short"):
    """Answer piece by piece."""
    TOLD.set("inside")
    yield question
    yield style


async def async_generator(question: str, style: str = "short"):
    """Answer piece by piece, later."""
    TOLD.set("inside")
    yield question
    await asyncio.sleep(0)
    yield style


BODIES = {
    "function": plain,
    "coroutine function": coroutine,
    "generator function": generator,
    "async generator function": async_generator,
}


def as_method(body, decorate):
    return type("Bot", (), {"answer": decorate(as_receiver(body))})().answer


def as_unbound_method(body, decorate):
    kind = type("Bot", (), {"answer": decorate(as_receiver(body))})
    return functools.partial(kind.answer, kind())


def as_receiver(body):
    """Write the same with a receiver, as a function of its own."""
    if inspect.isasyncgenfunction(body):

        async def answer(self, question: str, style: str = "short"):
            async for part in body(question, style):
                yield part

    elif inspect.isgeneratorfunction(body):

        def answer(self, question: str, style: str = "short"):
            yield from body(question, style)

    elif inspect.iscoroutinefunction(body):

        async def answer(self, question: str, style: str = "short"):
            return await body(question, style)

    else:

        def answer(self, question: str, style: str = "short"):
            return body(question, style)

    return answer


def as_callable_object(body, decorate):
    return decorate(type("Bot", (), {"__call__": as_receiver(body)})())


def on_class(body, decorate, over, *, outer):
    function = as_receiver(body) if over is classmethod else body
    wrapped = decorate(over(function)) if outer else over(decorate(function))
    return type("Bot", (), {"answer": wrapped})


FORMS = {
    "@d": lambda body, d: d(body),
    "@d(...)": lambda body, d: (log_prompt(path="p") if d is log_prompt else d)(body),
    "decorated twice": lambda body, d: d(d(body)),
    "lambda": lambda body, d: d(lambda question, style="short": body(question, style)),
    "method": as_method,
    "method through the class": as_unbound_method,
    "callable object": as_callable_object,
    "functools.partial": lambda body, d: d(functools.partial(body, style="short")),
    "bound method, decorated": lambda body, d: d(as_method(body, lambda f: f)),
    "under a classmethod": lambda b, d: on_class(b, d, classmethod, outer=False).answer,
    "over a classmethod": lambda b, d: on_class(b, d, classmethod, outer=True).answer,
    "over a classmethod, on an instance": lambda b, d: (
        on_class(b, d, classmethod, outer=True)().answer
    ),
    "under a staticmethod": lambda b, d: (
        on_class(b, d, staticmethod, outer=False).answer
    ),
    "over a staticmethod": lambda b, d: on_class(b, d, staticmethod, outer=True).answer,
    "over a staticmethod, on an instance": lambda b, d: (
        on_class(b, d, staticmethod, outer=True)().answer
    ),
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
each_body = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


def undecorated(function):
    return function


def read(result):
    """Bring a result of any kind to its end, in this context."""
    if inspect.isasyncgen(result):
        return asyncio.run(collect(result))
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    return list(result) if inspect.isgenerator(result) else result


async def collect(stream):
    return [part async for part in stream]


def look(function):
    """Ask everything that `inspect` and friends answer about a function."""
    predicates = (
        inspect.isfunction, inspect.ismethod, inspect.isroutine, inspect.isclass,
        inspect.isgeneratorfunction, inspect.iscoroutinefunction,
        inspect.isasyncgenfunction, callable,
    )  # fmt: skip
    names = ("__name__", "__qualname__", "__doc__", "__module__", "__defaults__")
    answers = {p.__name__: p(function) for p in predicates}
    answers |= {n: getattr(function, n, "none") for n in names}
    answers["signature"] = str(inspect.signature(function))
    answers["partial"] = isinstance(function, functools.partial)
    return answers


def frames(error):
    """Name the lines of a traceback, less those of wrapt's slow version."""
    return [
        (frame.name, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)[1:]
        if "/wrapt/" not in frame.filename
    ]


@each_form
@each_body
def test_what_comes_out_and_what_inspect_answers_is_the_same(form, body):
    """Kind, signature, names, result and the kind of the result, on every form."""

    def see(decorate):
        function = form(body, decorate)
        result = function("why", style="long")
        name = getattr(result, "__qualname__", None)
        return look(function), type(result), name, read(result)

    with captured_logs() as logs:
        decorated = see(log_prompt)

    assert decorated == see(undecorated)
    assert logs[0].inputs["style"] == "long"


@each_form
@each_body
def test_arguments_that_do_not_fit_are_refused_at_once_in_the_same_words(form, body):
    """A wrong-arguments `TypeError` comes from the call, not from the first step."""

    def see(decorate):
        function = form(body, decorate)
        with pytest.raises(TypeError) as caught:
            read(function("why", nonsense=1))
        error = caught.value
        return str(error), error.__context__, error.__cause__, len(frames(error))

    with captured_logs() as logs:
        decorated = see(log_prompt)

    assert decorated == see(undecorated)
    assert logs[0].error.startswith("TypeError: ")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Refuses to be assigned to, its traceback included."""

    reason: str


ERRORS = {
    "Exception": ValueError("no"),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "SystemExit": SystemExit(3),
    "CancelledError": asyncio.CancelledError("stop"),
    "GeneratorExit": GeneratorExit(),
    "ExceptionGroup": ExceptionGroup("two", [ValueError("a"), TypeError("b")]),
    "RecursionError": RecursionError("deep"),
    "a frozen dataclass": Frozen("no"),
}


def drain(result):
    """As `read`, without an event loop: its own machinery shows in tracebacks."""
    if inspect.isasyncgen(result):
        result = collect(result)
    if not inspect.iscoroutine(result):
        return list(result) if inspect.isgenerator(result) else result
    try:
        result.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def failing(body, error):
    """Write a function of the same kind that raises, from two levels down."""

    def deep():
        raise error

    if body is async_generator:

        async def fail():
            yield 1
            deep()

    elif body is generator:

        def fail():
            yield 1
            deep()

    elif body is coroutine:

        async def fail():
            deep()

    else:

        def fail():
            deep()

    return fail


@each_body
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_exception_is_the_same_object_with_the_same_traceback(body, error):
    """No line of ours in it, nothing chained to it, whatever is raised."""

    def see(decorate):
        BaseException.__traceback__.__set__(error, None)
        BaseException.__context__.__set__(error, None)
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - any of them
            drain(decorate(failing(body, error))())
        assert caught.value is error
        return frames(error), error.__context__, error.__cause__

    with captured_logs() as logs:
        decorated = see(log_prompt)

    assert decorated == see(undecorated)
    assert logs[0].error.startswith(type(error).__name__)
    assert not current_log()


@each_body
def test_type_hints_stay_readable(body):
    """`typing.get_type_hints` finds them, as frameworks do that inject arguments."""
    assert typing.get_type_hints(log_prompt(body)) == typing.get_type_hints(body)
