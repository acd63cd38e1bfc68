"""The body: a log as the request that carries it.

Its law: only the seed's members and ``log_id`` are sent, so that a server of either
generation of the contract can take what we send.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import schema

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, PromptLog

PATH: Final = "/prompts/log"

_SENT: Final = (*sorted(schema.SEED_MEMBERS), "log_id")
_encoder: Final = msgspec.json.Encoder()


def write(log: PromptLog) -> tuple[dict[str, str], bytes]:
    """Return the query parameters and the JSON body of a log's request."""
    query = {
        parameter: value
        for member, parameter in schema.QUERY_MEMBERS.items()
        if (value := getattr(log, member)) is not None
    }
    body: JSONObject = {}
    for member in _SENT:
        value = getattr(log, member)
        if value is not None:
            body[member] = value
    return query, _encoder.encode(jsonable(body))


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
