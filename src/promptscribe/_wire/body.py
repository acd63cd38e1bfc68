"""The body: a log as the request that carries it.

Its law: only the seed's members and ``log_id`` are sent, so that a server of either
generation of the contract can take what we send.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import schema
from promptscribe._wire import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe.schema import JSONObject

PATH: Final = "/prompts/log"

_SENT: Final = frozenset({*schema.SEED_MEMBERS, "log_id"})
_KEPT_BACK: Final = frozenset(schema.MEMBERS) - _SENT
_NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})
"""One for nearly all logs: a new one each is more for the garbage collector to see."""
_encode: Final = msgspec.json.Encoder().encode


def write(
    members: JSONObject, *, is_plain: bool = False
) -> tuple[Mapping[str, str], bytes]:
    """Return the query parameters and the JSON body of a log's request.

    Args:
        members: Those of the log, none of them None; it is used up.
        is_plain: Whether JSON can hold the values as they are, but perhaps for keys.
    """
    query = take_query(members)
    return query, encode(members) if is_plain else _encode(jsonable(members))


def take_query(members: JSONObject) -> Mapping[str, str]:
    """Take out of *members* what a body does not have; return the query of it."""
    if _KEPT_BACK.isdisjoint(members):
        return _NO_QUERY
    query = {
        parameter: members[member]
        for member, parameter in schema.QUERY_MEMBERS.items()
        if member in members
    }
    for name in _KEPT_BACK & members.keys():
        del members[name]
    return query


def encode(members: JSONObject) -> bytes:
    """Return the JSON of a body whose values JSON can hold, but perhaps for keys."""
    try:
        return _encode(members)
    except TypeError:  # true, false and null as keys
        return _encode(jsonable(record.plain(members)))


def jsonable(value: Any) -> Any:
    """Return a value with nothing in it that JSON cannot hold.

    Not-a-number and infinity become text: JSON has no word for them, and null
    would hide that there was something.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {
            str(key): (item if type(item) in _ATOMS else jsonable(item))
            for key, item in value.items()
        }
    if kind is list or kind is tuple:
        return [item if type(item) in _ATOMS else jsonable(item) for item in value]
    if kind is float and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


_ATOMS: Final = frozenset({str, int, bool, type(None)})
"""Types of values that JSON can hold as they are."""
