"""The flushing: a call whose log is delivered before its caller goes on.

Its law: it waits for *flush_timeout* at most, never in the way of an event loop, and
never raises. It is for processes that are frozen or ended as soon as a call returns:
functions in the cloud, jobs started by the clock.

The outermost call that asks for it waits, once for all that was recorded inside. Who is
cancelled or interrupted is not held up; what failed in another way is delivered, too.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure, generator
from promptscribe._capture.generator import hide_frame
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Generator

    from promptscribe._capture.recording import Recording

_is_inside: Final = ContextVar("promptscribe_flushing", default=False)
"""Whether a call around this one will deliver."""


def flushing(
    call: Callable[[Any, Any, Any], Any], kind: str
) -> Callable[[Any, Any, Any], Any]:
    """Return a wrapper like *call* that delivers the log of each call at its end.

    Args:
        call: What stands between a caller and a decorated function.
        kind: Of the function: ``function``, ``coroutine``, ``generator`` or
            ``async generator``.
    """
    run = _RUN[kind]

    def flushed(wrapped: Any, args: Any, kwargs: Any) -> Any:
        if runtime.append is None or _is_inside.get():
            return call(wrapped, args, kwargs)
        try:
            return run(call, wrapped, args, kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return flushed


def _run_function(call: Any, wrapped: Any, args: Any, kwargs: Any) -> Any:
    token = _is_inside.set(True)
    try:
        result = call(wrapped, args, kwargs)
    except BaseException as error:
        _is_inside.reset(token)
        hide_frame(error)
        if isinstance(error, Exception):
            deliver()
        raise
    _is_inside.reset(token)
    deliver()
    return result


def _run_coroutine(call: Any, wrapped: Any, args: Any, kwargs: Any) -> Any:
    made = call(wrapped, args, kwargs)
    return _with_names(_await(made), made)


async def _await(made: Any) -> Any:
    token = _is_inside.set(True)
    try:
        result = await made
    except BaseException as error:
        _leave(token)
        hide_frame(error)
        if isinstance(error, Exception):
            await deliver_async()
        raise
    _leave(token)
    await deliver_async()
    return result


def _run_generator(call: Any, wrapped: Any, args: Any, kwargs: Any) -> Any:
    made = call(wrapped, args, kwargs)
    if made.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:  # of types.coroutine
        return _with_names(_await(made), made)
    return _with_names(_steps(made), made)


def _steps(made: Any) -> Generator[Any, Any, Any]:
    try:
        result = yield from made
    except BaseException as error:
        hide_frame(error)
        if isinstance(error, Exception | GeneratorExit):
            deliver()
        raise
    deliver()
    return result


def _run_async_generator(call: Any, wrapped: Any, args: Any, kwargs: Any) -> Any:
    made = call(wrapped, args, kwargs)
    return _with_names(_async_steps(made), made)


async def _async_steps(made: Any) -> AsyncGenerator[Any, Any]:
    step: Any = generator._first_step(made)
    while True:
        try:
            chunk = await step
        except StopAsyncIteration:
            await deliver_async()
            return
        except BaseException as error:
            hide_frame(error)
            if isinstance(error, Exception | GeneratorExit):
                await deliver_async()
            raise
        try:
            step = made.asend((yield chunk))
        except BaseException as thrown:  # noqa: BLE001 - it goes into the body
            hide_frame(thrown)
            step = made.athrow(thrown)


_RUN: Final = {
    "function": _run_function,
    "coroutine": _run_coroutine,
    "generator": _run_generator,
    "async generator": _run_async_generator,
}


def _with_names(made: Any, other: Any) -> Any:
    for name in ("__name__", "__qualname__"):
        with contextlib.suppress(AttributeError, TypeError):
            setattr(made, name, getattr(other, name))
    return made


_blocks: Final[dict[int | None, Any]] = {}
"""The tokens of the blocks that will deliver, by the key of their log."""


def open_block(log: Recording) -> None:
    """Have a ``with log_prompt(…)`` block deliver at its end."""
    if not _is_inside.get():
        _blocks[log.key] = _is_inside.set(True)


def close_block(log: Recording, error: BaseException | None) -> bool:
    """Say whether a block that ends now has to deliver."""
    token = _blocks.pop(log.key, None)
    if token is None:
        return False
    _leave(token)
    return error is None or isinstance(error, Exception)


def deliver() -> None:
    """Wait until what was recorded so far is delivered, or *flush_timeout* is over."""
    try:
        runtime.deliver(runtime.settings.flush_timeout)
    except BaseException as problem:  # noqa: BLE001 - ours must not reach the caller
        failure.note("flush_failed", problem)


async def deliver_async() -> None:
    """Wait for the same while the event loop goes on."""
    loop = _running_loop()
    if loop is not None:
        await _deliver_beside(loop)
    elif "trio" in sys.modules and _is_in_trio():
        import trio

        await trio.to_thread.run_sync(deliver, abandon_on_cancel=True)
    else:  # driven by hand: there is nobody who could go on meanwhile
        deliver()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    if "asyncio" in sys.modules:
        import asyncio

        with contextlib.suppress(RuntimeError):
            return asyncio.get_running_loop()
    return None


def _is_in_trio() -> bool:
    import trio

    with contextlib.suppress(RuntimeError):
        trio.lowlevel.current_task()
        return True
    return False


async def _deliver_beside(loop: asyncio.AbstractEventLoop) -> None:
    """Deliver in a thread of its own: the loop's may all be busy."""
    done = loop.create_future()

    def finish() -> None:
        if not done.done():  # cancelled meanwhile
            done.set_result(None)

    def run() -> None:
        deliver()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish)

    try:
        threading.Thread(target=run, name="promptscribe-flush", daemon=True).start()
    except RuntimeError:  # a limit, or the interpreter shuts down
        return
    await done


def _leave(token: Any) -> None:
    with contextlib.suppress(ValueError):  # in another context than it was set in
        _is_inside.reset(token)
