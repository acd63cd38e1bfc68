"""No code of a value's own runs: not to record it, and not to find out how.

What is checked is what the object saw, not only what the log says.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import pathlib
from collections import OrderedDict, defaultdict, deque
from types import SimpleNamespace
from typing import Annotated, NamedTuple

import attrs
import msgspec
import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    computed_field,
    field_serializer,
    model_serializer,
)
from pydantic import Field as ModelField
from pydantic.dataclasses import dataclass as pydantic_dataclass
from tests.capture.watching import ask, watching

from promptscribe import log_prompt, start_log
from promptscribe.testing import captured_logs


def logged(value):
    """Return how a value is logged as an input, a result, and inside a list."""

    @log_prompt
    def call(value):
        return value

    @log_prompt
    def nested(values):
        return values

    values = {"deep": [value]}
    with captured_logs() as logs, watching():
        returned = call(value), nested(values)
        start_log("block", inputs={"value": value}).end(value)
    assert returned[0] is value
    assert returned[1] is values
    assert len(logs) == 3
    assert not any(log.error for log in logs)
    if "more values" not in repr(logs[0].inputs):  # counted from the outside in
        assert logs[2].inputs == logs[0].inputs
        assert logs[1].inputs["values"] == {"deep": [logs[0].inputs["value"]]}
    return logs[0].inputs["value"]


class Lazy:
    """What an ORM puts in the place of a column that is not loaded yet."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return self if instance is None else ask(f"load {self.name}")


@dataclasses.dataclass
class Row:
    name: str
    note: str = dataclasses.field(default="", repr=False)
    api_key: str = "sk-1"
    lazy: object = None

    def __getattr__(self, name):
        ask(f"getattr {name}")
        raise AttributeError(name)


def test_a_lazy_column_of_a_mapped_dataclass_is_not_loaded():
    """What is in the instance is recorded, what its class would fetch is not."""
    row = Row("Ada", "private")
    del row.lazy
    Row.lazy = Lazy()
    Row.lazy.__set_name__(Row, "lazy")

    assert logged(row) == {"name": "Ada", "api_key": "**********"}


def test_a_dataclass_whose_access_is_overridden_is_not_asked():
    """Neither ``__getattribute__`` nor a property in the place of a field."""

    @dataclasses.dataclass
    class Guarded:
        x: int

        def __getattribute__(self, name):
            ask(f"getattribute {name}")
            return object.__getattribute__(self, name)

    @dataclasses.dataclass(slots=True)
    class Slotted:
        x: int
        secret: str = dataclasses.field(default="hidden", repr=False)

    assert logged(Guarded(1)) == {"x": 1}
    assert logged(Slotted(2)) == {"x": 2}


def test_a_class_made_with_attrs_is_read_as_a_dataclass_is():
    """What it keeps out of its own repr stays out of the log."""

    @attrs.define
    class Point:
        x: int
        password: str = "p"  # noqa: S105 - a canary
        hidden: str = attrs.field(default="h", repr=False)
        masked: str = attrs.field(default="m", repr=lambda _: "***")

    assert logged(Point(3)) == {"x": 3, "password": "**********"}


def test_a_struct_is_read_by_its_fields():
    """``msgspec.Struct``."""

    class Point(msgspec.Struct):
        x: int
        y: list[int] = []

    assert logged(Point(1)) == {"x": 1, "y": []}


def test_a_models_iterator_still_yields_everything():
    """Serialising a pydantic model would read it to its end."""

    class Job(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        name: str
        chunks: object

    chunks = (n for n in range(3))

    kept = logged(Job(name="a", chunks=chunks))

    assert kept["name"] == "a"
    assert kept["chunks"] == {"$promptscribe": "not recorded", "type": "generator"}
    assert list(chunks) == [0, 1, 2]


def test_a_models_own_code_does_not_run_and_what_it_may_hide_is_hidden():
    """Computed fields, serializers, and fields that are excluded or not shown."""

    class Account(BaseModel):
        model_config = ConfigDict(extra="allow")
        name: str
        masked: str = "1234"
        annotated: Annotated[str, PlainSerializer(lambda _: ask("annotated"))] = "x"
        excluded: str = ModelField(default="e", exclude=True)
        unshown: str = ModelField(default="u", repr=False)
        key: SecretStr = SecretStr("canary")

        @field_serializer("masked")
        def mask(self, value):
            ask("field_serializer")

        @computed_field
        def balance(self) -> int:
            ask("computed")

    kept = logged(Account(name="Ada", password="p", more=[1]))  # noqa: S106 - the same

    assert kept == {
        "name": "Ada", "key": "**********", "password": "**********", "more": [1],
    }  # fmt: skip


def test_a_model_with_a_serializer_of_its_own_is_not_recorded():
    """Nobody knows what it would leave out."""

    class Odd(BaseModel):
        name: str

        @model_serializer
        def write(self):
            ask("model_serializer")

    assert "serializer of its own" in logged(Odd(name="a"))["$promptscribe"]


def test_a_pydantic_dataclass_is_read_by_its_fields():
    """It has a serializer as well."""

    @pydantic_dataclass
    class Point:
        x: int

    assert logged(Point(1)) == {"x": 1}


def test_a_parsed_answer_of_openai_holds_the_users_model():
    """The SDK's own model around it does not serialise it either."""
    chat = pytest.importorskip("openai.types.chat")

    class Answer(BaseModel):
        text: str

        @field_serializer("text")
        def write(self, value):
            ask("field_serializer")

    message = {"role": "assistant", "content": "{}", "parsed": Answer(text="a")}
    response = chat.ParsedChatCompletion.construct(
        id="1",
        model="gpt-4o",
        choices=[
            chat.ParsedChoice.construct(
                index=0,
                finish_reason="stop",
                message=chat.ParsedChatCompletionMessage.construct(**message),
            )
        ],
    )

    @log_prompt
    def call():
        return response

    with captured_logs() as logs:
        assert call() is response

    assert logs[0].output == "{}"
    assert logs[0].finish_reason == "stop"


class Pair(NamedTuple):
    a: int
    b: int


class Zone(dt.tzinfo):
    def utcoffset(self, moment):
        ask("utcoffset")

    dst = tzname = utcoffset


class Items(list):
    def __iter__(self):
        ask("iter")
        return list.__iter__(self)

    def __len__(self):
        ask("len")
        return list.__len__(self)


class Mapping(dict):
    def items(self):
        ask("items")
        return dict.items(self)

    values = keys = __iter__ = items


class Numbers(set):
    def __iter__(self):
        ask("iter")
        return set.__iter__(self)


class Text(str):
    __slots__ = ()

    def __str__(self):
        ask("str")
        return "asked"

    encode = __repr__ = __str__


class Where(pathlib.PurePosixPath):
    def __fspath__(self):
        ask("fspath")
        return "asked"

    __str__ = __fspath__


class Meta(type):
    def __getattribute__(cls, name):
        ask(f"meta {name}")
        return type.__getattribute__(cls, name)


class Guarded(metaclass=Meta):
    def __getattribute__(self, name):
        ask(f"getattribute {name}")
        return object.__getattribute__(self, name)


class Colour(enum.Enum):
    RED = Guarded()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (dt.datetime(2025, 1, 2, tzinfo=Zone()), None),
        (Items([1, 2]), [1, 2]),
        (Mapping(a=1), {"a": 1}),
        (Numbers({1}), [1]),
        (Text("text"), "text"),
        (Where("/a"), None),
        (Guarded(), None),
        (Colour.RED, None),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (deque([1, 2], maxlen=9), [1, 2]),
        (Pair(1, 2), [1, 2]),
        (SimpleNamespace(a=[1]), {"a": [1]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_is_read_past_what_it_overrides(value, kept):
    """By the methods of the built-in class; what cannot be is replaced."""
    result = logged(value)

    assert kept is None or result == kept


@dataclasses.dataclass(frozen=True)
class Key:
    name: str = "k"


@pytest.mark.parametrize(
    "key",
    [Guarded, Key(), (1, 2), frozenset({1}), b"k", Colour.RED, 2**70, 1.5, object()],
    ids=lambda key: type.__name__ if isinstance(key, type) else type(key).__name__,
)
def test_a_key_of_any_type_costs_no_log(key):
    """The value is kept under what can be said of the key."""
    kept = logged({"odd": {key: "value", "other": 1}, "sound": 1})

    assert kept["sound"] == 1
    assert type(key) is Key or list(kept["odd"].values()) == ["value", 1]


def test_memory_that_was_released_costs_no_log():
    """A ``memoryview`` is a window on somebody else's bytes."""
    view = memoryview(b"abc")
    view.release()

    assert logged([view, memoryview(b"abc")])[0]["type"] == "memoryview"


def test_json_that_was_left_undecoded_costs_no_log():
    """``msgspec.Raw`` may hold JSON; our own frames are MessagePack."""
    kept = logged(msgspec.json.decode(b'{"a": [1, 2]}', type=msgspec.Raw))

    assert kept == {"$promptscribe": "not recorded", "type": "msgspec.Raw"}


def test_shared_references_do_not_multiply():
    """Nine lists of nine, each the same one nine times, as YAML's anchors make them."""
    laughs = "lol"
    for _ in range(60):
        laughs = [laughs] * 9
    text = ["x" * 1_000_000] * 300

    assert "$promptscribe" in repr(logged(laughs))
    assert sum(len(part) for part in logged(text)) < 5_000_000


def test_huge_integers_are_bounded_all_together():
    """Decimal digits take a time that grows with their square."""
    kept = logged([2**4_000] * 3_000)

    assert kept[0] == 2**4_000
    assert kept[-1] == {"$promptscribe": "not recorded", "type": "int", "bits": 4_001}


def test_more_values_than_can_be_kept_are_counted():
    """The first ones stay."""
    kept = logged({"numbers": list(range(500_000))})

    assert kept["numbers"][:3] == [0, 1, 2]
    assert kept["numbers"][-1]["$promptscribe"].endswith(" more values")
