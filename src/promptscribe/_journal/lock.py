"""The lock: one file that one process has at a time.

Its law: it ends with the process, however that ends, and not before. A program that
closes all its descriptors, as daemons do, keeps it all the same where a mapping holds
the open file that the lock belongs to (mmap(2), flock(2)); elsewhere it is taken again.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from typing import TYPE_CHECKING, Final, Protocol

from promptscribe._interrupt import let_through
from promptscribe._journal.access import check_limit
from promptscribe._journal.descriptor import Descriptor
from promptscribe._journal.mapping import map_open

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

_kept: Final[dict[int, bool]] = {}
"""Whether a mapping keeps a lock, by the number of the file system."""


class Lock(Protocol):
    """What holds a lock."""

    def close(self) -> None:
        """Let go of it, in a forked child for this process alone."""
        ...


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
            held = _hold(fd, path.parent)
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        if held is None:  # where there are no locks, it is tried again and again
            os.close(fd)
    return held


def is_lost(held: Lock | None) -> bool:
    """Say whether a lock has ended with the descriptor that it belonged to."""
    return isinstance(held, Descriptor) and not held.is_there()


def _hold(fd: int, folder: Path) -> Lock:
    try:
        if not _is_kept(folder):
            return Descriptor(fd)
        if not os.fstat(fd).st_size:
            check_limit(1)
            os.ftruncate(fd, 1)
        mapping = map_open(fd, 1, mmap.ACCESS_READ)
    except (OSError, ValueError, AttributeError) as problem:
        let_through(problem)
        return Descriptor(fd)
    os.close(fd)
    return mapping


def _is_kept(folder: Path) -> bool:
    """Say whether a mapping keeps a lock on its file when no descriptor is left.

    Not on overlayfs, where it holds another file than the one that was opened. It is
    tried, once for a file system, with a file that has no name: no other process can
    take its lock in between.

    Raises:
        OSError: It cannot be tried.
    """
    device = folder.stat().st_dev
    if device not in _kept:
        check_limit(1)
        with contextlib.ExitStack() as stack:
            # Files without names are Linux's.
            fd = os.open(folder, os.O_TMPFILE | _FLAGS & ~os.O_CREAT, 0o600)
            probe = Descriptor(fd)
            stack.callback(probe.close)
            other = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, other)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 1)
            mapping = map_open(fd, 1, mmap.ACCESS_READ)
            stack.callback(mapping.close)
            probe.close()
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _kept[device] = False
            except BlockingIOError:
                _kept[device] = True
    return _kept[device]
