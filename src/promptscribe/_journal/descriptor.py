"""The descriptor: an open file by its number, for as long as that is its own.

Its law: no number is written to or closed that was not looked at. A program may close
all its descriptors, as daemons do; what it opens next has their numbers.
"""

from __future__ import annotations

import errno
import os


class Descriptor:
    """An open file; looking at it takes 1 µs.

    Args:
        fd: Its number, which is closed in the end.
    """

    __slots__ = ("_fd", "_file")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._file = _file(fd)

    def number(self) -> int:
        """Return the number.

        Raises:
            OSError: It is closed, or another file's by now.
        """
        if self._fd < 0 or _file(self._fd) != self._file:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._fd

    def is_there(self) -> bool:
        """Say whether it is still open."""
        try:
            self.number()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close it, in a forked child for that process alone; once is enough."""
        is_there = self.is_there()
        # Forgotten first: closing it twice would close a file of the user's.
        fd, self._fd = self._fd, -1
        if is_there and fd >= 0:
            os.close(fd)


def _file(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
