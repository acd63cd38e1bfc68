"""The sockets: those that a transport has open, and whether they are still its own.

Its law: nothing is sent through a number, and none is closed, that is another's by now.
A program may close all its descriptors, as daemons do; what it opens next has their
numbers, and a connection that is kept alive would go on in there.

A forked child closes them at once: by the time that the garbage collector comes for
them, it may be such a program.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import socket


class Sockets:
    """Used by all threads that send, without a lock: see `_known`.

    A connection that nothing was answered on is not among them.
    """

    def __init__(self) -> None:
        self._known: dict[socket.socket, tuple[int, int]] = {}
        """Which file each is; changed, and copied, in one step at a time."""
        self._last: socket.socket | None = None
        _all.add(self)

    def note(self, response: Any) -> bool:
        """Take note of the socket that a response came through; False if of none."""
        stream = response.extensions.get("network_stream")
        one = None if stream is None else stream.get_extra_info("socket")
        if one is self._last or one is None:
            return one is not None
        if one not in self._known and (file := _file(one)) is not None:
            for other in tuple(self._known):
                if other.fileno() < 0:
                    self._known.pop(other, None)
            self._known[one] = file
        self._last = one
        return True

    def cut(self, response: Any) -> None:
        """Close the connection that a response came through; nobody uses it again."""
        if (stream := response.extensions.get("network_stream")) is not None:
            stream.close()

    def are_gone(self) -> bool:
        """Say whether the program has closed them; it takes 1 µs.

        One is looked at: who closes all does not choose.
        """
        last = self._last
        return last is not None and self._is_gone(last)

    def let_go(self) -> None:
        """Have those that are gone not be closed once more."""
        for one in tuple(self._known):
            if self._is_gone(one):
                one.detach()

    def abandon(self) -> None:
        """Close them in a forked child; they stay the parent's.

        Past the connections' owner: another thread may have had its lock.
        """
        self.let_go()
        for one in tuple(self._known):
            one.close()

    def _is_gone(self, one: socket.socket) -> bool:
        known = self._known.get(one)
        return known is not None and one.fileno() >= 0 and _file(one) != known


def _file(one: socket.socket) -> tuple[int, int] | None:
    try:
        status = os.fstat(one.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


_all: Final[weakref.WeakSet[Sockets]] = weakref.WeakSet()


def _abandon_all() -> None:
    for sockets in tuple(_all):
        sockets.abandon()


os.register_at_fork(after_in_child=_abandon_all)
