"""The stream: results that come in pieces, recorded while they pass through.

Its law: every piece goes on at once, and the same object. The body of a generator sees
its own log as current, its consumer never does: the scope is set and reset around
each step, within one step of one context, wherever that step is made. (Resetting
later, in another task, is "created in a different Context": OpenTelemetry's oldest
open complaint, opentelemetry-python#2606.)

The steps are written out, for generators and for asynchronous ones, because a layer
between would show in tracebacks and in every chunk's time.
"""

from __future__ import annotations

import contextlib
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, Final, Protocol

import wrapt

from promptscribe._capture import adapter
from promptscribe._capture.context import current
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from promptscribe._capture.recording import Recording

CLOSED: Final = "closed early"
ABANDONED: Final = "abandoned"

_PROVIDER_STREAMS: Final = {
    ("openai", "Stream"): "sync",
    ("openai", "AsyncStream"): "async",
}
"""Streams of SDKs, by package and class: openai ``_streaming.py``."""

_kinds: Final[dict[type, str | None]] = {
    GeneratorType: "generator",
    AsyncGeneratorType: "async generator",
}

_mro_of: Final = type.__dict__["__mro__"].__get__


class Finish(Protocol):
    """Takes what a stream brought, once."""

    def __call__(
        self,
        chunks: list[Any],
        first_chunk: int | None,
        ending: str | None,
        error: BaseException | None = None,
    ) -> None:
        """See `Recording.finish_stream`."""


class Tape:
    """What a stream brought so far."""

    __slots__ = ("began", "chunks", "finish_once", "first")

    def __init__(self, finish: Finish) -> None:
        self.began = runtime.monotonic_ns()
        self.chunks: list[Any] = []
        self.first: int | None = None
        self.finish_once: Finish | None = finish

    def take(self, chunk: Any) -> None:
        """Keep a chunk; a reference, it is encoded when the stream has ended."""
        if self.first is None:
            self.first = runtime.monotonic_ns() - self.began
        self.chunks.append(chunk)

    def finish(self, ending: str | None, error: BaseException | None = None) -> None:
        """Hand over what came; a second time does nothing."""
        finish, self.finish_once = self.finish_once, None
        if finish is not None:
            finish(self.chunks, self.first, ending, error)


def kind_of(value: Any) -> str | None:
    """Return what kind of provider's stream a value is; None for any other value."""
    kind = type(value)
    try:
        return _kinds[kind]
    except KeyError:
        found = None
        for base in _mro_of(kind):
            package = adapter.full_name(base).partition(".")[0]
            found = found or _PROVIDER_STREAMS.get((package, base.__name__))
        _kinds[kind] = found
        return found


def is_provider_stream(value: Any) -> bool:
    """Say whether a value is the stream object of a provider's SDK."""
    return kind_of(value) in {"sync", "async"}


def is_stream(value: Any) -> bool:
    """Say whether a value is a provider's stream or any generator."""
    return kind_of(value) is not None


def record_stream(stream: Any, finish: Finish) -> Any:
    """Return a stand-in for a stream that is recorded while somebody reads it."""
    tape = Tape(finish)
    kind = kind_of(stream)
    if kind == "generator":
        return _tap(stream, tape)
    if kind == "async generator":
        return _tap_async(stream, tape)
    if kind == "async":
        return AsyncStreamProxy(stream, tape)
    return StreamProxy(stream, tape)


def drive(
    generator: Generator[Any, Any, Any], begin: Callable[[], Recording]
) -> Generator[Any, Any, Any]:
    """Run a decorated generator; its log begins with the first step."""
    recording = begin()
    tape = Tape(recording.finish_stream)
    resume: Callable[[Any], Any] = generator.send
    value: Any = None
    while True:
        token = current.set(recording)
        try:
            chunk = resume(value)
        except StopIteration as stop:
            current.reset(token)
            tape.finish(None)
            return stop.value
        except BaseException as error:
            current.reset(token)
            hide_frame(error)
            tape.finish(None, error)
            raise
        current.reset(token)
        tape.take(chunk)
        try:
            value = yield chunk
            resume = generator.send
        except GeneratorExit:
            token = current.set(recording)
            try:
                generator.close()
            except BaseException as error:
                hide_frame(error)
                tape.finish(CLOSED, error)
                raise
            finally:
                current.reset(token)
            tape.finish(CLOSED)
            raise
        except BaseException as thrown:  # noqa: BLE001 - it goes into the body
            value, resume = thrown, generator.throw


async def drive_async(
    generator: AsyncGenerator[Any, Any], begin: Callable[[], Recording]
) -> AsyncGenerator[Any, Any]:
    """Run a decorated asynchronous generator; see `drive`."""
    recording = begin()
    tape = Tape(recording.finish_stream)
    resume: Callable[[Any], Any] = generator.asend
    value: Any = None
    while True:
        token = current.set(recording)
        try:
            chunk = await resume(value)
        except StopAsyncIteration:
            leave(token)
            tape.finish(None)
            return
        except BaseException as error:
            leave(token)
            hide_frame(error)
            tape.finish(None, error)
            raise
        leave(token)
        tape.take(chunk)
        try:
            value = yield chunk
            resume = generator.asend
        except GeneratorExit:
            token = current.set(recording)
            try:
                await generator.aclose()
            except BaseException as error:
                hide_frame(error)
                tape.finish(CLOSED, error)
                raise
            finally:
                leave(token)
            tape.finish(CLOSED)
            raise
        except BaseException as thrown:  # noqa: BLE001 - it goes into the body
            value, resume = thrown, generator.athrow


def leave(token: Any) -> None:
    """Reset the scope; in another context than it was set in, there is no need to."""
    with contextlib.suppress(ValueError):
        current.reset(token)


def hide_frame(error: BaseException) -> None:
    """Take our own frame out of an exception's traceback, which begins with it.

    A bare ``raise`` afterwards does not add it again (CPython ``ceval.c``,
    ``RAISE_VARARGS`` without argument goes on without ``PyTraceBack_Here``).
    """
    traceback = error.__traceback__
    if traceback is not None:
        error.__traceback__ = traceback.tb_next


def _tap(stream: Generator[Any, Any, Any], tape: Tape) -> Generator[Any, Any, Any]:
    try:
        for chunk in stream:
            tape.take(chunk)
            yield chunk
    except GeneratorExit:
        tape.finish(CLOSED)
        raise
    except BaseException as error:
        tape.finish(None, error)
        raise
    tape.finish(None)


async def _tap_async(
    stream: AsyncGenerator[Any, Any], tape: Tape
) -> AsyncGenerator[Any, Any]:
    try:
        async for chunk in stream:
            tape.take(chunk)
            yield chunk
    except GeneratorExit:
        tape.finish(CLOSED)
        raise
    except BaseException as error:
        tape.finish(None, error)
        raise
    tape.finish(None)


def _error_of(exception: tuple[object, ...]) -> BaseException | None:
    error = exception[1]
    return error if isinstance(error, BaseException) else None


class StreamProxy(wrapt.ObjectProxy):  # type: ignore[type-arg] # 1.x: not generic
    """A provider's stream in all but name; iterating over it records it."""

    def __init__(self, stream: Any, tape: Tape) -> None:
        super().__init__(stream)
        self._self_tape = tape

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self.__wrapped__)
        except StopIteration:
            self._self_tape.finish(None)
            raise
        except BaseException as error:
            hide_frame(error)
            self._self_tape.finish(None, error)
            raise
        self._self_tape.take(chunk)
        return chunk

    def __enter__(self) -> Any:
        self.__wrapped__.__enter__()
        return self

    def __exit__(self, *exception: object) -> Any:
        self._self_tape.finish(CLOSED, _error_of(exception))
        return self.__wrapped__.__exit__(*exception)

    def close(self) -> Any:
        """Close the stream; what came so far is logged."""
        self._self_tape.finish(CLOSED)
        return self.__wrapped__.close()

    def __del__(self) -> None:
        tape = getattr(self, "_self_tape", None)
        if tape is not None:
            tape.finish(ABANDONED)


class AsyncStreamProxy(wrapt.ObjectProxy):  # type: ignore[type-arg] # as above
    """The same for an asynchronous stream."""

    def __init__(self, stream: Any, tape: Tape) -> None:
        super().__init__(stream)
        self._self_tape = tape

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            self._self_tape.finish(None)
            raise
        except BaseException as error:
            hide_frame(error)
            self._self_tape.finish(None, error)
            raise
        self._self_tape.take(chunk)
        return chunk

    async def __aenter__(self) -> Any:
        await self.__wrapped__.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> Any:
        self._self_tape.finish(CLOSED, _error_of(exception))
        return await self.__wrapped__.__aexit__(*exception)

    async def close(self) -> Any:
        """Close the stream; what came so far is logged."""
        self._self_tape.finish(CLOSED)
        return await self.__wrapped__.close()

    def __del__(self) -> None:
        tape = getattr(self, "_self_tape", None)
        if tape is not None:
            tape.finish(ABANDONED)
