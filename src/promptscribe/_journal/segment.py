"""The segment: one mapped file (or piece of memory) that frames are stored in.

Its law: a segment that exists is backed by real blocks. A sparse file that meets
a full disk kills the process with SIGBUS at some later store; allocating first
turns that into an `OSError` here, where it can be handled.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from promptscribe._interrupt import suppress
from promptscribe._journal import access, frame
from promptscribe._journal.access import OPEN_FLAGS
from promptscribe._journal.faultpoint import reach
from promptscribe._journal.mapping import map_open

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEGMENT_BYTES: Final = 1 << 20
"""Size of a segment: about 300 calls of 3.5 KB, and of a core's second-level cache:
from 1 MiB to 2 the median of a call rises by 0.1 µs, at 256 KiB the rotations show
in its 99th percentile.

The current one, a ready one and the one being read are mapped at a time, so
this is what bounds the memory of a process whose server is slow."""

_WORTHWHILE: Final = 16 << 10
"""Bytes at the end of a segment that are worth giving back: a full one is not walked
through at exit for the little that is left in it."""

_SLICE_BYTES: Final = 128 << 10
"""Pages are populated in slices: ``madvise`` holds the interpreter lock,
55 µs for a slice of this size, 4 ms for a whole segment."""

_ZEROS: Final = bytes(_SLICE_BYTES)
_MADV_POPULATE_WRITE: Final = 23
"""Linux 5.14, ``include/uapi/asm-generic/mman-common.h``; not in CPython 3.11."""

_KEEPS_PAGES: Final = sys.platform == "linux"
"""Whether ``MADV_DONTNEED`` leaves a shared file's pages in the cache (madvise(2))."""

_SEALED: Final = slice(48, 56)
"""Where in the header a sealed segment says where its frames end; 0 until then."""

SUFFIX: Final = ".seg"


class Segment:
    """One segment, in use by a writer, a reader or both.

    Attributes:
        path: Its file; None for one that lives in memory only.
        map: The mapping, or None while nobody needs it.
        size: Bytes allocated.
        end: Where the frames end; None while frames may still be appended.
        live: Frames that were read and not acknowledged yet, and gaps.
        is_read: Whether it was read to its end.
        logs: Logs in it, once they were counted; see `audit`.
        obstacle: Why it could not be opened the last time, or None.
        problem: The system's words for that.
    """

    __slots__ = (
        "_is_copy",
        "end",
        "is_read",
        "live",
        "logs",
        "map",
        "obstacle",
        "path",
        "problem",
        "size",
    )

    ACCESS = mmap.ACCESS_WRITE
    """How it is mapped."""

    def __init__(self, path: Path | None, mapping: mmap.mmap | None, size: int) -> None:
        self.path = path
        self.map = mapping
        self.size = size
        self.end: int | None = None
        self.live = 0
        self.is_read = False
        self.logs: int | None = None
        self.obstacle: access.Obstacle | None = None
        self.problem = ""
        self._is_copy = False

    @classmethod
    def create(cls, path: Path, size: int, *, fill: bool = False) -> Segment:
        """Make a new segment file of *size* bytes, allocated in full.

        Args:
            path: Its file; there is none yet, or an empty one.
            size: In bytes.
            fill: Whether to write zeros into it, for the background thread: that gives
                the interpreter lock away. The kernel then has pages that belong
                together (ext4 since Linux 6.16): for a segment 0.2 ms of processor
                time, and 0.1 when it is removed, instead of 0.6 and 0.25.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        access.check_limit(size)
        fd = os.open(path, OPEN_FLAGS | os.O_CREAT, 0o600)
        reach("segment-made")
        try:
            os.posix_fallocate(fd, 0, size)
            reach("segment-allocated")
            for offset in range(0, size if fill else 0, _SLICE_BYTES):
                # Not all at once: in one piece of 1 MiB each page takes 5 µs to map.
                os.pwrite(fd, _ZEROS[: size - offset], offset)
            mapping = map_open(fd, size, cls.ACCESS)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        mapping[: frame.SEGMENT_HEADER_BYTES] = header()
        reach("segment-mapped")
        return cls(path, mapping, size)

    @classmethod
    def in_memory(cls, size: int) -> Segment:
        """Make a segment without a file, for when the disk cannot be used."""
        mapping = mmap.mmap(-1, size)
        mapping[: frame.SEGMENT_HEADER_BYTES] = header()
        return cls(None, mapping, size)

    @classmethod
    def found(cls, path: Path, *, is_sealed: bool = True) -> Segment:
        """Return a segment of another process.

        Args:
            path: Its file.
            is_sealed: Whether it gets no more frames.

        Raises:
            OSError: The file is gone.
        """
        segment = cls(path, None, path.stat(follow_symlinks=False).st_size)
        if is_sealed:
            segment.end = segment.size
        return segment

    def open(self) -> mmap.mmap | None:
        """Return the mapping, made anew if need be; None if there is an *obstacle*.

        A file that somebody appends to has grown meanwhile.
        """
        mapping = self.map
        if mapping is not None and (self.path is None or len(mapping) >= self.size):
            return mapping
        if not self.size:  # its writer is just making it
            self.obstacle = "passing" if self.end is None else "gone"
        elif self.path is not None:
            try:
                self.map, self._is_copy = access.map_file(self.path, self.ACCESS)
                self.obstacle = None
            except (OSError, ValueError) as problem:
                self.obstacle = access.judge(problem)
                self.problem = getattr(problem, "strerror", None) or str(problem)
        return self.map

    def measure(self) -> None:
        """Take over the size of a file that could not be looked at before."""
        if self.map is not None:
            if self.end is not None:
                self.end = len(self.map)
            self.size = len(self.map)

    def mark_sealed(self) -> None:
        """Tell those who read along in other processes where the frames end."""
        mapping = self.map  # the background thread may let go of it meanwhile
        if mapping is not None and self.end is not None:
            mapping[_SEALED] = self.end.to_bytes(8, "little")

    def notice_seal(self) -> None:
        """Read where the frames end, if its writer, another process, has sealed it."""
        mapping = self.open()
        if self.end is None and mapping is not None:
            end = int.from_bytes(mapping[_SEALED], "little")
            if frame.SEGMENT_HEADER_BYTES <= end <= self.size:
                self.end = end

    def populate(self, begin: int, end: int) -> None:
        """Have the kernel provide the pages of a stretch ahead of their use."""
        mapping = self.map
        if mapping is None:
            return
        step = _SLICE_BYTES
        # On an older kernel or another system pages come on first use.
        with suppress(OSError, ValueError, AttributeError):
            for offset in range(begin // step * step, min(end, self.size), step):
                size = min(step, self.size - offset)
                mapping.madvise(_MADV_POPULATE_WRITE, offset, size)

    def acknowledge(self, offsets: Iterable[int]) -> None:
        """Mark the frames at *offsets* as delivered; they are never read again."""
        mapping = self.open()
        if mapping is None:
            return
        if self._is_copy and self.path is not None:
            offsets = tuple(offsets)
            access.mark(self.path, offsets)
        for offset in offsets:
            mapping[offset + frame.STATE_OFFSET] = frame.ACKNOWLEDGED
            reach("acknowledged")

    def add_checksums(self, bare: list[frame.Piece]) -> None:
        """Add the checksums of frames that were just read."""
        if self.map is not None:
            frame.add_checksums(self.map, bare)

    def protect(self, begin: int, end: int) -> None:
        """Add missing checksums between two frames, except to what is acknowledged."""
        if (mapping := self.open()) is not None:
            self.add_checksums(frame.skim(mapping, begin, end).bare)

    def audit(self) -> bool:
        """Count the logs of a sealed segment, and add missing checksums.

        Returns:
            Whether every place up to the end holds a frame. If not, some thread is
            in the middle of storing one, or the file is damaged.
        """
        mapping, end = self.open(), self.end
        if mapping is None or end is None:
            return False
        seen = frame.skim(mapping, frame.SEGMENT_HEADER_BYTES, end)
        if seen.bare:
            self.add_checksums(seen.bare)
        if seen.next < end:
            return False
        self.logs = seen.logs
        return True

    def is_there(self) -> bool:
        """Say whether its file is still where it was made; see the law of `access`."""
        return self.path is None or not access.is_gone(self.path)

    def look(self) -> access.Obstacle | None:
        """Return what would keep its file from being opened again, if anything does."""
        return None if self.path is None else access.look(self.path)

    def is_older(self, than: float) -> bool:
        """Say whether nothing was written since *than*, in seconds since 1970."""
        try:
            return self.path is not None and self.path.stat().st_mtime < than
        except OSError:
            return False

    def outlive_file(self) -> None:
        """Go on in memory: somebody removed the file, the mapping still has it all.

        Without one the logs in it are gone, and counted by who reads it.
        """
        if self.map is not None:
            self.path = None

    def unload(self) -> None:
        """Have the pages count as the system's alone: 30 µs for a mebibyte.

        They stay in its cache, and the mapping stays whole. Not so without a file, or
        on systems where the same advice loses what was written.
        """
        mapping = self.map  # the background thread may let go of it meanwhile
        is_file = self.path is not None and not self._is_copy
        if is_file and mapping is not None and _KEEPS_PAGES:
            with suppress(OSError, ValueError):
                mapping.madvise(mmap.MADV_DONTNEED)

    def release(self) -> None:
        """Let the mapping go; others who hold it keep it alive."""
        if self.path is not None:
            self.map = None

    def unlink(self) -> bool:
        """Remove the file: everything in it was acknowledged, or is given up.

        Returns:
            Whether the file is gone. If it is not, it stays mapped.
        """
        if self.path is not None:
            try:
                self.path.unlink(missing_ok=True)
            except OSError:
                return False
            reach("unlinked")
        self.map = None
        return True

    def is_held(self) -> bool:
        """Say whether the process that made it is still there, as far as can be seen.

        One that closes all its descriptors, as daemons do, gives its locks away, and
        goes on with its mappings.
        """
        if self.map is None or len(self.map) < frame.SEGMENT_HEADER_BYTES:
            return False
        _, _, _, pid, _ = frame.SEGMENT_HEADER.unpack_from(self.map)
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            pass
        # Our own id in another's segment: a restart (of a container) gave it again.
        return pid not in {0, os.getpid()}

    def truncate(self) -> None:
        """Give back the disk space after the last frame.

        Only where no thread can be in the middle of storing one: it would be killed
        by SIGBUS. A gap tells of such a thread.
        """
        if self.path is None or self.end is None:
            return
        if self.size - self.end < _WORTHWHILE or not self.audit():
            return
        self.map = None
        with suppress(OSError):
            os.truncate(self.path, self.end)
            self.size = self.end

    def sync(self) -> None:
        """Have the disk itself hold what was stored; gives the interpreter lock away.

        Raises:
            OSError: The disk failed, or the file is gone.
        """
        if self.path is not None:
            access.sync(self.path)


def header(kind: int = 0) -> bytes:
    """Return the bytes that a segment begins with."""
    begin = frame.SEGMENT_MAGIC, frame.SEGMENT_VERSION, kind
    return frame.SEGMENT_HEADER.pack(*begin, os.getpid(), time.time_ns())
