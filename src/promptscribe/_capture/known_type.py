"""The known types: which reader belongs to which class.

Its law: as that of the adapters; it decides once a class, by its bases.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import pathlib
import re
import types
import uuid
import zoneinfo
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from promptscribe._capture import adapter
from promptscribe._capture.adapter import Fields
from promptscribe._wire.record import EXT_BIG_INT, EXT_CHUNKS, EXT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptscribe._capture.adapter import Clean

_mro_of: Final = type.__dict__["__mro__"].__get__
_dict_of: Final = type.__dict__["__dict__"].__get__

_PATHS: Final = frozenset(
    {
        pathlib.PurePosixPath,
        pathlib.PosixPath,
        pathlib.PureWindowsPath,
        pathlib.WindowsPath,
    }
)
_KNOWN_ZONES: Final = frozenset({type(None), dt.timezone, zoneinfo.ZoneInfo})
_MOMENT: Final = tuple(
    (name, {**dt.date.__dict__, **dt.datetime.__dict__}[name].__get__)
    for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")
)
_zone_of: Final = dt.datetime.__dict__["tzinfo"].__get__

_MODEL: Final = "__pydantic_serializer__"
_SDKS: Final = frozenset(
    {
        "anthropic",
        "cohere",
        "google",
        "groq",
        "litellm",
        "mistralai",
        "ollama",
        "openai",
    }
)
"""Packages whose models hold what came as JSON, and no code of the user's."""
_SERIALIZERS: Final = frozenset({"PlainSerializer", "WrapSerializer"})
"""Annotations of pydantic that make a field be written by the user's own code."""

Reader: TypeAlias = "Callable[[Any, Clean], Any]"

_readers: dict[type, Reader] = {}
_MOST_READERS: Final = 1_000
"""Types made at run time, by ``pydantic.create_model`` say, must not pile up here."""

_SECRET_TYPE: Final = re.compile(r"(?i)secret|password|credential|api_?key")


def read(value: Any, clean: Clean) -> Any:
    """Return the plain data that an object is known to stand for, or a placeholder.

    Args:
        value: An object of any type that is not plain already.
        clean: Makes plain data of a part.
    """
    kind = type(value)
    reader = _readers.get(kind)
    if reader is None:
        reader = _reader_for(kind)
        if len(_readers) < _MOST_READERS:
            _readers[kind] = reader
    return reader(value, clean)


def _reader_for(kind: type) -> Reader:
    if _SECRET_TYPE.search(adapter.kind_name(kind)) and not is_model(kind):
        return _hide
    return reader_for(kind) or _replace


def _hide(_value: Any, _clean: Clean) -> Any:
    return adapter.HIDDEN


def _replace(value: Any, _clean: Clean) -> Any:
    return adapter.placeholder(value)


def is_model(kind: type) -> bool:
    """Say whether a class is a pydantic model."""
    return adapter.lookup(kind, "__pydantic_decorators__") is not None


def reader_for(kind: type) -> Reader | None:
    """Return how objects of a class are read; None if nobody knows that."""
    if kind in _EXACT:
        return _EXACT[kind]
    if kind in _PATHS:
        return lambda value, _clean: str(value)
    if enum.EnumMeta in _mro_of(type(kind)):
        return _read_enum
    for base in _mro_of(kind):
        if base in _BASES:
            return _BASES[base]
    if is_model(kind):
        return _model_reader(kind)
    if type(adapter.lookup(kind, "__dataclass_fields__")) is dict:
        return _fields_reader(tuple(_dataclass_fields(kind)))
    attributes = adapter.lookup(kind, "__attrs_attrs__")
    if attributes is not None and tuple in _mro_of(type(attributes)):
        shown = ((a.name, a.repr is True) for a in tuple.__iter__(attributes))
        return _fields_reader(tuple(shown))
    if type(kind) is type(msgspec.Struct):
        names: tuple[str, ...] = type.__getattribute__(kind, "__struct_fields__")
        return _fields_reader(tuple((name, True) for name in names))
    return None


def _fields_reader(shown: tuple[tuple[str, bool], ...]) -> Reader:
    return lambda value, clean: clean(adapter.read_fields(value, shown))


def _dataclass_fields(kind: type) -> Iterator[tuple[str, bool]]:
    for name, field in adapter.lookup(kind, "__dataclass_fields__").items():
        if type(name) is str and type(field) is dataclasses.Field:
            yield name, field.repr


def _model_reader(kind: type) -> Reader:
    """Return what reads a pydantic model: 5 µs for an OpenAI chat completion."""
    name = adapter.full_name(kind).encode("utf-8", "replace") + b"\0"
    if is_of_an_sdk(kind):
        serializer = adapter.lookup(kind, _MODEL)
        return lambda value, _clean: _write_model(serializer, name, value)
    shown = _model_fields(kind)
    if shown is None:
        return lambda value, _clean: adapter.placeholder(value, _OWN_SERIALIZER)
    is_root = [field for field, _ in shown] == ["root"]

    def read_model(value: Any, _clean: Clean) -> Fields:
        fields: Any = adapter.read_fields(value, shown)
        extra = adapter.slot(value, "__pydantic_extra__")
        if type(extra) is dict:
            named = [(k, v) for k, v in extra.items() if type(k) is str]
            fields |= {k: adapter.without_secret(k, v) for k, v in named}
        return Fields(name, fields["root"] if is_root and fields else fields)

    return read_model


_OWN_SERIALIZER: Final = "not recorded: it has a serializer of its own"


def is_of_an_sdk(kind: type) -> bool:
    """Say whether an SDK made the class, and nothing of the user's is in it.

    ``ParsedChatCompletion`` and its kind hold a model of the user's.
    """
    module = _dict_of(kind).get("__module__")
    generic = adapter.lookup(kind, "__pydantic_generic_metadata__")
    has_arguments = type(generic) is dict and bool(generic.get("args"))
    return (
        type(module) is str
        and module.partition(".")[0] in _SDKS
        and not has_arguments
        and "Parsed" not in adapter.kind_name(kind)
    )


def _write_model(serializer: Any, name: bytes, value: Any) -> Any:
    try:
        text = serializer.to_json(value, warnings=False)
    except Exception:  # noqa: BLE001 - somebody put something odd into it
        return adapter.placeholder(value)
    return msgspec.msgpack.Ext(EXT_MODEL, name + text)


def _model_fields(kind: type) -> tuple[tuple[str, bool], ...] | None:
    """Return a model's fields, and whether each may be shown; None if none may."""
    fields = adapter.lookup(kind, "__pydantic_fields__")
    if type(fields) is not dict:  # before pydantic 2.10
        fields = adapter.lookup(kind, "model_fields")
    decorators = adapter.lookup(kind, "__pydantic_decorators__")
    if type(fields) is not dict or getattr(decorators, "model_serializers", None):
        return None
    written = {
        field
        for serializer in getattr(decorators, "field_serializers", {}).values()
        for field in serializer.info.fields
    }
    return tuple(
        (
            name,
            info.repr is not False
            and info.exclude is not True
            and not {name, "*"} & written
            and not any(type(m).__name__ in _SERIALIZERS for m in info.metadata),
        )
        for name, info in fields.items()
    )


def _read_enum(value: Any, clean: Clean) -> Any:
    found = adapter.instance_dict(value).get("_value_")
    return adapter.placeholder(value) if type(found) is type(value) else clean(found)


def _read_moment(value: Any, _clean: Clean) -> Any:
    """Return a time as the encoder knows it; a foreign time zone is not asked."""
    zone = _zone_of(value)
    if type(value) is dt.datetime and type(zone) in _KNOWN_ZONES:
        return value
    known = zone if type(zone) in _KNOWN_ZONES else None
    parts = {name: part(value) for name, part in _MOMENT}
    return dt.datetime(**parts, tzinfo=known)


def _read_time(value: Any, _clean: Clean) -> Any:
    is_known = type(value.tzinfo) in _KNOWN_ZONES
    return value if is_known else adapter.placeholder(value)


def _read_memory(value: Any, _clean: Clean) -> Any:
    try:
        return value.tobytes()
    except ValueError:  # it was released
        return adapter.placeholder(value)


def _read_extension(value: Any, _clean: Clean) -> Any:
    """Let our own extensions through, that the recording made of a stream."""
    if value.code in {EXT_BIG_INT, EXT_CHUNKS, EXT_MODEL} and _can_be_read(value):
        return value
    return adapter.placeholder(value)


def _read_raw(value: Any, _clean: Clean) -> Any:
    """Let through what is MessagePack; msgspec also has JSON in these."""
    return value if _can_be_read(value) else adapter.placeholder(value)


def _can_be_read(value: Any) -> bool:
    from promptscribe._wire import record

    try:
        record.decode(msgspec.msgpack.encode(value))
    except Exception:  # noqa: BLE001 - not ours
        return False
    return True


def _as_is(value: Any, _clean: Clean) -> Any:
    return value


def _read_dict(value: Any, clean: Clean) -> Any:
    return clean(dict(dict.items(value)))


_EXACT: Final[dict[type, Reader]] = {
    dt.date: _as_is,
    dt.timedelta: _as_is,
    dt.time: _read_time,
    decimal.Decimal: _as_is,
    uuid.UUID: _as_is,
    memoryview: _read_memory,
    bytearray: lambda value, _clean: bytes(value),
    collections.deque: lambda value, clean: clean(list(value)),
    types.SimpleNamespace: lambda value, clean: clean(adapter.instance_dict(value)),
    msgspec.msgpack.Ext: _read_extension,
    msgspec.Raw: _read_raw,
}
_BASES: Final[dict[type, Reader]] = {
    str: lambda value, clean: clean(str.__str__(value)),
    int: lambda value, clean: clean(int.__int__(value)),
    float: lambda value, _clean: float.__float__(value),
    dict: _read_dict,
    list: lambda value, clean: clean(_copy(list, value)),
    tuple: lambda value, clean: clean(_copy(tuple, value)),
    set: lambda value, clean: clean(_copy(set, value)),
    frozenset: lambda value, clean: clean(_copy(frozenset, value)),
    dt.datetime: _read_moment,
}
"""Built-in classes whose own methods read a subclass, whatever that one overrides."""


def _copy(kind: Any, value: Any) -> list[Any]:
    from promptscribe._capture.sanitizer import MOST_NODES

    return list(itertools.islice(kind.__iter__(value), MOST_NODES + 1))
