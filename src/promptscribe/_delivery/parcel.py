"""The parcel: one log on its way, and what came of an attempt to bring it there.

Its law: values; what to do about them is said elsewhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from promptscribe._delivery.transport import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._delivery.route import Route
    from promptscribe._delivery.transport import Answer
    from promptscribe.errors import Unreachable


class Found(Protocol):
    """A log as it lies in the journal."""

    start: bytes | None
    end: bytes | None

    def acknowledge(self) -> None:
        """Mark it as done with."""


class Packing(NamedTuple):
    """How logs travel as the journal has them, to a server that can read that.

    Attributes:
        version: Of this package; the server's has to be the same.
        media_type: Of a request's body.
        is_fit: Says whether a log, by its two frames, may travel so.
        pack: Makes the body of many logs' frames.
    """

    version: str
    media_type: str
    is_fit: Callable[[bytes | None, bytes | None], bool]
    pack: Callable[[list[tuple[bytes | None, bytes | None]]], bytes]


@dataclass(slots=True, eq=False)
class Parcel:
    """A log that was read from the journal and is not acknowledged yet.

    It has no `Request` of its own: in bulk none is needed, and each object that waits
    here is one more for the garbage collector to look at.

    Attributes:
        record: Where it lies; while it is packed, with its frames.
        path: Of the request for it alone.
        query: Of the same.
        body: Of the same, JSON.
        most: How many logs may travel in one request with it: fewer after a request
            failed that it was part of, down to itself.
        strikes: Times that it failed by itself while others passed.
        passed: Logs that had passed when it failed last.
        log_id: Our id, once it was taken out of the request; see `identity`.
        waiting_since: When it began to wait for its parent, or 0.
        is_packed: Whether it is to travel as the journal has it; then path, query and
            body are empty.
        may_be_stored: Whether it was sent, and nobody said what became of it.
    """

    record: Found
    path: str
    query: Mapping[str, str]
    body: bytes
    most: int = sys.maxsize
    strikes: int = 0
    passed: int = -1
    log_id: str | None = None
    waiting_since: float = 0.0
    is_packed: bool = False
    may_be_stored: bool = False

    @property
    def size(self) -> int:
        """Bytes of it in a request."""
        if not self.is_packed:
            return len(self.body)
        return len(self.record.start or b"") + len(self.record.end or b"")

    def request(self, *, is_echoed: bool = False) -> Request:
        """Return what is sent for it, if it is sent alone."""
        return Request(self.path, self.query, self.body, is_echoed=is_echoed)


Content: TypeAlias = "tuple[str, Mapping[str, str], bytes]"
"""Path, query and body of the request for a log."""

Render: TypeAlias = "Callable[[bytes | None, bytes | None], Content | None]"
"""Makes the request's content from a log's frames; None if they make no sense."""

Outcome: TypeAlias = "Answer | Unreachable | None"
"""What came of a parcel: an answer, none, or no attempt was made."""


@dataclass(slots=True)
class Batch:
    """Parcels that one sender takes to the server, and what came of each.

    Attributes:
        route: How.
        parcels: In the order in which they are to be sent.
        outcomes: One for each parcel, once it was sent.
        seconds: How long a request took.
        is_whole: Whether one outcome is that of all: the request as such failed.
    """

    route: Route
    parcels: list[Parcel]
    outcomes: list[Outcome]
    seconds: float = 0.0
    is_whole: bool = False
