"""The SDK's model: a pydantic model that came from a provider, written as a whole.

Its law: as that of the adapters. pydantic writes it, in 5 µs for a chat completion;
but first all that it holds is looked at, since a program may have put anything into
it, and a model of the user's, as structured outputs have, would run its own code.
"""

from __future__ import annotations

import datetime as dt
import enum
from gc import get_referents
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from promptscribe._capture import adapter
from promptscribe._wire.record import EXT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

_SERIALIZER: Final = "__pydantic_serializer__"
_EXTRA: Final = "__pydantic_extra__"
_RESPONSE: Final = "_raw_response"
_SDKS: Final = frozenset(
    {
        "anthropic",
        "cohere",
        "google",
        "groq",
        "langchain_core",
        "litellm",
        "mistralai",
        "ollama",
        "openai",
    }
)
"""Packages whose models hold what came as JSON, and no code of the user's."""
LONGEST: Final = 256 << 10
"""Characters of all texts in a model; in more of them may be media."""
_MOST_VALUES: Final = 20_000

_Getter: TypeAlias = "Callable[[Any], Any]"
Kind: TypeAlias = "tuple[type, _Getter | None, _Getter | None, bytes]"

kinds: dict[int, Kind] = {}
"""By the class's id, since a metaclass may hash: the class, which is so kept alive,
what gives an instance's dict and its extra members (nothing, for an enum), and the
class's full name with a zero byte."""
_others: dict[int, type] = {}
"""Classes of which none of that is known: the user's own models."""
_MOST_KINDS: Final = 2_000


def is_model(kind: type) -> bool:
    """Say whether a class is a pydantic model."""
    return adapter.lookup(kind, "__pydantic_decorators__") is not None


def is_of_an_sdk(kind: type) -> bool:
    """Say whether an SDK made the class, and nothing of the user's is in it.

    ``ParsedChatCompletion`` and its kind hold a model of the user's.
    """
    generic = adapter.lookup(kind, "__pydantic_generic_metadata__")
    has_arguments = type(generic) is dict and bool(generic.get("args"))
    return (
        is_in_an_sdk(kind)
        and not has_arguments
        and "Parsed" not in adapter.kind_name(kind)
    )


def write(value: Any, longest: int = LONGEST) -> msgspec.msgpack.Ext | None:
    """Return an SDK's model as its JSON; None for all else, and if that is in it.

    Args:
        value: Anything.
        longest: Characters that may be in it; with more, it is None as well.
    """
    kind = type(value)
    if id(kind) in _others:
        return None
    known = kinds.get(id(kind)) or learn(kind)
    if known is None or known[1] is None:
        return None
    try:
        if not is_sound(value, longest):
            return None
        text = serializer_of(kind).to_json(value, warnings=False)
    except Exception:  # noqa: BLE001 - somebody put something odd into it
        return None
    return msgspec.msgpack.Ext(EXT_MODEL, known[3] + text)


def with_response(value: Any) -> Any:
    """Return what was made of a response, and that.

    instructor keeps it in the user's model, beside the fields, and in its own list
    (1.17.0, v2/core/response.py and v2/dsl/response_list.py).

    Returns:
        The two; the value alone, if it has none of an SDK's.
    """
    response = adapter.instance_dict(value).get(_RESPONSE)
    kind = type(response)
    known = None if response is None else kinds.get(id(kind)) or learn(kind)
    return value if known is None or known[1] is None else [value, response]


def serializer_of(kind: type) -> Any:
    """Return what writes a model; it may be another one by the next time.

    pydantic replaces it when it builds a class, which is often put off.
    """
    return adapter.dict_of(kind).get(_SERIALIZER) or adapter.lookup(kind, _SERIALIZER)


def is_sound(model: Any, longest: int) -> bool:  # noqa: C901, PLR0912 - 4 µs for a completion
    """Say whether a model holds nothing but JSON's values and models of SDKs."""
    left = _MOST_VALUES
    parts = [model]
    while parts:
        before = left
        containers: list[Any] = []
        for part in parts:
            kind = type(part)
            if kind is str:
                longest -= len(part)
                continue
            if kind is int or part is None or kind is float:
                continue
            if kind is dict or kind is list or kind is tuple:
                left -= len(part)
                containers.append(part)
                continue
            known = kinds.get(id(kind))
            if known is None:
                if kind is bytes:
                    longest -= len(part)
                    continue
                if kind is bool or _is_moment(part):
                    continue
                known = learn(kind)
                if known is None:
                    return False
            _, own, extra, _ = known
            if own is None or extra is None:  # an enum
                continue
            fields, more = own(part), extra(part)
            if type(fields) is not dict:
                return False
            left -= len(fields)
            containers.append(fields)
            if more is not None:
                if type(more) is not dict:
                    return False
                left -= len(more)
                containers.append(more)
        if left < 0 or longest < 0:
            return False
        parts = get_referents(*containers) if containers else containers
        if len(parts) < before - left:  # an object's own dict, see `plain`
            return False
    return True


def learn(kind: type) -> Kind | None:
    """Return how instances of a class are looked into; None if they must not be."""
    own = extra = None
    if not is_of_an_sdk(kind):
        if len(_others) < _MOST_KINDS:
            _others[id(kind)] = kind
        return None
    if is_model(kind):
        own = _getter(kind, "__dict__")
        extra = _getter(kind, _EXTRA)
        if not adapter.is_getter(adapter.lookup(kind, _EXTRA)):
            extra = _none  # mistralai's declare it anew: it is in the dict, then
        if own is None or extra is None:
            return None
    elif not any(base is enum.Enum for base in adapter.mro_of(kind)):
        return None
    known = kind, own, extra, adapter.full_name(kind).encode() + b"\0"
    if len(kinds) < _MOST_KINDS:
        kinds[id(kind)] = known
    return known


def _none(_model: Any) -> None:
    """Stand for what reads a member that is elsewhere."""


def _getter(kind: type, name: str) -> _Getter | None:
    """Return what reads a member where C keeps it."""
    for base in adapter.mro_of(kind):
        found = adapter.dict_of(base).get(name)
        if adapter.is_getter(found):
            getter: _Getter = found.__get__
            return getter
    return None


def is_in_an_sdk(kind: type) -> bool:
    """Say whether a class was defined in an SDK."""
    module = adapter.dict_of(kind).get("__module__")
    return type(module) is str and module.partition(".")[0] in _SDKS


def _is_moment(value: Any) -> bool:
    kind = type(value)
    if kind is dt.datetime:
        return value.tzinfo is None or type(value.tzinfo) is dt.timezone
    return kind is dt.date or kind is dt.timedelta
