"""The reader: finds the logs in a lane, joined from their frames.

Its law: what is not acknowledged is read again by somebody. A record is handed out
once by one reader; it leaves the disk only after `Record.acknowledge`.

The two frames of a call may lie in different segments, and thousands of other frames
apart. The reader remembers where the start lies, not what it says: a process with
a million logs waiting costs no memory.

Of a call whose two frames are acknowledged the start goes first. A reader that dies
in between leaves an end whose start is done with: that log was delivered.
"""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING, Final

from promptscribe._journal import frame
from promptscribe._journal.appended import AppendedSegment, is_mappable
from promptscribe._journal.faultpoint import reach
from promptscribe._journal.record import Record, mark, read
from promptscribe._journal.scan import Scan
from promptscribe._journal.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe._journal.lane import Lane
    from promptscribe._journal.record import Place
    from promptscribe._journal.writer import Writer


_MOST_RELIEVED: Final = 16
"""Segments that are let go of in one step, 6 ms: the end of a program waits for it."""


class Reader:
    """Hands out the records of one lane, in the order in which calls ended.

    Used by one thread only. Of a writer, in this process or another, it reads along;
    the segments of a dead one it is given in full.

    Attributes:
        lane: The lane, if it is another process's.
        lost: Logs given up, by reason: the cap, a removed file, a start that is gone.
        taken: Logs handed out or lost so far.
    """

    def __init__(
        self, segments: collections.deque[Segment], lane: Lane | None = None
    ) -> None:
        self.lane = lane
        self.lost: collections.Counter[str] = collections.Counter()
        self.taken = 0
        self._segments = segments
        self._scan = Scan(segments, is_own=lane is None)
        self._starts: dict[bytes, Place] = {}
        self._delivered: set[bytes] = set()
        self._dropped: dict[bytes, str] = {}
        self._interrupted: Iterator[Place] | None = None

    @classmethod
    def of_writer(cls, writer: Writer) -> Reader:
        """Read along with a writer of this process."""
        return cls(writer.segments)

    @classmethod
    def of_lane(cls, lane: Lane) -> Reader:
        """Read another process's lane, whether it still lives or not."""
        reader = cls(collections.deque(), lane)
        reader.refresh()
        return reader

    def refresh(self) -> None:
        """Look for new segments of another process; it may have died as well."""
        if self.lane is None or self._interrupted is not None:
            return
        is_dead = self.lane.inherit()
        paths = self.lane.segment_paths()
        known = {segment.path: segment for segment in self._segments}
        kind = Segment if not paths or is_mappable(paths[0]) else AppendedSegment
        for path in paths:
            is_last = path is paths[-1]
            segment = known.get(path)
            with contextlib.suppress(OSError):
                if segment is None:
                    segment = kind.found(path, is_sealed=is_dead)
                    self._segments.append(segment)
                if segment.end is not None:
                    continue
                if kind is AppendedSegment or not segment.size:
                    segment.size = path.stat().st_size
                if is_dead or (kind is AppendedSegment and not is_last):
                    segment.end = segment.size = path.stat().st_size
                elif kind is Segment:  # the last one may be there for later only
                    segment.notice_seal()
        for segment in known.values():
            if segment.path not in paths and segment.end is None:
                segment.end = segment.size  # made ready, and not needed

    def take(self, limit: int) -> list[Record]:
        """Return up to *limit* records that were not handed out before."""
        records: list[Record] = []
        while len(records) < limit:
            found = self._scan.read(limit - len(records))
            if found is None:
                break
            self._join(found.segment, found.pieces, records)
        if len(records) < limit and self.lane is not None:
            self.refresh()
            if self.lane.inherit():
                self._take_interrupted(records, limit)
        self.taken += len(records)
        if self._scan.removed_logs:
            self._lose("segment_deleted", self._scan.removed_logs)
            self._scan.removed_logs = 0
        reach("taken")
        return records

    def is_drained(self) -> bool:
        """Say whether everything was read and acknowledged, for a dead lane."""
        return (
            self._interrupted is not None
            and not self._starts
            and not any(segment.live for segment in self._segments)
        )

    def clean(self) -> None:
        """Remove segments in which everything was acknowledged.

        Must not be called while a record is being sent by another thread.
        """
        self._scan.clean()

    def relieve(self, *, is_read_by_others: bool = False, near: int = 0) -> None:
        """Let go of the memory of sealed segments that are not read yet.

        Their checksums are added first: they will lie on the disk for a while.

        Args:
            is_read_by_others: Whether a file that is gone was delivered by an agent.
            near: Bytes that are read next, at once, and stay as they are.
        """
        left = _MOST_RELIEVED
        for segment in self._scan.unread():
            near -= segment.size
            if segment.end is None or segment.path is None:
                continue
            if is_read_by_others and not segment.is_there():
                self._segments.remove(segment)
            elif segment.map is None:
                continue
            elif not segment.is_there():
                segment.outlive_file()
            elif near < 0 and segment.audit():
                segment.release()
                left -= 1
                if not left:
                    break

    def drop_oldest(self, reason: str, *, before: float | None = None) -> int:
        """Remove the oldest sealed segment; its logs are counted in *lost*.

        What was begun to be read stays: it is being sent right now.

        Args:
            reason: Why; the name of the counter.
            before: Remove it only if it was last written before that time, in
                seconds since 1970.

        Returns:
            The bytes that are free now; 0 if there is nothing to give up.
        """
        victim = next((s for s in self._scan.unread() if s.end is not None), None)
        if victim is None or (before is not None and not victim.is_older(before)):
            return 0
        if victim.open() is None and victim.is_out_of_reach():
            return 0  # nobody could say how many
        logs, cut = 0, set[bytes]()
        for found in self._scan.frames(victim):
            if found.acknowledged or victim.map is None:
                continue
            key = frame.key_of(victim.map, found)
            if found.kind == frame.START:
                self._dropped[key] = reason  # counted when its end turns up, or not
            else:
                logs += 1
                if self._dropped.pop(key, None) is None and found.kind == frame.END:
                    cut.add(key)
        self._segments.remove(victim)
        self._scan.discard(victim)
        self._drop_starts(cut)
        self._lose(reason, logs)
        return victim.size

    def _drop_starts(self, keys: set[bytes]) -> None:
        """Give up the starts of calls that have ended, and whose ends are gone.

        They would be told as interrupted by whoever reads the lane next.
        """
        for key in keys & self._starts.keys():
            mark(*self._starts.pop(key)[:2])
            keys.discard(key)
        self._scan.skip_starts(keys)

    def count(self) -> int:
        """Return the logs in a lane that was just taken over, before the first `take`.

        A call that was open counts if it cannot end any more.
        """
        is_dead = self.lane is not None and self.lane.inherit()
        logs = 0
        open_calls = set()
        for segment in self._segments:
            if segment.open() is None and segment.is_out_of_reach():
                continue  # counted when it is read
            end = frame.SEGMENT_HEADER_BYTES
            for found in self._scan.frames(segment):
                end = found.next
                if found.acknowledged or segment.map is None:
                    continue
                key = frame.key_of(segment.map, found)
                if found.kind == frame.START:
                    open_calls.add(key)
                else:
                    logs += 1
                    open_calls.discard(key)
            if is_dead:  # what the dead had allocated and not used counts no more
                segment.end = end
                segment.truncate()
            segment.release()
        return logs + len(open_calls) * is_dead

    def close(self) -> None:
        """Let go of every mapping, and of the lane if it is another's."""
        for segment in self._segments:
            segment.release()
        if self.lane is not None:
            self.lane.close()

    def abandon(self) -> None:
        """Forget the lane in a forked child: the parent goes on with it."""
        if self.lane is not None:
            self.lane.abandon()

    def _lose(self, reason: str, logs: int) -> None:
        self.lost[reason] += logs
        self.taken += logs

    def _join(
        self, segment: Segment, pieces: list[frame.Piece], records: list[Record]
    ) -> None:
        """Add the logs that end among *pieces* to *records*.

        Most calls begin and end in one run: nothing is remembered of these, and what
        was read of them is not read again.
        """
        starts, begun = self._starts, dict[bytes, frame.Piece]()
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

    def _join_earlier(
        self, segment: Segment, end: frame.Piece, key: bytes, records: list[Record]
    ) -> None:
        """Add a log that began in an earlier run than the one that it ends in."""
        place = self._starts.pop(key, None)
        start = None if place is None else read(place)
        if place is None or start is None:
            self._drop_end(key, (segment, end[0], len(end[3])))
            return
        before = None if place[0] is segment else place[0]
        found = Record(start, end[3], segment, place[1], end[0], before=before)
        records.append(found)

    def _pass(self, segment: Segment, kind: int, key: bytes) -> None:
        """Take note of a frame that was acknowledged before."""
        segment.live -= 1
        if kind == frame.START:
            self._delivered.add(key)
        else:
            self._delivered.discard(key)

    def _drop_end(self, key: bytes, place: Place) -> None:
        """Give up an end whose start is gone."""
        mark(*place[:2])
        if key in self._delivered:
            self._delivered.discard(key)
            self._lose("delivered_before", 1)
        else:
            self._lose(self._dropped.pop(key, "orphan"), 1)

    def _take_interrupted(self, records: list[Record], limit: int) -> None:
        """Hand out the calls that the dead process was in the middle of."""
        if self._interrupted is None:
            if self._scan.has_more():
                return
            self._scan.give_up_gaps()
            for reason in self._dropped.values():
                self._lose(reason, 1)
            self._dropped.clear()
            self._interrupted = iter(list(self._starts.values()))
            self._starts.clear()
            self._delivered.clear()
        while len(records) < limit:
            place = next(self._interrupted, None)
            if place is None:
                return
            start = read(place)
            if start is not None:
                records.append(Record(start, None, place[0], place[1], -1))
