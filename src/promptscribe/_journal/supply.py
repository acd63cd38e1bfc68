"""The supply: where a writer gets its segments from, on disk if at all possible.

Its law: a caller is never refused because of the disk. What cannot be on disk is in
memory, up to a bound, and said so once; `Supply.prepare` brings it back to disk.
"""

from __future__ import annotations

import collections
import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from promptscribe._interrupt import let_through, suppress
from promptscribe._journal.access import OPEN_FLAGS, UNMAPPABLE, is_gone
from promptscribe._journal.appended import AppendedSegment, is_mappable
from promptscribe._journal.lane import Lane
from promptscribe._journal.segment import SEGMENT_BYTES, SUFFIX, Segment
from promptscribe.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MEMORY_BYTES: Final = 16 << 20
"""Most memory that stands in for a disk that cannot be used."""

UNLIMITED: Final = 1 << 62

_MOST_READY: Final = 8
"""A step of the background thread, in a burst, is as long as six segments last. One
that is ready costs the call that needs it 0.1 ms at most, where making one costs 1."""
_MOST_PRESENT: Final = 2
"""Of these, those whose pages are there: each is a mebibyte of the process's memory."""

_FRAMES: Final = 128
"""Frames that a segment made inside a call has room for, so that making one stays out
of the 99th percentile: at 64 KB a frame, 1 MiB is used up after 15."""
_LONGEST_SEGMENT: Final = 8 << 20

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_MAP: Final = UNMAPPABLE | {errno.ENOSYS}
"""What says that frames have to be appended: the file system cannot allocate or map."""
_MAP_AGAIN: Final = 5.0
"""Seconds for which they are where the process may map no more (``RLIMIT_AS``,
``vm.max_map_count``), in memory neither: that passes, or not."""


class Observer(Protocol):
    """What a writer and its supply tell the outside."""

    def journal_failed(self, reason: str, problem: str) -> None:
        """Take note that the disk cannot be used."""

    def dropped(self, reason: str, logs: int) -> None:
        """Take note of logs that could not be kept."""

    def wake(self) -> None:
        """Take note that there is work: a segment was used up, or a reader slept."""

    def forked(self) -> None:
        """Take note that this process is a forked child."""


class Supply:
    """Makes segments in a lane of its own; one is kept ready, and more in a burst.

    Attributes:
        lock: Guards *lane*, the numbers and the ready segments, and what its writer
            changes: of two locks a finalizer that logs could take the other one
            first. It is re-entrant: a signal handler may log while the same thread
            makes a segment.
        lane: The folder, or None before the first segment and without a disk.
        allowance: Bytes that may still be made; set by whoever counts the bytes of
            all processes, and used up in between.
    """

    def __init__(
        self,
        root: Path | None,
        observer: Observer,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        read: bool = True,
        sync: bool = False,
    ) -> None:
        self.lane: Lane | None = None
        self.allowance = UNLIMITED
        self.root = root
        self.segment_bytes = segment_bytes
        self._observer = observer
        self._read = read
        self._sync = sync
        self.lock = threading.RLock()
        self._ready: collections.deque[Segment] = collections.deque()
        self._present = 0  # how many of the first of them have their pages
        self._taken = 0
        self._synced: Segment | None = None
        self._number = 0
        self._mappable: bool | None = None
        self._map_at = 0.0
        self._broken = root is None

    def anew(self) -> Supply:
        """Return a supply like this one, for a forked child."""
        return Supply(
            self.root,
            self._observer,
            segment_bytes=self.segment_bytes,
            read=self._read,
            sync=self._sync,
        )

    def take(self, need: int, in_memory: Callable[[], int]) -> Segment | None:
        """Return a fresh segment for a frame of *need* bytes, None if there is no way.

        Args:
            need: Bytes that it must have.
            in_memory: Says how many bytes of memory stand in for the disk already;
                not asked while the disk serves: a backlog has thousands of segments.
        """
        with self.lock:
            self._taken += 1
            if self._ready and self._ready[0].size >= need:
                return self._next_ready(is_needed=True)
        size = max(need, self.segment_bytes)
        if need * _FRAMES > SEGMENT_BYTES:
            # A quarter of the cap at most, as all of them: the rest is for the next.
            most = min(_LONGEST_SEGMENT, self.allowance // 4)
            size = max(size, min(need * _FRAMES, most))
        if size > self.allowance:
            return None
        if not self._broken:
            try:
                made, _ = self._create(size)
            except (OSError, JournalError) as problem:
                let_through(problem)
                self.fail(problem)
            else:
                self._overtake(made)
                # All of it: page by page on first use would cost a call 1.7 µs more.
                made.populate(0, size)
                return made
        if in_memory() + size > MEMORY_BYTES:
            return None
        try:
            return Segment.in_memory(size)
        except OSError as problem:  # there is no more; then it is counted
            let_through(problem)
            return None

    def prepare(self) -> None:
        """Have the next segments ready, and the very next with their pages present.

        For the background thread: a rotation inside a call costs 1.3 ms. It is also
        how a journal comes back to disk after the disk was full or not writable.
        """
        taken, self._taken = self._taken, 0
        if self.root is None:
            return
        if not (self._may_map() or self._mappable is None or self._broken):
            return  # nothing to make ready in a file that is appended to
        # As many as were used since the last time, where that takes no room from logs.
        wanted = min(taken, _MOST_READY, self.allowance // (self.segment_bytes * 16))
        while len(self._ready) < max(wanted, 1) and self._make_ready():
            pass
        with self.lock:
            while self._present < min(len(self._ready), _MOST_PRESENT):
                segment = self._ready[self._present]
                segment.populate(0, segment.size)
                self._present += 1

    def has_ready(self) -> bool:
        """Say whether the next segment is a mapped one, and there."""
        return bool(self._ready)

    def _next_ready(self, *, is_needed: bool) -> Segment:
        """Take the next ready segment away, with its pages present if it is needed."""
        segment = self._ready.popleft()
        if self._present:
            self._present -= 1
        elif is_needed:
            segment.populate(0, segment.size)
        return segment

    def _make_ready(self) -> bool:
        if self.segment_bytes > self.allowance:
            return False
        try:
            segment, lane = self._create(self.segment_bytes, fill=True)
        except (OSError, JournalError):
            return False  # the caller that needs it will find out, and say so
        with self.lock:
            is_wanted = lane is self.lane and segment.path == self._path(lane)
            if is_wanted:
                self._broken = False
                is_wanted = not isinstance(segment, AppendedSegment)
            if is_wanted:
                self._ready.append(segment)
        if not is_wanted:
            segment.unlink()
        return is_wanted

    def _overtake(self, made: Segment) -> None:
        """Remove ready segments that are older than one that is used before them.

        Others read a lane in the order of its files' names: a call whose end came
        before its start would lose its output.
        """
        older = []
        with self.lock:
            while self._ready and _is_older(self._ready[0], made):
                older.append(self._next_ready(is_needed=False))
        for segment in older:
            segment.unlink()

    def _path(self, lane: Lane) -> Path:
        """Return the path of the segment that was made last."""
        return lane.path / f"{self._number:08d}{SUFFIX}"

    def fail(self, problem: Exception) -> None:
        """Have segments in memory until `prepare` succeeds."""
        self._broken = True
        is_full = isinstance(problem, OSError) and problem.errno in _FULL
        reason = "disk_full" if is_full else "journal_unwritable"
        self._observer.journal_failed(reason, str(problem))

    def put_back(self) -> None:
        """Remove the segments that were made ready and are not needed."""
        with self.lock:
            ready, self._ready = self._ready, collections.deque()
            self._present = 0
        for segment in ready:
            segment.unlink()

    def sync(self, segments: tuple[Segment, ...]) -> None:
        """Have the disk itself hold what was stored; gives the interpreter lock away.

        What the disk says against it is told; the frames stay where they are.
        """
        if self._synced in segments:  # those before it are on disk
            segments = segments[segments.index(self._synced) :]
        try:
            for segment in segments:
                segment.sync()
                self._synced = segment
        except OSError as problem:
            self._observer.journal_failed("sync_failed", str(problem))

    def is_deleted(self) -> bool:
        """Say whether somebody removed the folder while it was in use."""
        lane = self.lane
        return lane is not None and is_gone(lane.path)

    def give_up_lane(self) -> None:
        """Forget a lane that is gone."""
        with self.lock:
            lane, self.lane = self.lane, None
            self._ready.clear()
            self._present = 0
        if lane is not None:
            lane.abandon()

    def abandon(self, segments: Iterable[Segment]) -> None:
        """Forget lane and segments in a forked child; they are still the parent's.

        Without the lock: a thread of the parent's may have held it.
        """
        if self.lane is not None:
            self.lane.abandon()
        for segment in segments:
            if isinstance(segment, AppendedSegment):
                segment.abandon()

    def close(self) -> None:
        """Give the lane back: what is left is for another process."""
        self.put_back()
        with self.lock:
            lane, self.lane = self.lane, None
        if lane is not None:
            lane.close()

    def _create(self, size: int, *, fill: bool = False) -> tuple[Segment, Lane]:
        with self.lock:
            assert self.root is not None  # noqa: S101 - else it is broken
            if self.lane is None:
                self.lane = Lane.create(self.root, read=self._read)
            if self._mappable is None:
                self._mappable = is_mappable(self.root)
            self._number += 1
            lane = self.lane
            path = self._path(lane)
            # Here, so that files come in the order of their names: who reads along
            # takes an empty one before one with frames for one that is not needed.
            os.close(os.open(path, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            segment = self._create_file(path, size, fill=fill)
        except BaseException:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        self.allowance -= segment.size
        if self._sync:
            _sync_folder(lane.path)
        return segment, lane

    def _create_file(self, path: Path, size: int, *, fill: bool) -> Segment:
        if self._may_map():
            try:
                return Segment.create(path, size, fill=fill)
            except OSError as problem:
                if problem.errno == errno.ENOMEM:
                    self._map_at = time.monotonic() + _MAP_AGAIN
                elif problem.errno in _NO_MAP:
                    self._mappable = False
                else:
                    raise
        return AppendedSegment.start(path)

    def _may_map(self) -> bool:
        return bool(self._mappable) and time.monotonic() >= self._map_at


def _sync_folder(path: Path) -> None:
    """Have the disk hold the names in a folder."""
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _is_older(segment: Segment, than: Segment) -> bool:
    return bool(segment.path and than.path and segment.path < than.path)
