"""The join: finds the two frames of each call, wherever they lie.

Its law: it remembers where the start of a call lies, not what it says. The two may lie
in different segments, and thousands of other frames apart: a process with a million
logs waiting costs no memory.

Of a call whose two frames are acknowledged the start goes first. A reader that dies
in between leaves an end whose start is done with: that log was delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._journal import frame
from promptscribe._journal.record import Record, mark, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._journal.damage import Wreck
    from promptscribe._journal.record import Place
    from promptscribe._journal.scan import Scan
    from promptscribe._journal.segment import Segment


class Join:
    """Owned by a reader.

    Attributes:
        starts: Where the calls began that have not ended yet, by key.
        dropped: Why starts were given up whose ends have not turned up yet, by key.

    Args:
        scan: Where the frames come from.
        lose: Takes the reason for which logs are given up, and how many.
    """

    def __init__(self, scan: Scan, lose: Callable[[str, int], None]) -> None:
        self.starts: dict[bytes, Place] = {}
        self.dropped: dict[bytes, str] = {}
        self._wrecks: dict[bytes, tuple[Segment, int]] = {}
        self._ends: dict[bytes, Place] = {}
        self._delivered: set[bytes] = set()
        self._orphans: set[bytes] = set()
        self._scan = scan
        self._lose = lose

    def add(
        self, segment: Segment, pieces: list[frame.Piece], records: list[Record]
    ) -> None:
        """Add the logs that end among *pieces* to *records*.

        Most calls begin and end in one run: nothing is remembered of these, and what
        was read of them is not read again.
        """
        starts, begun = self.starts, dict[bytes, frame.Piece]()
        for piece in pieces:
            offset, kind, is_done, payload = piece
            key = payload[2:10]  # see `frame.KEY`, which takes longer to look up
            if is_done:
                self._pass(segment, kind, key)
            elif kind == 1:  # `frame.START`
                if key in begun:  # damage, or forged: one call begins once
                    mark(segment, begun[key][0])
                elif key in starts:
                    mark(*starts.pop(key)[:2])
                begun[key] = piece
            elif kind == 3:  # `frame.WHOLE`
                records.append(Record(None, payload, segment, -1, offset))
            elif (first := begun.pop(key, None)) is not None:
                records.append(Record(first[3], payload, segment, first[0], offset))
            else:
                self._join_earlier(segment, piece, key, records)
        for key, (offset, _, _, payload) in begun.items():
            starts[key] = segment, offset, len(payload)
            if key in self._ends:  # it was read first
                self._join_late(key, records)

    def _join_late(self, key: bytes, records: list[Record]) -> None:
        """Add a log whose start was barred when its end was read."""
        segment, offset, length = self._ends.pop(key)
        end = read((segment, offset, length))
        if end is not None:
            piece = offset, frame.END, False, end
            self._join_earlier(segment, piece, key, records)

    def _join_earlier(
        self, segment: Segment, end: frame.Piece, key: bytes, records: list[Record]
    ) -> None:
        """Add a log that began in an earlier run than the one that it ends in."""
        place = self.starts.pop(key, None)
        start = None if place is None else read(place)
        if place is None or start is None:
            here = segment, end[0], len(end[3])
            is_known = any(
                key in each for each in (self._delivered, self.dropped, self._wrecks)
            )
            if self._scan.is_out_of_order() and not is_known:
                self._ends[key] = here  # its start may be in what cannot be read yet
            else:
                self._drop_end(key, here)
            return
        before = None if place[0] is segment else place[0]
        found = Record(start, end[3], segment, place[1], end[0], before=before)
        records.append(found)

    def settle(self) -> None:
        """Give up the ends whose starts were not in what could not be read at first."""
        if self._ends and not self._scan.is_out_of_order():
            ends, self._ends = self._ends, {}
            for key, place in ends.items():
                self._drop_end(key, place)

    def add_wreck(self, segment: Segment, wreck: Wreck) -> bool:
        """Have a call that was damaged count as lost, once all of it was looked for.

        Returns:
            Whether it is not: it began, and is handed out as one that never ended.
        """
        key = wreck.key or f"{segment.path} {wreck.offset}".encode()
        known = (
            *(self.starts, self._delivered, self.dropped, self._wrecks),
            self._orphans,  # while its writer lived, this was a gap that might fill
        )
        if any(key in each for each in known):
            segment.acknowledge([wreck.offset])
        else:
            self._wrecks[key] = segment, wreck.offset
        return key in self.starts

    def _lose_wreck(self, key: bytes) -> None:
        segment, offset = self._wrecks.pop(key)
        segment.acknowledge([offset])
        self._lose("damaged", 1)

    def has_more_to_tell(self) -> bool:
        """Say whether it knows of calls what nobody could find out again."""
        return bool(self.dropped or self._wrecks or self._ends)

    def finish(self) -> list[Place]:
        """Return where the calls began that are still open, and forget all."""
        for reason in self.dropped.values():
            self._lose(reason, 1)
        for key in tuple(self._wrecks):
            self._lose_wreck(key)
        begun = list(self.starts.values())
        self.dropped.clear()
        self.starts.clear()
        self._delivered.clear()
        return begun

    def _pass(self, segment: Segment, kind: int, key: bytes) -> None:
        """Take note of a frame that was acknowledged before."""
        segment.live -= 1
        if kind == frame.START:
            self._delivered.add(key)
        else:
            self._delivered.discard(key)
            self._wrecks.pop(key, None)  # it was counted with its end

    def _drop_end(self, key: bytes, place: Place) -> None:
        """Give up an end whose start is gone."""
        mark(*place[:2])
        if key in self._delivered:
            self._delivered.discard(key)
            self._lose("delivered_before", 1)
        elif key in self._wrecks:
            self._lose_wreck(key)
        else:
            if key not in self.dropped:
                self._orphans.add(key)
            self._lose(self.dropped.pop(key, "orphan"), 1)

    def drop_starts(self, keys: set[bytes], *, is_anywhere: bool = False) -> None:
        """Give up the starts of calls that have ended, and whose ends are gone.

        They would be told as interrupted by whoever reads the lane next.

        Args:
            keys: Theirs.
            is_anywhere: Whether they may be in what was not begun to be read.
        """
        for key in keys & self.starts.keys():
            mark(*self.starts.pop(key)[:2])
            keys.discard(key)
        self._scan.skip_starts(keys, is_anywhere=is_anywhere)


def is_marked(place: Place) -> bool:
    """Say whether a start was done with after it was read: by its own writer."""
    segment, offset, _ = place
    mapping = segment.open()
    state = offset + frame.STATE_OFFSET
    return mapping is not None and mapping[state] == frame.ACKNOWLEDGED
