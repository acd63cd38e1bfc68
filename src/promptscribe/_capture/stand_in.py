"""The stand-in: a provider's stream in all but name, recorded while it is read.

Its law: what the stream has, the stand-in has: class for ``isinstance``, attributes,
methods, errors. It adds one thing: every chunk that goes by is kept on the tape.

Methods that read a stream to its end by themselves (``until_done``,
``get_final_message``) run with the stand-in as ``self``: what they read goes by, too.
"""

from __future__ import annotations

import copy
import functools
import inspect
from types import AsyncGeneratorType, FunctionType, GeneratorType, MethodType
from typing import TYPE_CHECKING, Any, Final

import wrapt

from promptscribe._capture.generator import (
    drive,
    drive_async,
    fastest,
    hide_frame,
)
from promptscribe._capture.guise import driver_for, named_as
from promptscribe._capture.loop import drive_async_loop, drive_loop
from promptscribe._capture.raw_body import READERS, RawBody, reading
from promptscribe._capture.stream_kind import kind_of, known
from promptscribe._capture.tape import CLOSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.stream_kind import StreamKind
    from promptscribe._capture.tape import Tape

_READERS: Final = frozenset(
    {
        "get_final_completion",
        "get_final_message",
        "get_final_response",
        "get_final_text",
        "stream_to_file",
        "until_done",
    }
)
"""Methods that read to the end: openai ``lib/streaming``, ``_response.py``; anthropic
the same."""

_METHODS: Final = frozenset({MethodType, FunctionType, wrapt.FunctionWrapper})
"""What a method may be: a function or a wrapper is ours, if decorated twice."""

_TEXTS: Final = "text_stream"
_MAKE_TEXTS: Final = "__stream_text__"
"""Anthropic's second way in: a generator over the stream, made before we come."""


def stand_in(stream: Any, tape: Tape, scope: Scope | None = None) -> Any:
    """Return what the user gets instead of a stream.

    Args:
        stream: A stream, a manager or a response that holds one; or anything else,
            which is returned as it is.
        tape: What came so far; shared by all that stands for one stream.
        scope: What is current while a generator runs.
    """
    kind = kind_of(stream)
    if kind is None:
        return stream
    if kind in {"generator", "async generator"}:
        drive_it = drive_async if kind[0] == "a" else fastest(drive, stream)
        driver = driver_for(stream, drive_it)
        return named_as(driver(stream, lambda: (scope, tape)), stream)
    return _CLASSES[kind](stream, tape)


class StandIn(wrapt.ObjectProxy):  # type: ignore[type-arg] # 1.x: not generic
    """What all have in common; alone, it stands for a manager."""

    def __init__(self, stream: Any, tape: Tape) -> None:
        super().__init__(stream)
        self._self_tape = tape
        self._self_others: dict[int, tuple[Any, Any]] = {}

    @property
    def _self_class(self) -> Any:
        """The SDK's class, also where this stands for what stands for its object."""
        stream = self.__wrapped__
        while issubclass(type(stream), StandIn):  # decorated twice
            stream = stream.__wrapped__
        return type(stream)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        if name in _READERS and type(value) is MethodType:
            return MethodType(value.__func__, self)
        if name in {"close", "aclose"} and callable(value):
            return _closing(value, self._self_tape)
        if name == _TEXTS:
            return self._self_other(value, self._self_make_texts)
        return value

    def __enter__(self) -> Any:
        try:
            entered = self.__wrapped__.__enter__()
        except BaseException as error:
            hide_frame(error)
            self._self_tape.finish(None, error)
            raise
        return self._self_entered(entered)

    def __exit__(self, *exception: object) -> Any:
        self._self_tape.finish(CLOSED)
        return self.__wrapped__.__exit__(*exception)

    async def __aenter__(self) -> Any:
        try:
            entered = await self.__wrapped__.__aenter__()
        except BaseException as error:
            hide_frame(error)
            self._self_tape.finish(None, error)
            raise
        return self._self_entered(entered)

    async def __aexit__(self, *exception: object) -> Any:
        self._self_tape.finish(CLOSED)
        return await self.__wrapped__.__aexit__(*exception)

    def __copy__(self) -> Any:
        # As shallow as without us: it goes on where this one stopped, on one tape.
        return type(self)(copy.copy(self.__wrapped__), self._self_tape)

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def _self_entered(self, entered: Any) -> Any:
        """Return what stands for that which entering gave."""
        if entered is self.__wrapped__:
            return self
        return stand_in(entered, self._self_tape)

    def _self_other(self, value: Any, make: Callable[[Any], Any]) -> Any:
        """Return what stands for a part of the stream: always the same for the same."""
        known = self._self_others.get(id(value))
        if known is None:
            known = self._self_others[id(value)] = (value, make(value))
        return known[1]

    def _self_make_texts(self, texts: Any) -> Any:
        make = getattr(self._self_class, _MAKE_TEXTS, None)
        return texts if make is None else make(self)


class IterableStandIn(StandIn):
    """Stands for a stream that is iterated over, but no iterator."""

    def __iter__(self) -> Any:
        stream = iter(self.__wrapped__)
        if stream is self.__wrapped__:
            return self
        is_fresh = inspect.isgeneratorfunction(self._self_class.__iter__)
        if is_fresh and type(stream) is GeneratorType:
            driver = driver_for(stream, drive_loop)
            return named_as(driver(stream, self._self_tape), stream)
        return self._self_read(stream)

    def _self_read(self, stream: Any) -> Any:
        """Read what a loop reads: 0.04 µs a chunk where ``__next__`` costs 0.23."""
        tape = self._self_tape
        try:
            for chunk in stream:
                tape.take(chunk)
                yield chunk
        except GeneratorExit:  # it may be iterated over again
            raise
        except BaseException as error:
            hide_frame(error)
            tape.finish(None, error)
            raise
        tape.finish(None)


class IteratorStandIn(IterableStandIn):
    """Stands for a stream that is its own iterator."""

    def __next__(self) -> Any:
        tape = self._self_tape
        try:
            chunk = self.__wrapped__.__next__()
        except StopIteration:
            tape.finish(None)
            raise
        except BaseException as error:
            hide_frame(error)
            tape.finish(None, error)
            raise
        tape.take(chunk)
        return chunk


class AsyncIterableStandIn(StandIn):
    """Stands for a stream that is read asynchronously, and perhaps otherwise, too."""

    def __aiter__(self) -> Any:
        stream = aiter(self.__wrapped__)
        if stream is self.__wrapped__:
            return self
        is_fresh = inspect.isasyncgenfunction(self._self_class.__aiter__)
        if is_fresh and type(stream) is AsyncGeneratorType:
            driver = driver_for(stream, drive_async_loop)
            return named_as(driver(stream, self._self_tape), stream)
        return self._self_read_later(stream)

    async def _self_read_later(self, stream: Any) -> Any:
        tape = self._self_tape
        try:
            async for chunk in stream:
                tape.take(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            hide_frame(error)
            tape.finish(None, error)
            raise
        tape.finish(None)

    async def __anext__(self) -> Any:
        tape = self._self_tape
        try:
            chunk = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            tape.finish(None)
            raise
        except BaseException as error:
            hide_frame(error)
            tape.finish(None, error)
            raise
        tape.take(chunk)
        return chunk


class AsyncIteratorStandIn(AsyncIterableStandIn):
    """Stands for an asynchronous stream."""

    # Else it would pass for an Iterable, as every ObjectProxy does.
    __iter__ = None  # type: ignore[assignment]


class BothStandIn(IteratorStandIn, AsyncIterableStandIn):
    """Stands for a stream that can be read either way."""


class ResponseStandIn(StandIn):
    """Stands for a raw response that is not read yet."""

    def __init__(self, stream: Any, tape: Tape) -> None:
        super().__init__(stream, tape)
        self._self_body = RawBody(tape)

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        if name in READERS and type(value) in _METHODS:
            return reading(value, self._self_body)
        return value

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the response, or the stream, that it holds."""
        return self._self_parsed(self.__wrapped__.parse(*args, **kwargs))

    def _self_parsed(self, parsed: Any) -> Any:
        if kind_of(parsed) is None:
            self._self_tape.finish_whole(parsed)
            return parsed
        return self._self_other(parsed, self._self_entered)


class AsyncResponseStandIn(ResponseStandIn):
    """The same for an asynchronous client."""

    async def parse(self, *args: Any, **kwargs: Any) -> Any:
        """Return the response, or the stream, that it holds."""
        return self._self_parsed(await self.__wrapped__.parse(*args, **kwargs))


def _closing(close: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """Return a ``close`` that ends the log as well."""
    if inspect.iscoroutinefunction(close):

        @functools.wraps(close)
        async def close_async(*args: Any, **kwargs: Any) -> Any:
            tape.finish(CLOSED)
            return await close(*args, **kwargs)

        return close_async

    @functools.wraps(close)
    def close_now(*args: Any, **kwargs: Any) -> Any:
        tape.finish(CLOSED)
        return close(*args, **kwargs)

    return close_now


_CLASSES: Final[dict[StreamKind, type[StandIn]]] = {
    "iterator": IteratorStandIn,
    "iterable": IterableStandIn,
    "async iterable": AsyncIterableStandIn,
    "async iterator": AsyncIteratorStandIn,
    "both": BothStandIn,
    "manager": StandIn,
    "response": ResponseStandIn,
    "async response": AsyncResponseStandIn,
}
known.update({kind: name for name, kind in _CLASSES.items()})  # for a log around it
