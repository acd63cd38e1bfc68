"""The writer: what a caller's thread does to make its log survive the process.

Its law: `Writer.append` returns when the frame is in the page cache, never raises,
never waits for a disk and never gives the interpreter lock away, which beside one
busy thread would cost milliseconds (``os.write`` 0.6 to 2.6 ms, a mapped store 1 µs).

What happens if the process dies on a line of it: before the commit word is stored
there is no frame and the log was not promised yet; after it, the frame is whole.

No lock is taken to append: taking one costs as much as the store itself. From where
a place is reserved to where the frame is committed there is no call, no backward jump
and no function entry, and CPython lets neither another thread nor a signal handler in
anywhere else (``ceval.c``: ``CHECK_EVAL_BREAKER``). A debugger does, between lines,
and so may a finalizer where 3.11 collects garbage while it makes a slice: so the
reservation is one expression, and a reader comes back to a gap. An interpreter without
a global lock takes the lock instead.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import functools
import os
import zlib
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from promptscribe import _clock
from promptscribe._interrupt import let_through
from promptscribe._journal import faultpoint, frame, variant
from promptscribe._journal.appended import AppendedSegment
from promptscribe._journal.page import Page
from promptscribe._journal.process import process_mark
from promptscribe._journal.segment import SEGMENT_BYTES, Segment
from promptscribe._journal.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptscribe._journal.lane import Lane
    from promptscribe._journal.supply import Observer

Durability: TypeAlias = Literal["memory", "process", "host", "sync"]
"""What a log survives: nothing, the process's death, and the host's up to half a
second before it or to the very last log."""

_crc32: Final = zlib.crc32
_pack_header: Final = frame.HEADER.pack
_MAGIC: Final = frame.MAGIC
_INLINE_CRC_BYTES: Final = frame.INLINE_CRC_BYTES
_MOST_RESIDENT: Final = 2
"""Segments whose pages count as the process's: the background thread lets go of those
that were used up, but it may come late where a burst keeps all processors busy."""


class Writer:
    """Appends frames to segments, for all threads of one process.

    ``supply.lock`` guards everything but *_page* and the counter, see the file's law.
    A signal handler may log while the same thread holds it: see `_change`.

    Attributes:
        recorded: Logs appended so far (a log counts when it ends).
        segments: Segments in the order they were filled, the current one last;
            the reader takes them from the left.
        supply: Where its segments come from.
        asleep: Set by a reader that wants to be woken by the next frame.
        cut: Keys of calls whose start was kept, and for whose end there was no room;
            for the reader, who has to give up the start as well.
    """

    def __init__(
        self,
        root: Path | None,
        observer: Observer,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        read: bool = True,
        durability: Durability = "process",
    ) -> None:
        self.recorded = 0
        self.segments: collections.deque[Segment] = collections.deque()
        self.cut: collections.deque[bytes] = collections.deque()
        self.asleep = False
        self.supply = Supply(
            None if durability == "memory" else root,
            observer,
            segment_bytes=segment_bytes,
            read=read,
            sync=durability in {"host", "sync"},
        )
        self._observer = observer
        self._page = Page(None)
        self._is_changing = False
        self._deferred: collections.deque[Callable[[], object]] = collections.deque()
        self._pid = os.getpid()
        self._same_process = process_mark()
        chosen = variant.choose(self, sync=durability == "sync")
        if chosen != self.append:
            self.append = chosen  # type: ignore[method-assign, assignment]

    @property
    def lane(self) -> Lane | None:
        """The folder, or None before the first frame and without a disk."""
        return self.supply.lane

    def append(self, kind: int, payload: bytes) -> bool | None:
        """Keep one frame; see the law of this file.

        Args:
            kind: `frame.START`, `frame.END` or `frame.WHOLE`.
            payload: A MessagePack array whose first member is the key.

        Returns:
            Whether it was kept. If not, the drop of a log has been counted.
            None if a start was not kept because this process turns out to be a forked
            child: its ids would be its parent's next ones. Begin again, with new ids.
        """
        length = len(payload)
        crc = (_crc32(payload, kind) or 1) if length <= _INLINE_CRC_BYTES else 0
        header = _pack_header(_MAGIC, kind, 0, length, crc)
        if not self._same_process[0]:
            self.after_fork()
            if kind == 1:
                return None
        page = self._page
        page.offset = (end := (begin := (offset := page.offset) + 12) + length) + 7 & -8
        if end > page.limit:
            return self._append_slowly(kind, payload, page, offset)
        mapping = page.map
        mapping[begin:end] = payload
        # Its 12 bytes go in two overlapping stores of 8, in either order (glibc,
        # ``memmove-vec-unaligned-erms``): without the first there is no frame, and a
        # checksum of 0 only says that there is none.
        mapping[offset:begin] = header
        if kind != 1:
            self.recorded += 1
        if self.asleep:
            self.asleep = False
            self._observer.wake()
        return True

    def _append_slowly(
        self, kind: int, payload: bytes, page: Page, offset: int
    ) -> bool | None:
        """Append a frame that *page* has no room for; *offset* is where it ended."""
        append = functools.partial(Writer.append, self, kind, payload)
        kept = self._change(
            lambda: self._make_room(kind, payload, page, offset), append
        )
        return append() if kept is None else kept

    def _make_room(
        self, kind: int, payload: bytes, page: Page, offset: int
    ) -> bool | None:
        """Have a page with room for a frame; or say whether that was kept elsewhere."""
        if page is not self._page:
            page.lower_end(offset)
        if isinstance(self._page.segment, AppendedSegment):
            if self._write(self._page.segment, kind, payload):
                return True
        elif page is self._page:
            self._seal(offset)
        page = self._page
        if page.offset + len(payload) + 24 > page.limit:
            self._seal(page.offset)
            if not self._next_segment(len(payload) + 24):
                if kind != frame.START:
                    self.recorded += 1
                    if kind == frame.END:
                        self.cut.append(payload[frame.KEY])
                    self._observer.dropped("journal_full", 1)
                return False
        return None

    def _change(
        self,
        change: Callable[[], bool | None],
        later: Callable[[], object] | None = None,
    ) -> bool | None:
        """Do what nobody else may meanwhile, not even code on this very stack.

        A signal handler or a finalizer may come while the code that it interrupted,
        further down on the stack, is at it: then that does *later*, or *change*, next.

        By a ``with`` on the lock itself: one that is written in Python stays locked if
        a signal's handler raises just as it is entered. And by a lock that this thread
        may have already: the handler may come before anything could say so.
        """
        with self.supply.lock:
            if self._is_changing:
                self._deferred.append(later or functools.partial(self._change, change))
                return True
            try:
                self._is_changing = True
                return change()
            finally:  # also where that handler ends the call: no other may follow
                self._is_changing = False
                while self._deferred:
                    self._deferred.popleft()()

    def _write(self, segment: AppendedSegment, kind: int, payload: bytes) -> bool:
        """Append a frame to a file; False if the next segment has to take it."""
        try:
            if not segment.store_frame(kind, payload, self.supply.segment_bytes):
                return False
        except OSError as problem:
            let_through(problem)
            if problem.errno != errno.EBADF:  # else the program closed all its files
                self.supply.fail(problem)
            return False
        self.recorded += kind != frame.START
        if self.asleep:
            self.asleep = False
            self._observer.wake()
        return True

    def prepare(self) -> None:
        """Do what no caller should wait for, see `Supply.prepare`; in the background.

        A folder that somebody removed is noticed here; what is mapped lives on.
        """
        if self.lane is not None:
            self.lane.renew()
        is_deleted = self.supply.is_deleted()
        current = [s for s in (self._page.segment,) if s and not s.is_there()]
        if is_deleted or current:
            self._change(lambda: self._outlive(current, is_deleted=is_deleted))
            what = "folder" if is_deleted else "file"
            self._observer.journal_failed("journal_deleted", f"its {what} was removed")
        if self.segments:
            self.supply.prepare()
        if self.supply.has_ready() and self._page.is_makeshift():
            self._change(self._seal)

    def _outlive(self, current: list[Segment], *, is_deleted: bool) -> None:
        for segment in self.segments if is_deleted else current:
            segment.outlive_file()
        self._seal()
        if is_deleted:
            self.supply.give_up_lane()

    def sync(self) -> None:
        """Flush all so far to the disk itself; gives the interpreter lock away."""
        self.supply.sync(tuple(self.segments))

    def seal(self) -> None:
        """End the current segment; the next frame, if one comes, opens a new one."""
        self._change(self._put_back)

    def close(self) -> None:
        """Seal, and give the lane back: what is left is for others."""
        self._change(self._give_back)

    def retire(self) -> bool:
        """Give the lane back if it is empty, and say so; the next frame makes one."""
        return bool(self._change(self._give_back_empty))

    def _put_back(self) -> None:
        self._seal()
        self.supply.put_back()

    def _give_back_empty(self) -> bool:
        if self.segments:
            return False
        self.supply.close()
        return True

    def _give_back(self) -> None:
        self._seal()
        for segment in self.segments:
            segment.truncate()
        self.segments.clear()
        self.supply.close()

    def after_fork(self) -> None:
        """Start afresh in a forked child: segments and lane are the parent's.

        Only references are dropped. The mapping is shared with the parent, so the
        child must not store one byte into it; nothing is unlocked or unlinked.
        """
        pid, page = os.getpid(), Page(None)
        supply, segments = self.supply.anew(), collections.deque[Segment]()
        # From here to the flag there is no call: of two threads in a child that was
        # forked in C one does the rest, and the other finds all that it needs.
        if pid == self._pid:
            return
        self._pid = pid
        parents, theirs = self.supply, self.segments
        self.supply = supply
        self.segments = segments
        self._page = page
        self._is_changing = False
        _clock.reseed()
        parents.abandon(theirs)
        self._deferred.clear()
        self.cut = collections.deque()
        self.recorded = 0
        self.asleep = False
        self._observer.forked()
        self._same_process = process_mark()

    def _seal(self, end: int | None = None) -> None:
        """Take no more frames on the current page.

        The mapping stays: the background thread lets it go, once it has made sure
        that the file is still there to be opened again.
        """
        fresh = Page(None)
        # From here to the end's store there is no call, as in `append`: a frame that
        # another thread stores meanwhile would lie behind the end.
        page = self._page
        page.limit = 0
        self._page = fresh
        segment = page.segment
        if segment is not None:
            segment.end = page.offset if end is None else end
        if isinstance(segment, AppendedSegment):
            segment.finish()
        elif segment is not None:
            faultpoint.reach("sealing")
            segment.mark_sealed()
            faultpoint.reach("sealed")

    def _next_segment(self, need: int) -> bool:
        """Make room for a frame of *need* bytes; say whether that was possible."""
        need += frame.SEGMENT_HEADER_BYTES
        segment = self.supply.take(
            need, lambda: sum(s.size for s in tuple(self.segments) if s.path is None)
        )
        if segment is None:
            return False
        self.segments.append(segment)
        self._page = Page(segment)
        with contextlib.suppress(IndexError):  # the reader takes them from the left
            self.segments[-1 - _MOST_RESIDENT].unload()
        self._observer.wake()
        return True
