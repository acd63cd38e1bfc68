"""The numeric types: NumPy's numbers, and of its arrays the shape.

Its law: as that of the adapters. They are read by members of NumPy's own classes that
are written in C; what a subclass puts in their place is not called.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import adapter

if TYPE_CHECKING:
    from promptscribe._capture.adapter import Clean, Reader

_PACKAGE: Final = "numpy"
_NUMBERS: Final = frozenset({"floating", "integer", "bool", "bool_"})


def reader_for(kind: type) -> Reader | None:
    """Return how a number or an array of NumPy's is read; None for any other class."""
    names = {
        adapter.kind_name(base)
        for base in adapter.mro_of(kind)
        if adapter.module_of(base) == _PACKAGE
    }
    item = adapter.lookup(kind, "item")
    if names & _NUMBERS and type(item) is types.MethodDescriptorType:
        return lambda value, clean: _read_number(item(value), value, clean)
    shape, dtype = adapter.lookup(kind, "shape"), adapter.lookup(kind, "dtype")
    if "ndarray" in names and adapter.is_getter(shape) and adapter.is_getter(dtype):
        return lambda value, _clean: {
            **adapter.placeholder(value),
            "shape": list(shape.__get__(value)),
            "dtype": adapter.kind_name(type(dtype.__get__(value))),
        }
    return None


def _read_number(number: Any, value: Any, clean: Clean) -> Any:
    kind = type(number)
    is_plain = kind is int or kind is float or kind is bool
    return clean(number) if is_plain else adapter.placeholder(value)
