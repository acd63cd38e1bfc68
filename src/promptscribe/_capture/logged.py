"""The logged function: a decorated function as an object.

Its law: to everybody who asks, pickles, copies or compares, it is the function itself.
"""

from __future__ import annotations

import importlib
import operator
from typing import Any

import wrapt


def _find(module: str, qualname: str) -> Any:
    """Return what a module has under a dotted name; for unpickling."""
    return operator.attrgetter(qualname)(importlib.import_module(module))


class BoundLogged(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg] # 1.x
    """A decorated method, bound to its receiver."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        wrapped = self.__wrapped__
        receiver = getattr(wrapped, "__self__", None)
        if receiver is None:  # reached through the class: an ordinary function
            return _find, (wrapped.__module__, wrapped.__qualname__)
        return getattr, (receiver, wrapped.__name__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Logged(wrapt.FunctionWrapper):  # type: ignore[type-arg] # 1.x: not generic
    """A decorated function. It pickles and copies as functions do: by its name."""

    __bound_function_wrapper__ = BoundLogged

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__qualname__

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self
