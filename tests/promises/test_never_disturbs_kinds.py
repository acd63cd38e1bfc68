"""Odd kinds of callables behave as if undecorated: what binds, awaits or is special.

Each row is a scenario that runs twice, undecorated and decorated.
"""

from __future__ import annotations

import functools
import gc
import pickle
import types
import weakref

import pytest
from tests.promises.twice import Scenarios, twice

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

row = Scenarios()


@row.each
def test_it_is_as_if_undecorated(see):
    """What the scenario shows of an undecorated one, it shows of a decorated one."""
    decorated, undecorated = twice(see)

    assert decorated == undecorated


def run_by_hand(coroutine):
    first = coroutine.send(None)
    try:
        coroutine.send(7)
    except StopIteration as done:
        return first, done.value
    raise AssertionError("it went on")


async def wait_for(awaitable):
    return await awaitable


@row
def generator_based_coroutine(d):
    @types.coroutine
    def step():
        return (yield "waiting")

    decorated = d(step)
    return run_by_hand(wait_for(decorated())), type(decorated()).__name__


@row
def generator_made_a_coroutine_later(d):
    @types.coroutine
    @d
    def step():
        return (yield "waiting")

    return run_by_hand(wait_for(step()))


@row
def methods_that_a_class_statement_makes_class_methods(d):
    seen = []

    class Base:
        @d
        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__()
            seen.append((cls.__name__, kwargs))

        @d
        def __class_getitem__(cls, key):
            return cls.__name__, key

        @d
        def __new__(cls, value):
            made = super().__new__(cls)
            made.value = value
            return made

    class Derived(Base, flag=1):
        pass

    derived = Derived(2)
    return seen, Derived["key"], type(derived).__name__, derived.value


@row
def weak_method(d):
    class Bot:
        @d
        def answer(self):
            return 42

    bot = Bot()
    method = weakref.WeakMethod(bot.answer)
    seen = [method()(), method == weakref.WeakMethod(bot.answer)]
    del bot
    gc.collect()
    return seen, method()


@row
def weak_reference(d):
    @d
    def answer():
        return 42

    return weakref.ref(answer)() is answer, weakref.WeakKeyDictionary({answer: 1})[
        answer
    ]


@row
def bound_method(d):
    class Bot:
        @d
        def answer(self, question):
            return question

        @d
        @classmethod
        def make(cls):
            return cls.__name__

        @d
        @staticmethod
        def help():
            return "help"

    one, other = Bot(), Bot()
    return (
        [
            one.answer == one.answer,
            one.answer == other.answer,
            one.answer is one.answer,
        ],
        [one.answer.__self__ is one, one.answer.__func__ is Bot.answer],
        [Bot.make == Bot.make, Bot.help is Bot.help, one.make(), one.help()],
        len({one.answer, one.answer, other.answer}),
        types.MethodType(Bot.answer, one)("why"),
        [type(m).__name__ for m in (one.answer, Bot.make, one.make)],
    )


@row
def decorated_twice_over_what_binds_in_its_own_way(d):
    class Bot:
        @d
        @d
        @classmethod
        def make(cls, question):
            return cls.__name__, question

        @d
        @d
        @staticmethod
        def help(question):
            return question

        @d
        @d
        @functools.lru_cache  # noqa: B019
        def answer(self, question):
            return question

    bot = Bot()
    seen = Bot.make("a"), bot.make("b"), Bot.help("c"), bot.help("d"), bot.answer("e")
    return seen, bot.make == Bot.make, Bot.help is bot.help


@row
def functools_over_it(d):
    counted = []

    class Bot:
        @functools.cached_property
        @d
        def model(self):
            counted.append(1)
            return "gpt"

        @property
        @d
        def name(self):
            """Name."""
            return self.given

        @name.setter
        @d
        def name(self, value):
            self.given = value

        @d
        def ask(self, one, two):
            return one, two

        ask_one = functools.partialmethod(ask, 1)

    @functools.singledispatch
    @d
    def kind(value):
        return "any"

    kind.register(int, d(lambda value: "int"))
    bot = Bot()
    bot.name = "Ada"
    seen = bot.model, bot.model, bot.name, Bot.name.__doc__, bot.ask_one(2)
    return seen, counted, kind(1), kind("")


@row
def functools_under_it(d):
    class Bot:
        @d
        @functools.lru_cache  # noqa: B019
        def answer(self, question):
            return question

    @d
    @functools.singledispatch
    def kind(value):
        return "any"

    kind.register(int, lambda value: "int")
    bot = Bot()
    seen = bot.answer("a"), bot.answer("a"), Bot.answer.cache_info()
    Bot.answer.cache_clear()
    return seen, Bot.answer.cache_info(), kind(1), kind("")


def test_a_generator_that_is_awaited_is_logged_by_what_it_returns():
    """What it waits for is no piece of its answer."""

    @log_prompt(path="step")
    @types.coroutine
    def step(question):
        return (yield question)

    with captured_logs() as logs:
        run_by_hand(wait_for(step("why")))

    assert [(log.inputs, log.output) for log in logs] == [({"question": "why"}, "7")]


@pytest.mark.parametrize("receiver", ["self", "this", "*args"])
def test_a_receiver_is_not_recorded_whatever_it_is_called(receiver):
    """Of a method, a classmethod on either side, and a function that becomes one."""
    names = "" if receiver == "*args" else ", question"
    source = f"def ask({receiver}{names}): return 1"
    scope = {}
    exec(source, scope)  # noqa: S102
    ask = log_prompt(scope["ask"])
    over = log_prompt(classmethod(scope["ask"]))
    bot = type("Bot", (), {"ask": ask, "make": over})()

    with captured_logs() as logs:
        bot.ask("why")
        bot.make("why")
        type(bot).make("why")

    expected = {"args": ["why"]} if not names else {"question": "why"}
    assert [log.inputs for log in logs] == [expected] * 3


def test_a_receiver_is_not_recorded_by_a_second_decorator_either():
    """Nor where the class passes it as an ordinary argument."""

    class Bot:
        @log_prompt
        @log_prompt
        def ask(self, question):
            return question

        @classmethod
        @log_prompt
        @log_prompt
        def make(cls, question):
            return question

    with captured_logs() as logs:
        Bot.ask(Bot(), "why")
        Bot.make("why")

    assert [log.inputs for log in logs] == [{"question": "why"}] * 4


def answer(question):
    return question


renamed = log_prompt(path="answers")(answer)


def test_one_that_goes_by_another_name_pickles_with_what_it_was_told():
    """By name it would not be found; a pool of processes logs it all the same."""
    again = pickle.loads(pickle.dumps(renamed))

    with captured_logs() as logs:
        again("why")

    assert [log.path for log in logs] == ["answers"]


def test_defaults_that_are_set_later_are_those_in_the_log():
    """Both in the call and in what is said of it."""

    @log_prompt
    def ask(question="why", *, style="short"):
        return question, style

    ask.__defaults__ = ("how",)
    ask.__kwdefaults__ = {"style": "long"}
    with captured_logs() as logs:
        assert ask() == ("how", "long")

    assert logs[0].inputs == {"question": "how", "style": "long"}
