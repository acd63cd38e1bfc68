"""The loop: the generator of one loop over an SDK's stream, driven and closed with it.

Its law: as that of every generator that is driven, but that what the consumer ends is
the loop, and not the stream, of which the next loop may read the rest. There is no
scope of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from promptscribe._capture.generator import first_step, hide_frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator


class Listener(Protocol):
    """What is told of a loop: a tape, say."""

    def take(self, chunk: Any, /) -> Any:
        """Take what came. Never raises."""

    def finish(
        self, ending: None, error: BaseException | None = None, /
    ) -> Awaitable[None] | None:
        """Take note that this was all, or what broke it off. Never raises."""


def drive_loop(stream: Any, listener: Listener) -> Generator[Any, Any, Any]:
    """Run the generator of one loop."""
    step, value, is_told = stream.send, None, False
    while True:
        try:
            chunk = step(value)
        except StopIteration as stop:
            if not is_told:
                listener.finish(None)
            return stop.value
        except BaseException as error:
            value = None  # as in `generator.drive`
            hide_frame(error)
            if not is_told:
                listener.finish(None, error)
            raise
        step, value = stream.send, None
        listener.take(chunk)
        try:
            value = yield (chunk, chunk := None)[0]
        except BaseException as thrown:  # noqa: BLE001 - it goes into the stream
            hide_frame(thrown)
            step, value, is_told = stream.throw, thrown, True


async def drive_async_loop(stream: Any, listener: Listener) -> AsyncGenerator[Any, Any]:
    """Run the generator of one asynchronous loop.

    An event loop would close the one inside only after this one, one turn later, which
    may be one too many at its end.
    """
    step: Any = first_step(stream)
    is_told = False
    while True:
        try:
            chunk = await step
        except StopAsyncIteration:
            if not is_told:
                listener.finish(None)
            return
        except BaseException as error:
            step = None  # as in `generator.drive_async`
            hide_frame(error)
            if not is_told:
                listener.finish(None, error)
            raise
        step = None
        listener.take(chunk)
        try:
            step = stream.asend((yield (chunk, chunk := None)[0]))
        except BaseException as thrown:  # noqa: BLE001 - it goes into the stream
            hide_frame(thrown)
            step, is_told = stream.athrow(thrown), True
