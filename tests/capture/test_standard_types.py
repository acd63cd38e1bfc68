"""The standard types: what a program hands about says something in the log."""

from __future__ import annotations

import array
import collections
import fractions
import ipaddress
import re
import types

import pytest

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
