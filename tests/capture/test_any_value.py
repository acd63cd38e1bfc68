"""A property: whatever is given and returned, the call and its log are as they should.

Nothing of a value runs, the very object comes back, and one log goes out as JSON.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import io
import json
import pathlib
import threading
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


class Number(int):
    def _ask(self, *_):
        ask("number")
        return 1

    __int__ = __index__ = __float__ = __lt__ = __le__ = __gt__ = __neg__ = _ask
    __str__ = __repr__ = __format__ = bit_length = _ask


class Fraction(float):
    def _ask(self, *_):
        ask("float")
        return 1.0

    __float__ = __int__ = __lt__ = __ne__ = __str__ = __repr__ = is_integer = _ask


class Data(bytes):
    def _ask(self, *_):
        ask("bytes")
        return b""

    __bytes__ = __len__ = __iter__ = __getitem__ = decode = __str__ = _ask


class Pair(collections.namedtuple("Pair", "x y")):  # noqa: PYI024 - of any kind
    __slots__ = ()

    def _ask(self, *_):
        ask("pair")
        return iter(())

    __iter__ = __len__ = __getitem__ = _asdict = _ask


class Group(frozenset):
    def _ask(self, *_):
        ask("group")
        return iter(())

    __iter__ = __len__ = __contains__ = _ask


class Ordered(collections.OrderedDict):
    def _ask(self, *_):
        ask("ordered")
        return iter(())

    items = keys = values = __iter__ = __len__ = __getitem__ = __missing__ = _ask


class Lazy:
    """Loads what it is asked for, as an ORM does."""

    x = property(lambda _: ask("property"))

    def __getattr__(self, name):
        ask(name)

    def __set_name__(self, *_):
        ask("name")

    @property
    def __class__(self):
        ask("class")
        return dict

    @property
    def __dict__(self):
        ask("dict")
        return {}


class Asking(type):
    def __getattribute__(cls, name):
        ask(f"metaclass {name}")
        return type.__getattribute__(cls, name)

    def __instancecheck__(cls, instance):
        ask("metaclass")
        return False

    def __repr__(cls):
        ask("metaclass")
        return "OfAsking"


class OfAsking(metaclass=Asking):
    pass


@dataclasses.dataclass(slots=True)
class Slotted:
    x: object
    api_key: str = "canary"


class Fallen(Exception):
    def _ask(self, *_):
        ask("exception")
        return "fallen"

    args = property(_ask)
    __str__ = __repr__ = __notes__ = _ask


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
    | st.builds(Lazy)
    | st.builds(lambda: OfAsking())  # noqa: PLW0108 - to be asked nothing now
    | st.builds(Number, st.integers())
    | st.builds(Fraction, st.floats())
    | st.builds(Data, st.binary())
    | st.builds(Fallen, st.text())
    | st.builds(bytearray, st.binary())
    | st.builds(memoryview, st.binary())
    | st.builds(io.BytesIO, st.binary())
    | st.builds(threading.Lock)
    | st.builds(pathlib.PurePosixPath, st.text(st.characters(codec="utf-8")))
    | st.builds(msgspec.Raw, st.binary())
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary())
    | st.builds(lambda: (ask("drawn") for _ in range(3)))
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


def circular(value):
    """Return lists, dicts and objects in which all of them are."""
    around, holder = {"value": value}, types.SimpleNamespace()
    around["again"] = [around, holder]
    holder.x = around
    return around


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
        | inner.map(lambda x: [*range(100), x, *range(100)])
        | inner.map(lambda x: {**dict.fromkeys(map(str, range(100)), 1), "x": x})
        | inner.map(circular)
        | st.lists(inner, min_size=2, max_size=2).map(lambda two: Pair(*two))
        | st.dictionaries(st.text(), inner).map(Ordered)
        | st.lists(st.integers() | st.text()).map(Group)
        | st.dictionaries(st.text(), inner).map(
            lambda found: collections.ChainMap(found, {"more": found})
        )
        | st.builds(Slotted, inner)
        | st.builds(ValueError, inner)
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


ERRORS = st.recursive(
    st.builds(ValueError, VALUES)
    | st.builds(KeyError, VALUES)
    | st.builds(OSError, VALUES, VALUES)
    | st.builds(Fallen, VALUES)
    | st.sampled_from([SystemExit, KeyboardInterrupt, GeneratorExit]).map(
        lambda kind: kind("told")
    ),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(
            lambda found: BaseExceptionGroup("some", found)
        )
        | st.tuples(inner, inner).map(lambda two: linked(*two, "__cause__"))
        | st.tuples(inner, inner).map(lambda two: linked(*two, "__context__"))
        | st.tuples(inner, VALUES).map(lambda two: noted(*two))
    ),
    max_leaves=6,
)


def linked(error, other, link):
    setattr(error, link, other)
    return error


def noted(error, note):
    if type(error) is not Fallen:
        error.__notes__ = note
    return error


@settings(max_examples=150, deadline=None)
@given(st.booleans(), ERRORS)
def test_any_error_comes_back_and_is_logged_once(redact, error):
    """The very object, with the links that it had; what its words do stays with us."""
    frames = []
    links = error.__cause__, error.__context__

    @log_prompt(redact=redact)
    def fail():
        raise error

    caught = None
    with runtime.lend(lambda kind, payload: frames.append((kind, payload)) or True):
        watched[0] = True
        try:
            fail()
        except BaseException as raised:  # noqa: BLE001 - any
            caught = raised
        finally:
            watched[0] = False

    assert caught is error
    assert (error.__cause__, error.__context__) == links
    assert [kind for kind, _ in frames] == [frame.START, frame.END]
    content = render.write_log(frames[0][1], frames[1][1])[2]
    assert json.loads(content)["error"].startswith(type(error).__name__)
