"""Tools and frameworks see of a decorated callable what they see of an undecorated one.

Each row is a scenario that runs twice, undecorated and decorated.
"""

from __future__ import annotations

import copy
import doctest
import functools
import inspect
import pydoc
import re
import sys
import types
import typing
import unittest
from types import FunctionType
from unittest import mock

import pytest
from tests.promises.twice import Scenarios, twice

row = Scenarios()


@row.each
def test_it_is_as_if_undecorated(see):
    """What the scenario shows of an undecorated one, it shows of a decorated one."""
    decorated, undecorated = twice(see)

    assert decorated == undecorated


class Async:
    async def __call__(self, question: str = "") -> str:
        return question


class Bot:
    """Answers."""

    def answer(self, question: str, style="short") -> str:
        """Answer."""
        return question

    async def ask(self, question: str) -> str:
        """Ask."""
        return question


def plain(question: str, style="short", *, times: int = 1) -> str:
    """Answer.

    >>> 1 + 1
    2
    """
    return question


async def coroutine(question: str) -> str:
    return question


def decorated_bot(d):
    methods = {"answer": d(Bot.answer), "ask": d(Bot.ask)}
    methods |= {"make": d(classmethod(lambda cls: cls)), "help": d(staticmethod(plain))}
    return type("Bot", (), methods)


def is_async(function):
    """Ask as Starlette and FastAPI do."""
    while isinstance(function, functools.partial):
        function = function.func
    ask = inspect.iscoroutinefunction
    return ask(function) or ask(getattr(function, "__call__", None))  # noqa: B004


def drive(result):
    """Await what has nothing to wait for."""
    if not inspect.iscoroutine(result):
        return result
    with pytest.raises(StopIteration) as done:
        result.send(None)
    return done.value.value


def text_of(value):
    return re.sub("0x[0-9a-f]+", "0x", str(value))


@row
def is_it_asynchronous(d):
    callables = (
        d(coroutine), d(Async()), d(plain), functools.partial(d(coroutine), 1),
        d(functools.partial(coroutine, 1)), decorated_bot(d)().ask,
    )  # fmt: skip
    return [is_async(c) for c in callables]


@row
def mocks_of_it(d):
    bot = decorated_bot(d)
    seen = []
    for name in ("answer", "ask", "make", "help"):
        with mock.patch.object(bot, name, autospec=True) as patched:
            seen.append((type(patched).__name__, inspect.iscoroutinefunction(patched)))
            with pytest.raises(TypeError) as caught:
                drive(getattr(bot(), name)(1, 2, 3, 4))
            seen.append(str(caught.value))
    seen += [type(mock.Mock(spec=d(f))).__name__ for f in (plain, coroutine)]
    return seen


@row
def mocks_under_it(d):
    """Its result stands for the call's; the mock counts it."""
    stand_in, waiting = mock.Mock(return_value=4), mock.AsyncMock(return_value=5)
    answer = drive(d(waiting)(1))
    d(stand_in)(2)
    d(stand_in).assert_called_once_with(2)
    return answer, waiting.await_count, isinstance(d(stand_in), mock.Mock)


@row
def a_call_that_is_patched_later(d):
    """On the class of a callable object that is decorated already."""
    called = d(Async())
    with mock.patch.object(Async, "__call__", autospec=True) as patched:
        patched.return_value = "patched"
        seen = drive(called("why"))
    return seen, patched.await_count, drive(called("why"))


@row
def source_and_variables(d):
    outer = "outer"

    @d
    def answer(question):
        return outer, len

    return (
        inspect.getsource(answer),
        inspect.getfile(answer),
        inspect.getclosurevars(answer),
        inspect.getdoc(d(plain)),
        inspect.getmodule(d(plain)),
    )


@row
def signature_and_hints(d):
    bot = decorated_bot(d)
    function = d(plain)
    _ = type(function).__annotations__ if type(function) is not FunctionType else None
    return (
        inspect.signature(function, follow_wrapped=False),
        inspect.getfullargspec(function),
        inspect.getcallargs(function, "why"),
        typing.get_type_hints(bot.answer),
        inspect.get_annotations(function, eval_str=True),
        str(inspect.signature(bot().answer)),
        inspect.unwrap(function).__name__,
        [
            (a.name, a.kind)
            for a in inspect.classify_class_attrs(bot)
            if a.name in Bot.__dict__
        ],
        [name for name, _ in inspect.getmembers(bot(), inspect.ismethod)],
    )


@row
def attributes(d):
    def answer(question, style="short"):
        return style

    function = d(answer)
    function.tag = 1
    function.__defaults__ = ("long",)
    function.__doc__ = "New."
    seen = function("why"), answer.tag, function.__dict__, vars(function), dir(function)
    del function.tag
    with pytest.raises(AttributeError) as caught:
        _ = function.tag
    words = str(caught.value), function.__code__, function.__doc__, function.__module__
    return [*map(text_of, seen), *map(text_of, words)]


@row
def representations(d):
    bot = decorated_bot(d)
    values = (d(plain), d(coroutine), bot.answer, bot.help, d(Bot().answer))
    return [*map(text_of, map(repr, values)), *map(text_of, values), f"{d(plain)!s:.9}"]


@row
def wrong_uses(d):
    """The words are those of a function."""
    function = d(plain)
    uses = len, iter, int, abs, sorted, lambda f: f + 1, lambda f: f[0], [1].__getitem__
    seen = []
    for use in uses:
        with pytest.raises(TypeError) as caught:
            use(function)
        seen.append(str(caught.value))
    return seen


@row
def copies(d):
    function = d(plain)
    bot = decorated_bot(d)()
    return (
        copy.copy(function) is function,
        copy.deepcopy({"f": function})["f"] is function,
        copy.deepcopy(bot).answer("why"),
        copy.copy(bot.answer)("why"),
    )


@row
def markers_of_typing(d):
    if sys.version_info >= (3, 12):
        generic = {"d": d}
        exec("@d\ndef same[T](value: T) -> T: return value", generic)  # noqa: S102
        parameters = [str(p) for p in generic["same"].__type_params__]
        override = typing.override(d(lambda: None)).__override__
    else:
        parameters = override = None

    @typing.no_type_check
    @d
    def untyped(value: nonsense): ...  # noqa: F821

    final = d(typing.final(lambda: None)).__final__
    return parameters, override, final, typing.get_type_hints(untyped)


@row
def doctests(d):
    module = types.ModuleType("module")
    module.plain = d(plain)
    module.plain.__module__ = "module"
    found = [t.name for t in doctest.DocTestFinder().find(module) if t.examples]
    plain.__module__ = __name__
    return found


@row
def help_texts(d):
    bot = decorated_bot(d)
    values = d(plain), d(coroutine), bot.answer, bot().answer
    return [text_of(pydoc.render_doc(v)) for v in values], pydoc.describe(d(plain))


@row
def unittest_cases(d):
    class Case(unittest.TestCase):
        @d
        def setUp(self):
            self.value = 1

        @d
        def test_it(self):
            assert self.value == 1

        @unittest.expectedFailure
        @d
        def test_fails(self):
            self.fail()

        @d
        @unittest.skip("no")
        def test_skipped(self): ...

    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromTestCase(Case).run(result)
    return (
        result.testsRun,
        len(result.skipped),
        len(result.expectedFailures),
        result.errors,
    )
