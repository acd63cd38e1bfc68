"""The adapters: how the parts of an object are read, by its exact type.

Its law: nothing here runs an object's own code. It goes by ``type(value)`` alone, since
``isinstance`` runs a foreign ``__class__``; fields are read where C keeps them, in the
instance's dict and in slots, so that no property, no ``__getattr__`` and no ORM's
descriptor is asked. What no adapter knows becomes a marked placeholder.

Fields that their class hides stay hidden: ``repr=False``, ``exclude=True``, those with
a serializer of their own (it may be what hides), and those of a secret's name.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from promptscribe._wire.record import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

mro_of: Final = type.__dict__["__mro__"].__get__
"""Return the classes that a class stands on, by no code of its own."""
dict_of: Final = type.__dict__["__dict__"].__get__
"""Return what a class itself defines, likewise."""

_module_of: Final = type.__dict__["__module__"].__get__

Clean: TypeAlias = "Callable[[Any], Any]"
Reader: TypeAlias = "Callable[[Any, Clean], Any]"
"""What makes plain data of an object, with a function that does so of its parts."""

HIDDEN: Final = "**********"
"""What stands for a secret, as pydantic writes it."""


def placeholder(value: Any, why: str = "not recorded") -> dict[str, str]:
    """Return what stands in a log for a value that cannot be kept."""
    return {MARK: why, "type": full_name(type(value))}


_names: dict[int, tuple[type, str]] = {}
"""By the class's id, since a metaclass may hash; the class is so kept alive."""
_MOST_NAMES: Final = 1_000


def full_name(kind: type) -> str:
    """Return a type's module and qualified name, without running its code."""
    known = _names.get(id(kind))
    if known is None:
        module = module_of(kind)
        name = str(type.__dict__["__qualname__"].__get__(kind))
        known = kind, name if module in {None, "builtins"} else f"{module}.{name}"
        if len(_names) < _MOST_NAMES:
            _names[id(kind)] = known
    return known[1]


def module_of(kind: type) -> str | None:
    """Return the name of a type's module."""
    module = _module_of(kind)  # of C's types, the dict does not tell
    return module if type(module) is str else None


def lookup(kind: type, name: str) -> Any:
    """Return what a class or one of its bases has under a name, or None."""
    for base in mro_of(kind):
        members = dict_of(base)
        if name in members:
            return members[name]
    return None


_metaclasses: dict[int, tuple[type, bool]] = {}
_MOST_METACLASSES: Final = 1_000


def is_hashed_as_usual(kind: type) -> bool:
    """Say whether a class can be a dict's key: its metaclass has no say in that."""
    meta = type(kind)
    if meta is type:
        return True
    known = _metaclasses.get(id(meta))
    if known is None:
        usual = all(
            lookup(meta, name) is object.__dict__[name]
            for name in ("__hash__", "__eq__")
        )
        known = meta, usual
        if len(_metaclasses) < _MOST_METACLASSES:
            _metaclasses[id(meta)] = known
    return known[1]


def is_getter(member: Any) -> bool:
    """Say whether a class's member reads what C keeps."""
    kind = type(member)
    return kind is types.GetSetDescriptorType or kind is types.MemberDescriptorType


def instance_dict(value: Any) -> dict[str, Any]:
    """Return an object's own dict; an empty one, if it has none."""
    for base in mro_of(type(value)):
        getter = dict_of(base).get("__dict__")
        if is_getter(getter):
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


class Items(NamedTuple):
    """The items of a dict's subclass: no dict is made of them, as its keys may hash.

    Attributes:
        pairs: Its keys and values.
        total: How many it has; *pairs* may be the first of them.
    """

    pairs: list[tuple[Any, Any]]
    total: int


class Memory(NamedTuple):
    """Bytes that are not copied, because they are too many.

    Attributes:
        content: A ``bytearray``, or a view of single bytes.
    """

    content: bytearray | memoryview


class Fields(NamedTuple):
    """What was read of a pydantic model.

    Attributes:
        name: Its type's full name and a zero byte.
        value: What it holds, not cleaned yet.
    """

    name: bytes
    value: Any


def kind_name(kind: type) -> str:
    """Return a type's name without its module."""
    name: str = type.__dict__["__name__"].__get__(kind)
    return name
