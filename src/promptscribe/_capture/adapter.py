"""The adapters: what the encoder gets for types that it does not know.

Its law: nothing here iterates, or asks a foreign object for an attribute; it goes by
``type(value)`` alone, since ``isinstance`` runs a foreign ``__class__``. What is not
known by an adapter becomes a marked placeholder.
"""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._wire.record import EXT_MODEL, MARK

if TYPE_CHECKING:
    from collections.abc import Callable

_mro_of: Final = type.__dict__["__mro__"].__get__
_dict_of: Final = type.__dict__["__dict__"].__get__

Adapter = "Callable[[Any], Any]"
_adapters: dict[type, Callable[[Any], Any]] = {}
_MOST_ADAPTERS: Final = 1_000
"""Types made at run time, by ``pydantic.create_model`` say, must not pile up here."""


def placeholder(value: Any, why: str = "not recorded") -> dict[str, str]:
    """Return what stands in a log for a value that cannot be kept."""
    return {MARK: why, "type": full_name(type(value))}


def full_name(kind: type) -> str:
    """Return a type's module and qualified name, without running its code."""
    module = _dict_of(kind).get("__module__")
    name = type.__dict__["__qualname__"].__get__(kind)
    return f"{module}.{name}" if type(module) is str else str(name)


def represent(value: Any) -> Any:
    """Return something that MessagePack knows for a value that it does not know."""
    kind = type(value)
    adapter = _adapters.get(kind)
    if adapter is None:
        adapter = _adapter_for(kind)
        if len(_adapters) < _MOST_ADAPTERS:
            _adapters[kind] = adapter
    return adapter(value)


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=represent)
encode_fast: Final = _encoder.encode
"""Encode a value; raises on what only `snapshot.encode` can deal with."""


def _adapter_for(kind: type) -> Callable[[Any], Any]:
    for base in _mro_of(kind):
        if base is str:
            return str.__str__
        if base is int:
            return int.__int__
        if base is float:
            return float.__float__
        if base is pathlib.PurePath:
            return os.fspath
        if "__pydantic_serializer__" in _dict_of(base):
            return _model_adapter(kind)
    return placeholder


def _model_adapter(kind: type) -> Callable[[Any], Any]:
    """Return what encodes a pydantic model: 5 µs for an OpenAI chat completion."""
    name = full_name(kind).encode("utf-8", "replace") + b"\0"
    serializer = next(
        _dict_of(base)["__pydantic_serializer__"]
        for base in _mro_of(kind)
        if "__pydantic_serializer__" in _dict_of(base)
    )

    def adapt(value: Any) -> Any:
        try:
            text = serializer.to_json(value, warnings=False)
        except Exception:  # noqa: BLE001 - a model's own serializer may fail
            return placeholder(value)
        return msgspec.msgpack.Ext(EXT_MODEL, name + text)

    return adapt
