"""The iterator: the wrapper of functions that make generators, plain or asynchronous.

Its law: as that of `wrapper`. Inputs and parent are those of the call; the log begins
with the first step, and a generator that nobody reads has none.
"""

from __future__ import annotations

from types import coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from promptscribe._capture import emitted, failure, generator, snapshot
from promptscribe._capture.beginning import begin
from promptscribe._capture.context import Inherited, Pending, current
from promptscribe._capture.guise import driver_for, is_awaited, named_as
from promptscribe._capture.presence import NOTHING
from promptscribe._capture.tape import Tape
from promptscribe._capture.wrapper import (
    UNFIT,
    begin_anew,
    bind_anyway,
    fail,
    settle,
)
from promptscribe._runtime.state import nowhere as _nowhere
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.arguments import Binder
    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Plan
    from promptscribe._capture.recording import Recording
    from promptscribe._capture.tape import Finish


def around_iterator(  # noqa: C901 - a layer would show
    declared: Plan, bind: Binder, drive: Callable[..., Any], *, is_twice: bool
) -> Callable[..., Any]:
    """Return what calls a generator function.

    Args:
        declared: What the decorator was given.
        bind: Names the arguments.
        drive: Runs the generator.
        is_twice: Whether what is called is decorated as well: its log is inside.
    """
    delegate, finishing = _drive_coroutine, None
    if declared.options.flush:
        from promptscribe._capture import flushing

        delegate = flushing.delegating(_drive_coroutine)
        finishing = flushing.finishing(is_async=drive is generator.drive_async)

    def call(wrapped: Any, args: Any, kwargs: Any) -> Any:
        if runtime.append is None:
            return wrapped(*args, **kwargs)
        pending = None
        try:
            pending = Pending(current.get()) if is_twice else None
            inputs = bind(*args, **kwargs)
        except Exception:  # noqa: BLE001 - the function says now what is wrong
            inputs = UNFIT
        try:  # outside of the handler: it would become the error's context
            made = (
                wrapped(*args, **kwargs)
                if pending is None
                else _make_within(pending, wrapped, args, kwargs)
            )
        except RecursionError as error:  # there may be no room for a call
            error.__traceback__ = (at := error.__traceback__) and at.tb_next
            raise
        except BaseException as error:
            generator.hide_frame(error)
            fail(error, begin_anew(declared, bind, args, kwargs))
            raise
        try:
            if inputs is UNFIT:  # it fits after all
                inputs = bind_anyway(declared, bind, args, kwargs)
            # Inputs and parent as they are now; the log begins with the first step.
            beginning = _Beginning(declared, inputs, finishing, pending)
            if is_awaited(made):
                recorded = driver_for(made, delegate)(made, beginning)
            else:
                steps = beginning.steps(made)
                driver = driver_for(made, generator.fastest(drive, steps))
                recorded = driver(steps, beginning)
            return named_as(recorded, made)
        except RecursionError:  # no room for a log: the function has what is left
            runtime.unbegun += 1
            return made
        except BaseException as problem:  # noqa: BLE001 - ours
            runtime.unbegun += 1
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


def _make_within(pending: Pending, wrapped: Any, args: Any, kwargs: Any) -> Any:
    """Make a generator that is decorated as well."""
    token = current.set(pending)
    try:
        return wrapped(*args, **kwargs)
    except BaseException as error:
        generator.hide_frame(error)
        raise
    finally:
        generator.leave_scope(token)


class _Beginning:
    """Begins the log of a generator, as of where and with what it was created.

    Args:
        declared: What the decorator was given.
        inputs: The arguments.
        finishing: Adds to what ends the log, if anything does.
        pending: Is told the log, where one inside waits for it.
    """

    __slots__ = (
        "_declared", "_finishing", "_inputs", "_outer", "_pending", "_recording"
    )  # fmt: skip

    def __init__(
        self,
        declared: Plan,
        inputs: Any,
        finishing: Callable[[Finish], Finish] | None,
        pending: Pending | None,
    ) -> None:
        self._finishing = finishing
        self._pending = pending
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
        append, outer = runtime.append or _nowhere, self._outer
        if type(outer) is Pending and outer.log is not None:
            outer = outer.log
        try:
            log = begin(append, self._declared, self._inputs, None, outer)
        except RecursionError:  # as above
            runtime.unbegun += 1
            return None
        except BaseException as problem:  # noqa: BLE001 - ours
            runtime.unbegun += 1
            failure.note("recording_failed", problem)
            return None
        if self._pending is not None:
            self._pending.log = log
        return log
