"""Keys and classes: they may run code as well, and a record must be readable.

What is checked is what the object saw, not only what the log says.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime as dt
import enum

import msgspec
import pytest
from tests.capture.watching import ask, watching

from promptscribe import current_log, log_prompt, start_log
from promptscribe.testing import captured_logs


def logged(value):
    """Return how a value is logged as an input, and as a result."""

    @log_prompt
    def call(value):
        return [value]

    with captured_logs() as logs, watching():
        returned = call(value)
        start_log("block", inputs={"value": value}).end([value])
    assert returned[0] is value
    assert len(logs) == 2
    assert logs[0].inputs == logs[1].inputs
    return logs[0].inputs["value"]


class Hashing(type):
    def __hash__(cls):
        ask("hash of the class")
        return 1

    def __eq__(cls, other):
        ask("eq of the class")
        return cls is other


class Unhashable(type):  # noqa: PLW1641 - that is what it is
    def __eq__(cls, other):
        ask("eq of the class")
        return cls is other


class Thing(metaclass=Hashing):
    pass


class Word(str, metaclass=Hashing):
    __slots__ = ()


class Odd(metaclass=Unhashable):
    pass


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Thing(), None),
        ([{"deep": Thing()}], None),
        (Word("text"), "text"),
        (Odd(), None),
        ({"class": Thing, "other": Odd}, None),
    ],
    ids=["thing", "deep", "word", "unhashable", "class"],
)
def test_a_metaclass_is_not_asked_for_the_hash_of_its_class(value, kept):
    """Types are compared by identity, and nothing beside the value is lost."""
    result = logged({"beside": 1, "value": value})

    assert result["beside"] == 1
    assert kept is None or result["value"] == kept


async def awaited(value):
    return value


def yielded(value):
    yield value


async def yielded_to_tasks(value):
    yield value


async def first_of(stream):
    return [value async for value in stream].pop()


@pytest.mark.parametrize("value", [Thing(), Odd()], ids=["hashing", "unhashable"])
@pytest.mark.parametrize(
    ("function", "take"),
    [
        (lambda value: value, lambda made: made),
        (awaited, asyncio.run),
        (yielded, next),
        (yielded_to_tasks, lambda made: asyncio.run(first_of(made))),
    ],
    ids=["function", "coroutine", "generator", "async generator"],
)
def test_nor_is_that_of_a_result_of_any_kind_of_callable(function, take, value):
    """A class that cannot be hashed at all broke the call."""
    call = log_prompt(function)
    recorded = log_prompt("block")(lambda: current_log().record(value))

    with captured_logs() as logs, watching():
        returned = [take(call(value)), recorded()]

    assert returned[0] is value
    assert returned[1] is value
    assert len(logs) == 2


def test_a_field_that_has_such_a_class_is_read_as_any_other():
    """Where the name of a field decides whether its value is a secret."""

    @dataclasses.dataclass
    class Row:
        thing: object
        when: dt.datetime

    kept = logged(Row(Thing(), dt.datetime(2025, 1, 2, tzinfo=Zone())))

    assert kept["thing"]["type"].endswith(".Thing")


class Key:
    """Equal to everything, and counting."""

    def __hash__(self):
        ask("hash")
        return hash("data")

    def __eq__(self, other):
        ask("eq")
        return True


class Name(str):
    __slots__ = ()

    def __hash__(self):
        ask("hash")
        return str.__hash__(self)

    def __eq__(self, other):
        ask("eq")
        return str.__eq__(self, other)


@dataclasses.dataclass(frozen=True)
class Row:
    x: int = 1

    def __getattribute__(self, name):
        ask(name)
        return object.__getattribute__(self, name)


class Zone(dt.tzinfo):
    def utcoffset(self, moment):
        ask("utcoffset")
        return dt.timedelta(0)

    dst = tzname = utcoffset


class Numbers(frozenset):
    __slots__ = ()

    def __iter__(self):
        ask("iter")
        return frozenset.__iter__(self)


class Struct(msgspec.Struct, frozen=True):
    x: int = 1


class Colour(enum.Enum):
    RED = 1

    @property
    def value(self):
        ask("value")


@pytest.mark.parametrize(
    "key",
    [
        Key(),
        Name("data"),
        Row(),
        (1, Row()),
        (1, Struct()),
        Struct(),
        dt.datetime(2025, 1, 2, tzinfo=Zone()),
        frozenset({dt.datetime(2025, 1, 2, tzinfo=Zone())}),
        Numbers({1}),
        Colour.RED,
    ],
    ids=lambda key: type(key).__name__,
)
@pytest.mark.parametrize("kind", [dict, collections.OrderedDict], ids=["dict", "sub"])
def test_a_key_runs_no_code_and_leaves_the_record_readable(kind, key):
    """The encoder by itself would write some as maps, which cannot be keys."""
    kept = logged(kind([(key, "value"), ("beside", [object()])]))

    assert next(iter(kept.values())) == "value"
    assert "beside" in kept


@pytest.mark.parametrize("key", [Row(), Struct(), Colour.RED], ids=repr)
def test_nor_where_everything_else_is_plain(key):
    """The fast way sees keys as well."""
    assert logged({key: "value", "beside": 1})["beside"] == 1


def test_a_key_that_raises_when_compared_disturbs_no_call():
    """A result that is a dict is asked for a stream, as boto3 has it there."""

    class Refusing(str):
        __slots__ = ()

        def __eq__(self, other):
            raise SystemExit("asked")

        __hash__ = str.__hash__

    value = {Refusing("stream"): 1, "beside": 2}
    recorded = log_prompt("block")(lambda: current_log().record(value))

    with captured_logs() as logs:
        assert log_prompt(lambda: value)() is value
        assert asyncio.run(log_prompt(awaited)(value)) is value
        assert recorded() is value

    assert ["beside" in str(log.output) for log in logs] == [True] * 3
