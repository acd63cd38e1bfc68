"""The standard types: what a program hands about says something in the log."""

from __future__ import annotations

import array
import collections
import datetime as dt
import fractions
import ipaddress
import pathlib
import re
import types
import zoneinfo

import pydantic
import pytest
from pydantic import v1

from promptscribe import log_prompt
from promptscribe.testing import captured_logs


def logged(value):
    @log_prompt
    def call(value):
        return value

    with captured_logs() as logs:
        assert call(value) is value
    assert len(logs) == 1
    return logs[0].inputs["value"]


class Settings(collections.UserDict):
    def __iter__(self):
        raise AssertionError("asked")

    __getitem__ = items = keys = values = __len__ = __iter__


class Refused(ValueError):
    def __str__(self):
        raise AssertionError("asked")

    __repr__ = __str__


class Asked(dict):
    def items(self):
        raise AssertionError("asked")

    keys = copy = __iter__ = __len__ = items


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Settings(a=[1]), {"a": [1]}),
        (collections.UserList([1, 2]), [1, 2]),
        (collections.UserString("text"), "text"),
        (collections.ChainMap({"a": 1}, {"a": 2, "b": 3}), {"a": 1, "b": 3}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (types.MappingProxyType(Asked(a=1)), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.items(), [["a", 1]]),
        (range(1, 9, 2), "range(1, 9, 2)"),
        (array.array("d", [0.5, 1.5]), [0.5, 1.5]),
        (fractions.Fraction(1, 3), "1/3"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (re.compile(r"\d+"), r"\d+"),
        (
            [Refused("limit", 3)],
            [{"type": f"{__name__}.Refused", "args": ["limit", 3]}],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_the_standard_library_is_kept_as_what_it_says(value, kept):
    """And nothing that a subclass overrides is called."""
    assert logged(value) == kept


class Zone(zoneinfo.ZoneInfo):
    """As pendulum's are."""

    def utcoffset(self, moment):
        raise AssertionError("asked")

    dst = tzname = fromutc = utcoffset


class Localized(dt.tzinfo):
    """As those of pytz are: an instance for each offset."""

    def __init__(self, offset):
        self._utcoffset = offset

    def utcoffset(self, moment):
        raise AssertionError("asked")


AHEAD = dt.timedelta(hours=5)
EAST, WEST = dt.timezone(AHEAD), dt.timezone(-AHEAD)


class Duration(dt.timedelta):
    days = property(lambda self: 1 / 0)


class Day(dt.date):
    year = property(lambda self: 1 / 0)

    def isoformat(self):
        raise AssertionError("asked")


class NaTType(dt.datetime):
    """As that of pandas: not a time, whatever it is in C."""


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (dt.datetime(2025, 7, 1, 12, tzinfo=Zone("Europe/Paris")), 10),
        (dt.datetime(2025, 7, 1, 12, tzinfo=Localized(dt.timedelta(0, 3600))), 11),
    ],
    ids=["zone", "localized"],
)
def test_a_time_of_a_foreign_zone_keeps_its_moment(value, kept):
    """Where it can be read off the zone, without its own methods."""
    found = logged(value)
    moment = dt.datetime.fromisoformat(found) if type(found) is str else found

    assert moment.astimezone(dt.UTC).hour == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (dt.datetime.min.replace(tzinfo=EAST), "0001-01-01T00:00:00+05:00"),
        (dt.datetime.max.replace(tzinfo=WEST), "9999-12-31T23:59:59.999999-05:00"),
        (dt.datetime(1, 1, 1, tzinfo=Localized(AHEAD)), "0001-01-01T00:00:00+05:00"),
    ],
    ids=["first", "last", "zone"],
)
def test_a_time_that_utc_does_not_have_is_kept_as_its_text(value, kept):
    """The first and the last of all are what "always" and "never" are written as."""
    assert logged(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Duration(1, 3_600), {dt.timedelta(1, 3_600), "P1DT3600S"}),
        (Day(2025, 1, 2), {dt.date(2025, 1, 2), "2025-01-02"}),
    ],
    ids=["duration", "day"],
)
def test_a_date_and_a_duration_of_a_subclass_are_kept(value, kept):
    """Pandas and pendulum have such."""
    assert logged(value) in kept


def test_what_is_no_time_is_not_taken_for_one():
    """It came out as the year 1."""
    assert logged(NaTType(1, 1, 1))["$promptscribe"] == "not recorded"


def test_the_type_of_an_object_that_c_made_is_told_in_full():
    """``TextIOWrapper`` alone says little."""
    with pathlib.Path(__file__).open(encoding="utf-8") as file:
        assert logged(file)["type"] == "_io.TextIOWrapper"


def test_a_model_of_pydantic_1_is_read_by_its_fields():
    """Many programs have not moved yet; ``pydantic.v1`` is theirs."""

    class Model(v1.BaseModel):
        name: str
        hidden: str = v1.Field("h", exclude=True)
        key: v1.SecretStr = v1.SecretStr("canary")

    assert logged(Model(name="Ada")) == {"name": "Ada", "key": "**********"}


def test_an_address_of_pydantic_is_kept():
    """In a model or alone."""

    class Page(pydantic.BaseModel):
        url: pydantic.HttpUrl

    page = Page(url="https://example.org/a")

    assert logged(page) == {"url": "https://example.org/a"}
    assert logged([page.url]) == ["https://example.org/a"]


def test_a_number_of_numpy_is_a_number_and_an_array_tells_its_shape():
    """What a subclass overrides is not called."""
    numpy = pytest.importorskip("numpy")

    class Asked(numpy.ndarray):
        def __getattribute__(self, name):
            raise AssertionError(name)

        def __array_finalize__(self, other):
            pass

    array = numpy.zeros((3, 4)).view(Asked)

    kept = logged([numpy.int64(3), numpy.float32(0.5), numpy.bool_(1), array])

    assert kept[:3] == [3, 0.5, True]
    assert kept[3]["shape"] == [3, 4]
