"""The generator: a decorated one, plain or asynchronous, driven step by step.

Its law: every piece goes on at once, and the same object; what the consumer sends,
throws or closes reaches the body as if nothing stood between, and is let go of as soon.
The body sees its own log as current, its consumer never does: the scope is set and
reset around each step, within one step of one context, wherever that step is made.
(Resetting later, in another task, is "created in a different Context": OpenTelemetry's
oldest open complaint, opentelemetry-python#2606.)

The steps are written out, once for each kind, because a layer between would show in
tracebacks and in every chunk's time: 0.1 µs more than ``append`` and ``yield`` alone,
0.15 where the consumer is inside of a log (``tests/benchmarks/stream.py``); a dict of
200 bytes, which is encoded when it comes, 2 µs. All but 0.03 of it is the context
variable. Nothing cheaper is right: a scope that is changed in place shows in every task
that copied the context, and a context of the body's own would hide the variables that
body and consumer set for each other.

Python 3.11 counts three calls for each decorated generator that delegates to the next
(our frame, ``send``, the body) where it counts one for an undecorated one: recursion by
``yield from`` ends at a depth of 320, not 980. From 3.12 on it counts two.
"""

from __future__ import annotations

import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture.context import current
from promptscribe._capture.tape import CLOSED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from promptscribe._capture.context import Scope
    from promptscribe._capture.tape import Tape

    Begin = Callable[[], "tuple[Scope | None, Tape]"]


_get_traceback: Final = BaseException.__dict__["__traceback__"].__get__
_set_traceback: Final = BaseException.__dict__["__traceback__"].__set__


def drive(generator: Any, begin: Begin) -> Generator[Any, Any, Any]:
    """Run a decorated generator; its log begins with the first step.

    Args:
        generator: What the function returned, not yet started.
        begin: Begins the log; returns what is current inside, and what takes the
            chunks. It never raises.
    """
    scope, tape = begin()
    tape.is_driven = True
    keep, take, enter, leave, send = (
        tape.texts.append, tape.take, current.set, current.reset, generator.send
    )  # fmt: skip
    text = ending = value = None  # `text` is `str` as soon as the tape takes those
    steps: Any = (send,)
    while True:
        for step in steps:
            token = enter(scope)
            try:
                chunk = step(value)
            except StopIteration as stop:
                leave(token)
                tape.finish(ending)
                return stop.value
            except BaseException as error:
                leave(token)
                value = None  # it may be the error, whose frames lead back to this one
                hide_frame(error)
                tape.finish(ending, error)
                raise
            leave(token)
            try:
                # By then nothing of ours refers to what was sent, nor to the chunk,
                # unless it is text. (`keep` returns None, which saves an assignment.)
                if type(chunk) is text:
                    value = keep(chunk)
                    value = yield chunk
                else:
                    text, value = take(chunk), None
                    value = yield (chunk, chunk := None)[0]
            except BaseException as thrown:  # noqa: BLE001 - it goes into the body
                hide_frame(thrown)
                ending = CLOSED if type(thrown) is GeneratorExit else None
                # Not `close`: the body may answer, and `throw` lets it.
                steps, value = (generator.throw,), thrown
                break
        else:
            steps = repeat(send, tape.settle())


async def drive_async(generator: Any, begin: Begin) -> AsyncGenerator[Any, Any]:
    """Run a decorated asynchronous generator; see `drive`."""
    scope, tape = begin()
    tape.is_driven = sys.get_asyncgen_hooks().finalizer is not None
    step: Any = _first_step(generator)
    keep, take, enter, leave, send = (
        tape.texts.append, tape.take, current.set, current.reset, generator.asend
    )  # fmt: skip
    text = ending = None
    steps: Any = (None,)
    while True:
        for _ in steps:
            token = enter(scope)
            try:
                chunk = await step
            except StopAsyncIteration:
                leave_scope(token)
                if (rest := tape.finish(ending)) is not None:
                    await rest
                return
            except BaseException as error:
                leave_scope(token)
                step = None  # it may hold the error, whose frames lead back to this one
                hide_frame(error)
                if (rest := tape.finish(ending, error)) is not None:
                    await rest
                raise
            try:  # noqa: SIM105 - `contextlib.suppress` costs 0.2 µs
                leave(token)
            except ValueError:
                pass
            try:
                if type(chunk) is text:
                    step = keep(chunk)  # the step before holds what was sent
                    step = send((yield chunk))
                else:
                    text, step = take(chunk), None
                    step = send((yield (chunk, chunk := None)[0]))
            except BaseException as thrown:  # noqa: BLE001 - it goes into the body
                hide_frame(thrown)
                ending = CLOSED if type(thrown) is GeneratorExit else None
                step = generator.athrow(thrown)
        steps = repeat(None, tape.settle())


async def drive_along(stream: Any, tape: Tape) -> AsyncGenerator[Any, Any]:
    """Run the generator of one loop over an SDK's stream, and close it with this one.

    Else the event loop would close it only after this one, one turn later, which may
    be one too many at its end. The stream itself goes on: the next loop may read the
    rest of it, and there is no scope of its own.
    """
    step: Any = _first_step(stream)
    is_told = False
    while True:
        try:
            chunk = await step
        except StopAsyncIteration:
            if not is_told:
                tape.finish(None)
            return
        except BaseException as error:
            step = None  # as in `drive_async`
            hide_frame(error)
            if not is_told:
                tape.finish(None, error)
            raise
        step = None
        tape.take(chunk)
        try:
            step = stream.asend((yield chunk))
        except BaseException as thrown:  # noqa: BLE001 - it goes into the stream
            hide_frame(thrown)
            step, is_told = stream.athrow(thrown), True


def _first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Return the first step of a generator that nobody knows but who drives it.

    An event loop gets to know a generator by hooks when it is started, and closes all
    that it knows when it ends: all at once, so that this one would be closed twice at
    the same time ("aclose(): asynchronous generator is already running"). The loop
    knows the recorded one, and that one closes this: also when both are garbage, of
    which Python finalizes this one first as often as not. Without a hook that lets it
    alone, it would be closed on the spot, and its ``finally: await`` would not run.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _let_alone)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _let_alone(generator: AsyncGenerator[Any, Any]) -> None:
    """Finalize a generator that the recorded one closes."""


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
