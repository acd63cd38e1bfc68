"""The writer: what a caller's thread does to make its log survive the process.

Its law: `Writer.append` returns when the frame is in the page cache, never raises,
never waits for a disk and never gives the interpreter lock away, which beside one
busy thread would cost milliseconds (``os.write`` 0.6 to 2.6 ms, a mapped store 1 µs).

What happens if the process dies on a line of it: before the commit word is stored
there is no frame and the log was not promised yet; after it, the frame is whole.
"""

from __future__ import annotations

import collections
import contextlib
import mmap
import os
import threading
import zlib
from typing import TYPE_CHECKING, Final, Protocol

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


class Writer:
    """Appends frames to segments, for all threads of one process.

    ``_lock`` guards every field but *recorded*, which only it writes. It is
    re-entrant: a signal handler may log while the same thread appends.

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
        self._ready: Segment | None = None
        self._number = 0
        self._broken = root is None
        self._same_process = _fork_mark()
        self._clear()

    def append(self, kind: int, payload: bytes) -> bool:
        """Keep one frame; see the law of this file.

        Args:
            kind: `frame.START`, `frame.END` or `frame.WHOLE`.
            payload: A MessagePack array whose first member is the key.

        Returns:
            Whether it was kept. If not, the drop of a log has been counted.
        """
        length = len(payload)
        crc = 0
        if length <= frame.INLINE_CRC_BYTES:
            crc = zlib.crc32(payload, length ^ (kind << 24)) or 1
        body = frame.CRC.pack(crc) + payload
        word = frame.COMMIT.pack(frame.MAGIC, kind, 0, length)
        step = (length + 19) & ~7
        if not self._same_process[0]:  # before the lock: a dead thread may hold it
            self.after_fork()
        with self._lock:
            if self._offset + step > self._limit and not self._next_segment(step):
                if kind != frame.START:
                    self.recorded += 1
                    self._observer.dropped("journal_full", 1)
                return False
            # Reserved before it is written, with no call between reading and
            # storing the offset: a signal handler that logs here gets the next place.
            offset = self._offset
            self._offset = offset + step
            mapping = self._map
            mapping[offset + 8 : offset + 12 + length] = body
            mapping[offset : offset + 8] = word
            if kind != frame.START:
                self.recorded += 1
        if self.asleep:
            self.asleep = False
            self._observer.wake()
        return True

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
            self._seal()
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
        self._clear()
        _clock.reseed()
        self._observer.forked()

    def _clear(self) -> None:
        self._map: mmap.mmap | bytearray = bytearray()
        self._offset = 0
        self._limit = 0

    def _seal(self) -> None:
        if self._limit and self.segments:
            current = self.segments[-1]
            current.end = self._offset
            current.release()
        self._clear()

    def _next_segment(self, step: int) -> bool:
        """Make room for a frame of *step* bytes; say whether that was possible."""
        self._seal()
        segment = None
        need = step + frame.SEGMENT_HEADER_BYTES
        if self._ready is not None and self._ready.size >= need:
            segment, self._ready = self._ready, None
        elif not self._broken:
            segment = self._try_create(max(need, self._segment_bytes))
        if segment is None:
            segment = self._in_memory(max(need, self._segment_bytes))
        if segment is None or segment.map is None:
            return False
        self._seal()  # a signal handler may have logged, and made a segment, meanwhile
        # No call until the deque has it, so that no signal handler sees half of this.
        self._map = segment.map
        self._offset = frame.SEGMENT_HEADER_BYTES
        self._limit = segment.size
        self.segments.append(segment)
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
        segment.populate(0, _FIRST_PAGES)
        return segment

    def _create(self, size: int) -> Segment:
        with self._lock:
            if self.lane is None:
                assert self.root is not None  # noqa: S101 - else it is broken
                self.lane = Lane.create(self.root)
            self._number += 1
            path = self.lane.path / f"{self._number:08d}{SUFFIX}"
        return Segment.create(path, size)


_FIRST_PAGES: Final = 128 << 10
"""Populated at once in a segment made inside a call; the rest comes on first use."""


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
        page = mmap.mmap(
            -1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        page.madvise(_MADV_WIPEONFORK)
        page[0] = 1
        return page
    return _ProcessMark()
