"""The generator: a decorated one, plain or asynchronous, driven step by step.

Its law: every piece goes on at once, and the same object; what the consumer sends,
throws or closes reaches the body as if nothing stood between, and is let go of as soon.
The body sees its own log as current, its consumer never does: the scope is set and
reset around each step, within one step of one context, wherever that step is made.
(Resetting later, in another task, is "created in a different Context": OpenTelemetry's
oldest open complaint, opentelemetry-python#2606.)

The steps are written out, once for each kind, because a layer between would show in
tracebacks and in every chunk's time: 0.13 µs more than ``append`` and ``yield`` alone,
0.19 where the consumer is inside of a log (``tests/benchmarks/stream.py``). Of that the
context variable takes 0.09, or 0.15, and to join the texts 0.01. Nothing cheaper is
right: a scope that is changed in place shows in every task that copied the context,
which nobody is told of, and a context of the body's own would hide the variables that
body and consumer set for each other. To compare contexts (0.03 µs) may compare what
the user put into them; to see by ``gc`` that they are the same costs more than a set.

Python 3.11 counts two calls for each decorated generator that delegates to the next
(our frame and the body) where it counts one for an undecorated one: recursion by
``yield from`` ends at a depth of 490, not 980. For one that returns something it counts
``send`` as well, and ends at 320. From 3.12 on that one counts two, too.
"""

from __future__ import annotations

import sys
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture.context import current
from promptscribe._capture.mute import is_mute
from promptscribe._capture.tape import CLOSED

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Generator,
        Iterator,
    )
    from contextvars import ContextVar, Token

    from promptscribe._capture.context import Scope
    from promptscribe._capture.tape import Tape

    Begin = Callable[[], "tuple[Scope | None, Tape]"]


_get_traceback: Final = BaseException.__dict__["__traceback__"].__get__
_set_traceback: Final = BaseException.__dict__["__traceback__"].__set__


def drive(generator: Any, begin: Begin) -> Generator[Any, Any, Any]:
    """Run a decorated generator; its log begins with the first step.

    Where `drive_mute` will do, that is faster: see `fastest`.

    Args:
        generator: What the function returned, not yet started.
        begin: Begins the log; returns what is current inside, and what takes the
            chunks. It never raises.
    """
    scope, tape = begin()
    tape.is_driven = True
    texts, take, enter, leave, send = (
        tape.texts, tape.take, current.set, current.reset, generator.send
    )  # fmt: skip
    text = ending = value = None  # `text` is `str` as soon as the tape takes those
    steps: Any = (send,)
    leave(token := enter(scope))  # one that is used, for `leave_scope`
    while True:
        for step in steps:
            try:
                token = enter(scope)
                chunk = step(value)
            except StopIteration as stop:
                leave(token)
                tape.finish(ending)
                return stop.value
            except BaseException as error:
                leave_scope(token, scope)
                value = None  # it may be the error, whose frames lead back to this one
                hide_frame(error)
                tape.finish(ending, error)
                raise
            leave(token)
            try:
                # By then nothing of ours refers to what was sent, nor to the chunk,
                # unless it is text.
                value = None
                if type(chunk) is text:
                    texts.append(chunk)
                    value = yield chunk
                else:
                    text = take(chunk)
                    value = yield (chunk, chunk := None)[0]
            except BaseException as thrown:  # noqa: BLE001 - it goes into the body
                hide_frame(thrown)
                ending = CLOSED if type(thrown) is GeneratorExit else None
                # Not `close`: the body may answer, and `throw` lets it.
                steps, value = (generator.throw,), thrown
                break
        else:
            steps = repeat(send, tape.settle())


def drive_mute(generator: Any, begin: Begin) -> Generator[Any, Any, Any]:
    """Run a decorated generator that returns nothing; see `drive`.

    A ``for`` makes a step in 0.01 µs less than ``send``, and in one call less of those
    that Python counts against its limit; but what a generator returns it throws away.
    """
    scope, tape = begin()
    tape.is_driven = True
    texts, take, enter, leave = tape.texts, tape.take, current.set, current.reset
    text = ending = None
    steps: Iterator[Any] = islice(generator, 1)
    leave(token := enter(scope))  # as in `drive`
    while True:
        try:
            token = enter(scope)
            for chunk in steps:
                leave(token)
                try:
                    if type(chunk) is text:
                        texts.append(chunk)
                        value = yield chunk
                    else:
                        text = take(chunk)
                        value = yield (chunk, chunk := None)[0]
                except BaseException as thrown:  # noqa: BLE001 - it goes into the body
                    hide_frame(thrown)
                    ending = CLOSED if type(thrown) is GeneratorExit else None
                    steps = _once(generator.throw, thrown)
                    break
                if value is not None:
                    steps, value = _once(generator.send, value), None
                    break
                token = enter(scope)
            else:
                leave(token)
                if not generator.gi_suspended:
                    tape.finish(ending)
                    return
                steps = islice(generator, tape.settle())
        except BaseException as error:
            leave_scope(token, scope)
            hide_frame(error)
            tape.finish(ending, error)
            raise


def _once(step: Callable[[Any], Any], value: Any) -> Iterator[Any]:
    """Return what makes one step; it lets go of the value as soon."""
    return map(step, map(list.pop, ([value],)))


def fastest(chosen: Any, generator: Any) -> Any:
    """Return what is to drive a generator: `drive_mute` for `drive`, if it will do."""
    return drive_mute if chosen is drive and is_mute(generator) else chosen


async def drive_async(  # noqa: PLR0915 - a layer would show, see above
    generator: Any, begin: Begin
) -> AsyncGenerator[Any, Any]:
    """Run a decorated asynchronous generator; see `drive`."""
    scope, tape = begin()
    tape.is_driven = sys.get_asyncgen_hooks().finalizer is not None
    step: Any = first_step(generator)
    texts, take, enter, leave, send = (
        tape.texts, tape.take, current.set, current.reset, generator.asend
    )  # fmt: skip
    text = ending = None
    steps: Any = (None,)
    leave(token := enter(scope))  # as in `drive`
    while True:
        for _ in steps:
            try:
                token = enter(scope)
                chunk = await step
            except StopAsyncIteration:
                leave_scope(token)
                if (rest := tape.finish(ending)) is not None:
                    await rest
                return
            except BaseException as error:
                leave_scope(token, scope)
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
                step = None  # the one before holds what was sent
                if type(chunk) is text:
                    texts.append(chunk)
                    step = send((yield chunk))
                else:
                    text = take(chunk)
                    step = send((yield (chunk, chunk := None)[0]))
            except BaseException as thrown:  # noqa: BLE001 - it goes into the body
                hide_frame(thrown)
                ending = CLOSED if type(thrown) is GeneratorExit else None
                step = generator.athrow(thrown)
        steps = repeat(None, tape.settle())


def first_step(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
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


def leave_scope(
    token: Token[Any],
    scope: Scope | None = None,
    # Also when the interpreter ends, and generators outlive the names of this module.
    current: ContextVar[Any] = current,
) -> None:
    """Reset the scope; in another context than it was set in, there is no need to.

    Args:
        token: Of when it was set. If that was a step ago, and is used, a signal's
            handler raised just now, just after it was reset, or set anew.
        scope: What it was set to, where that may be.
        current: The variable.
    """
    try:
        current.reset(token)
    except ValueError:
        pass
    except RuntimeError:
        if scope is not None and current.get() is scope:
            before = token.old_value
            current.set(None if before is token.MISSING else before)


def hide_frame(
    error: BaseException,
    get: Callable[[BaseException], Any] = _get_traceback,
    put: Callable[[BaseException, Any], None] = _set_traceback,  # as above
) -> None:
    """Take our own frame out of an exception's traceback, which begins with it.

    A bare ``raise`` afterwards does not add it again (CPython ``ceval.c``,
    ``RAISE_VARARGS`` without argument goes on without ``PyTraceBack_Here``). By the
    descriptor: an exception that is a frozen dataclass refuses to be assigned to.
    """
    try:
        traceback = get(error)
        if traceback is not None:
            put(error, traceback.tb_next)
    except RecursionError:  # near the limit, the two are more than there is room for
        error.__traceback__ = (at := error.__traceback__) and at.tb_next
