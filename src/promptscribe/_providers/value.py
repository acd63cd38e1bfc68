"""Reading plain data that may be anything: each reader gives a value or None.

Its law: total. Whatever a recorded response holds, no reader raises:
a value of the wrong type is a value that is not there.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptscribe.schema import JSONObject, JSONValue

MAX_TOKENS: Final = 2**53
"""A count beyond what a double holds exactly is damage, not a count."""

MAX_NUMBER: Final = 2**64
"""A number beyond is damage as well: 64 bits are the most that a seed has, and what is
reckoned with more may be infinite."""


def table(value: JSONValue) -> JSONObject:
    """Give *value* where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: JSONValue) -> list[JSONValue]:
    """Give *value* where it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def tables(value: JSONValue) -> list[JSONObject]:
    """Give the objects of an array, in order."""
    return [row for row in rows(value) if isinstance(row, dict)]


def at(value: JSONValue, *path: str) -> JSONValue:
    """Walk down objects by member names; None where the path ends early."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def event_data(chunk: JSONValue) -> JSONValue:
    """Give what mistralai's streams yield as ``{event, data}``; others as they are."""
    inner = at(chunk, "data")
    return inner if isinstance(inner, dict) else chunk


def first(value: JSONValue, *names: str) -> JSONValue:
    """Give the first of the named members that is there and not None."""
    if isinstance(value, dict):
        for name in names:
            found = value.get(name)
            if found is not None:
                return found
    return None


def text(value: JSONValue) -> str | None:
    """Give *value* where it is a string."""
    return value if isinstance(value, str) else None


def word(value: JSONValue) -> str | None:
    """Give *value* where it is a string with something in it."""
    return value if isinstance(value, str) and value else None


def flag(value: JSONValue) -> bool | None:
    """Give *value* where it is true or false."""
    return value if isinstance(value, bool) else None


def number(value: JSONValue) -> int | float | None:
    """Give *value* where it is a number to reckon with; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -MAX_NUMBER <= value <= MAX_NUMBER else None


def count(value: JSONValue) -> int | None:
    """Give a number of tokens: a whole number that is not negative.

    Numbers written as ``"12"`` or ``12.0`` are read as well:
    JavaScript tools and protobuf's JSON send them (int64 is a string there,
    https://protobuf.dev/programming-guides/json/).
    """
    if value is None:
        return None
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    whole = number(value)
    if whole is None or whole != whole // 1 or not 0 <= whole <= MAX_TOKENS:
        return None
    return int(whole)


def add(*counts: int | None) -> int | None:
    """Add the counts that are known; None where none is."""
    known = [item for item in counts if item is not None]
    return sum(known) if known else None


def is_scalar(value: JSONValue) -> bool:
    """Say whether *value* is a single finite value, None left out."""
    return isinstance(value, str | bool) or number(value) is not None


def json_text(value: JSONValue) -> str | None:
    """Write *value* as JSON text; a string is taken to be that already."""
    if value is None or isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, OverflowError):
        pass  # a lone surrogate, a key that is no string, a depth of thousands
    try:
        return json.dumps(value, default=str, skipkeys=True)
    except (TypeError, ValueError, RecursionError):
        return None


def read_json(value: JSONValue) -> JSONValue:
    """Read JSON text; what is no JSON text is given back as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value


def base64_text(value: JSONValue) -> str | None:
    """Give binary data as base64 text; a string is taken to be that already."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return word(value)


def strings(values: Iterable[JSONValue]) -> list[str]:
    """Give the strings among *values*, empty ones left out."""
    return [value for value in values if isinstance(value, str) and value]


def kept(**members: JSONValue) -> JSONObject:
    """Build an object of the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
