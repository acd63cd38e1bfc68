"""The wrapper: what stands between a caller and a decorated function.

Its law: the function returns, raises, yields and is cancelled as if it stood alone.
One wrapper for each kind of callable, written out: they repeat each other on purpose,
since a shared layer would cost every call 0.1 µs and add a line to every traceback.
That of plain functions is in a file of its own, `importlib_bootstrap`.
"""

from __future__ import annotations

import functools
from types import CodeType, coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from promptscribe._capture import emitted, failure, generator, snapshot, stream
from promptscribe._capture.beginning import begin
from promptscribe._capture.context import Inherited, current
from promptscribe._capture.guise import disguise, driver_for, is_awaited, named_as
from promptscribe._capture.presence import NOTHING
from promptscribe._capture.stream_kind import kind_of
from promptscribe._capture.tape import Tape
from promptscribe._runtime.state import nowhere as _nowhere
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.arguments import Binder
    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Plan
    from promptscribe._capture.recording import Recording
    from promptscribe._capture.tape import Finish

PLAIN = {str, dict, list, tuple, int, float, bool, type(None)}
"""Types of results that are no streams; grows with what functions return."""


def _bind(declared: Plan, bind: Binder, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call, by name if they fit the function."""
    try:
        return bind(*args, **kwargs)
    except Exception:  # noqa: BLE001 - the function itself will say what is wrong
        options = declared.options
        if options.include is not None or options.exclude:
            return dict(kwargs)  # of the others, only names would tell
        return {"args": list(args), "kwargs": kwargs}


def begin_anew(
    declared: Plan, bind: Binder, args: Any, kwargs: Any
) -> Recording | None:
    """Begin a log the slow way, after the quick one failed; None if that fails too."""
    try:
        inputs = _bind(declared, bind, args, kwargs)
        return begin(runtime.append or _nowhere, declared, inputs)
    except BaseException as problem:  # noqa: BLE001 - ours must not reach the caller
        failure.note("recording_failed", problem)
        return None


def finish_anyway(recording: Recording, result: Any, problem: BaseException) -> None:
    """End a log in whose ending something failed; never raises."""
    failure.note("recording_failed", problem)
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
            inputs = _UNFIT
        if inputs is not _UNFIT:
            return run(inputs, wrapped, args, kwargs)
        try:  # outside of the handler: it would become the error's context
            return wrapped(*args, **kwargs)
        except BaseException as error:
            generator.hide_frame(error)
            _fail(error, begin_anew(declared, bind, args, kwargs))
            raise

    return call


def _body_of(function: Any) -> Any:
    """Return the function that runs when an object without a name is called."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if hasattr(function, "__qualname__") else type(function).__call__


_UNFIT: Any = {}
"""Stands for arguments that do not fit the function."""


def _fail(error: BaseException, recording: Recording | None) -> None:
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
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("recording_failed", problem)
            recording = None
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


def around_iterator(
    declared: Plan, bind: Binder, drive: Callable[..., Any]
) -> Callable[..., Any]:
    """Return what calls a generator function; *drive* runs the generator."""
    delegate, finishing = _drive_coroutine, None
    if declared.options.flush:
        from promptscribe._capture import flushing

        delegate = flushing.delegating(_drive_coroutine)
        finishing = flushing.finishing(is_async=drive is generator.drive_async)

    def call(wrapped: Any, args: Any, kwargs: Any) -> Any:
        if runtime.append is None:
            return wrapped(*args, **kwargs)
        try:
            inputs = bind(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the function says now what is wrong
            inputs = _UNFIT
        try:  # outside of the handler: it would become the error's context
            made = wrapped(*args, **kwargs)
        except BaseException as error:
            generator.hide_frame(error)
            _fail(error, begin_anew(declared, bind, args, kwargs))
            raise
        if inputs is _UNFIT:
            return made
        try:
            # Inputs and parent as they are now; the log begins with the first step.
            beginning = _Beginning(declared, inputs, finishing)
            if is_awaited(made):
                recorded = driver_for(made, delegate)(made, beginning)
            else:
                steps = beginning.steps(made)
                driver = driver_for(made, generator.fastest(drive, steps))
                recorded = driver(steps, beginning)
            return named_as(recorded, made)
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("recording_failed", problem)
            return made

    return call


@coroutine
def _drive_coroutine(made: Any, beginning: _Beginning) -> Any:
    """Run a coroutine that is a generator: as `_awaiting`, what it yields is no chunk.

    What goes on while it waits is in its task, which has a context of its own.
    """
    recording = beginning.begin()
    if recording is None:
        return (yield from made)
    token = current.set(recording)
    try:
        result = yield from made
    except BaseException as error:
        generator.leave_scope(token)
        generator.hide_frame(error)
        recording.fail(error)
        raise
    generator.leave_scope(token)
    return settle(recording, result)


class _Beginning:
    """Begins the log of a generator, as of where and with what it was created.

    Args:
        declared: What the decorator was given.
        inputs: The arguments.
        finishing: Adds to what ends the log, if anything does.
    """

    __slots__ = ("_declared", "_finishing", "_inputs", "_outer", "_recording")

    def __init__(
        self,
        declared: Plan,
        inputs: Any,
        finishing: Callable[[Finish], Finish] | None,
    ) -> None:
        self._finishing = finishing
        self._declared = declared
        self._inputs = msgspec.Raw(snapshot.encode(inputs))
        self._outer = current.get() or Inherited(None, runtime.members)
        self._recording: Recording | None = None

    def steps(self, made: Any) -> Any:
        """Return the generator as it is driven."""
        if not emitted.is_active():
            return made
        return emitted.Steps(made, lambda: self._recording)

    def __call__(self) -> tuple[Scope, Tape]:
        recording = self.begin()
        if recording is None:
            return self._outer, Tape(NOTHING.finish_stream)
        recording.leave()  # it is entered with each step
        self._recording = recording
        finish: Finish = recording.finish_stream
        return recording, Tape(self._finishing(finish) if self._finishing else finish)

    def begin(self) -> Recording | None:
        """Begin the log; None if that fails."""
        append = runtime.append or _nowhere
        try:
            return begin(append, self._declared, self._inputs, None, self._outer)
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("recording_failed", problem)
            return None
