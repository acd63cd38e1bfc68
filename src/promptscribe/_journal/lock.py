"""The lock: one file that one process has at a time.

Its law: it ends with the process, however that ends, and not before. A program that
closes all its descriptors, as daemons do, keeps it all the same where the file can be
mapped: a mapping holds the open file that the lock belongs to (mmap(2), flock(2); but
on overlayfs it holds another one).
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final, Protocol

from promptscribe._journal.access import check_limit

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Lock(Protocol):
    """What holds a lock."""

    def close(self) -> None:
        """Let go of it, in a forked child for this process alone."""
        ...


class _Descriptor:
    """A descriptor, for where a file cannot be mapped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        # Forgotten first: closing one twice would close a file of the user's.
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def lock(path: Path) -> Lock | None:
    """Return a lock file's lock, or None if another process has it.

    Raises:
        OSError: The file cannot be made, or its file system has no locks.
    """
    try:
        fd = os.open(path, _FLAGS, 0o600)
    except FileNotFoundError:
        return None  # the lane was delivered and removed by somebody else
    held: Lock | None = None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == path.stat(follow_symlinks=False).st_ino:
            held = _hold(fd)
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        if held is None:  # where there are no locks, it is tried again and again
            os.close(fd)
    return held


def _hold(fd: int) -> Lock:
    try:
        if not os.fstat(fd).st_size:
            check_limit(1)
            os.ftruncate(fd, 1)
        mapping = mmap.mmap(fd, 1, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return _Descriptor(fd)
    os.close(fd)  # the mapping has a duplicate of its own
    return mapping
