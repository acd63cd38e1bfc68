"""The access: opens the file of a segment, or says what stands in the way.

Its law: a file is gone only where the system says so. What cannot be opened just now,
since too many files are open, somebody took the rights away or put a link in its place,
still holds logs: it is waited for, and never removed.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import resource
import stat
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from promptscribe._journal import frame
from promptscribe._journal.faultpoint import reach
from promptscribe._journal.mapping import map_open

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Obstacle: TypeAlias = Literal["gone", "passing", "barred"]
"""*gone*: there is no file, or nothing in it. *passing*: it may be opened in a moment,
and so may all others. *barred*: this one may not, until somebody changes that."""

_LATER: Final = "a later version of promptscribe wrote it, in format %d"
OPEN_FLAGS: Final = (
    os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
)
_LOOK_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
UNMAPPABLE: Final = frozenset({errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP})
"""What mapping a file says where its file system cannot: FUSE with ``direct_io``
(``fs/fuse/file.c``), 9p without a cache (``fs/9p/vfs_file.c``)."""

_NEAR: Final = 48 << 20
"""Bytes that are read in a second where the server answers: to let go of them, and to
come back, costs 3 µs a log, and to keep them a file descriptor a mebibyte. Their pages
count as the system's, see `Segment.unload`."""
_SHARE_OF_FILES: Final = 16
"""What part of the files that the process may open these are at most: 48 of 1024."""

_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_PASSING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
)


def map_file(path: Path, access: int) -> tuple[mmap.mmap, bool]:
    """Return a file's mapping, and whether it is a copy: not every file can be mapped.

    Args:
        path: The file.
        access: One of mmap's.

    Raises:
        OSError: It cannot be opened or read; `judge` says what that means.
        ValueError: It is empty.
    """
    fd = os.open(path, OPEN_FLAGS)
    try:
        _check(fd)
        try:
            return map_open(fd, 0, access), False
        except OSError as problem:
            if problem.errno not in UNMAPPABLE:
                raise
            return _copy(fd), True
    finally:
        os.close(fd)


def read(path: Path) -> bytes:
    """Return what is in a file, for who only looks.

    Raises:
        OSError: It cannot be opened or read.
    """
    fd = os.open(path, _LOOK_FLAGS)
    with os.fdopen(fd, "rb") as file:
        _check(fd)
        return file.read()


def _check(fd: int) -> None:
    """Refuse what is no file, and what a later version has written.

    Raises:
        OSError: It is one of these.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    version = frame.version_of(os.pread(fd, frame.SEGMENT_HEADER_BYTES, 0))
    if version > frame.SEGMENT_VERSION:
        raise OSError(errno.EPROTONOSUPPORT, _LATER % version)


def check_limit(size: int) -> None:
    """Refuse what the system would send SIGXFSZ for: it ends the program.

    Python ignores that signal, but a program may have set it back, and one that Python
    is embedded in may never have let it (setrlimit(2), ``RLIMIT_FSIZE``).

    Args:
        size: Bytes that a file is to have.

    Raises:
        OSError: So large may no file of this process be.
    """
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if resource.RLIM_INFINITY != limit < size:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def near_bytes(segment_bytes: int) -> int:
    """Return how much of what is read next may stay open, see `Reader.relieve`."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _NEAR
    return min(files // _SHARE_OF_FILES * segment_bytes, _NEAR)


def judge(problem: OSError | ValueError) -> Obstacle:
    """Say what a file that could not be opened is to its readers."""
    number = problem.errno if isinstance(problem, OSError) else errno.ENOENT
    if number in _GONE:
        return "gone"
    return "passing" if number in _PASSING else "barred"


def look(path: Path) -> Obstacle | None:
    """Say what stands in the way of a file; None if it can be opened."""
    try:
        os.close(os.open(path, OPEN_FLAGS))
    except OSError as problem:
        return judge(problem)
    return None


def is_gone(path: Path) -> bool:
    """Say whether there is nothing of that name: not whether it can be looked at."""
    try:
        path.lstat()
    except OSError as problem:
        return judge(problem) == "gone"
    return False


def sync(path: Path) -> None:
    """Have the disk itself hold a file; gives the interpreter lock away.

    Raises:
        OSError: The disk failed, or the file is gone.
    """
    fd = os.open(path, OPEN_FLAGS)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)


def append(fd: int, content: bytes) -> None:
    """Append bytes to a file that is opened for that, all of them or none.

    Half a line would spoil the next one as well.

    Raises:
        OSError: The disk is full, or so large may no file of this process be.
    """
    check_limit(os.fstat(fd).st_size + 1)
    if (written := os.write(fd, content)) < len(content):
        os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def mark(path: Path, offsets: Iterable[int]) -> None:
    """Mark the frames at *offsets* of a file as done with, by plain writes."""
    with contextlib.suppress(OSError):
        # Not through a descriptor that appends: there, pwrite appends.
        fd = os.open(path, OPEN_FLAGS)
        try:
            for offset in offsets:
                os.pwrite(fd, bytes([frame.ACKNOWLEDGED]), offset + frame.STATE_OFFSET)
                reach("acknowledged")
        finally:
            os.close(fd)


def _copy(fd: int) -> mmap.mmap:
    size = os.fstat(fd).st_size
    copied = mmap.mmap(-1, size)  # of an empty file, a ValueError as well
    done = 0
    while done < size and (some := os.pread(fd, size - done, done)):
        copied[done : done + len(some)] = some
        done += len(some)
    return copied
