"""The reader: finds the logs in a lane, joined from their frames.

Its law: what is not acknowledged is read again by somebody. A record is handed out
once by one reader; it leaves the disk only after `Record.acknowledge`.

The two frames of a call may lie in different segments, and thousands of other frames
apart. The reader remembers where the start lies, not what it says: a process with
a million logs waiting costs no memory.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, NamedTuple

from promptscribe._journal import frame
from promptscribe._journal.segment import Segment

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from promptscribe._journal.lane import Lane
    from promptscribe._journal.writer import Writer


class _Place(NamedTuple):
    segment: Segment
    frame: frame.Frame


class Record:
    """One log as it lies in the journal.

    Attributes:
        start: Payload of the frame that began the call; None in a whole frame.
        end: Payload of the frame that ended it; None if the process died before.
    """

    __slots__ = ("_places", "end", "start")

    def __init__(
        self, start: bytes | None, end: bytes | None, places: tuple[_Place, ...]
    ) -> None:
        self.start = start
        self.end = end
        self._places = places

    def acknowledge(self) -> None:
        """Mark the log as done with: delivered, or kept elsewhere."""
        for segment, found in self._places:
            segment.acknowledge(found.offset)
            segment.live -= 1
        self._places = ()


class Reader:
    """Hands out the records of one lane, in the order in which calls ended.

    Used by one thread only. Of a living writer it reads along; the segments of
    a dead one it is given in full.

    Attributes:
        orphans: Logs given up because the frame with their start is gone: dropped
            by the cap, or damaged on disk.
    """

    def __init__(
        self, segments: collections.deque[Segment], lane: Lane | None = None
    ) -> None:
        self.orphans = 0
        self._segments = segments
        self._lane = lane
        self._done: list[Segment] = []
        self._current: Segment | None = None
        self._offset = 0
        self._starts: dict[bytes, _Place] = {}
        self._interrupted: Iterator[_Place] | None = None

    @classmethod
    def of_writer(cls, writer: Writer) -> Reader:
        """Read along with a writer of this process."""
        return cls(writer.segments)

    @classmethod
    def of_lane(cls, lane: Lane) -> Reader:
        """Read what a dead process left in a lane that was adopted."""
        segments = collections.deque(Segment.found(p) for p in lane.segment_paths())
        return cls(segments, lane)

    def take(self, limit: int) -> list[Record]:
        """Return up to *limit* records that were not handed out before."""
        records: list[Record] = []
        while len(records) < limit:
            place = self._next_place()
            if place is None:
                break
            record = self._join(place)
            if record is not None:
                records.append(record)
        if self._lane is not None and len(records) < limit:
            self._take_interrupted(records, limit)
        return records

    def is_drained(self) -> bool:
        """Say whether everything was read and acknowledged, for a dead lane."""
        return (
            self._interrupted is not None
            and not self._starts
            and not any(s.live for s in (*self._segments, *self._done))
        )

    def clean(self) -> None:
        """Remove segments in which everything was acknowledged.

        Must not be called while a record is being sent by another thread.
        """
        for segment in [s for s in self._done if s.live <= 0]:
            self._done.remove(segment)
            segment.unlink()
            if segment in self._segments:
                self._segments.remove(segment)

    def drop_oldest(self) -> int | None:
        """Remove the oldest sealed segment; return how many logs that lost.

        None if there is no sealed segment to give up.
        """
        victim = next((s for s in self._segments if self._is_idle(s)), None)
        if victim is None:
            return None
        lost = 0
        for found in self._frames(victim, frame.SEGMENT_HEADER_BYTES):
            if not found.acknowledged and found.kind != frame.START:
                lost += 1
        self._segments.remove(victim)
        self._starts = {
            key: place
            for key, place in self._starts.items()
            if place.segment is not victim
        }
        victim.unlink()
        return lost

    def count(self) -> int:
        """Return the logs in a lane that was just adopted, before the first `take`."""
        logs = 0
        open_calls = set()
        for segment in self._segments:
            for found in self._frames(segment, frame.SEGMENT_HEADER_BYTES):
                if found.acknowledged or segment.map is None:
                    continue
                key = frame.key_of(segment.map, found)
                if found.kind == frame.START:
                    open_calls.add(key)
                else:
                    logs += 1
                    open_calls.discard(key)
            segment.release()
        return logs + len(open_calls)

    def close(self) -> None:
        """Let go of every mapping, and of the lane if it was adopted."""
        for segment in (*self._segments, *self._done):
            segment.release()
        if self._lane is not None:
            self._lane.close()

    def abandon(self) -> None:
        """Forget the lane in a forked child: the parent goes on with it."""
        if self._lane is not None:
            self._lane.abandon()

    def _is_idle(self, segment: Segment) -> bool:
        # What was read and is being sent right now would be counted twice.
        return (
            segment.end is not None
            and segment.live <= 0
            and segment is not self._current
        )

    def _frames(self, segment: Segment, offset: int) -> Iterator[frame.Frame]:
        mapping = segment.open()
        while mapping is not None:
            found = frame.find_frame(mapping, offset)
            if found is None:
                return
            yield found
            offset = found.next

    def _next_place(self) -> _Place | None:
        while True:
            segment = self._current or self._advance()
            if segment is None:
                return None
            # Read before the frame is looked for: what was sealed in between
            # is found in the next round.
            end = segment.end
            mapping = segment.open()
            if mapping is None:  # the file was removed: nothing left to deliver
                self._finish(segment)
                continue
            found = self._look(mapping, end)
            if found is not None:
                self._offset = found.next
                segment.live += not found.acknowledged
                segment.seal_long(found)
                return _Place(segment, found)
            if end is None:
                return None
            self._finish(segment)

    def _look(self, mapping: mmap.mmap, end: int | None) -> frame.Frame | None:
        found = frame.read_frame(mapping, self._offset)
        if found is None and end is not None and self._offset < end:
            # Sealed: nobody will fill the gap any more, look behind it.
            found = frame.find_frame(mapping, self._offset)
        return found

    def _advance(self) -> Segment | None:
        for segment in tuple(self._segments):
            if segment not in self._done:
                self._current = segment
                self._offset = frame.SEGMENT_HEADER_BYTES
                return segment
        return None

    def _finish(self, segment: Segment) -> None:
        self._current = None
        self._done.append(segment)
        if segment.live <= 0:
            self.clean()

    def _join(self, place: _Place) -> Record | None:
        segment, found = place
        if found.acknowledged:
            return None
        mapping = segment.open()
        if mapping is None:
            return None
        payload = frame.payload_of(mapping, found)
        if found.kind == frame.WHOLE:
            return Record(None, payload, (place,))
        key = payload[frame.KEY]
        if found.kind == frame.START:
            self._starts[key] = place
            return None
        begun = self._starts.pop(key, None)
        start_map = begun.segment.open() if begun is not None else None
        if begun is None or start_map is None:
            self.orphans += 1
            Record(None, payload, (place,)).acknowledge()
            return None
        start = frame.payload_of(start_map, begun.frame)
        return Record(start, payload, (begun, place))

    def _take_interrupted(self, records: list[Record], limit: int) -> None:
        """Hand out the calls that the dead process was in the middle of."""
        if self._interrupted is None:
            self._interrupted = iter(list(self._starts.values()))
            self._starts.clear()
        while len(records) < limit:
            place = next(self._interrupted, None)
            if place is None:
                return
            mapping = place.segment.open()
            if mapping is not None:
                start = frame.payload_of(mapping, place.frame)
                records.append(Record(start, None, (place,)))
