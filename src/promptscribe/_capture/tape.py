"""The tape: what a stream of a provider brought so far.

Its law: it holds references and hands them over once, whoever ends the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED: Final = "closed early"
"""The consumer stopped before the end: ``break``, ``close``, a client that left."""
ABANDONED: Final = "abandoned"
"""Nobody read the stream to its end, and nobody closed it: it was thrown away."""


class Finish(Protocol):
    """Takes what a stream brought, once."""

    def __call__(
        self,
        chunks: list[Any],
        first_chunk: int | None,
        ending: str | None,
        error: BaseException | None = None,
    ) -> None:
        """See `Recording.finish_stream`."""


class Tape:
    """What a stream brought so far.

    Args:
        finish: Takes the chunks.
        whole: Takes the response instead, where there turned out to be no stream.

    Attributes:
        keep: Takes a chunk: a reference, it is encoded when the stream has ended.
    """

    __slots__ = ("_chunks", "_finish", "_first", "_whole", "keep")

    def __init__(
        self, finish: Finish, whole: Callable[[Any], None] | None = None
    ) -> None:
        self._chunks: list[Any] = []
        self._first: int | None = None
        self._finish: Finish | None = finish
        self._whole = whole
        self.keep: Callable[[Any], None] = self._keep_first

    def finish(self, ending: str | None, error: BaseException | None = None) -> None:
        """Hand over what came; a second time does nothing."""
        self.hand_over(self._chunks, self._first, ending, error)

    def hand_over(
        self,
        chunks: list[Any],
        first_chunk: int | None,
        ending: str | None,
        error: BaseException | None = None,
    ) -> None:
        """Hand over what another kept; see `finish`."""
        finish, self._finish = self._finish, None
        if finish is not None:
            self.keep = _forget
            finish(chunks, first_chunk, ending, error)

    def finish_whole(self, response: Any) -> None:
        """Hand over a response that was no stream; see `finish`."""
        if self._finish is not None and self._whole is not None:
            self._finish = None
            self._whole(response)

    def _keep_first(self, chunk: Any) -> None:
        """Keep the first chunk and when it came; the rest goes straight to the list."""
        self._first = runtime.monotonic_ns()
        self._chunks.append(chunk)
        self.keep = self._chunks.append


def _forget(chunk: Any) -> None:
    """Take a chunk that came after the log had ended."""
