"""Two versions of a Prompt, side by side as lines that a person can read.

Its law: pure functions of details. Templates are shown as their messages, line by
line, and not as JSON: a word that changed in a long prompt is then one line.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from promptscribe.receiver.figure import pretty
from promptscribe.receiver.version import KERNEL_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue

Change: TypeAlias = Literal["same", "added", "removed"]

_CHANGES: Final[dict[str, Change]] = {"  ": "same", "+ ": "added", "- ": "removed"}
_SIGNS: Final = {"same": " ", "added": "+", "removed": "-"}
_MOST_LINES: Final = 4000  # difflib takes a second for two texts of this length


class Line(msgspec.Struct):
    """One line of a comparison.

    Attributes:
        change: What happened to it.
        sign: The same as one character.
        text: The line.
    """

    change: Change
    sign: str
    text: str


def readable(kind: FileKind, details: JSONObject) -> list[str]:
    """Return a version's details as lines, short members first."""
    order = [*KERNEL_MEMBERS[kind], "raw_file_content"]
    members = [(name, details[name]) for name in order if name in details]
    short = [f"{name}: {_inline(v)}" for name, v in members if not _is_long(v)]
    long: list[str] = []
    for name, value in members:
        if _is_long(value):
            long += ["", f"{name}:", *_lines(value)]
    return short + long


def _is_long(value: JSONValue) -> bool:
    if isinstance(value, str):
        return "\n" in value or len(value) > 80
    return isinstance(value, list | dict) and bool(value)


def _inline(value: JSONValue) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _lines(value: JSONValue) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.splitlines()
        return
    for item in value if isinstance(value, list) else [value]:
        content = item.get("content") if isinstance(item, dict) else None
        if isinstance(item, dict) and "role" in item and isinstance(content, str):
            yield f"[{item['role']}]"
            yield from content.splitlines()
        else:
            yield from pretty(item).splitlines()


def difference(old: list[str], new: list[str]) -> list[Line]:
    """Return the lines of two versions, each with what happened to it."""
    compared = difflib.ndiff(old[:_MOST_LINES], new[:_MOST_LINES])
    return [
        Line(_CHANGES[line[:2]], _SIGNS[_CHANGES[line[:2]]], line[2:])
        for line in compared
        if line[:2] in _CHANGES  # "? " lines only point at characters
    ]
