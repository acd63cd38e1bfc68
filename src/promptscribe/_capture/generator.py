"""The generator: a decorated one, plain or asynchronous, driven step by step.

Its law: every piece goes on at once, and the same object; what the consumer sends,
throws or closes reaches the body as if nothing stood between. The body sees its own log
as current, its consumer never does: the scope is set and reset around each step, within
one step of one context, wherever that step is made. (Resetting later, in another task,
is "created in a different Context": OpenTelemetry's oldest open complaint,
opentelemetry-python#2606.)

The steps are written out, once for each kind, because a layer between would show in
tracebacks and in every chunk's time: 0.09 µs more than ``append`` and ``yield`` alone,
0.13 where the consumer is inside of a log (``tests/benchmarks/stream.py``). All but
0.02 of it is the context variable. Nothing cheaper is right: a scope that is changed in
place shows in every task that copied the context, and a context of the body's own
would hide the variables that body and consumer set for each other.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture.context import current
from promptscribe._capture.tape import CLOSED
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from promptscribe._capture.context import Scope
    from promptscribe._capture.tape import Finish

    Begin = Callable[[], "tuple[Scope | None, Finish]"]


_get_traceback: Final = BaseException.__dict__["__traceback__"].__get__
_set_traceback: Final = BaseException.__dict__["__traceback__"].__set__


def drive(generator: Any, begin: Begin) -> Generator[Any, Any, Any]:
    """Run a decorated generator; its log begins with the first step.

    Args:
        generator: What the function returned, not yet started.
        begin: Begins the log; returns what is current inside, and who takes the
            chunks. It never raises.
    """
    scope, finish = begin()
    chunks: list[Any] = []
    first = ending = value = None
    keep, enter, leave = chunks.append, current.set, current.reset
    send = step = generator.send
    while True:
        token = enter(scope)
        try:
            chunk = step(value)
        except StopIteration as stop:
            leave(token)
            finish(chunks, first, ending)
            return stop.value
        except BaseException as error:
            leave(token)
            hide_frame(error)
            failed = None if ending and type(error) is GeneratorExit else error
            finish(chunks, first, ending, failed)
            raise
        leave(token)
        if first is None:
            first = runtime.monotonic_ns()
        keep(chunk)
        try:
            value = yield chunk
            step = send
        except BaseException as thrown:  # noqa: BLE001 - it goes into the body
            hide_frame(thrown)
            ending = CLOSED if type(thrown) is GeneratorExit else None
            # Not `close`: the body may answer, and `throw` lets it.
            step, value = generator.throw, thrown


async def drive_async(generator: Any, begin: Begin) -> AsyncGenerator[Any, Any]:
    """Run a decorated asynchronous generator; see `drive`."""
    scope, finish = begin()
    step = _first_step(generator)
    chunks: list[Any] = []
    first = ending = None
    keep, enter, leave, send = (
        chunks.append, current.set, current.reset, generator.asend
    )  # fmt: skip
    while True:
        token = enter(scope)
        try:
            chunk = await step
        except StopAsyncIteration:
            leave_scope(token)
            finish(chunks, first, ending)
            return
        except BaseException as error:
            leave_scope(token)
            hide_frame(error)
            failed = None if ending and type(error) is GeneratorExit else error
            finish(chunks, first, ending, failed)
            raise
        try:  # noqa: SIM105 - `contextlib.suppress` costs 0.2 µs
            leave(token)
        except ValueError:
            pass
        if first is None:
            first = runtime.monotonic_ns()
        keep(chunk)
        try:
            step = send((yield chunk))
        except BaseException as thrown:  # noqa: BLE001 - it goes into the body
            hide_frame(thrown)
            ending = CLOSED if type(thrown) is GeneratorExit else None
            step = generator.athrow(thrown)


def _first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the first step of a generator that only `drive_async` knows.

    An event loop gets to know a generator by a hook when it is started, and closes all
    that it knows when it ends: all at once, so that this one would be closed twice at
    the same time ("aclose(): asynchronous generator is already running"). The loop
    knows the recorded one, and that one closes this.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def leave_scope(token: Any) -> None:
    """Reset the scope; in another context than it was set in, there is no need to."""
    try:  # noqa: SIM105 - `contextlib.suppress` costs 0.2 µs
        current.reset(token)
    except ValueError:
        pass


def hide_frame(error: BaseException) -> None:
    """Take our own frame out of an exception's traceback, which begins with it.

    A bare ``raise`` afterwards does not add it again (CPython ``ceval.c``,
    ``RAISE_VARARGS`` without argument goes on without ``PyTraceBack_Here``). By the
    descriptor: an exception that is a frozen dataclass refuses to be assigned to.
    """
    traceback = _get_traceback(error)
    if traceback is not None:
        _set_traceback(error, traceback.tb_next)
