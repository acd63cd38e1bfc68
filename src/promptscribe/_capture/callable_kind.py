"""The callable kind: which wrapper a decorated callable gets, and as what object.

Its law: a callable is what its code and its type say it is, before the first call. It
costs nothing later.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, MethodType, MethodWrapperType
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import generator, iterator, wrapper
from promptscribe._capture.arguments import has_receiver, make_binder, unwrapped
from promptscribe._capture.guise import passing
from promptscribe._capture.importlib_bootstrap import LoggedFunction
from promptscribe._capture.logged import (
    LoggedCall,
    LoggedDescriptor,
    LoggedObject,
    is_logged,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.arguments import Binder
    from promptscribe._capture.logged import Call, Logged
    from promptscribe._capture.options import Plan

_IMPLICIT: Final[dict[str, Any]] = {
    "__class_getitem__": classmethod,
    "__init_subclass__": classmethod,
    "__new__": staticmethod,
}
"""What a class statement makes of methods of these names: of functions alone."""


def wrap(function: Any, declared: Plan) -> Any:
    """Return *function* wrapped according to its kind."""
    function = _as_class_makes_it(function)
    inner, again = unwrapped(function), (wrap, (function, declared))
    kind, around, *more = _find(inner)
    is_bare = kind == "function" and not (
        declared.options.capture_stdout or declared.options.flush
    )

    def make(target: Any, receives: bool) -> Logged:
        bind = make_binder(inner, receives=receives)
        if is_bare:
            return LoggedFunction(
                target, make, again, receives=receives, declared=declared, bind=bind
            )
        if around is iterator.around_iterator:
            call = around(declared, bind, *more, is_twice=_is_decorated(target))
        else:
            call = around(declared, bind, *more)
        call = _with_options(declared, kind, call)
        return LoggedCall(target, make, again, receives=receives, call=call)

    if type(function) is FunctionType:
        return make(function, has_receiver(function))
    if is_logged(function) and type(function) is not LoggedDescriptor:  # once more
        return make(function, function._self_method is function)
    # A method that is bound has one as well from Python 3.13 on, and binds no more.
    if hasattr(type(function), "__get__") and type(function) is not MethodType:
        return LoggedDescriptor(function, make, again)
    return LoggedObject(function, make, again)  # it does not bind


def _with_options(declared: Plan, kind: str, call: Call) -> Call:
    """Return *call* with what the options add around it."""
    if declared.options.capture_stdout:
        from promptscribe._capture import stdout

        call = stdout.capturing(call, kind)
    # The others do it at their end.
    if declared.options.flush and kind in {"function", "marked"}:
        from promptscribe._capture import flushing

        around = flushing.around if kind == "function" else flushing.settling
        call = around(call)
    return call


@passing
def _around_function(declared: Plan, bind: Binder) -> Call:
    """Return what calls a function, for what is put around that."""

    def call(wrapped: Any, args: Any, kwargs: Any) -> Any:
        unused: Any = None
        function = LoggedFunction(
            wrapped, unused, unused, receives=False, declared=declared, bind=bind
        )
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            generator.hide_frame(error)
            raise

    return call


def _as_class_makes_it(function: Any) -> Any:
    """Return what a class statement makes of a method of this name by itself.

    It knows functions alone, by their C type.
    """
    if type(function) is FunctionType and has_receiver(function):
        kind = _IMPLICIT.get(function.__name__)
        return function if kind is None else kind(function)
    return function


def _is_decorated(target: Any) -> bool:
    """Say whether what is called, or what that calls, is decorated as well."""
    while not is_logged(target):
        if type(target) is functools.partial:
            target = target.func
        elif type(target) is MethodType:
            target = target.__func__
        elif type(target) is MethodWrapperType:  # the ``__call__`` of one of these
            target = target.__self__
        else:
            return type(target) is LoggedObject
    return True


def _find(function: Any) -> tuple[Any, ...]:
    """Return the kind of a callable, what makes its wrapper, and what that needs."""
    if _is(inspect.isasyncgenfunction, function):
        return "async generator", iterator.around_iterator, generator.drive_async
    if _is(inspect.isgeneratorfunction, function):
        return "generator", iterator.around_iterator, generator.drive
    if _is(inspect.iscoroutinefunction, function):
        if _is_marked(function):
            return "marked", wrapper.calling
        return "coroutine", wrapper.around_coroutine, function
    return "function", _around_function


def _is_marked(function: Any) -> bool:
    """Say whether only a mark says that it gives coroutines.

    Such a function runs when it is called, and what it gives may be anything.
    """
    while type(function) is functools.partial:
        function = function.func
    if type(function) is MethodType:
        function = function.__func__
    code = getattr(function, "__code__", None)
    if code is None:  # an object
        code = getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", None)  # a mock has some, and no code
    return type(flags) is int and not flags & inspect.CO_COROUTINE


def _is(predicate: Callable[[Any], bool], function: Any) -> bool:
    """Ask *predicate* about a function, or about the ``__call__`` of an object."""
    if predicate(function):
        return True
    method = getattr(type(function), "__call__", None)  # noqa: B004 - its code
    return not inspect.isroutine(function) and predicate(method)
