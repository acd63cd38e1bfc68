"""The writer: what a caller's thread does to make its log survive the process.

Its law: `Writer.append` returns when the frame is in the page cache, never raises,
never waits for a disk and never gives the interpreter lock away, which beside one
busy thread would cost milliseconds (``os.write`` 0.6 to 2.6 ms, a mapped store 1 µs).

What happens if the process dies on a line of it: before the commit word is stored
there is no frame and the log was not promised yet; after it, the frame is whole.

No lock is taken to append: taking one costs as much as the store itself. From where
a place is reserved to where the frame is committed there is no call, no backward jump
and no function entry, and CPython lets neither another thread nor a signal handler in
anywhere else (``ceval.c``: ``CHECK_EVAL_BREAKER``). A debugger does, between lines:
so the reservation is one expression, and a reader waits for a gap to fill. An
interpreter without a global lock takes the lock instead.
"""

from __future__ import annotations

import collections
import contextlib
import mmap
import os
import sys
import threading
import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe import _clock
from promptscribe._journal import frame
from promptscribe._journal.lane import Lane
from promptscribe._journal.segment import SEGMENT_BYTES, SUFFIX, Segment
from promptscribe.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

_MADV_WIPEONFORK: Final = 18
"""Linux 4.14: the page reads as zeros in a forked child, whoever forked and how.

uWSGI forks in C, where Python's hooks are not called (opentelemetry-python#2266).
Reading a byte costs 0.03 µs, ``os.getpid()`` 0.15."""

_MEMORY_BYTES: Final = 16 << 20
"""Most memory that stands in for a disk that cannot be used."""


_crc32: Final = zlib.crc32
_pack_header: Final = frame.HEADER.pack
_MAGIC: Final = frame.MAGIC
_INLINE_CRC_BYTES: Final = frame.INLINE_CRC_BYTES


class Observer(Protocol):
    """What a writer tells the outside."""

    def journal_failed(self, reason: str, problem: str) -> None:
        """Take note that the disk cannot be used; called at most once a lane."""

    def dropped(self, reason: str, logs: int) -> None:
        """Take note of logs that could not be kept."""

    def wake(self) -> None:
        """Take note that there is work: a segment was used up, or a reader slept."""

    def forked(self) -> None:
        """Take note that this process is a forked child."""


class _Page:
    """Where frames go at the moment; a full one is replaced, never changed back."""

    __slots__ = ("limit", "map", "offset", "segment")

    def __init__(self, segment: Segment | None) -> None:
        self.segment = segment
        self.map: Any = segment.map if segment is not None else None
        self.offset = frame.SEGMENT_HEADER_BYTES
        self.limit = segment.size if segment is not None else 0


class Writer:
    """Appends frames to segments, for all threads of one process.

    ``_lock`` guards everything but *_page* and the counter, see the file's law. It is
    re-entrant: a signal handler may log while the same thread changes segments.

    Attributes:
        recorded: Logs appended so far (a log counts when it ends).
        segments: Segments in the order they were filled, the current one last;
            the reader takes them from the left.
        lane: The folder, or None before the first frame and without a disk.
        asleep: Set by a reader that wants to be woken by the next frame.
    """

    def __init__(
        self,
        root: Path | None,
        observer: Observer,
        *,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.recorded = 0
        self.segments: collections.deque[Segment] = collections.deque()
        self.lane: Lane | None = None
        self.asleep = False
        self.root = root
        self._observer = observer
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._page = _Page(None)
        self._ready: Segment | None = None
        self._number = 0
        self._broken = root is None
        self._same_process = _fork_mark()
        if not _has_global_lock():
            self.append = self._append_locked  # type: ignore[method-assign]

    def append(self, kind: int, payload: bytes) -> bool:
        """Keep one frame; see the law of this file.

        Args:
            kind: `frame.START`, `frame.END` or `frame.WHOLE`.
            payload: A MessagePack array whose first member is the key.

        Returns:
            Whether it was kept. If not, the drop of a log has been counted.
        """
        length = len(payload)
        crc = (_crc32(payload, kind) or 1) if length <= _INLINE_CRC_BYTES else 0
        header = _pack_header(_MAGIC, kind, 0, length, crc)
        if kind != 2 and not self._same_process[0]:
            self.after_fork()
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

    def _append_locked(self, kind: int, payload: bytes) -> bool:
        with self._lock:
            return Writer.append(self, kind, payload)

    def _append_slowly(
        self, kind: int, payload: bytes, page: _Page, offset: int
    ) -> bool:
        """Append a frame that *page* has no room for; *offset* is where it ended."""
        with self._lock:
            if page is self._page:
                self._seal(offset)
            elif page.segment is not None and page.segment.end is not None:
                page.segment.end = min(page.segment.end, offset)
            page = self._page
            if page.offset + len(payload) + 24 > page.limit:
                self._seal(page.offset)
                if not self._next_segment(len(payload) + 24):
                    if kind != frame.START:
                        self.recorded += 1
                        self._observer.dropped("journal_full", 1)
                    return False
        return Writer.append(self, kind, payload)

    def prepare(self) -> None:
        """Have the next segment ready with its pages present.

        For the background thread: a rotation inside a call costs 1.3 ms. It is also
        how a journal comes back to disk after the disk was full or not writable.
        """
        if self._ready is not None or not self.segments or self.root is None:
            return
        try:
            segment = self._create(self._segment_bytes)
        except (OSError, JournalError):
            return  # the caller that needs it will find out, and say so
        segment.populate(0, segment.size)
        with self._lock:
            if self._ready is None and segment.path is not None and self.lane:
                self._ready = segment
                self._broken = False
                return
        segment.unlink()

    def bytes_held(self) -> int:
        """Return the bytes of all segments of this process."""
        return sum(segment.size for segment in tuple(self.segments))

    def seal(self) -> None:
        """End the current segment, so that everything can be read and given back.

        The next frame, if one comes, opens a new segment.
        """
        with self._lock:
            page = self._page
            page.limit = 0
            self._seal(page.offset)
            if self._ready is not None:
                self._ready.unlink()
                self._ready = None

    def close(self) -> None:
        """Seal, and give the lane back: what is left is for another process."""
        with self._lock:
            self.seal()
            for segment in self.segments:
                segment.truncate()
            self.segments.clear()
            if self.lane is not None:
                self.lane.close()
                self.lane = None

    def after_fork(self) -> None:
        """Start afresh in a forked child: segments and lane are the parent's.

        Only references are dropped. The mapping is shared with the parent, so the
        child must not store one byte into it; nothing is unlocked or unlinked.
        """
        self._lock = threading.RLock()
        lane, self.lane = self.lane, None
        if lane is not None:
            lane.abandon()
        self.segments = collections.deque()
        self._ready = None
        self.recorded = 0
        self._number = 0
        self._broken = self.root is None
        self._same_process = _fork_mark()
        self.asleep = False
        self._page = _Page(None)
        _clock.reseed()
        self._observer.forked()

    def _seal(self, end: int) -> None:
        page, self._page = self._page, _Page(None)
        page.limit = 0
        if page.segment is not None:
            page.segment.end = end
            page.segment.release()

    def _next_segment(self, need: int) -> bool:
        """Make room for a frame of *need* bytes; say whether that was possible."""
        segment = None
        need += frame.SEGMENT_HEADER_BYTES
        if self._ready is not None and self._ready.size >= need:
            segment, self._ready = self._ready, None
        elif not self._broken:
            segment = self._try_create(max(need, self._segment_bytes))
        if segment is None:
            segment = self._in_memory(max(need, self._segment_bytes))
        if segment is None:
            return False
        # A signal handler may have logged, and made a segment, meanwhile.
        self._seal(self._page.offset)
        self.segments.append(segment)
        self._page = _Page(segment)
        self._observer.wake()
        return True

    def _in_memory(self, size: int) -> Segment | None:
        held = sum(s.size for s in tuple(self.segments) if s.path is None)
        return Segment.in_memory(size) if held + size <= _MEMORY_BYTES else None

    def _try_create(self, size: int) -> Segment | None:
        try:
            segment = self._create(size)
        except (OSError, JournalError) as problem:
            self._broken = True
            reason = "disk_full" if _is_full(problem) else "journal_unwritable"
            self._observer.journal_failed(reason, str(problem))
            return None
        # All of it: page by page on first use would cost every call 1.7 µs more.
        segment.populate(0, size)
        return segment

    def _create(self, size: int) -> Segment:
        with self._lock:
            if self.lane is None:
                assert self.root is not None  # noqa: S101 - else it is broken
                self.lane = Lane.create(self.root)
            self._number += 1
            path = self.lane.path / f"{self._number:08d}{SUFFIX}"
        return Segment.create(path, size)


def _has_global_lock() -> bool:
    """Say whether this is CPython with its global lock."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return sys.implementation.name == "cpython" and (is_enabled is None or is_enabled())


def _is_full(problem: BaseException) -> bool:
    import errno

    return isinstance(problem, OSError) and problem.errno in {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    }


class _ProcessMark:
    """Says by process id whether this is still the process that made it."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __getitem__(self, index: int) -> bool:
        return os.getpid() == self._pid


def _fork_mark() -> mmap.mmap | _ProcessMark:
    """Return an object whose item 0 is true here and false in a forked child."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_MADV_WIPEONFORK)
        page[0] = 1
        return page
    return _ProcessMark()
