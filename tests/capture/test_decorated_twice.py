"""Decorated twice: the inner log is a child of the outer one, whatever the kind."""

from __future__ import annotations

import asyncio
import functools
import types

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


def function(question):
    return question


async def coroutine(question):
    return question


def generator(question):
    yield question


def returning(question):
    """A generator that returns something is driven in another way."""
    yield question
    return 1


async def async_generator(question):
    yield question


@types.coroutine
def awaited(question):
    yield
    return question


BODIES = (function, coroutine, generator, returning, async_generator, awaited)


def as_object(body, inner, outer):
    kind = type("Called", (), {"__call__": inner(with_receiver(body))})
    return outer(kind())


def as_bound_method(body, inner, outer):
    kind = type("Bot", (), {"answer": inner(with_receiver(body))})
    return outer(kind().answer)


def over_a_classmethod(body, inner, outer):
    decorated = outer(classmethod(inner(with_receiver(body))))
    return type("Bot", (), {"answer": decorated}).answer


def with_receiver(body):
    """Return a function of the same code with one more argument."""
    scope = {"types": types}
    source = {
        "function": "def answer(self, question): return question",
        "coroutine": "async def answer(self, question): return question",
        "generator": "def answer(self, question): yield question",
        "returning": "def answer(self, question):\n yield question\n return 1",
        "async_generator": "async def answer(self, question): yield question",
        "awaited": "@types.coroutine\n"
        "def answer(self, question):\n yield\n return question",
    }[body.__name__]
    exec(source, scope)  # noqa: S102
    return scope["answer"]


FORMS = {
    "at once": lambda body, inner, outer: outer(inner(body)),
    "a partial between": lambda body, inner, outer: outer(
        functools.partial(inner(body))
    ),
    "a bound method between": as_bound_method,
    "an object between": as_object,
    "a classmethod between": over_a_classmethod,
    "a staticmethod between": lambda body, inner, outer: (
        type("Bot", (), {"answer": outer(staticmethod(inner(body)))}).answer
    ),
}


def read(result):
    """Bring a result of any kind to its end."""

    async def wait():
        if hasattr(result, "__aiter__"):
            return [part async for part in result]
        return await result

    if hasattr(result, "__aiter__") or hasattr(result, "__await__"):
        return asyncio.run(wait())
    if isinstance(result, types.GeneratorType):
        return list(result)
    return result


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
@pytest.mark.parametrize("paths", [("a", "a"), ("inner", "outer")], ids=["same", "two"])
def test_the_inner_log_is_a_child_of_the_outer_one(body, form, paths):
    """So what the call cost is counted once in its trace."""
    inner, outer = (log_prompt(path=path) for path in paths)
    called = form(body, inner, outer)

    with captured_logs() as logs:
        read(called("why"))

    assert [log.path for log in logs] == [*paths]
    child, parent = logs
    assert (child.trace_parent_id, parent.trace_parent_id) == (parent.log_id, None)


def test_the_outermost_is_a_child_of_where_it_was_made():
    """Three decorators are three levels, under the log around."""
    thrice = log_prompt(path="1")(log_prompt(path="2")(log_prompt(path="3")(generator)))

    with captured_logs() as logs:
        with log_prompt("0"):
            stream = thrice("why")
        list(stream)

    by_id = {log.log_id: log.path for log in logs}
    parents = {log.path: by_id.get(log.trace_parent_id) for log in logs}
    assert parents == {"0": None, "1": "0", "2": "1", "3": "2"}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_one_that_is_decorated_alone_as_well_begins_its_own_trace(body):
    """The inner one may be called by itself."""
    inner = log_prompt(path="inner")(body)
    outer = log_prompt(path="outer")(inner)

    with captured_logs() as logs:
        read(outer("why"))
        read(inner("why"))

    assert [log.path for log in logs] == ["inner", "outer", "inner"]
    assert logs[2].trace_parent_id is None
