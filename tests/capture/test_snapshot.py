"""The snapshot: any value becomes bytes, and nothing is asked of it."""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
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


class Message:
    """What a program has of its own, and hands on as ``vars(message)``."""

    def __init__(self, login):
        self.content = "hi"
        self.login = login


@dataclasses.dataclass
class Login:
    user: str
    code: str = dataclasses.field(repr=False)


def streamed(value):
    """Log a stream of values; return what is kept of the second."""

    @log_prompt
    def call():
        yield "first"
        yield value

    with captured_logs() as logs:
        assert list(call())[1] is value
    return logs[0].output


@pytest.mark.parametrize("log", [logged, streamed])
@pytest.mark.parametrize(
    "place",
    [
        lambda own: own,
        lambda own: [own],
        lambda own: [own] * 100,
        lambda own: {"choices": [own]},
        lambda own: {"choice": own, "index": 0},
        lambda own: [own, Decimal(1)],
        lambda own: [[n] for n in range(100)] + [[own, Decimal(1)]],
    ],
)
def test_an_objects_own_dict_is_looked_into_as_any_other(place, log):
    """What a class hides stays hidden, also in ``vars(message)``.

    From Python 3.13 on the object keeps the values, and its dict tells of none.
    """
    message = Message(Login("ada", "canary"))

    kept = repr(log(place(vars(message))))

    assert "'ada'" in kept.replace('"', "'")
    assert "canary" not in kept


def test_an_objects_own_dict_is_not_too_deep_either():
    """The rest of the log can be read."""
    message = Message(deep(1_000))

    assert "too deep" in repr(logged([vars(message), Decimal(1)]))


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


def test_a_text_of_ten_megabytes_is_cut_with_its_length():
    """The log stays, and says what is missing."""
    kept = logged("x" * 10_000_000)

    assert kept.endswith("… [8951424 characters cut]")
    assert len(kept) < 1_100_000


def test_media_are_replaced_by_type_size_and_digest():
    """Data URLs, base64 beside a media type, and bytes; small ones stay."""
    content = bytes(range(256)) * 2_000
    text = base64.b64encode(content).decode()
    digest = hashlib.sha256(content).hexdigest()
    mark = f"$promptscribe:media;type=image/png;bytes={len(content)};sha256={digest}"

    kept = logged(
        [
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{text}"},
            },
            {"type": "base64", "media_type": "image/png", "data": text},
            {"inline_data": {"mime_type": "image/png", "data": content}},
            {"url": "data:image/png;base64,AAAA"},
        ]
    )

    assert kept[0]["image_url"]["url"] == mark
    assert kept[1]["data"] == mark
    assert kept[2]["inline_data"]["data"] == mark.replace(
        "image/png", "application/octet-stream"
    )
    assert kept[3]["url"] == "data:image/png;base64,AAAA"


def test_a_large_model_is_looked_into():
    """A pydantic model with media in it, as image APIs return them."""

    class Image(BaseModel):
        b64_json: str
        size: str = "small"

    kept = logged(Image(b64_json=base64.b64encode(bytes(600_000)).decode()))

    assert kept["b64_json"].startswith("$promptscribe:media;")
    assert kept["size"] == "small"


def test_all_texts_together_have_a_limit():
    """A record stays below what a server takes."""
    kept = logged(["y" * 900_000 for _ in range(30)])

    assert sum(len(text) for text in kept) < 5_000_000
    assert kept[-1].endswith("characters cut]")
