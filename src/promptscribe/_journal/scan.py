"""The scan: goes through segments frame by frame, and comes back to gaps.

Its law: a place that a living thread has reserved is not passed over for good. The scan
goes on behind such a gap, returns to it, and keeps the segment until it is filled. In
a dead process's segment a gap is damage, or a call that was never promised.

Nor is a file that is there and cannot be opened: what lies behind it is read first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptscribe._journal import damage, frame

if TYPE_CHECKING:
    import collections
    import mmap
    from collections.abc import Iterable, Iterator

    from promptscribe._journal.segment import Segment


class Stretch(NamedTuple):
    """Frames that lie one behind the other in a segment."""

    segment: Segment
    pieces: list[frame.Piece]


class _Gap(NamedTuple):
    segment: Segment
    offset: int
    until: int


class Scan:
    """Finds the frames of a lane, each once.

    Attributes:
        removed_logs: Logs in segments whose file somebody else removed.
        barred: Segments that are there, and may not be opened.
        unopened: What the system says of these, each once; for who counts.
        is_dead: Whether nobody is left to fill a gap.
        wrecks: What was damaged, and where; for who counts.
    """

    def __init__(
        self, segments: collections.deque[Segment], *, is_own: bool = True
    ) -> None:
        self.removed_logs = 0
        self.barred: list[Segment] = []
        self.unopened: list[str] = []
        self.is_dead = False
        self.wrecks: list[tuple[Segment, damage.Wreck]] = []
        self._segments = segments
        self._is_own = is_own
        self._done: list[Segment] = []
        self._gaps: list[_Gap] = []
        self._current: Segment | None = None
        self._offset = 0
        self._taken_up: Segment | None = None
        self._left: Segment | None = None
        self._left_at = 0
        self._bare: list[tuple[Segment, int, int]] = []
        self._bare_before: list[tuple[Segment, int, int]] = []

    def read(self, most: int) -> Stretch | None:
        """Return the next frames, in order; None if there are none at the moment.

        Args:
            most: How many at most. There may be more when fewer come back.
        """
        for gap in tuple(self._gaps):
            piece = self._look_again(gap)
            if piece is not None:
                return self._keep(gap.segment, [piece])
        found = self._read(most)
        if found is None and self._take_up_barred():
            found = self._read(most)
        return found

    def _read(self, most: int) -> Stretch | None:
        while True:
            segment = self._current or self._advance()
            if segment is None:
                return None
            # Read before the frame is looked for: what was sealed in between
            # is found in the next round.
            end = segment.end
            mapping = segment.open()
            if mapping is None:
                if not self._pass_over(segment):
                    return None
                continue
            pieces = self._read_on(segment, mapping, end, most)
            if pieces:
                return self._keep(segment, pieces)
            if end is None:
                if not self._is_abandoned(segment):
                    return None
                continue
            self._finish(segment)

    def _pass_over(self, segment: Segment) -> bool:
        """Leave a segment that cannot be opened; False if it is to be waited for."""
        if segment.obstacle not in {"passing", "barred"}:  # somebody removed the file
            self.removed_logs += segment.logs or 0
            self._finish(segment)
            return True
        is_whole = segment.end is not None or self._is_followed(segment)
        if segment.obstacle == "passing" or not is_whole:
            return False
        self._current = None
        self.barred.append(segment)
        self.unopened.append(f"{segment.path}: {segment.problem}")
        return True

    def _take_up_barred(self) -> bool:
        """Go on with a segment that can be opened again; say whether there is one.

        One is tried at a time: there may be thousands, and they are asked often.
        """
        if not self.barred or self._taken_up is not None:
            return False
        segment = self.barred.pop(0)
        if segment.open() is None and segment.obstacle != "gone":
            self.barred.append(segment)
            return False
        if not self._is_own:
            segment.measure()
        self._left, self._left_at = self._current, self._offset
        self._current, self._offset = segment, frame.SEGMENT_HEADER_BYTES
        self._taken_up = segment
        return True

    def _read_on(
        self, segment: Segment, mapping: mmap.mmap, end: int | None, most: int
    ) -> list[frame.Piece]:
        run = frame.read_run(mapping, self._offset, most)
        if run.pieces:
            if run.is_bare:
                self._bare.append((segment, self._offset, run.next))
            self._offset = run.next
            return run.pieces
        found = self._look(segment, mapping, end)
        if found is None:
            return []
        self._offset = found.next
        return [_piece(segment, mapping, found)]

    def protect(self, *, at_once: bool = False) -> None:
        """Add the checksums that lack to what was read and is still there.

        Args:
            at_once: Whether to all that was read, not only by the last time.
        """
        due, self._bare_before, self._bare = self._bare_before, self._bare, []
        if at_once:
            due, self._bare_before = due + self._bare_before, []
        for segment, begin, end in due:
            if segment.live > 0:
                segment.protect(begin, end)

    def is_out_of_order(self) -> bool:
        """Say whether what comes next may be older than what came before."""
        return bool(self.barred) or self._taken_up is not None

    def has_more(self) -> bool:
        """Say whether there is a segment that was not read to its end."""
        return self._current is not None or bool(self.unread())

    def frames(self, segment: Segment) -> Iterator[frame.Frame]:
        """Return the sound frames of a segment, read ones too."""
        mapping = segment.open()
        return iter(()) if mapping is None else frame.frames(mapping)

    def skip_starts(self, keys: set[bytes], *, is_anywhere: bool = False) -> None:
        """Have the starts with these keys count as done with, where they come next.

        Args:
            keys: Those that are found are taken out.
            is_anywhere: Whether to look in what was not begun as well: the newest
                first, as most calls are short.
        """
        places = [(self._current, self._offset), (self._left, self._left_at)]
        if is_anywhere:
            places += ((each, 0) for each in reversed(self.unread()))
        for segment, offset in places:
            if segment is not None and keys:
                self._skip_starts_in(segment, offset, keys)

    def _skip_starts_in(self, segment: Segment, offset: int, keys: set[bytes]) -> None:
        is_let_go = segment.map is None
        skipped = []
        for found in self.frames(segment):
            if found.offset < offset or found.kind != frame.START:
                continue
            if segment.map is not None:
                key = frame.key_of(segment.map, found)
                if key in keys:
                    keys.discard(key)
                    skipped.append(found.offset)
        segment.acknowledge(skipped)
        if is_let_go:
            segment.release()

    def unread(self) -> list[Segment]:
        """Return the segments that were not begun, oldest first."""
        return [
            segment
            for segment in tuple(self._segments)
            if segment not in {self._current, self._left} and segment not in self._done
        ]

    def clean(self) -> None:
        """Remove segments in which everything was acknowledged."""
        for segment in [s for s in self._done if s.live <= 0]:
            self._done.remove(segment)
            self.discard(segment)
            if segment in self._segments:
                self._segments.remove(segment)

    def discard(self, segment: Segment) -> None:
        """Remove a segment's file; one that cannot be removed has nothing to send.

        It may not be opened anew either: the program became another user.
        """
        if not segment.unlink():
            segment.acknowledge([found.offset for found in self.frames(segment)])
            segment.release()

    def _is_abandoned(self, segment: Segment) -> bool:
        """Say whether a segment gets no more frames though nobody sealed it.

        An exception from a signal handler, Ctrl-C most likely, may hit a writer just
        when it has made or filled one: the next one comes behind it, and it stays as
        it was. What another process has made may be there for later; not before one
        that has frames in it. Of the next one's frames the first is stored after the
        last of this one, which is looked for once more.
        """
        if self._segments[-1] is segment:
            return False
        if not self._is_own:
            if not self._is_followed(segment):
                return False
            segment.notice_seal()
        if segment.end is None:
            segment.end = self._offset
        return True

    def _is_followed(self, segment: Segment) -> bool:
        """Say whether a later one of another process's segments has frames in it."""
        for later in tuple(self._segments)[self._segments.index(segment) + 1 :]:
            mapping = later.open()
            begin = frame.SEGMENT_HEADER_BYTES
            if mapping is not None and frame.read_frame(mapping, begin) is not None:
                return True
        return False

    def _keep(self, segment: Segment, pieces: list[frame.Piece]) -> Stretch:
        segment.live += len(pieces)
        return Stretch(segment, pieces)

    def _look(
        self, segment: Segment, mapping: mmap.mmap, end: int | None
    ) -> frame.Frame | None:
        found = frame.read_frame(mapping, self._offset)
        if found is not None or end is None or self._offset >= end:
            return found
        found = frame.find_frame(mapping, self._offset)
        until = min(end, len(mapping)) if found is None else found.offset
        if self.is_dead:
            self._report(segment, damage.between(mapping, self._offset, until))
        elif found is not None or self._is_own:  # else that end may not be the last
            self._remember(segment, self._offset, until)
        return found

    def inspect(self, segment: Segment, ended: set[bytes]) -> None:
        """Look for what is damaged in a segment that is given up, but for *ended*."""
        if self.is_dead and (mapping := segment.open()) is not None:
            found = damage.within(mapping)
            self._report(segment, (each for each in found if each.key not in ended))

    def _report(self, segment: Segment, found: Iterable[damage.Wreck]) -> None:
        self.wrecks += [(segment, wreck) for wreck in found if not wreck.is_counted]

    def _remember(self, segment: Segment, offset: int, until: int) -> None:
        if until - offset > frame.HEADER_BYTES:
            self._gaps.append(_Gap(segment, offset, until))
            segment.live += 1

    def _look_again(self, gap: _Gap) -> frame.Piece | None:
        segment, offset, until = gap
        if segment.end is not None and offset >= segment.end:
            self._gaps.remove(gap)  # the end had not settled yet
            segment.live -= 1
            return None
        mapping = segment.open()
        found = frame.read_frame(mapping, offset) if mapping is not None else None
        if found is None or mapping is None or found.next > (until + 7) & -8:
            return None
        self._gaps.remove(gap)
        segment.live -= 1
        self._remember(segment, found.next, until)
        return _piece(segment, mapping, found)

    def give_up_gaps(self) -> None:
        """Take the gaps for damage: nobody is left to fill them."""
        gaps, self._gaps = self._gaps, []
        for segment, offset, until in gaps:
            segment.live -= 1
            if (mapping := segment.open()) is not None:
                self._report(segment, damage.between(mapping, offset, until))

    def _advance(self) -> Segment | None:
        if self._left is not None:
            self._current, self._left = self._left, None
            self._offset = self._left_at
            return self._current
        # Not by `unread`: a backlog has thousands of segments.
        for place in range(len(self._segments)):
            segment = self._segments[place]
            if segment not in self._done and segment not in self.barred:
                self._current = segment
                self._offset = frame.SEGMENT_HEADER_BYTES
                if segment.end is not None and segment.open() is not None:
                    # Its pages may have been let go of. To be marked as well: one that
                    # is first read and then written is faulted in twice, 2 µs instead
                    # of 0.4.
                    segment.populate(0, segment.size)
                return segment
        return None

    def _finish(self, segment: Segment) -> None:
        self._current = None
        if segment is self._taken_up:
            self._taken_up = None
        self._done.append(segment)
        segment.is_read = True
        if segment.live <= 0:
            self.clean()


def _piece(segment: Segment, mapping: mmap.mmap, found: frame.Frame) -> frame.Piece:
    payload = frame.payload_of(mapping, found)
    piece = found.offset, found.kind, found.acknowledged, payload
    if not found.has_checksum:
        segment.add_checksums([piece])
    return piece
