"""The lane: the folder of segments that one process writes.

Its law: locks say who may do what, and the kernel drops them on any death. Whoever
holds ``lock`` is the lane's writer, or has adopted it; whoever holds ``reader`` is the
only one to read, acknowledge and remove. Process ids say nothing: containers share
volumes, and ids come round again.

A process that delivers for itself holds both. One that leaves delivery to others holds
``lock`` alone, and an agent holds ``reader``. To adopt a dead process's lane takes
both, ``reader`` first, so that an agent that reads along is never overtaken.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import TYPE_CHECKING, Final

from promptscribe._journal.access import judge
from promptscribe._journal.faultpoint import reach
from promptscribe._journal.lock import is_lost, lock
from promptscribe._journal.segment import SUFFIX
from promptscribe.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

    from promptscribe._journal.lock import Lock

_WRITER: Final = "lock"
_READER: Final = "reader"
_UNBORN_PREFIX: Final = ".new-"
_UNBORN_AGE: Final = 60.0
"""Seconds after which a folder that never got its name is taken for abandoned."""
_MADE_BY_OTHERS: Final = 3
"""Times to try again if a lane's name, or its lock, is another's already: two
processes of one id, in two containers, in the same nanosecond; a clock that jumped."""


class Lane:
    """A lane that this process holds a lock of.

    Attributes:
        path: The folder.
    """

    __slots__ = ("_reader", "_writer", "path")

    def __init__(self, path: Path, writer: Lock | None, reader: Lock | None) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader

    @classmethod
    def create(cls, root: Path, *, read: bool = True) -> Lane:
        """Make a lane of this process's own under *root*.

        Args:
            root: Folder of the journal; made if need be.
            read: Whether this process is also the one that reads it.

        Raises:
            OSError: The folder cannot be made or written.
            JournalError: The folder is not this user's alone.
        """
        prepare_root(root)
        for attempt in range(_MADE_BY_OTHERS):
            # By chance, not one by one: where the clock stands still, each start of a
            # container takes the next name, and those that died keep theirs.
            shift = int.from_bytes(os.urandom(4), "big") if attempt else 0
            name = f"{time.time_ns() + shift:020d}-{os.getpid()}"
            with contextlib.suppress(FileExistsError):
                lane = cls._make(root, name, read=read)
                if lane is not None:
                    return lane
        raise JournalError(f"others keep taking the new folders in {root}")

    @classmethod
    def _make(cls, root: Path, name: str, *, read: bool) -> Lane | None:
        unborn = root / (_UNBORN_PREFIX + name)
        unborn.mkdir(mode=0o700)
        reach("lane-made")
        writer = reader = None
        try:
            writer = lock(unborn / _WRITER)
            reader = lock(unborn / _READER) if read else None
            if writer is None or (read and reader is None):
                _close(writer)
                return None
            reach("lane-locked")
            path = root / name
            unborn.rename(path)
        except OSError as problem:
            remove_empty(unborn)
            _close(writer)
            _close(reader)
            if problem.errno in {errno.EEXIST, errno.ENOTEMPTY}:
                return None
            raise
        reach("lane-named")
        return cls(path, writer, reader)

    @classmethod
    def adopt(cls, path: Path) -> Lane | None:
        """Take over a lane whose writer is dead; None while somebody has it.

        Raises:
            OSError: As `follow`.
        """
        lane = cls.follow(path)
        if lane is None or lane.inherit():
            return lane
        lane.close()
        return None

    @classmethod
    def follow(cls, path: Path) -> Lane | None:
        """Become the reader of a lane, its writer alive or dead; None if one has it.

        Raises:
            OSError: It cannot be locked until somebody changes that: the rights of its
                files, the disk that is full or read-only.
        """
        try:
            reader = lock(path / _READER)
        except OSError as problem:
            if judge(problem) == "barred":
                raise
            return None
        return None if reader is None else cls(path, None, reader)

    def inherit(self) -> bool:
        """Try to become the writer's heir; say whether it is dead and this is it."""
        if self._writer is None:
            writer = None
            with contextlib.suppress(OSError):
                writer = lock(self.path / _WRITER)
            if writer is None:
                return False
            self._writer = writer
            reach("adopted")
        return True

    def renew(self) -> None:
        """Take the locks again that the program has closed with all its descriptors.

        Who has them meanwhile delivers what is there, under the same ids.
        """
        with contextlib.suppress(OSError):
            if is_lost(self._reader):
                self._reader = lock(self.path / _READER) or self._reader
            if is_lost(self._writer):
                self._writer = lock(self.path / _WRITER) or self._writer

    def segment_paths(self) -> list[Path] | None:
        """Return the segment files, oldest first; None if nobody can say just now.

        That is not the same as none: what is missing from a lane is given up.
        """
        try:
            return sorted(p for p in self.path.iterdir() if p.suffix == SUFFIX)
        except OSError as problem:
            return [] if judge(problem) == "gone" else None

    def close(self) -> None:
        """Give the locks back; remove a lane of one's own if nothing is left in it."""
        if self._writer is not None and self.segment_paths() == []:
            reach("lane-emptied")
            remove_empty(self.path)
        self._let_go()

    def abandon(self) -> None:
        """Forget the lane in a forked child: it is still the parent's.

        Closing is right and unlocking would be wrong: a lock belongs to the open
        file that both share, and unlocking here would drop the parent's.
        """
        self._let_go()

    def _let_go(self) -> None:
        # Forgotten first: closing one twice would close a file of the user's.
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        _close(writer)
        _close(reader)


def prepare_root(root: Path) -> None:
    """Make *root* if need be, and make sure that it is this user's alone.

    Raises:
        OSError: It cannot be made.
        JournalError: It is a link, another user's, or writable for others.
    """
    for folder in (root.parent, root):  # *mode* is for the last one made, not for all
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fault = _fault(root.lstat())
    if fault is not None:
        raise JournalError(f"{root} {fault}")


def is_own(root: Path) -> bool:
    """Say whether a folder that is there is this user's alone; see `prepare_root`."""
    try:
        return _fault(root.lstat()) is None
    except OSError:
        return False


def _fault(status: os.stat_result) -> str | None:
    """Return why a folder is not this user's alone, or None."""
    if not stat.S_ISDIR(status.st_mode):
        return "is not a folder"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    return "can be written by other users" if status.st_mode & 0o022 else None


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
        elif path.name[:1].isdigit() and path.is_dir() and not path.is_symlink():
            lanes.append(path)
    return lanes


def count_bytes(root: Path) -> int:
    """Return the bytes of all segments under *root*, of all processes together."""
    total = 0
    for lane in find_lanes(root):
        with contextlib.suppress(OSError):
            for entry in os.scandir(lane):
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def clock_of(folder: Path) -> float:
    """Return the time by the clock that files in *folder* are dated by; 0 if unknown.

    The program's own may be stopped or moved (freezegun, time-machine), and what it
    says is no reason to give up a log.
    """
    try:
        os.utime(folder)
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def is_older(path: Path, than: float) -> bool:
    """Say whether nothing was written to a lane since *than*, seconds since 1970."""
    try:
        times = [entry.stat(follow_symlinks=False).st_mtime for entry in path.iterdir()]
    except (OSError, TypeError):
        return False
    return all(written < than for written in times)


def remove_empty(path: Path) -> None:
    """Remove the folder of a lane without segments; for who holds its locks."""
    with contextlib.suppress(OSError):
        for name in (_WRITER, _READER):
            (path / name).unlink(missing_ok=True)
        path.rmdir()


def _close(held: Lock | None) -> None:
    if held is not None:
        with contextlib.suppress(OSError):
            held.close()


def _remove_unborn(path: Path) -> None:
    """Remove what a writer left that died between making and naming its lane."""
    with contextlib.suppress(OSError):
        if clock_of(path.parent) - path.stat().st_mtime < _UNBORN_AGE:
            return  # perhaps about to be named
        held = lock(path / _WRITER)
        if held is not None:
            remove_empty(path)
            _close(held)
