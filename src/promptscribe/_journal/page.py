"""The page: the part of a segment that frames go to at the moment.

Its law: a full one is replaced, never changed back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptscribe._journal import frame
from promptscribe._journal.appended import AppendedSegment

if TYPE_CHECKING:
    from promptscribe._journal.segment import Segment


class Page:
    """Where frames go, and how much room is left there.

    One with a *limit* of 0 sends every frame the slow way: a segment that is
    appended to, a page that was sealed, no segment at all.
    """

    __slots__ = ("limit", "map", "offset", "segment")

    def __init__(self, segment: Segment | None) -> None:
        self.segment = segment
        self.map: Any = segment.map if segment is not None else None
        self.offset = frame.SEGMENT_HEADER_BYTES
        is_mapped = segment is not None and segment.map is not None
        self.limit = segment.size if segment is not None and is_mapped else 0

    def is_makeshift(self) -> bool:
        """Say whether frames go to memory alone, or are appended, for now."""
        segment = self.segment
        is_appended = isinstance(segment, AppendedSegment)
        return is_appended or (segment is not None and segment.path is None)

    def lower_end(self, offset: int) -> None:
        """End at *offset* if that is before where another thread had to go on.

        A file that is appended to ends where its last frame does.
        """
        segment = self.segment
        if segment is None or isinstance(segment, AppendedSegment):
            return
        if segment.end is not None and offset < segment.end:
            segment.end = offset
            segment.mark_sealed()
