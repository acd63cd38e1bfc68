"""A property: whatever is given and returned, the call and its log are as they should.

Nothing of a value runs, the very object comes back, and one log goes out as JSON.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import types

import attrs
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from promptscribe import current_log, log_prompt, start_log
from promptscribe._journal import frame
from promptscribe._runtime import render
from promptscribe._runtime.state import runtime

asked: list[str] = []
watched = [False]


def ask(name):
    if watched[0]:
        asked.append(name)
        raise SystemExit(name)


class Loud:
    def _ask(self, *_):
        ask("asked")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __fspath__ = _ask

    def __getattribute__(self, name):
        ask(name)
        return object.__getattribute__(self, name)

    def __hash__(self):
        ask("hash")
        return 1

    def __eq__(self, other):
        ask("eq")
        return self is other


class Hashing(type):
    def __hash__(cls):
        ask("hash of the class")
        return 1

    def __eq__(cls, other):
        return cls is other


class OfMeta(metaclass=Hashing):
    pass


class Text(str):
    __slots__ = ()

    def __str__(self):
        ask("str")
        return "asked"

    def __hash__(self):
        ask("hash")
        return str.__hash__(self)

    def __eq__(self, other):
        ask("eq")
        return str.__eq__(self, other)


class Items(list):
    def __iter__(self):
        ask("iter")
        return list.__iter__(self)


class Table(dict):
    def items(self):
        ask("items")
        return dict.items(self)

    keys = values = __iter__ = items


@dataclasses.dataclass
class Row:
    x: object


@attrs.define
class Point:
    x: object


class Struct(msgspec.Struct):
    x: object


class Model(BaseModel):
    x: object = None
    key: SecretStr = SecretStr("canary")


class Colour(enum.Enum):
    RED = "red"


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.builds(Loud)
    | st.builds(OfMeta)
    | st.builds(Text, st.text())
    | st.sampled_from([Colour.RED, Colour, len, OfMeta, range(3), complex(1, 2), ...])
    | st.decimals()
    | st.fractions()
    | st.uuids()
    | st.datetimes(timezones=st.timezones() | st.none())
    | st.timedeltas()
    | st.sampled_from([float("nan"), 2**70, -(2**5_000), "\0", "\ud800", b"\xff"])
)
KEYS = (
    st.text()
    | st.integers()
    | st.builds(Loud)
    | st.builds(Text, st.sampled_from(["data", "stream", "content"]))
    | st.tuples(st.integers(), st.builds(Loud))
    | st.just(Colour.RED)
    | st.binary()
)


def inside(inner):
    return (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.lists(inner).map(Items)
        | st.dictionaries(st.text(), inner).map(Table)
        | st.dictionaries(st.text(), inner).map(types.MappingProxyType)
        | st.dictionaries(st.text(), inner).map(collections.UserDict)
        | st.lists(inner).map(collections.deque)
        | st.builds(types.SimpleNamespace, x=inner)
        | st.builds(Row, inner)
        | st.builds(Point, inner)
        | st.builds(Struct, inner)
        | inner.map(lambda x: Model.model_construct(x=x))
        | inner.map(lambda x: {"choices": [{"message": {"content": x}}], "usage": x})
        | inner.map(lambda x: [x, x])
    )


VALUES = st.recursive(LEAVES, inside, max_leaves=20)


def function(given):
    return given


async def coroutine(given):
    return given


def generator(given):
    yield given


async def async_generator(given):
    yield given


def block(given):
    with log_prompt("block", inputs={"given": given}) as log:
        log.update(metadata={"given": given})
        log.record_request({"messages": given})
        return log.record(given)


def manual(given):
    start_log("manual", inputs={"given": given}).end(given)
    return given


def inner(given):
    current_log().update(output=given, messages=given)
    return given


def finish(awaitable):
    """Run what never waits; asyncio would ask for the result's ``__repr__``."""
    try:
        awaitable.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


async def first(made):
    return [value async for value in made].pop()


CALLS = {
    "function": log_prompt(function),
    "coroutine": lambda given: finish(log_prompt(coroutine)(given)),
    "generator": lambda given: next(iter([*log_prompt(generator)(given)])),
    "async generator": lambda given: finish(first(log_prompt(async_generator)(given))),
    "block": block,
    "manual": manual,
    "update": log_prompt(inner),
    "redacted": log_prompt(redact=True)(function),
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CALLS)), VALUES)
def test_any_value_comes_back_and_is_logged_once_as_json(kind, value):
    """Decorated in any way, recorded by hand, in and out."""
    frames = []
    asked.clear()

    with runtime.lend(lambda kind, payload: frames.append((kind, payload)) or True):
        watched[0] = True
        try:
            returned = CALLS[kind](value)
        finally:
            watched[0] = False

    assert asked == []
    assert returned is value
    assert [kind for kind, _ in frames] == [frame.START, frame.END]
    log = render.read_log(frames[0][1], frames[1][1])
    assert log.error is None
    content = render.write_log(frames[0][1], frames[1][1])[2]
    assert b"canary" not in content
    assert json.loads(content)["inputs"].keys() == {"given"}
