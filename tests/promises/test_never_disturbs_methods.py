"""Special methods behave as if undecorated: those that Python calls by itself.

Each row is a scenario that runs twice, undecorated and decorated.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import enum
import typing

from tests.promises.twice import Scenarios, twice

row = Scenarios()


@row.each
def test_it_is_as_if_undecorated(see):
    """What the scenario shows of an undecorated one, it shows of a decorated one."""
    decorated, undecorated = twice(see)

    assert decorated == undecorated


@row
def abstract_methods(d):
    class Below(abc.ABC):
        @d
        @abc.abstractmethod
        def answer(self): ...

    class Above(abc.ABC):
        @abc.abstractmethod
        @d
        def answer(self): ...

    class Real(Above):
        @d
        def answer(self):
            return 42

    return Below.__abstractmethods__, Above.__abstractmethods__, Real().answer()


@row
def metaclass_and_enum(d):
    class Meta(type):
        @d
        def __call__(cls, *args):
            return super().__call__(*args)

        @d
        def hello(cls):
            return cls.__name__

    class Bot(metaclass=Meta):
        pass

    class Level(enum.Enum):
        LOW = 1

        @d
        def label(self):
            return self.name

        @classmethod
        @d
        def _missing_(cls, value):
            return cls.LOW

        @d
        @staticmethod
        def help():
            return "help"

    names = [level.name for level in Level]
    return Bot.hello(), type(Bot()) is Bot, names, Level(9).label(), Level.help()


@row
def special_methods(d):  # noqa: C901 - there are many
    class Bot:
        @d
        def __call__(self, value):
            return value

        @d
        def __enter__(self):
            return self

        @d
        def __exit__(self, *error):
            return error[0] is ValueError

        @d
        def __iter__(self):
            yield from (1, 2)

        @d
        async def __aiter__(self):
            yield 3

        @d
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 4

        @d
        def __eq__(self, other):
            return True

        @d
        def __hash__(self):
            return 5

        @d
        def __getattr__(self, name):
            if name == "missing":
                raise AttributeError(name)
            return name

    async def use(bot):
        return [part async for part in bot], await bot

    bot = Bot()
    with bot as entered:
        raise ValueError
    found = bot.anything, hasattr(bot, "missing"), entered is bot, bot == 1, hash(bot)
    return bot(1), list(bot), found, asyncio.run(use(bot))


@row
def context_managers(d):
    @contextlib.contextmanager
    @d
    def under():
        yield "under"

    @d
    @contextlib.contextmanager
    def over():
        yield "over"

    with under() as one, over() as two:
        return one, two


@row
def what_a_protocol_and_an_interface_see(d):
    @typing.runtime_checkable
    class Answers(typing.Protocol):
        def answer(self): ...

    class Bot:
        @d
        def answer(self): ...

    function = d(lambda: None)
    kinds = typing.Sized, typing.Iterable, typing.Container, typing.Callable
    names = "__enter__", "__len__", "__int__", "__getitem__", "__add__", "__self__"
    return (
        isinstance(Bot(), Answers),
        [isinstance(function, kind) for kind in kinds],
        [hasattr(function, name) for name in names],
    )
