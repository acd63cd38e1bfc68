"""The logged function: a decorated function as an object.

Its law: to everybody who asks, pickles, copies, binds or compares, it is the function.

Written out and no proxy of wrapt's: that one has every special method there is, so that
``isinstance(f, Sized)`` and ``hasattr(f, "__enter__")`` are true, and its methods bind
to objects that ``weakref.WeakMethod`` cannot make again. A call takes 0.03 µs less this
way, a method's call 0.2.
"""

from __future__ import annotations

import copy
import functools
import operator
import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

import wrapt

from promptscribe._capture.arguments import has_receiver
from promptscribe._capture.cloud import is_asking, takes_code
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.guise import passing
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    Again = tuple[Callable[[Any, Any], Any], tuple[Any, Any]]
    Make = Callable[[Any, bool], "Logged"]
    Call = Callable[[Any, Any, Any], Any]

_set: Final = object.__setattr__
_SIGNATURE: Final = frozenset({"__code__", "__defaults__", "__kwdefaults__"})


def _find(module: str, qualname: str) -> Any:
    """Return what a module that is loaded has under a dotted name, or None."""
    try:
        return operator.attrgetter(qualname)(sys.modules[module])
    except (KeyError, AttributeError):  # made inside of a function
        return None


def _ask(name: str) -> Any:
    """Return a property for what the class would answer instead of the function."""
    return property(operator.attrgetter(f"__wrapped__.{name}"))


def _class_of(logged: Logged) -> Any:
    """Return the function's class; to who takes functions apart, the real one."""
    is_truth = is_asking(sys._getframe(1))
    return type(logged) if is_truth else logged.__wrapped__.__class__


def finish(kind: type) -> None:
    """Have a class not answer what each class is made to, but its functions.

    Annotations are made when somebody asks the class for them, `unittest.mock` say.
    """
    for name in ("__annotations__", "__doc__", "__module__"):
        setattr(kind, name, _ask(name))
    kind.__name__ = FunctionType.__name__  # as it stands in the words of a TypeError


class Logged:
    """A decorated function; what it does not say itself, the function says.

    How it is called is a subclass's matter.

    Args:
        wrapped: The function.
        make: Makes another like this one, of a callable, and given whether the first
            argument is a receiver.
        again: What makes the same once more, and of what, for a pickle.
        receives: Whether the first argument is a receiver, which is not recorded.
    """

    # A name of ours here would hide the function's own attribute of that name.
    __slots__ = (
        "__weakref__",
        "__wrapped__",
        "_self_again",
        "_self_make",
        "_self_method",
    )

    def __init__(
        self, wrapped: Any, make: Make, again: Again, *, receives: bool
    ) -> None:
        _set(self, "__wrapped__", wrapped)
        _set(self, "_self_again", again)
        _set(self, "_self_make", make)
        _set(self, "_self_method", self if receives else None)

    def __get__(self, receiver: Any, owner: Any = None) -> Any:
        if receiver is None:
            return self
        return MethodType(self._self_method or self._self_bound(), receiver)

    def _self_bound(self) -> Logged:
        """Return the same function as one that gets a receiver.

        Two, because who calls ``Bot.answer(bot, …)`` and who calls a function of the
        same name by itself look alike; a method's call is known for one.
        """
        wrapped: Any = self.__wrapped__
        if is_logged(wrapped):  # decorated twice
            wrapped = wrapped._self_method or wrapped._self_bound()
        method: Logged = self._self_make(wrapped, True)
        _set(self, "_self_method", method)
        return method

    if TYPE_CHECKING:

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            """Call the function."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__wrapped__, name, value)
        if name in _SIGNATURE:
            self._self_anew()

    def _self_anew(self) -> None:
        """Name the arguments by the signature that the function has now."""
        receives = self._self_method is self
        made = self._self_make(self.__wrapped__, receives)
        for slot in type(self).__slots__:
            _set(self, slot, getattr(made, slot))
        if not receives:
            _set(self, "_self_method", None)

    def __delattr__(self, name: str) -> None:
        delattr(self.__wrapped__, name)

    def __dir__(self) -> list[str]:
        return dir(self.__wrapped__)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as functions do, by name; what has none of its own, by its parts."""
        name: str | None = getattr(self, "__qualname__", None)
        is_known = name is not None and _find(self.__module__, name) is self
        if is_known and not takes_code(sys._getframe(1), self.__module__):
            return name
        return self._self_again

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    __class__ = property(_class_of)  # pyright: ignore[reportIncompatibleMethodOverride]
    __dict__ = _ask("__dict__")


finish(Logged)


def is_logged(value: Any) -> bool:
    """Say whether a value is one of these, which it does not say by its class."""
    return issubclass(type(value), Logged)


class LoggedCall(Logged):
    """One that *call* calls: it takes the function, arguments by place and by name."""

    __slots__ = ("_self_call",)

    def __init__(
        self, wrapped: Any, make: Make, again: Again, *, receives: bool, call: Call
    ) -> None:
        super().__init__(wrapped, make, again, receives=receives)
        _set(self, "_self_call", call)

    @passing
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        try:
            if runtime.append is None:  # nothing is recorded: 0.18 µs in all
                return self.__wrapped__(*args, **kwargs)
            return self._self_call(self.__wrapped__, args, kwargs)
        except RecursionError as error:  # there may be no room for a call
            error.__traceback__ = (at := error.__traceback__) and at.tb_next
            raise
        except BaseException as error:
            hide_frame(error)
            raise


class LoggedDescriptor(Logged):
    """A decorated callable that binds in a way of its own: classmethod, lru_cache.

    From Python 3.13 on `functools.partial` is one: it says that it will bind.
    """

    __slots__ = ("_self_called",)

    def __init__(self, wrapped: Any, make: Make, again: Again) -> None:
        super().__init__(wrapped, make, again, receives=False)
        inner = getattr(wrapped, "__wrapped__", None)
        # A partial has got its receiver, if it has one.
        receives = has_receiver(inner) and type(wrapped) is not functools.partial
        _set(self, "_self_called", make(wrapped, receives))

    @property
    def __call__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What calls it, without a frame in between."""
        return self._self_called

    def __get__(self, receiver: Any, owner: Any = None) -> Any:
        wrapped = self.__wrapped__
        bound = wrapped.__get__(receiver, owner)
        if bound is wrapped:
            return self
        if type(bound) is MethodType:
            return MethodType(self._self_part(bound.__func__, True), bound.__self__)
        if type(bound) is FunctionType or is_logged(bound):  # a staticmethod's
            return self._self_part(bound, False)
        wrap, (_, declared) = self._self_again
        return wrap(bound, declared)

    def __copy__(self) -> Any:
        return self._self_copied(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: Any) -> Any:
        return self._self_copied(copy.deepcopy(self.__wrapped__, memo))

    def _self_copied(self, copied: Any) -> Any:
        """Return this one, unless a copy of what it calls is another: an object's."""
        wrap, (wrapped, declared) = self._self_again
        return self if copied is wrapped else wrap(copied, declared)

    def _self_part(self, function: Any, receives: bool) -> Logged:
        """Return a function that was found in the descriptor, logged; always the same.

        Args:
            function: The function.
            receives: Whether it gets a receiver.
        """
        known: Logged | None = self._self_method
        if known is None or known.__wrapped__ is not function:
            wrap, (_, declared) = self._self_again
            made: Logged = self._self_make(function, receives)
            _set(made, "_self_again", (wrap, (function, declared)))
            _set(self, "_self_method", made)
            return made
        return known


for _kind in (LoggedCall, LoggedDescriptor):
    finish(_kind)


class LoggedObject(wrapt.ObjectProxy):  # type: ignore[type-arg] # 1.x: not generic
    """A decorated callable object: as one, it does not bind as a method does.

    Args:
        wrapped: The object.
        make: What `Logged` takes.
        again: What makes the same of a copy of the object: a function, the object,
            and a further argument.
    """

    def __init__(self, wrapped: Any, make: Make, again: Again) -> None:
        super().__init__(wrapped)
        self._self_again = again
        self._self_logged = make(wrapped.__call__, False)

    @property
    def __call__(self) -> Any:
        """What calls it. Frameworks ask this whether it is a coroutine function."""
        call, logged = self.__wrapped__.__call__, self._self_logged
        if call != logged.__wrapped__:  # its class has got another, a test's say
            logged = self._self_logged = logged._self_make(call, False)
        return logged

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._self_again

    def __copy__(self) -> Any:
        again, (wrapped, declared) = self._self_again
        return again(copy.copy(wrapped), declared)

    def __deepcopy__(self, memo: Any) -> Any:
        again, (wrapped, declared) = self._self_again
        return again(copy.deepcopy(wrapped, memo), declared)
