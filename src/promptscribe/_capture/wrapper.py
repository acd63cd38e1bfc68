"""The wrapper: what stands between a caller and a decorated function.

Its law: the function returns, raises, yields and is cancelled as if it stood alone.
One wrapper for each kind of callable, written out: they repeat each other on purpose,
since a shared layer would cost every call 0.1 µs and add a line to every traceback.
That of plain functions is in a file of its own, `importlib_bootstrap`, that of
generators in `iterator`.
"""

from __future__ import annotations

import functools
from types import CodeType, CoroutineType
from typing import TYPE_CHECKING, Any

from promptscribe._capture import failure, generator, stream
from promptscribe._capture.arguments import without_names
from promptscribe._capture.beginning import begin
from promptscribe._capture.context import current
from promptscribe._capture.guise import disguise, passing
from promptscribe._capture.stream_kind import kind_of
from promptscribe._runtime.state import nowhere as _nowhere
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.arguments import Binder
    from promptscribe._capture.options import Plan
    from promptscribe._capture.recording import Recording

PLAIN = {str, dict, list, tuple, int, float, bool, type(None)}
"""Types of results that are no streams; grows with what functions return."""


def bind_anyway(declared: Plan, bind: Binder, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call, by name if they fit the function.

    The signature may be that of another, which `functools.wraps` put there, while the
    function around it takes what it is given and adds an argument.
    """
    try:
        return bind(*args, **kwargs)
    except Exception:  # noqa: BLE001 - the function itself will say what is wrong
        options = declared.options
        if options.include is not None or options.exclude:
            return dict(kwargs)  # of the others, only names would tell
        return without_names(bind)(*args, **kwargs)


def begin_anew(
    declared: Plan, bind: Binder, args: Any, kwargs: Any
) -> Recording | None:
    """Begin a log the slow way, after the quick one failed; None if that fails too."""
    try:
        inputs = bind_anyway(declared, bind, args, kwargs)
        return begin(runtime.append or _nowhere, declared, inputs)
    except BaseException as problem:  # noqa: BLE001 - ours must not reach the caller
        runtime.unbegun += 1
        failure.note("recording_failed", problem)
        return None


def finish_anyway(recording: Recording, result: Any, problem: BaseException) -> None:
    """End a log in whose ending something failed; raises what `let_through` does."""
    try:
        failure.note("recording_failed", problem)
    finally:
        del problem  # what is let through holds this frame
    try:
        recording.finish(result)  # nothing, if it has ended
    except BaseException as again:  # noqa: BLE001 - ours
        failure.note("recording_failed", again)


def settle(recording: Recording, result: Any) -> Any:
    """End the log of a call that returned something; return what the caller gets."""
    try:
        if stream.is_provider_stream(result):
            recording.leave()  # what the consumer does meanwhile is not inside
            return stream.record_stream(
                result, recording.finish_stream, recording.finish, recording
            )
        kind = type(result)
        if type(kind) is type and kind_of(result) is None and len(PLAIN) < 1_000:
            PLAIN.add(kind)  # types made at run time must not pile up here
        recording.finish(stream.payload(result))
    except BaseException as problem:  # noqa: BLE001 - ours
        finish_anyway(recording, result, problem)
    return result


@passing
def calling(declared: Plan, bind: Binder) -> Callable[..., Any]:
    """Return what calls a function that is marked as one that gives coroutines.

    It runs when it is called, and may give anything (`inspect.markcoroutinefunction`).
    """

    def call(wrapped: Any, args: Any, kwargs: Any) -> Any:
        recording = None
        if runtime.append is not None:
            recording = begin_anew(declared, bind, args, kwargs)
        token = None if recording is None else current.set(recording)
        try:
            made = wrapped(*args, **kwargs)
        except BaseException as error:
            generator.hide_frame(error)
            if recording is not None and token is not None:
                generator.leave_scope(token, recording)
                recording.fail(error)
            raise
        if recording is None or token is None:
            return made
        generator.leave_scope(token, recording)
        if type(made) is not CoroutineType:
            return settle(recording, made)
        try:
            recording.leave()  # what goes on until it is awaited is not inside
            finish, whole = recording.finish_stream, recording.finish
            return stream.record_stream(made, finish, whole, recording)
        except BaseException as problem:  # noqa: BLE001 - ours
            finish_anyway(recording, made, problem)
            return made

    return call


def around_coroutine(declared: Plan, bind: Binder, function: Any) -> Callable[..., Any]:
    """Return what calls a coroutine function.

    Args:
        declared: What the decorator was given.
        bind: Names the arguments.
        function: The function: its names are those of the coroutines.
    """
    body = _body_of(function)
    run = _as_of(body, _awaiting(declared))
    if declared.options.flush:
        from promptscribe._capture import flushing

        run = _as_of(body, flushing.awaiting(run))

    def call(wrapped: Any, args: Any, kwargs: Any) -> Any:
        if runtime.append is None:
            return wrapped(*args, **kwargs)
        try:
            inputs = bind(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the function says now what is wrong
            inputs = UNFIT
        if inputs is not UNFIT:
            return run(inputs, wrapped, args, kwargs)
        try:  # outside of the handler: it would become the error's context
            made = wrapped(*args, **kwargs)
        except RecursionError as error:  # there may be no room for a call
            error.__traceback__ = (at := error.__traceback__) and at.tb_next
            raise
        except BaseException as error:
            generator.hide_frame(error)
            fail(error, begin_anew(declared, bind, args, kwargs))
            raise
        if type(made) is not CoroutineType:
            return made
        inputs = bind_anyway(declared, bind, args, kwargs)  # it fits after all
        return run(inputs, stream.Unawaited(made).take, (), {})

    return call


def _body_of(function: Any) -> Any:
    """Return the function that runs when an object without a name is called."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if hasattr(function, "__qualname__") else type(function).__call__


UNFIT: Any = {}
"""Stands for arguments that do not fit the function."""


def fail(error: BaseException, recording: Recording | None) -> None:
    """End the log of a call that raised, if it has one."""
    if recording is not None:
        recording.fail(error)


def _as_of(body: Any, run: Any) -> Callable[..., Any]:
    """Return a coroutine function whose coroutines look like those of *body*."""
    code: Any = getattr(body, "__code__", None)
    if type(code) is CodeType:  # else it is none of Python's own
        run = disguise(run, code, getattr(body, "__module__", None))
    run.__name__ = getattr(body, "__name__", run.__name__)
    run.__qualname__ = body.__qualname__
    known: Callable[..., Any] = run
    return known


def _awaiting(declared: Plan) -> Callable[..., Any]:
    """Return what makes the coroutines of one function."""
    set_current, leave_scope = current.set, generator.leave_scope
    plain = PLAIN

    async def run(inputs: Any, wrapped: Any, args: Any, kwargs: Any) -> Any:
        outer = token = None
        try:
            outer = current.get()
            recording = begin(runtime.append or _nowhere, declared, inputs, None, outer)
        except RecursionError:  # no room for a log: the function has what is left
            recording = None
            runtime.unbegun += 1
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("recording_failed", problem)
            recording = None
            runtime.unbegun += 1
        if recording is None:
            return await wrapped(*args, **kwargs)
        try:
            token = set_current(recording)
            # Whatever the body lets go of is free while it waits: 10 MB of it, say.
            wrapped, inputs, args = wrapped(*args, **kwargs), None, None
            kwargs = None
            result = await wrapped
            leave_scope(token)
        except BaseException as error:
            if token is not None:
                leave_scope(token, recording)
            elif current.get() is recording:  # a signal's handler raised just then
                set_current(outer)
            generator.hide_frame(error)
            recording.fail(error)
            raise
        kind = type(result)
        try:
            if (
                type(kind) is type  # another metaclass may hash
                and kind in plain
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

    return run
