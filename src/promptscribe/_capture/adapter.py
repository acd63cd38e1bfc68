"""The adapters: how the parts of an object are read, by its exact type.

Its law: nothing here runs an object's own code. It goes by ``type(value)`` alone, since
``isinstance`` runs a foreign ``__class__``; fields are read where C keeps them, in the
instance's dict and in slots, so that no property, no ``__getattr__`` and no ORM's
descriptor is asked. What no adapter knows becomes a marked placeholder.

Fields that their class hides stay hidden: ``repr=False``, ``exclude=True``, those with
a serializer of their own (it may be what hides), and those of a secret's name.
"""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from promptscribe._wire.record import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

_mro_of: Final = type.__dict__["__mro__"].__get__
_dict_of: Final = type.__dict__["__dict__"].__get__

Clean: TypeAlias = "Callable[[Any], Any]"
Reader: TypeAlias = "Callable[[Any, Clean], Any]"

_readers: dict[type, Reader] = {}
_MOST_READERS: Final = 1_000
"""Types made at run time, by ``pydantic.create_model`` say, must not pile up here."""

_SECRET_TYPE: Final = re.compile(r"(?i)secret|password|credential|api_?key")
_SECRET_NAME: Final = re.compile(
    r"(?i)(^|_)(api_?key|secret|secret_?key|password|passwd|passphrase"
    r"|(access|api|auth|bearer|refresh|session)_?token"
    r"|access_?key|private_?key|credentials?|authorization)$"
)
_GETTERS: Final = frozenset({types.GetSetDescriptorType, types.MemberDescriptorType})
HIDDEN: Final = "**********"
"""What stands for a secret, as pydantic writes it."""


def placeholder(value: Any, why: str = "not recorded") -> dict[str, str]:
    """Return what stands in a log for a value that cannot be kept."""
    return {MARK: why, "type": full_name(type(value))}


def full_name(kind: type) -> str:
    """Return a type's module and qualified name, without running its code."""
    module = _dict_of(kind).get("__module__")
    name = type.__dict__["__qualname__"].__get__(kind)
    return f"{module}.{name}" if type(module) is str else str(name)


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


def lookup(kind: type, name: str) -> Any:
    """Return what a class or one of its bases has under a name, or None."""
    for base in _mro_of(kind):
        members = _dict_of(base)
        if name in members:
            return members[name]
    return None


def instance_dict(value: Any) -> dict[str, Any]:
    """Return an object's own dict; an empty one, if it has none."""
    for base in _mro_of(type(value)):
        getter = _dict_of(base).get("__dict__")
        if type(getter) in _GETTERS:
            found = getter.__get__(value)
            return found if type(found) is dict else {}
    return {}


def slot(value: Any, name: str, default: Any = None) -> Any:
    """Return what an object has in a slot, or *default*."""
    descriptor = lookup(type(value), name)
    if type(descriptor) is not types.MemberDescriptorType:
        return default
    try:
        return descriptor.__get__(value)
    except AttributeError:  # an empty slot
        return default


def read_fields(value: Any, shown: tuple[tuple[str, bool], ...]) -> dict[str, Any]:
    """Return an object's fields by name.

    Args:
        value: The object.
        shown: The names of its fields, and whether each may be shown.
    """
    own = instance_dict(value)
    fields: dict[str, Any] = {}
    for name, is_shown in shown:
        found = own[name] if name in own else slot(value, name, _MISSING)
        if found is not _MISSING and is_shown:
            fields[name] = without_secret(name, found)
    return fields


def without_secret(name: str, value: Any) -> Any:
    """Return a field's value, unless its name says that it is a secret."""
    is_secret = type(value) in {str, bytes} and _SECRET_NAME.search(name)
    return HIDDEN if is_secret else value


_MISSING: Final = object()


class Fields(NamedTuple):
    """What was read of a pydantic model.

    Attributes:
        name: Its type's full name and a zero byte.
        value: What it holds, not cleaned yet.
    """

    name: bytes
    value: Any


def _reader_for(kind: type) -> Reader:
    from promptscribe._capture import known_type

    if _SECRET_TYPE.search(kind_name(kind)) and not known_type.is_model(kind):
        return _hide
    return known_type.reader_for(kind) or _replace


def kind_name(kind: type) -> str:
    """Return a type's name without its module."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name


def _hide(value: Any, _clean: Clean) -> Any:
    del value
    return HIDDEN


def _replace(value: Any, _clean: Clean) -> Any:
    return placeholder(value)
