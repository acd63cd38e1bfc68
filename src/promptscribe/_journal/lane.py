"""The lane: the folder of segments that one process writes.

Its law: whoever holds the lock of a lane owns it. The writer takes the lock before
the folder gets its name and keeps it for life; the kernel drops it on any death, so
another process that gets the lock knows that the writer is gone and adopts the rest.
Process ids say nothing: containers share volumes, and ids come round again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Final

from promptscribe._journal.segment import SUFFIX
from promptscribe.errors import JournalError

_LOCK_NAME: Final = "lock"
_UNBORN_PREFIX: Final = ".new-"
_UNBORN_AGE: Final = 60.0
"""Seconds after which a folder that never got its name is taken for abandoned."""
_DIRECTORY_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Lane:
    """A lane that this process holds the lock of.

    Attributes:
        path: The folder.
    """

    __slots__ = ("_fd", "path")

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def create(cls, root: Path) -> Lane:
        """Make a lane of this process's own under *root*.

        Raises:
            OSError: The folder cannot be made or written.
            JournalError: The folder is not this user's alone.
        """
        prepare_root(root)
        name = f"{time.time_ns():020d}-{os.getpid()}"
        unborn = root / (_UNBORN_PREFIX + name)
        unborn.mkdir(mode=0o700)
        fd = _lock(unborn)
        if fd is None:
            raise JournalError(f"{unborn} was taken by another process")
        try:
            path = root / name
            unborn.rename(path)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @classmethod
    def adopt(cls, path: Path) -> Lane | None:
        """Take over a lane whose writer is dead; None while somebody has it."""
        fd = _lock(path)
        return None if fd is None else cls(path, fd)

    def segment_paths(self) -> list[Path]:
        """Return the segment files, oldest first."""
        with contextlib.suppress(OSError):
            return sorted(p for p in self.path.iterdir() if p.suffix == SUFFIX)
        return []

    def close(self) -> None:
        """Give the lock back; remove the folder if nothing is left in it."""
        if self._fd < 0:
            return
        if not self.segment_paths():
            with contextlib.suppress(OSError):
                (self.path / _LOCK_NAME).unlink()
                self.path.rmdir()
        fd, self._fd = self._fd, -1  # first: closing twice would close a stranger's
        os.close(fd)

    def abandon(self) -> None:
        """Forget the lane in a forked child: it is still the parent's.

        Closing is right and unlocking would be wrong: the lock belongs to the open
        file that both share, and unlocking here would drop the parent's.
        """
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def prepare_root(root: Path) -> None:
    """Make *root* if need be, and make sure that it is this user's alone.

    Raises:
        OSError: It cannot be made.
        JournalError: It is a link, another user's, or writable for others.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise JournalError(f"{root} is not a folder")
    if status.st_uid != os.geteuid():
        raise JournalError(f"{root} belongs to another user")
    if status.st_mode & 0o022:
        raise JournalError(f"{root} can be written by other users")


def find_lanes(root: Path) -> list[Path]:
    """Return the folders of all lanes under *root*, oldest first, living ones too."""
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return []
    lanes = []
    for path in entries:
        if path.name.startswith(_UNBORN_PREFIX):
            _remove_unborn(path)
        elif path.is_dir() and path.name[:1].isdigit():
            lanes.append(path)
    return lanes


def _lock(path: Path) -> int | None:
    """Return a locked descriptor of the lane's lock file, or None if it is taken."""
    lock_path = path / _LOCK_NAME
    try:
        fd = os.open(lock_path, _DIRECTORY_FLAGS, 0o600)
    except FileNotFoundError:
        return None  # delivered and removed by somebody else
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_ino == lock_path.stat(follow_symlinks=False).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def _remove_unborn(path: Path) -> None:
    """Remove what a writer left that died between making and naming its lane."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime < _UNBORN_AGE:
            return  # perhaps about to be named
        fd = _lock(path)
        if fd is not None:
            (path / _LOCK_NAME).unlink()
            path.rmdir()
            os.close(fd)
