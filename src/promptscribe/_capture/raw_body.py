"""The raw body: what an answer says whose bytes are read, and not parsed.

Its law: what the SDK reads goes on as it is, and at once. The same events or the same
JSON are kept that the SDK would have parsed, as plain data of the same shape.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

import msgspec
import wrapt

from promptscribe._capture import failure
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.guise import driver_for, named_as
from promptscribe._capture.loop import drive_async_loop, drive_loop
from promptscribe._capture.tape import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.tape import Tape

READERS: Final = frozenset(
    {"iter_bytes", "iter_lines", "iter_text", "json", "read", "text"}
)
"""How ``with_streaming_response`` is read (openai's and anthropic's ``_response.py``,
the same in all that Stainless generates)."""

_DATA: Final = b"data:"


class RawBody:
    """What was read so far of one answer.

    Args:
        tape: Takes its events, or all of it, if it has none.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._line = bytearray()
        """The beginning of a line whose end has not come."""
        self._event = bytearray()
        """The data of an event, of which there may be several lines."""
        self._all = bytearray()
        self._has_events = False

    def add(self, piece: Any, end: bytes = b"") -> None:
        """Take what came; *end* is what a loop over lines leaves out. Never raises."""
        try:
            data = piece.encode() if type(piece) is str else bytes(piece)
            if not self._has_events and len(self._all) <= MOST_BYTES:
                self._all += data + end
            self._line += data + end
            if end or b"\n" in data:  # else a long line would be looked at each time
                *lines, rest = bytes(self._line).split(b"\n")
                self._line[:] = rest
                for line in lines:
                    self._add_line(line.rstrip(b"\r"))
            if len(self._line) > MOST_BYTES:  # no event is that long
                self._line.clear()
        except BaseException as problem:  # noqa: BLE001 - the answer is the user's
            failure.note("snapshot_failed", problem)

    def end(self) -> None:
        """Hand over what came, now that this was all. Never raises."""
        try:
            self._add_line(bytes(self._line))
            self._add_line(b"")
            if self._has_events:
                self._tape.finish(None)
            elif self._all:
                self._tape.finish_whole(_read(bytes(self._all)))
        except BaseException as problem:  # noqa: BLE001 - the answer is the user's
            failure.note("snapshot_failed", problem)

    def take(self, read: Any) -> None:
        """Take all of the answer at once. Never raises."""
        if type(read) is str or type(read) is bytes:
            self.add(read)
            self.end()
        else:  # what its ``json()`` gives
            self._tape.finish_whole(read)

    def fail(self, error: BaseException) -> None:
        """Hand over what came until reading failed."""
        self._tape.finish(None, error)

    def _add_line(self, line: bytes) -> None:
        if line.startswith(_DATA):
            self._has_events = True
            self._all.clear()
            is_whole = not self._event  # most are; of others, each line would be read
            if len(self._event) <= MOST_BYTES:
                self._event += line[len(_DATA) :]
            if is_whole:  # its empty line may not come: a loop may stop before that one
                self._take_event()
        elif not line and self._event:
            self._take_event()
            self._event.clear()  # OpenAI's last one is no JSON: ``[DONE]``

    def _take_event(self) -> None:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            self._tape.take(msgspec.json.decode(self._event))
            self._event.clear()


class _Pieces:
    """What `drive_loop` tells of an answer that is read in pieces.

    Args:
        body: Keeps them.
        end: What each of them lacks, see `RawBody.add`.
    """

    def __init__(self, body: RawBody, end: bytes) -> None:
        self._body = body
        self._end = end

    def take(self, piece: Any) -> None:
        """Take a piece. Never raises."""
        self._body.add(piece, self._end)

    def finish(self, _ending: None, error: BaseException | None = None) -> None:
        """Hand over what came, all of it or until reading failed. Never raises."""
        if error is None:
            self._body.end()
        else:
            self._body.fail(error)


def _read(text: bytes) -> Any:
    """Return the JSON that a text is; else the text; else the bytes."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return text if b"\0" in text else text.decode()
    except UnicodeDecodeError:
        return text


def reading(read: Callable[..., Any], body: RawBody) -> Callable[..., Any]:
    """Return a method that reads an answer, and keeps what it reads.

    Args:
        read: One of `READERS`.
        body: What keeps it; shared by all of them.
    """
    method = inspect.unwrap(read)  # where this stands for one that is read like this
    if inspect.iscoroutinefunction(method):

        @functools.wraps(read)
        async def read_all_async(*args: Any, **kwargs: Any) -> Any:
            try:
                whole = await read(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                body.fail(error)
                raise
            body.take(whole)
            return whole

        return read_all_async
    if not read.__name__.startswith("iter_"):

        @functools.wraps(read)
        def read_all(*args: Any, **kwargs: Any) -> Any:
            try:
                whole = read(*args, **kwargs)
            except BaseException as error:
                hide_frame(error)
                body.fail(error)
                raise
            body.take(whole)
            return whole

        return read_all
    return _reading_pieces(read, body)


def _reading_pieces(read: Callable[..., Any], body: RawBody) -> Callable[..., Any]:
    end = b"\n" if read.__name__ == "iter_lines" else b""
    is_async = inspect.isasyncgenfunction(inspect.unwrap(read))
    drive = drive_async_loop if is_async else drive_loop

    def read_pieces(_method: Any, _self: Any, args: Any, kwargs: Any) -> Any:
        pieces = read(*args, **kwargs)
        driver = driver_for(pieces, drive)
        return named_as(driver(pieces, _Pieces(body, end)), pieces)

    # `inspect` still finds a generator function.
    return wrapt.FunctionWrapper(read, read_pieces)
