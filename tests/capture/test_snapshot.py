"""The snapshot: any value becomes bytes, and nothing is asked of it."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
import threading
import types
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


class Loud:
    """Raises whenever anything is asked of it."""

    def _refuse(self, *_):
        raise AssertionError("asked")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = _refuse
    __hash__ = object.__hash__

    def __getattribute__(self, name):
        raise AssertionError(name)


class Colour(enum.Enum):
    RED = "red"


class Model(BaseModel):
    name: str
    key: SecretStr = SecretStr("canary")


@dataclasses.dataclass
class Point:
    x: int


class Text(str):
    __slots__ = ()


def circular():
    value = []
    value.append(value)
    return value


def deep(levels):
    value = None
    for _ in range(levels):
        value = [value]
    return value


def logged(value):
    """Return how a value comes out of the journal as an input."""
    calls = []

    @log_prompt
    def call(value):
        calls.append(value)
        return value

    with captured_logs() as logs:
        assert call(value) is value
    assert calls[0] is value
    assert len(logs) == 1
    return logs[0].inputs["value"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Text("sub"), "sub"),
        (Colour.RED, "red"),
        (Point(3), {"x": 3}),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (Decimal("1.5"), "1.5"),
        ({1}, [1]),
        ((1, 2), [1, 2]),
        (2**70, 2**70),
        (-(2**70), -(2**70)),
        ("\ud800 lone", "\\ud800 lone"),
        ({1: 2, None: 3, False: 4}, {"1": 2, "null": 3, "false": 4}),
        (Model(name="n"), {"name": "n", "key": "**********"}),
        ({"a": {"b": [1.5, None, True]}}, {"a": {"b": [1.5, None, True]}}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_value_is_kept_as_what_it_says(value, kept):
    """Standard types, enums, dataclasses, pydantic models, odd keys, huge integers."""
    assert logged(value) == kept


@pytest.mark.parametrize(
    "value",
    [
        object(),
        threading.Lock(),
        (n for n in range(3)),
        lambda: None,
        types,
        int,
        2**40_000,
        complex(1, 2),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_cannot_be_kept_is_replaced_by_a_marked_placeholder(value):
    """The log is kept, and nothing was asked of the object."""
    kept = logged(value)

    assert kept["$promptscribe"] == "not recorded"
    assert kept["type"]


def test_a_foreign_object_is_asked_for_nothing():
    """No attribute, no length, no text, not even its class."""
    kept = logged(Loud())

    assert kept == {"$promptscribe": "not recorded", "type": f"{__name__}.Loud"}


def test_a_generator_argument_still_yields_everything():
    """It is not iterated."""
    numbers = (n for n in range(3))

    logged(numbers)

    assert list(numbers) == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "why"), [(circular(), "circular"), (deep(10_000), "too deep")]
)
def test_what_never_ends_is_cut_off_with_a_mark(value, why):
    """Cycles and 10,000 levels: the rest of the value is kept."""
    assert why in repr(logged(value))


def test_a_time_comes_out_as_text():
    """RFC 3339 on the wire; a time for whoever captures logs."""
    moment = datetime(2025, 1, 2, tzinfo=UTC)

    assert logged(moment) in {moment, "2025-01-02T00:00:00Z"}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters())
        | st.binary()
        | st.builds(object),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.integers() | st.none(), inner)
            | st.tuples(inner, inner)
            | st.frozensets(st.text())
        ),
        max_leaves=30,
    )
)
def test_any_value_leaves_call_and_log_intact(value):
    """Arbitrary objects in and out: same object back, one log kept."""
    logged(value)
