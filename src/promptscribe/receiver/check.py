"""Checks of decoded JSON: the parts that request shapes are put together from.

Its law: a check only looks; it appends every problem it finds and changes
nothing. The problems of a body are found in one pass, since a client that learns
of them one at a time posts the same log again and again; but no more than a person
would read, since a body of 10 MB can have five million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from promptscribe._wire import fitting, path
from promptscribe.receiver.instant import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe.schema import JSONValue

Location: TypeAlias = tuple[str | int, ...]

MOST_PROBLEMS: Final = 100
"""After so many, no further item of a list and no further member is looked at."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request, in the contract's own members.

    Attributes:
        loc: Where: ``body`` or ``query``, then member names and indexes.
        msg: What, for a person.
        type: What, for a program.
    """

    loc: Location
    msg: str
    type: str


Check: TypeAlias = "Callable[[JSONValue, Location, list[Problem]], None]"


def check_string(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for text."""
    if not isinstance(value, str):
        found.append(Problem(where, "Input should be a valid string", "string_type"))


def check_integer(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for an integer; 12.0 is one, true is not."""
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, bool) or not (isinstance(value, int) or whole):
        found.append(Problem(where, "Input should be a valid integer", "int_type"))


def check_number(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for a number; true is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        found.append(Problem(where, "Input should be a valid number", "float_type"))


def check_boolean(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for true or false."""
    if not isinstance(value, bool):
        found.append(Problem(where, "Input should be a valid boolean", "bool_type"))


def check_object(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for an object."""
    if not isinstance(value, dict):
        found.append(Problem(where, "Input should be an object", "dict_type"))


def check_instant(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for a time."""
    try:
        parse_instant(value)
    except ValueError as error:
        message = f"Input should be a time, as ISO 8601 or epoch seconds: {error}"
        found.append(Problem(where, message, "datetime_type"))


def check_identifier(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for an id that a client may choose; an empty one is none."""
    if not isinstance(value, str) or len(value) > fitting.MAX_ID:
        message = f"Input should be a string of at most {fitting.MAX_ID} characters"
        found.append(Problem(where, message, "string_type"))
    elif value and not fitting.is_id(value):
        message = "Input should have no control characters"
        found.append(Problem(where, message, "string_pattern_mismatch"))


def check_path(value: JSONValue, where: Location, found: list[Problem]) -> None:
    """Ask for a file's path: names with slashes between them."""
    if not isinstance(value, str):
        check_string(value, where, found)
        return
    wrong = path.fault_of(value)
    if wrong is not None:
        found.append(Problem(where, wrong, "string_pattern_mismatch"))


def one_of(*words: str) -> Check:
    """Return a check for one of a few words."""

    def check(value: JSONValue, where: Location, found: list[Problem]) -> None:
        if value not in words:
            message = f"Input should be one of {', '.join(words)}"
            found.append(Problem(where, message, "literal_error"))

    return check


def list_of(check_item: Check) -> Check:
    """Return a check for a list whose items pass another check."""

    def check(value: JSONValue, where: Location, found: list[Problem]) -> None:
        if not isinstance(value, list):
            found.append(Problem(where, "Input should be a valid list", "list_type"))
            return
        for index, item in enumerate(value):
            if len(found) >= MOST_PROBLEMS:
                return
            check_item(item, (*where, index), found)

    return check


def either(first: type, check_first: Check, check_second: Check) -> Check:
    """Return a check that is chosen by the type of the value."""

    def check(value: JSONValue, where: Location, found: list[Problem]) -> None:
        chosen = check_first if isinstance(value, first) else check_second
        chosen(value, where, found)

    return check


def shape(members: Mapping[str, Check], *required: str) -> Check:
    """Return a check of an object's known members; others are passed over."""

    def check(value: JSONValue, where: Location, found: list[Problem]) -> None:
        if not isinstance(value, dict):
            check_object(value, where, found)
            return
        found.extend(
            Problem((*where, name), "Field required", "missing")
            for name in required
            if value.get(name) is None
        )
        for name, check_member in members.items():
            member = value.get(name)
            if member is not None:
                check_member(member, (*where, name), found)

    return check
