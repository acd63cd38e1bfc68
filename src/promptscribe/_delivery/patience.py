"""The patience: how long a server may take, for each wait and for all together.

Its law: nothing takes a thread for ever, however little of it comes at a time.
"""

from __future__ import annotations

import math
import time
from typing import Any, Final

from promptscribe.errors import Unreachable

_ANSWER_SECONDS: Final = 30.0
_REQUEST_SECONDS: Final = 300.0
"""A mebibyte over a line of 32 kbit/s."""


class TimeLeft:
    """Seconds for one wait for bytes: fewer when all together have taken too long.

    httpx knows no bound for a whole exchange, and a server that sends a byte now and
    then stays within any for one wait. But it hands on what it is given for that to
    `socket.socket.settimeout` before each wait, which takes it for a whole number.
    """

    __slots__ = ("_all", "_one", "_until")

    def __init__(self, one: float, all_together: float) -> None:
        self._one = one
        self._all = all_together
        self._until: float | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything was waited for."""
        return self._until is not None

    def __index__(self) -> int:
        now = time.monotonic()
        if self._until is None:  # the first wait begins
            self._until = now + self._all
        return max(math.ceil(min(self._one, self._until - now)), 0)  # 0: not at all

    def __float__(self) -> float:  # gevent's sockets ask for that
        return float(self.__index__())


def waits(one: float) -> dict[str, Any]:
    """Return httpx's timeouts for one exchange, *one* second for each wait."""
    return {
        "connect": one,
        "pool": one,
        "write": TimeLeft(one, _REQUEST_SECONDS),
        "read": TimeLeft(one, _ANSWER_SECONDS),
    }


def read_body(response: Any, most: int) -> bytes:
    """Return what a server says, as far as anybody wants to know; as it came in.

    Raises:
        Unreachable: It goes on for too long.
    """
    until = time.monotonic() + _ANSWER_SECONDS
    pieces: list[bytes] = []
    try:
        for piece in response.iter_raw():
            pieces.append(piece)
            most -= len(piece)
            if most < 0:
                break
            if time.monotonic() > until:
                raise Unreachable("the answer does not come to an end")
    finally:
        response.close()  # gives the connection back, or cuts it
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
