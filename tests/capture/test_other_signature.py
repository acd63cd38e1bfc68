"""A signature that is another function's: what is called still is what is logged.

``functools.wraps`` shows the signature of the function inside, while the one around
may take other arguments: one that adds a connection, a client, a request.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


def adding(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        return function("client", *args, **kwargs)

    return around


def adding_later(function):
    @functools.wraps(function)
    async def around(*args, **kwargs):
        return await function("client", *args, **kwargs)

    return around


def adding_in_steps(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        yield from function("client", *args, **kwargs)

    return around


def adding_in_steps_later(function):
    @functools.wraps(function)
    async def around(*args, **kwargs):
        async for part in function("client", *args, **kwargs):
            yield part

    return around


@adding
def answer(client, question, *, style="short"):
    return question


@adding_later
async def answer_later(client, question, *, style="short"):
    return question


@adding_in_steps
def words(client, question, *, style="short"):
    yield question


@adding_in_steps_later
async def words_later(client, question, *, style="short"):
    yield question


def read(result):
    async def wait():
        if hasattr(result, "__aiter__"):
            return [part async for part in result]
        return [await result]

    if hasattr(result, "__aiter__") or hasattr(result, "__await__"):
        return asyncio.run(wait())
    return [result] if isinstance(result, str) else list(result)


EACH = pytest.mark.parametrize(
    "function",
    [answer, answer_later, words, words_later],
    ids=["function", "coroutine", "generator", "async generator"],
)


@EACH
@pytest.mark.parametrize("options", [{}, {"capture_stdout": True}], ids=["", "stdout"])
def test_a_call_that_fits_only_the_function_around_is_logged(function, options):
    """By the order of its arguments: which names they have, nobody can tell."""
    with captured_logs() as logs:
        said = read(log_prompt(**options)(function)("why", style="long"))

    assert said == ["why"]
    assert [(log.inputs, log.output) for log in logs] == [
        ({"args": ["why"], "kwargs": {"style": "long"}}, "why")
    ]


@EACH
def test_a_receiver_is_not_recorded_where_the_arguments_do_not_fit(function):
    """It may be a dataclass, and what it holds is no argument."""

    @dataclasses.dataclass
    class Bot:
        secret: str

        ask = log_prompt(function)

    with captured_logs() as logs, pytest.raises(TypeError):
        read(Bot("hunter2").ask("why", "this", "too", nonsense=1))

    assert [log.inputs for log in logs] == [
        {"args": ["why", "this", "too"], "kwargs": {"nonsense": 1}}
    ]


async def ask(*args, style):
    return args, style


def steps(*args, style):
    yield args, style


@pytest.mark.parametrize("body", [ask, steps])
def test_a_receiver_among_others_hides_no_argument_that_is_missing(body):
    """As undecorated, the call itself is refused, not what it makes."""
    bot = type("Bot", (), {"ask": log_prompt(body)})()

    with captured_logs() as logs:
        with pytest.raises(TypeError, match="missing 1 required keyword-only"):
            bot.ask("why")
        read(bot.ask("why", style="long"))

    assert [log.inputs for log in logs] == [
        {"args": ["why"], "kwargs": {}},
        {"args": ["why"], "style": "long"},
    ]


def checking(function):
    @functools.wraps(function)
    def around(*args, **kwargs):
        return function(*args, **kwargs)

    return around


class Client:
    """As those of providers' SDKs, whose methods are wrapped by ones that check."""

    @checking
    def create(self, messages, model="m"):
        return self.__class__.__name__


@pytest.mark.parametrize("is_twice", [False, True], ids=["once", "twice"])
def test_a_bound_method_has_no_receiver_among_its_arguments(is_twice):
    """``log_prompt(client.chat.completions.create)``: all that it gets is recorded."""
    create = log_prompt(Client().create)
    messages = [{"role": "user", "content": "why"}]

    with captured_logs() as logs:
        (log_prompt(create) if is_twice else create)(messages, model="n")

    assert [(log.messages, log.inputs) for log in logs] == [
        (messages, {"model": "n"})
    ] * len(logs)
    assert len(logs) == 1 + is_twice


def test_a_partial_that_is_named_after_a_method_has_all_its_arguments():
    """Its names would be one too many: they are recorded by their order."""
    method = Client.create.__wrapped__
    create = functools.update_wrapper(functools.partial(method, Client()), method)

    with captured_logs() as logs:
        log_prompt(create)("why", model="n")

    assert [log.inputs for log in logs] == [{"args": ["why"], "kwargs": {"model": "n"}}]
