"""The tape: what a stream brought so far, as it was when it came.

Its law: bounded, whatever comes; and it is handed over once, whoever ends the stream.
Texts cannot change and are kept as they are; everything else is encoded when it comes,
since its consumer may change it, and must be free to let go of it.

Of a very long stream the middle is left out. The beginning says what was answered; the
last chunks say why it ended and what it cost.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from promptscribe._capture import adapter, delta, failure, open_stream, snapshot
from promptscribe._capture.plain import encode_plain
from promptscribe._runtime.state import runtime
from promptscribe._wire.record import EXT_CHUNKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CLOSED: Final = "closed early"
"""The consumer stopped before the end: ``break``, ``close``, a client that left."""
ABANDONED: Final = "abandoned"
"""Nobody read the stream to its end, and nobody closed it: it was thrown away."""

MOST_BYTES: Final = 8 << 20
"""Of the beginning, encoded: 25,000 chunks of OpenAI's at 350 bytes, say, of which
joining leaves a hundredth. Texts count twice, since of them it leaves all: 4 MB, as of
all texts of a value (`sanitizer`), under the 10 MB that our receiver takes."""
LAST_BYTES: Final = 512 << 10
"""Of the end, encoded."""
LAST: Final = 4
"""Chunks of the end that are kept however large they are. Usage, finish reason and, of
OpenAI's responses and Anthropic's messages, the whole answer are in the last two."""

_LONGEST_TURN: Final = 1_024
"""Texts that are held until somebody looks how large they are: to look at each would
cost 0.01 µs more. Only where one is much larger than those before do they matter."""
_LARGE_TURN: Final = 256 << 10
"""Characters of them, from which on they are looked at after every single one."""
_MOST_APART: Final = 64
"""Texts that stay apart: among chunks of other kinds that may be of interest."""

_ARRAY: Final = b"\xdd"
"""How an array of MessagePack begins whose length is 4 bytes long."""


_become: Final = object.__dict__["__class__"].__set__


class _Dying:
    """Says how many references there are to what nobody holds any more."""

    counts: Final[list[int]] = []

    def __del__(self) -> None:
        self.counts.append(sys.getrefcount(self))


_Dying()
_HELD_BY_NOBODY: Final = _Dying.counts[0]
"""As ``sys.getrefcount`` counts in a ``__del__``, which holds some itself."""


class Finish(Protocol):
    """Takes what a stream brought, once."""

    def __call__(
        self, tape: Tape, ending: str | None, error: BaseException | None = None
    ) -> Awaitable[None] | None:
        """See `Recording.finish_stream`; what it returns is to be awaited, if anything.

        Who drives a stream that is not asynchronous, or has no driver, gets None.
        """


class Tape:
    """What a stream brought so far.

    Args:
        finish: Takes it.
        whole: Takes the response instead, where there turned out to be no stream.

    Attributes:
        texts: Exact ``str`` that came after all else. Who drives a stream may put
            them there without a call to `take`, from the second chunk on, if after as
            many as it says `settle` is called.
        first_chunk: Monotonic time at which the first chunk came, or None.
        count: Chunks that came, but for those in *texts*.
        cut: How many of them were not kept.
        is_driven: Whether a generator of ours holds this, and somebody will close that.
        seam: Values before those, of all that were packed.
    """

    __slots__ = (
        "__weakref__", "_finish", "_head", "_is_open", "_is_text", "_kept", "_kind",
        "_last", "_last_bytes", "_room", "_turn", "_whole", "count", "cut",
        "first_chunk", "is_driven", "seam", "texts",
    )  # fmt: skip

    def __init__(
        self, finish: Finish, whole: Callable[[Any], None] | None = None
    ) -> None:
        self.texts: list[str] = []
        self.first_chunk: int | None = None
        self.count = 0
        self.cut = 0
        self.is_driven = False
        self.seam = 0
        self._kind: str | None = None
        self._is_text = False
        self._is_open = False
        """Whether the next chunk is not the first one, and goes into the head."""
        self._head = bytearray()
        self._kept = 0
        """Values in the head; texts that came one after another are one value."""
        self._room = MOST_BYTES
        self._last: deque[tuple[bytes, int]] = deque()
        self._last_bytes = 0
        self._turn = 1
        self._finish: Finish | None = finish
        self._whole = whole
        open_stream.watch(self)
        _become(self, _Open)

    def take(self, chunk: Any) -> type[str] | None:
        """Keep a chunk as it is now; never raises.

        Returns:
            ``str``, which is what *texts* may hold from now on; None once the tape was
            handed over.
        """
        if self._is_open and type(chunk) is dict and not self.texts:
            try:  # what most chunks are that are no text, written out: half the time
                if delta.is_little(chunk):
                    encoded = encode_plain(chunk)
                    if len(encoded) <= snapshot.LARGE:
                        self._head += encoded
                        self._kept += 1
                        self.count += 1
                        self._room -= len(encoded)
                        self._is_open = self._room > 0
                        return str
            except Exception:  # noqa: BLE001, S110 - an odd value: the slow way takes it
                pass
        try:
            if self._finish is None:
                return None
            if self._kind is None:
                self.first_chunk = runtime.monotonic_ns()
                self._kind = adapter.full_name(type(chunk))
                self._is_text = type(chunk) is str
            if type(chunk) is str:
                self.texts.append(chunk)
            else:
                self._join_texts()
                self._add(_snapshot(chunk), 1)
        except BaseException as problem:  # noqa: BLE001 - the chunk belongs to the user
            failure.note("snapshot_failed", problem)
        return str

    def settle(self) -> int:
        """Look at the texts so far; return after how many to do it again. Never raises.

        The more, the smaller they are: between two times they are not looked at.
        """
        try:
            if self._finish is None:
                self.texts.clear()
                return self._turn
            if self._join_texts(few=False) > _LARGE_TURN:
                self._turn = 1
            else:
                self._turn = min(self._turn * 2, _LONGEST_TURN)
        except BaseException as problem:  # noqa: BLE001 - the stream belongs to the user
            failure.note("snapshot_failed", problem)
        return self._turn

    def finish(
        self, ending: str | None, error: BaseException | None = None
    ) -> Awaitable[None] | None:
        """Hand over what came; a second time does nothing.

        Args:
            ending: None if the stream was read to its end, else how it ended.
            error: What broke it off; the ``GeneratorExit`` by which a stream is closed
                is no error, but an ending.

        Returns:
            What is to be awaited before the stream ends, see `Finish`.
        """
        if ending is not None and type(error) is GeneratorExit:
            error = None
        finish, self._finish = self._finish, None
        if finish is None:
            return None
        rest = finish(self, ending, error)
        self._forget()
        return rest

    def abandon(self) -> None:
        """Hand over what came, although nobody ended the stream; see `finish`."""
        self.finish(ABANDONED)

    def finish_whole(self, response: Any) -> None:
        """Hand over a response that was no stream; see `finish`."""
        if self._finish is not None and self._whole is not None:
            self._finish = None
            self._whole(response)
            self._forget()

    def disown(self) -> None:
        """Hand over nothing: what came of it is another process's to tell."""
        self._finish = None
        self._forget()

    def pack(self) -> msgspec.Raw:
        """Return all that was kept as one value, encoded: `record.EXT_CHUNKS`."""
        self._join_texts()
        self.seam = self._kept
        if self.cut and self._is_text:
            self._append(encode_plain(f"… [{self.cut} chunks cut] …"), 0)
        for encoded, _ in self._last:
            self._append(encoded, 0)
        length = self._kept.to_bytes(4, "big")
        chunks = b"".join(
            (b"\x92", encode_plain(self._kind), _ARRAY, length, self._head)
        )
        return msgspec.Raw(encode_plain(msgspec.msgpack.Ext(EXT_CHUNKS, chunks)))

    def _join_texts(self, *, few: bool = True) -> int:
        """Add the texts so far to what is encoded: many of them as one value.

        Args:
            few: Whether to add them if they are few and short, too.

        Returns:
            How many characters they have.
        """
        texts = self.texts
        if len(texts) > _MOST_APART:
            whole, count = "".join(texts), len(texts)
            size = len(whole)
            if size <= _LARGE_TURN:
                texts.clear()
                self._add(snapshot.encode(whole), count, 2)
                return size
        else:
            size = sum(map(len, texts))
        if few or size > _LARGE_TURN:
            apart, texts[:] = texts[:], ()
            for text in apart:
                self._add(snapshot.encode(text), 1, 2)
        return size

    def _add(self, encoded: bytes, count: int, weight: int = 1) -> None:
        """Keep an encoded value, in the beginning or at the end."""
        self.count += count
        if self._room > 0 and not self._last:
            self._append(encoded, weight)
            return
        self._last.append((encoded, count))
        self._last_bytes += len(encoded)
        while self._last_bytes > LAST_BYTES and len(self._last) > LAST:
            gone, chunks = self._last.popleft()
            self._last_bytes -= len(gone)
            self.cut += chunks

    def _append(self, encoded: bytes, weight: int) -> None:
        self._head += encoded
        self._kept += 1
        self._room -= len(encoded) * weight
        self._is_open = self._room > 0 and self._finish is not None

    def _forget(self) -> None:
        """Let go of all that was handed over; who reads on, reads for himself."""
        open_stream.forget(id(self), None)
        _become(self, Tape)
        self._is_open = False
        self._head = bytearray()
        self._last.clear()
        self.texts.clear()


class _Open(Tape):
    """A tape that nobody has ended, and that tells if it is thrown away.

    What is not made yet, or has ended, has nothing to tell: a signal's handler that
    raises in a ``__del__`` raises for nobody.
    """

    __slots__ = ()

    def __del__(
        self,
        # As long as there is anything: when the interpreter ends, modules go first.
        getrefcount: Callable[[object], int] = sys.getrefcount,
        held_by_nobody: int = _HELD_BY_NOBODY,
    ) -> None:
        # Who drives the stream was thrown away without a last step: nobody read on, or
        # it ignored its ``close``, or waited there for an event loop that has ended.
        # As part of garbage that refers to itself this comes earlier: the generator
        # still holds this, and will be closed, perhaps by an event loop, later.
        if not self.is_driven or getrefcount(self) <= held_by_nobody:
            self.abandon()


def _snapshot(chunk: Any) -> bytes:
    model = delta.write(chunk)
    if model is not None and len(bytes(model.data)) <= snapshot.LARGE:
        return encode_plain(model)
    return snapshot.encode(chunk if model is None else model)
