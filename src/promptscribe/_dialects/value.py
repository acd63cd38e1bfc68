"""Readers of single attributes, besides those of the providers' room.

Its law: total; what is not what it should be is None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._dialects.draft import structure
from promptscribe._providers.model import provider_name
from promptscribe._providers.tool import read_tools
from promptscribe._providers.value import number, strings, word

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue


def figure(value: JSONValue) -> int | float | None:
    """Give a number, also one that was written as text."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    found = number(value)
    if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
        return int(found)
    return found


def integer(value: JSONValue) -> int | None:
    """Give a whole number, also one that was written as text."""
    found = figure(value)
    return found if isinstance(found, int) else None


def scalar(value: JSONValue) -> JSONValue:
    """Give a single value."""
    return value if isinstance(value, str | bool | int | float) else None


def truth(value: JSONValue) -> bool | None:
    """Give true where it is said; false goes without saying."""
    return True if value is True else None


def milliseconds(value: JSONValue) -> float | None:
    """Give milliseconds as seconds."""
    found = figure(value)
    return None if found is None else found / 1000


def table_of(value: JSONValue) -> JSONObject | None:
    """Give an object, or what JSON text says is one."""
    found = structure(value)
    return found if isinstance(found, dict) else None


def words(value: JSONValue) -> list[str] | None:
    """Give a list of words; JSON text of one, and one word alone, are read as well."""
    found = structure(value)
    if isinstance(found, list):
        return strings(found) or None
    only = word(value)
    return None if only is None else [only]


def first_word(value: JSONValue) -> str | None:
    """Give the first of a list of words."""
    found = words(value)
    return found[0] if found else None


def provider(value: JSONValue) -> str | None:
    """Give the contract's name of a provider."""
    said = word(value)
    return None if said is None else provider_name(said)


def tools(value: JSONValue) -> list[JSONObject] | None:
    """Give tool definitions of any provider as the contract's."""
    offered = structure(value)
    if isinstance(offered, dict):
        offered = [offered]
    if not isinstance(offered, list):
        return None
    return read_tools({}, {"tools": offered}) or None


ENDPOINTS: Final = {
    "chat": "chat",
    "generate_content": "chat",
    "text_completion": "complete",
    "completion": "complete",
    "generate": "complete",
}
"""Operations and request types that are prompt logs, and the contract's endpoint."""


def endpoint(value: JSONValue) -> str | None:
    """Give the contract's endpoint for the name of an operation."""
    return ENDPOINTS.get(value) if isinstance(value, str) else None
