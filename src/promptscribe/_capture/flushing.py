"""The flushing: a call whose log is delivered before its caller goes on.

Its law: it waits for *flush_timeout* at most, never in the way of an event loop, and
never raises. It is for processes that are frozen or ended as soon as a call returns:
functions in the cloud, jobs started by the clock.

The outermost call that asks for it waits, once for all that was recorded inside. Who is
cancelled or interrupted is not held up; what failed in another way is delivered, too.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from contextvars import ContextVar
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._capture.context import reset
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.guise import driver_for, named_as, passing
from promptscribe._capture.tape import ABANDONED
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from promptscribe._capture.recording import Recording
    from promptscribe._capture.tape import Finish, Tape

_is_inside: Final = ContextVar("promptscribe_flushing", default=False)
"""Whether a call around this one will deliver."""


def _is_due(error: BaseException | None) -> bool:
    return not _is_inside.get() and (error is None or isinstance(error, Exception))


class Flush:
    """Delivers at the end of ``with`` or ``async with``, if nothing around does."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _is_inside.set(True)

    def leave(self, error: BaseException | None) -> bool:
        """Say whether to deliver now."""
        reset(self._token)
        return _is_due(error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.leave(error):
            deliver()

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.leave(error):
            await deliver_async()


@passing
def around(call: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Return a wrapper of functions like *call* that delivers the log of each call."""

    def flushed(wrapped: Any, args: Any, kwargs: Any) -> Any:
        try:
            with Flush():
                return call(wrapped, args, kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return flushed


@passing
def settling(call: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Return the same for functions that only a mark says give coroutines.

    These deliver at their end. For what is no coroutine nobody waits: it may be a
    future, and its event loop is the one that would be held up.
    """
    run = awaiting(lambda made: made)

    def flushed(wrapped: Any, args: Any, kwargs: Any) -> Any:
        try:
            made = call(wrapped, args, kwargs)
        except BaseException as error:
            hide_frame(error)
            raise
        if type(made) is not CoroutineType:
            return made
        return named_as(driver_for(made, run)(made), made)

    return flushed


def awaiting(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine function like *run* that delivers at its end."""

    async def flushed(*args: Any) -> Any:
        try:
            async with Flush():
                # Whatever the body lets go of is free while it waits, see `wrapper`.
                made, args = run(*args), ()
                return await made
        except BaseException as error:
            hide_frame(error)
            raise

    return flushed


def delegating(drive: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same for what drives coroutines that are generators."""
    run = awaiting(lambda made, begin: driver_for(made, drive)(made, begin))

    @coroutine
    def flushed(made: Any, begin: Any) -> Any:
        try:
            return (yield from driver_for(made, run)(made, begin))
        except BaseException as error:
            hide_frame(error)
            raise

    return flushed


def finishing(*, is_async: bool) -> Callable[[Finish], Finish]:
    """Return what makes the end of a generator's log deliver it.

    Args:
        is_async: Whether the generator is asynchronous: it waits by itself.
    """
    at_end: Callable[[], Awaitable[None] | None] = (
        deliver_async if is_async else deliver
    )

    def make(finish: Finish) -> Finish:
        def finish_and_deliver(
            tape: Tape, ending: str | None, error: BaseException | None = None
        ) -> Awaitable[None] | None:
            finish(tape, ending, error)
            # Nobody waits for one that was thrown away.
            return at_end() if ending != ABANDONED and _is_due(error) else None

        return finish_and_deliver

    return make


_blocks: Final[dict[int | None, Flush]] = {}
"""Those of the blocks that are open, by the key of their log."""


def open_block(log: Recording) -> None:
    """Have a ``with log_prompt(…)`` block deliver at its end."""
    flush = _blocks[log.key] = Flush()
    flush.__enter__()


def close_block(log: Recording, error: BaseException | None) -> bool:
    """Say whether a block that ends now has to deliver."""
    return _blocks.pop(log.key).leave(error)


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

        # With a limiter of its own: the threads of trio's may all be busy.
        await trio.to_thread.run_sync(
            deliver, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
        )
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
