"""The draft: what several dialects say of one call, put together.

Its law: the first to say something wins; what none of them took is still there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from promptscribe._providers.value import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue

USAGE: Final = "$usage"
"""Member of what is read: token counts and costs, to be priced by who has the time."""

_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {}, ())
"""Values that say nothing; 0 does: no tokens."""


_SECRET: Final = re.compile(
    r"headers?\b|api[_-]?key|authorization|password|secret|cookie", re.IGNORECASE
)
"""Attributes that are never copied (``llm.headers``, ``http.request.header.x``)."""


class Row(NamedTuple):
    """One line of a dialect's table.

    Attributes:
        target: The member: ``output``, ``prompt.model``, ``metadata.x``, ``usage.x``.
        read: Gives the value, or None where it is not one.
        names: The attributes that may hold it, the first one found wins.
    """

    target: str
    read: Callable[[JSONValue], JSONValue]
    names: tuple[str, ...]


def row(target: str, read: Callable[[JSONValue], JSONValue], *names: str) -> Row:
    """Build a line of a table."""
    return Row(target, read, names)


class Draft:
    """What is known of a call so far.

    Attributes:
        span: Where it comes from.
        attributes: Its attributes, and those of the one event that carries content.
        members: Members of the log, sections (``prompt``, ``metadata``, ``usage``)
            apart.
    """

    def __init__(self, span: Span, attributes: JSONObject) -> None:
        self.span = span
        self.attributes = attributes
        self.members: dict[str, Any] = {}
        self._sections: dict[str, dict[str, Any]] = {}
        self._used: set[str] = set()

    def put(self, target: str, value: JSONValue) -> None:
        """Set a member, unless it is set already or the value says nothing."""
        if value is None or (not isinstance(value, bool) and value in _EMPTY):
            return
        section, dot, name = target.partition(".")
        holder = self._sections.setdefault(section, {}) if dot else self.members
        holder.setdefault(name if dot else section, value)

    def has(self, target: str) -> bool:
        """Say whether a member is set."""
        section, dot, name = target.partition(".")
        if dot:
            return name in self._sections.get(section, {})
        return section in self.members or section in self._sections

    def section(self, name: str) -> dict[str, Any]:
        """Return what one section has."""
        return self._sections.get(name, {})

    def fill(self, rows: Iterable[Row]) -> None:
        """Read the attributes that a table names."""
        for target, read, names in rows:
            for name in names:
                value = self.take(name, read)
                if value is not None:
                    self.put(target, value)
                    self.use(names)  # the older ones say the same
                    break

    def take(
        self, name: str, read: Callable[[JSONValue], JSONValue] | None = None
    ) -> JSONValue:
        """Give an attribute, and remember that it was understood."""
        value = self.attributes.get(name)
        if value is None:
            return None
        found = value if read is None else read(value)
        if found is not None:
            self._used.add(name)
        return found

    def take_structure(self, name: str) -> JSONValue:
        """Give an attribute that is an object or array, or JSON text of one.

        Text that a limit on its length has cut says so, and stays as it is.
        """
        found, said = self.take(name, structure), self.attributes.get(name)
        if found is None and isinstance(said, str) and said[:1] in {"[", "{"}:
            self.put("metadata.truncated", value=True)
        return found

    def use(self, names: Iterable[str]) -> None:
        """Remember that attributes were understood."""
        self._used.update(names)

    def rest(self) -> JSONObject:
        """Return the attributes that nobody understood; no headers, no credentials."""
        return public(
            {n: value for n, value in self.attributes.items() if n not in self._used}
        )


def public(attributes: JSONObject) -> JSONObject:
    """Return attributes without those that are never copied."""
    return {name: v for name, v in attributes.items() if not _SECRET.search(name)}


def structure(value: JSONValue) -> JSONValue:
    """Give an object or array, whether structured or as JSON text; None for others.

    Both are in use: the convention wants structure, and JSON text where the SDK
    has none; some put a list of JSON texts. Text that a limit has cut is none.
    """
    if isinstance(value, str):
        value = read_json(value)
    if isinstance(value, list):
        value = [read_json(item) for item in value]
    return value if isinstance(value, dict | list) else None
