"""The sink: what one call has printed so far.

Its law: bounded, whatever is printed. One lock guards all sinks and the tees; it may
be taken again by who holds it, because a ``__del__`` or a signal handler may print
just then.
"""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from promptscribe._capture import cut
from promptscribe._capture.tee import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_OUTPUT: Final = 65_536
"""Characters that are kept of what one call prints: half from either end."""

_HALF: Final = LONGEST_OUTPUT // 2
_HELD: Final = _HALF + cut.MARGIN
"""Characters that are held of either end: what is beyond the half shows where a secret
ends that stands across it."""


class Sink:
    """What one call has printed so far.

    Attributes:
        outer: The sink of the call around, which takes over when this one is closed:
            a task may outlive the call that it was started in.
        is_closed: Whether the call has ended.
    """

    __slots__ = (
        "_cut",
        "_head",
        "_room",
        "_tail",
        "_tail_length",
        "is_closed",
        "outer",
    )

    def __init__(self, outer: Sink | None) -> None:
        self.outer = outer
        self.is_closed = False
        self._head: list[str] = []
        self._room = _HELD
        self._tail: deque[str] = deque()
        self._tail_length = 0
        self._cut = 0

    def take(self, text: str) -> None:
        """Keep a text, if need be at the cost of what lies in the middle."""
        if self._room > 0:
            self._head.append(text[: self._room])
            text, self._room = text[self._room :], self._room - len(text)
        if len(text) > _HELD:
            self._cut += len(text) - _HELD
            text = text[-_HELD:]
        if text:
            self._tail.append(text)
            self._tail_length += len(text)
        while self._tail and self._tail_length - len(self._tail[0]) >= _HELD:
            gone = len(self._tail.popleft())
            self._tail_length -= gone
            self._cut += gone

    def close(self, clean: Callable[[str], str] | None = None) -> str:
        """Take no more, and return what was printed.

        Args:
            clean: Takes the secrets out of a text: the middle is not cut out through
                one of them. All others are in what is returned.
        """
        with stage.lock:
            self.is_closed = True
            head, tail = "".join(self._head), "".join(self._tail)
            self._head.clear()
            self._tail.clear()
        gone = self._cut
        if not gone and len(head) + len(tail) <= LONGEST_OUTPUT:
            return head + tail
        if not gone:
            return cut.middle(head + tail, LONGEST_OUTPUT, clean)
        gone += len(head) + len(tail) - LONGEST_OUTPUT
        beginning = cut.head(head, _HALF, clean)
        return cut.join(beginning, gone, cut.tail(tail, _HALF, clean))


sink: Final[ContextVar[Sink | None]] = ContextVar("promptscribe_stdout", default=None)
"""Where the text goes of the code that runs."""


def _route(text: str) -> None:
    to = sink.get()
    while to is not None and to.is_closed:
        to = to.outer
    if to is not None:
        with stage.lock:
            to.take(text if type(text) is str else str.__str__(text))


stage: Final = Stage(_route)
"""The tees of this process."""
