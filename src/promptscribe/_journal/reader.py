"""The reader: finds the logs in a lane, joined from their frames.

Its law: what is not acknowledged is read again by somebody. A record is handed out
once by one reader; it leaves the disk only after `Record.acknowledge`.
"""

from __future__ import annotations

import collections
import contextlib
from typing import TYPE_CHECKING, Final

from promptscribe._journal import damage, frame
from promptscribe._journal.appended import AppendedSegment, is_mappable
from promptscribe._journal.faultpoint import reach
from promptscribe._journal.join import Join, is_marked
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
        halved: Logs that are handed out as interrupted, as their end was damaged.
        unopened: What the system says of files that are there and cannot be opened,
            each once; for who counts.
    """

    def __init__(
        self, segments: collections.deque[Segment], lane: Lane | None = None
    ) -> None:
        self.lane = lane
        self.lost: collections.Counter[str] = collections.Counter()
        self.taken = 0
        self.halved = 0
        self._segments = segments
        self._scan = Scan(segments, is_own=lane is None)
        self.unopened = self._scan.unopened
        self._join = Join(self._scan, self._lose)
        self._cut: collections.deque[bytes] = collections.deque()
        self._interrupted: Iterator[Place] | None = None
        self._kind: type[Segment] | None = None
        self._is_whole = False

    @classmethod
    def of_writer(cls, writer: Writer) -> Reader:
        """Read along with a writer of this process."""
        reader = cls(writer.segments)
        reader._cut = writer.cut
        return reader

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
        last, paths = self.lane.segment_paths(), self.lane.segment_paths()
        if last is None or paths is None:
            return
        # A listing may miss what is made meanwhile, and have what was made after that:
        # it is made twice, and of the second counts what is not behind the first.
        paths = [path for path in paths if last and path <= last[-1]]
        if self._kind is None and paths:
            self._kind = Segment if is_mappable(paths[0]) else AppendedSegment
        known = {segment.path: segment for segment in self._segments}
        for path in paths:
            segment = known.get(path)
            with contextlib.suppress(OSError):
                if segment is None and self._kind is not None:
                    segment = self._kind.found(path, is_sealed=is_dead)
                    self._segments.append(segment)
                if segment is None or segment.end is not None:
                    continue
                segment.size = path.lstat().st_size  # one that is appended to grows
                if is_dead:
                    segment.end = segment.size
                else:
                    segment.notice_seal()
        for segment in known.values():
            if segment.path not in paths and segment.end is None:
                segment.end = segment.size  # made ready, and not needed
        self._is_whole = self._scan.is_dead = is_dead

    def take(self, limit: int) -> list[Record]:
        """Return up to *limit* records that were not handed out before."""
        records: list[Record] = []
        while len(records) < limit:
            found = self._scan.read(limit - len(records))
            self._add_wrecks()
            if found is None:
                break
            self._join.add(found.segment, found.pieces, records)
        self._join.settle()
        self._give_up_cut()
        if len(records) < limit and self.lane is not None:
            self.refresh()
            if self._is_whole:
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
            and not self._join.starts
            and not any(segment.live for segment in self._segments)
        )

    def is_idle(self) -> bool:
        """Say whether nothing is under way, and yet there may be more.

        Its writer lives, or it has files that cannot be opened as yet. A call that has
        begun is found again by who comes back.
        """
        live = sum(segment.live for segment in self._segments)
        return not (
            (self._is_whole and not self.is_barred())
            or live > len(self._join.starts)
            or self._join.has_more_to_tell()
        )

    def is_barred(self) -> bool:
        """Say whether its writer is dead, and there are files that cannot be opened."""
        return self._is_whole and bool(self._scan.barred)

    def has_begun(self) -> bool:
        """Say whether a call has begun that has not ended."""
        return bool(self._join.starts)

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
        self._give_up_cut()
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
                if segment.look() != "barred":
                    segment.release()
                left -= 1
                if not left:
                    break

    def protect(self, *, at_once: bool = False) -> None:
        """Add the checksums that lack, see `Scan.protect`: a second apart."""
        self._scan.protect(at_once=at_once)

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
        victim = self._oldest()
        if victim is None or (before is not None and not victim.is_older(before)):
            return 0
        if victim.open() is None and victim.obstacle == "passing":
            return 0  # nobody could say how many
        if victim.map is None:
            self._lose("segment_deleted", victim.logs or 0)
        logs, cut, dropped = 0, set[bytes](), self._join.dropped
        for found in self._scan.frames(victim):
            if found.acknowledged or victim.map is None:
                continue
            key = frame.key_of(victim.map, found)
            if found.kind == frame.START:
                dropped[key] = reason  # counted when its end turns up, or not
            else:
                logs += 1
                if dropped.pop(key, None) is None and found.kind == frame.END:
                    cut.add(key)
        self._scan.inspect(victim, cut)
        self._add_wrecks()
        self._segments.remove(victim)
        self._scan.discard(victim)
        self._join.drop_starts(cut)
        self._lose(reason, logs)
        return victim.size

    def _oldest(self) -> Segment | None:
        """Return the oldest segment that may be given up: not what nobody can count."""
        for segment in self._scan.unread():
            if segment.end is None or segment in self._scan.barred:
                continue
            if segment.open() is not None or segment.obstacle != "barred":
                return segment
        return None

    def _give_up_cut(self) -> None:
        """Give up the starts of calls for whose ends the writer had no room.

        Where nothing has read them yet, by looking for them: the newest files first.
        """
        keys = set[bytes]()
        while self._cut:
            keys.add(self._cut.popleft())
        for key in keys:
            self._join.dropped.pop(key, None)
        self._join.drop_starts(keys, is_anywhere=True)

    def count(self) -> int:
        """Return the logs in a lane that was just taken over, before the first `take`.

        An open call counts if its process is dead, as it cannot end.
        """
        is_dead = self.lane is not None and self.lane.inherit()
        total = 0
        begun = dict[bytes, Segment]()
        for segment in self._segments:
            if segment.open() is None:
                continue  # counted when it is read
            logs, end = 0, frame.SEGMENT_HEADER_BYTES
            for found in self._scan.frames(segment):
                end = found.next
                if found.acknowledged or segment.map is None:
                    continue
                key = frame.key_of(segment.map, found)
                if found.kind == frame.START:
                    begun[key] = segment
                else:
                    logs += 1
                    begun.pop(key, None)
            is_sound = segment.map is None or not damage.begins(segment.map, end)
            if is_dead and is_sound:  # what was allocated and not used counts no more
                segment.end = end
                if not segment.is_held():
                    segment.truncate()
            segment.logs = logs
            segment.release()
            total += logs
        for segment in begun.values() if is_dead else ():
            segment.logs = (segment.logs or 0) + 1  # one that cannot end
            total += 1
        return total

    def close(self) -> None:
        """Let go of every mapping, and of the lane if it is another's."""
        for segment in self._segments:
            segment.release()
        if self.lane is not None:
            self.lane.close()

    def abandon(self) -> None:
        """Forget the lane in a forked child: the parent goes on with it.

        The mappings too, and at once: where the garbage collector comes for them, each
        closes a descriptor that may by then be the program's, if it became a daemon.
        """
        for segment in self._segments:
            segment.map = None
        if self.lane is not None:
            self.lane.abandon()

    def _lose(self, reason: str, logs: int) -> None:
        self.lost[reason] += logs
        self.taken += logs

    def _add_wrecks(self) -> None:
        while self._scan.wrecks:
            self.halved += self._join.add_wreck(*self._scan.wrecks.pop(0))

    def _take_interrupted(self, records: list[Record], limit: int) -> None:
        """Hand out the calls that the dead process was in the middle of."""
        if self._interrupted is None:
            if self._scan.has_more():
                return
            self._scan.give_up_gaps()
            self._add_wrecks()
            self._interrupted = iter(self._join.finish())
        while len(records) < limit:
            place = next(self._interrupted, None)
            if place is None:
                return
            start = read(place)
            if is_marked(place):
                place[0].live -= 1  # its writer had no room for the end, and counted it
            elif start is None:
                mark(*place[:2])
                self._lose("segment_deleted", 1)
            else:
                records.append(Record(start, None, place[0], place[1], -1))
