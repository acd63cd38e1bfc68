"""The known types: which reader belongs to which class.

Its law: as that of the adapters; it decides once a class, by its bases.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import adapter, numeric_type, sdk_model
from promptscribe._capture.adapter import Fields
from promptscribe._capture.standard_type import BASES, EXACT, LATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe._capture.adapter import Clean, Reader


_SERIALIZERS: Final = frozenset({"PlainSerializer", "WrapSerializer"})
"""Annotations of pydantic that make a field be written by the user's own code."""

_V1_MODELS: Final = frozenset({"pydantic.v1.main.BaseModel"})
_URLS: Final = frozenset(
    {"pydantic_core._pydantic_core.Url", "pydantic_core._pydantic_core.MultiHostUrl"}
)
"""Written in Rust, and closed to subclasses."""
_WRAPPED_URLS: Final = frozenset({"pydantic.networks._BaseUrl"})

_readers: dict[int, tuple[type, Reader]] = {}
"""By the class's id, since a metaclass may hash; the class is so kept alive."""
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
    known = _readers.get(id(kind))
    if known is None:
        known = kind, _reader_for(kind)
        if len(_readers) < _MOST_READERS:
            _readers[id(kind)] = known
    return known[1](value, clean)


def _reader_for(kind: type) -> Reader:
    if _SECRET_TYPE.search(adapter.kind_name(kind)) and not sdk_model.is_model(kind):
        return _hide
    return reader_for(kind) or _replace


def _hide(_value: Any, _clean: Clean) -> Any:
    return adapter.HIDDEN


def _replace(value: Any, _clean: Clean) -> Any:
    return adapter.placeholder(value)


def reader_for(kind: type) -> Reader | None:
    """Return how objects of a class are read; None if nobody knows that."""
    return _standard_reader(kind) or _pydantic_reader(kind) or _declared_reader(kind)


def _standard_reader(kind: type) -> Reader | None:
    """Return how objects of a class of the standard library, or NumPy's, are read."""
    if adapter.is_hashed_as_usual(kind) and kind in EXACT:
        return EXACT[kind]
    late = LATE.get(adapter.full_name(kind))
    if late is not None and _is_importable(kind):
        return late
    if any(base is enum.EnumMeta for base in adapter.mro_of(type(kind))):
        return _read_enum
    number = numeric_type.reader_for(kind)  # some are floats as well
    if number is not None:
        return number
    for base in adapter.mro_of(kind):
        if adapter.is_hashed_as_usual(base) and base in BASES:
            return BASES[base]
    return None


def _is_importable(kind: type) -> bool:
    """Say whether a class is what its module has under its name."""
    module = sys.modules.get(adapter.module_of(kind) or "")
    return vars(module).get(adapter.kind_name(kind)) is kind if module else False


def _pydantic_reader(kind: type) -> Reader | None:
    """Return how models and addresses of pydantic are read."""
    if sdk_model.is_model(kind):
        return _model_reader(kind)
    names = {adapter.full_name(base) for base in adapter.mro_of(kind)}
    if names & _V1_MODELS:
        return _fields_reader(tuple(_v1_fields(kind)))
    if adapter.full_name(kind) in _URLS:
        return lambda value, _clean: str(value)
    if names & _WRAPPED_URLS:
        return lambda value, clean: clean(adapter.instance_dict(value).get("_url"))
    return None


def _declared_reader(kind: type) -> Reader | None:
    """Return how objects of a class that declares its fields are read."""
    if type(adapter.lookup(kind, "__dataclass_fields__")) is dict:
        return _fields_reader(tuple(_dataclass_fields(kind)))
    attributes = adapter.lookup(kind, "__attrs_attrs__")
    if any(base is tuple for base in adapter.mro_of(type(attributes))):
        shown = ((a.name, a.repr is True) for a in tuple.__iter__(attributes))
        return _fields_reader(tuple(shown))
    if type(kind) is type(msgspec.Struct):
        names: tuple[str, ...] = type.__getattribute__(kind, "__struct_fields__")
        return _fields_reader(tuple((name, True) for name in names))
    return None


def _fields_reader(shown: tuple[tuple[str, bool], ...]) -> Reader:
    return lambda value, clean: clean(_read_fields(value, shown))


def _read_fields(value: Any, shown: tuple[tuple[str, bool], ...]) -> dict[str, Any]:
    """Return an object's fields by name.

    Args:
        value: The object.
        shown: The names of its fields, and whether each may be shown.
    """
    own = adapter.instance_dict(value)
    fields: dict[str, Any] = {}
    for name, is_shown in shown:
        found = own[name] if name in own else adapter.slot(value, name, _MISSING)
        if found is not _MISSING and is_shown:
            fields[name] = _without_secret(name, found)
    return fields


def _without_secret(name: str, value: Any) -> Any:
    """Return a field's value, unless its name says that it is a secret."""
    kind = type(value)
    is_text = kind is str or kind is bytes
    return adapter.HIDDEN if is_text and _is_secret(name) else value


@functools.lru_cache(2_048)
def _is_secret(name: str) -> bool:
    from promptscribe._capture.secret_name import STRONG, secrecy  # 8 ms of patterns

    return secrecy(name) == STRONG


_MISSING: Final = object()


def _dataclass_fields(kind: type) -> Iterator[tuple[str, bool]]:
    for name, field in adapter.lookup(kind, "__dataclass_fields__").items():
        if type(name) is str and type(field) is dataclasses.Field:
            yield name, field.repr


def _v1_fields(kind: type) -> Iterator[tuple[str, bool]]:
    """Return the fields of a model of pydantic 1, which pydantic 2 also brings."""
    fields = adapter.lookup(kind, "__fields__")
    for name, field in fields.items() if type(fields) is dict else ():
        info = field.field_info
        yield name, info.exclude is None and info.repr is True


def _model_reader(kind: type) -> Reader:
    """Return what reads a pydantic model."""
    name = adapter.full_name(kind).encode("utf-8", "replace") + b"\0"
    shown = _model_fields(kind)
    is_root = shown is not None and [field for field, _ in shown] == ["root"]

    def read_model(value: Any, _clean: Clean) -> Any:
        if shown is None:
            return adapter.placeholder(value, _OWN_SERIALIZER)
        fields: Any = _read_fields(value, shown)
        extra = adapter.slot(value, "__pydantic_extra__")
        if type(extra) is dict:
            named = [(k, v) for k, v in list(extra.items()) if type(k) is str]
            fields |= {k: _without_secret(k, v) for k, v in named}
        return Fields(name, fields["root"] if is_root and fields else fields)

    return read_model


_OWN_SERIALIZER: Final = "not recorded: it has a serializer of its own"


def _model_fields(kind: type) -> tuple[tuple[str, bool], ...] | None:
    """Return a model's fields, and whether each may be shown; None if none may."""
    fields = adapter.lookup(kind, "__pydantic_fields__")
    if type(fields) is not dict:  # before pydantic 2.10
        fields = adapter.lookup(kind, "model_fields")
    decorators = adapter.lookup(kind, "__pydantic_decorators__")
    if type(fields) is not dict:
        return None
    # mistralai's leave out what was not set, and hide nothing.
    if getattr(decorators, "model_serializers", None) and not (
        sdk_model.is_in_an_sdk(kind)
    ):
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
