"""The appended segment: for file systems on which a mapped store may fail.

Its law: one frame, one ``write``. Slower than a mapped store, and it gives the
interpreter lock away, but it needs nothing of the file system: where blocks cannot
be allocated ahead (btrfs, ZFS, NFS, FUSE), a store into a mapped page of a full disk
would kill the process.
"""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from promptscribe._interrupt import suppress
from promptscribe._journal import access, frame
from promptscribe._journal.access import OPEN_FLAGS
from promptscribe._journal.descriptor import Descriptor
from promptscribe._journal.mapping import map_open
from promptscribe._journal.segment import Segment, header

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOUNTS: Final = Path("/proc/self/mountinfo")
_UNFIT: Final = (
    *("btrfs", "zfs", "bcachefs"),  # copy on write: a block is needed at the store
    *("nfs", "cifs", "smb", "fuse", "9p", "virtiofs", "vboxsf", "ceph", "lustre"),
)


class AppendedSegment(Segment):
    """A segment that grows by ``O_APPEND`` writes, and is mapped only to be read."""

    __slots__ = ("_file",)

    ACCESS = mmap.ACCESS_READ

    def __init__(self, path: Path | None, mapping: mmap.mmap | None, size: int) -> None:
        super().__init__(path, mapping, size)
        self._file: Descriptor | None = None  # while frames may be appended

    @classmethod
    def start(cls, path: Path) -> AppendedSegment:
        """Make a new segment file.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        flags = OPEN_FLAGS | os.O_CREAT | os.O_APPEND
        segment = cls(path, None, 0)
        segment._file = Descriptor(os.open(path, flags, 0o600))
        try:
            segment.store(header(frame.APPENDED))
        except BaseException:
            segment.abandon()
            path.unlink(missing_ok=True)
            raise
        return segment

    def store(self, content: bytes) -> None:
        """Append bytes, all of them or none.

        Raises:
            OSError: The disk is full; or the file was closed, by the program as well.
        """
        access.check_limit(self.size + 1)
        if self._file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        fd = self._file.number()
        written = os.write(fd, content)
        if written < len(content):
            os.ftruncate(fd, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def store_frame(self, kind: int, payload: bytes, most: int) -> bool:
        """Append a frame, but for the first one only up to a size of *most* bytes.

        Raises:
            OSError: As `store`.
        """
        is_first = self.size <= frame.SEGMENT_HEADER_BYTES
        if self.size + len(payload) > most and not is_first:
            return False
        self.store(frame.frame(kind, payload))
        return True

    def finish(self) -> None:
        """Take no more frames."""
        self.end = self.size
        self.abandon()

    def abandon(self) -> None:
        """Close the file; in a forked child as well, where it stays the parent's."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def acknowledge(self, offsets: Iterable[int]) -> None:
        """Mark the frames at *offsets* as delivered."""
        if self.path is not None:
            access.mark(self.path, offsets)

    def unlink(self) -> bool:
        """Remove the file; one that was made ready, and is not needed, is open yet."""
        self.abandon()
        return super().unlink()

    def outlive_file(self) -> None:
        """Go on in memory, with all that was appended."""
        if self._file is not None:  # it still reaches the file, which has lost its name
            with suppress(OSError, ValueError):
                self.map = map_open(self._file.number(), 0, self.ACCESS)
        super().outlive_file()

    def add_checksums(self, bare: list[frame.Piece]) -> None:
        """Do nothing: every frame was stored with its checksum, unless by others."""


def is_mappable(folder: Path) -> bool:
    """Say whether stores into a mapped file in *folder* are safe.

    Linux only: elsewhere files are appended to.
    """
    if not hasattr(os, "posix_fallocate"):
        return False
    with suppress(OSError, ValueError):
        return not _file_system(folder.resolve()).startswith(_UNFIT)
    return False


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on, or will be."""
    kinds = {}
    for line in _MOUNTS.read_text().splitlines():
        # proc(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw"
        before, _, after = line.partition(" - ")
        mounted = before.split()[4].replace(r"\040", " ")
        kinds[Path(mounted)] = after.split()[0]
    for place in (folder, *folder.parents):
        if place in kinds:
            return kinds[place]
    raise ValueError(f"{folder} is on no file system")
