"""The call of a decorated function: the one frame that stands between, and passes.

Its law: whoever counts frames to find the caller does not count this one. `warnings`
(``stacklevel=2``) and `logging` pass over a frame whose file name holds ``importlib``
and ``_bootstrap`` (CPython ``Python/_warnings.c``, ``is_internal_frame``;
``Lib/logging/__init__.py``, ``_is_internal_frame``): hence the name of this file. With
any other, a deprecation that a decorated function warns its caller of would be one of
ours, which Python does not show. ``sys._getframe(1)`` does find this frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptscribe._capture.beginning import begin
from promptscribe._capture.context import current
from promptscribe._capture.generator import hide_frame, leave_scope
from promptscribe._capture.logged import Logged, _set, finish
from promptscribe._capture.wrapper import (
    PLAIN,
    begin_anew,
    finish_anyway,
    settle,
)
from promptscribe._interrupt import let_through
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from promptscribe._capture.arguments import Binder
    from promptscribe._capture.logged import Again, Make
    from promptscribe._capture.options import Plan
    from promptscribe._capture.recording import Recording

_get_current, _enter, _leave = current.get, current.set, current.reset


class LoggedFunction(Logged):
    """A decorated function that is called and returns, or raises.

    Args:
        wrapped: See `Logged`; as are *make*, *again* and *receives*.
        declared: What the decorator was given.
        bind: Names the arguments.
    """

    __slots__ = ("_self_bind", "_self_declared")

    def __init__(
        self,
        wrapped: Any,
        make: Make,
        again: Again,
        *,
        receives: bool,
        declared: Plan,
        bind: Binder,
    ) -> None:
        super().__init__(wrapped, make, again, receives=receives)
        _set(self, "_self_bind", bind)
        _set(self, "_self_declared", declared)

    def __call__(  # noqa: C901, PLR0915 - a layer would show
        self, /, *args: Any, **kwargs: Any
    ) -> Any:
        wrapped, append = self.__wrapped__, runtime.append
        recording: Recording | None = None
        outer = token = None
        if append is not None:
            try:
                outer = _get_current()
                inputs = self._self_bind(*args, **kwargs)
                recording = begin(append, self._self_declared, inputs, None, outer)
            except RecursionError:  # no room for a log: the function has what is left
                runtime.unbegun += 1
            except BaseException as problem:  # noqa: BLE001 - they do not fit, or ours
                let_through(problem)
                recording = begin_anew(
                    self._self_declared, self._self_bind, args, kwargs
                )
        if recording is None:  # not in the handler: it would be the error's context
            try:
                return wrapped(*args, **kwargs)
            except RecursionError as error:  # nor for a call that hides this frame
                error.__traceback__ = (at := error.__traceback__) and at.tb_next
                raise
            except BaseException as error:
                hide_frame(error)
                raise
        try:
            token = _enter(recording)
            result = wrapped(*args, **kwargs)
            _leave(token)
        except BaseException as error:
            if token is not None:
                leave_scope(token, recording)
            elif _get_current() is recording:  # a signal's handler raised just then
                _enter(outer)
            hide_frame(error)
            recording.fail(error)
            raise
        kind = type(result)
        try:
            if (
                type(kind) is type  # another metaclass may hash
                and kind in PLAIN
                and not (  # a key may compare; see `stream`
                    kind is dict and ("stream" in result or "body" in result)
                )
            ):
                recording.finish(result)
                return result
        except BaseException as problem:  # noqa: BLE001 - ours
            finish_anyway(recording, result, problem)
            return result
        return settle(recording, result)


finish(LoggedFunction)
