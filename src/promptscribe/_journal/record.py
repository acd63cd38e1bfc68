"""The record: one log as it lies in the journal, and how it is marked as done with.

Its law: a log that is marked in part counts as delivered, so the start of a call is
marked before its end. What is marked is never read again, by anybody.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from promptscribe._journal import frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptscribe._journal.segment import Segment

Place: TypeAlias = "tuple[Segment, int, int]"
"""Where a frame lies: its segment, its offset there, the length of its payload."""


class Record:
    """One log.

    Attributes:
        start: Payload of the frame that began the call; None in a whole frame.
        end: Payload of the frame that ended it; None if the process died before.
    """

    __slots__ = ("_begun", "_ended", "end", "start")

    def __init__(
        self,
        start: bytes | None,
        end: bytes | None,
        begun: Place | None,
        ended: Place | None,
    ) -> None:
        self.start = start
        self.end = end
        self._begun = begun
        self._ended = ended

    def acknowledge(self) -> None:
        """Mark the log as done with: delivered, or kept elsewhere."""
        begun, ended = self.give_up()
        for place in (begun, ended):
            if place is not None:
                mark(place)

    def give_up(self) -> tuple[Place | None, Place | None]:
        """Forget where the frames lie, and return it: nothing is marked twice."""
        places = self._begun, self._ended
        self._begun = self._ended = None
        return places


def acknowledge(records: Iterable[Record]) -> bool:
    """Mark many logs as done with: 0.4 µs each, not 0.8.

    Where that makes the last one in a segment, its marks are left out: they touch
    every page of a segment that has nothing in it any more.

    Returns:
        Whether there is such a segment. The caller has the readers clean up, at once:
        a process that died before would have its logs sent again.
    """
    offsets: defaultdict[Segment, list[int]] = defaultdict(list)
    for record in records:
        begun, ended = record.give_up()
        if begun is None or ended is None:
            alone = begun or ended
            if alone is not None:
                offsets[alone[0]].append(alone[1])
        elif begun[0] is ended[0]:
            offsets[begun[0]] += begun[1], ended[1]
        else:  # of a call in two segments, each part tells of the other
            mark(begun)
            mark(ended)
    is_any_spent = False
    for segment, found in offsets.items():
        segment.live -= len(found)
        if segment.is_read and segment.live <= 0:
            is_any_spent = True
        else:
            segment.acknowledge(found)
    return is_any_spent


def mark(place: Place) -> None:
    """Mark one frame as done with."""
    segment, offset, _ = place
    segment.acknowledge([offset])
    segment.live -= 1


def read(place: Place) -> bytes | None:
    """Return the payload of a frame; None if its file is gone."""
    segment, offset, length = place
    mapping = segment.open()
    begin = offset + frame.HEADER_BYTES
    return None if mapping is None else mapping[begin : begin + length]
