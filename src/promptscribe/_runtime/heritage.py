"""The heritage: the lanes of other processes that this one delivers, and their count.

Its law: what it takes over is counted as adopted, and every log of it that is given up
as dropped, with the reason.
"""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Final

from promptscribe._journal import estate
from promptscribe._journal.lane import Lane, clock_of, find_lanes, is_older
from promptscribe._journal.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptscribe._delivery.ledger import Ledger

LONGEST_AGE: Final = 7 * 24 * 3600.0
"""Seconds after which logs go that cannot be delivered: nobody should find a year of
prompts on a disk. What can be delivered is, however old it is."""

_GIVE_UP_EVERY: Final = 3600.0
"""Seconds between looks for such logs of other keys: who changes keys every hour has
thousands of folders, and to look into a thousand took 20 ms."""

_SHARE: Final = 32
_SHARE_TO_FOLLOW: Final = 5
"""One lane for so many files that the process may open, as each takes up to three where
locks and mappings keep descriptors: 32 of 1024, and for who does nothing else 204."""


class Heritage:
    """Used by the exporter's thread.

    Attributes:
        estate: Which folders are whose.
        counted: The readers of the lanes, and how many logs of each were counted.

    Args:
        root: The folder of this process's key.
        ledger: Counts what becomes of them.
        follow: Whether it delivers what other programs record, living ones too.
        any_key: Whether it delivers also what was recorded with other keys.
    """

    def __init__(
        self, root: Path, ledger: Ledger, *, follow: bool, any_key: bool
    ) -> None:
        self.estate = estate.Estate(root, estate.this_program())
        self.counted: dict[Reader, int] = {}
        self._ledger = ledger
        self._follow = follow
        self._any_key = any_key
        self._told: set[Path | str] = set()
        self._barred: set[Path] = set()
        self._give_up_at = 0.0

    def adopt(self, own: Lane | None) -> bool:
        """Take over the lanes of dead processes; *own* is not one.

        Returns:
            Whether those were all. There may be thousands, and each takes descriptors
            that the program, and the way to the server, need as well.
        """
        most = _most_lanes(_SHARE_TO_FOLLOW if self._follow else _SHARE)
        known = {reader.lane.path for reader in self.counted if reader.lane}
        if own is not None:
            known.add(own.path)
        take_over = Lane.follow if self._follow else Lane.adopt
        for path in [path for root in self.roots() for path in find_lanes(root)]:
            is_full = len(self.counted) >= most
            if path in known or (is_full and path in self._barred):
                continue
            if is_full and not self._let_go():
                return False
            lane = self._take(take_over, path)
            if lane is not None:
                self._read(lane)
        if time.monotonic() >= self._give_up_at:
            self._give_up_at = time.monotonic() + _GIVE_UP_EVERY
            self._give_up_old()
        return True

    def _give_up_old(self) -> None:
        """Remove what nobody came for who has the key."""
        for root in self.estate.others(is_for_others=self._follow):
            before = clock_of(root) - LONGEST_AGE
            for path in find_lanes(root):
                if is_older(path, before):
                    self._give_up(self._take(Lane.adopt, path))

    def _let_go(self) -> bool:
        """Leave a lane for now that has nothing to deliver, and may have some later.

        One whose files cannot be opened comes last: it is tried where there is room.
        """
        for reader, logs in self.counted.items():
            if reader.taken == logs and reader.is_idle():
                if reader.lane and reader.is_barred():
                    self._barred.add(reader.lane.path)
                del self.counted[reader]
                reader.close()
                return True
        return False

    def _take(
        self, take_over: Callable[[Path], Lane | None], path: Path
    ) -> Lane | None:
        """Take over a lane, or say once why that cannot be done."""
        try:
            return take_over(path)
        except OSError as problem:
            if path not in self._told:
                self._told.add(path)
                self._ledger.note("lane_unopened")
                self._ledger.warn(
                    "lane_unopened",
                    "what a process left cannot be taken over, it waits: %s",
                    problem,
                )
        return None

    def roots(self) -> list[Path]:
        """Return the folders whose logs are for this server and key."""
        inherited = self.estate.inherited(is_for_others=self._follow)
        if self._any_key:
            inherited += self.estate.others(is_for_others=self._follow)
        return [self.estate.root, *inherited]

    def clean(self) -> None:
        """Remove segments and lanes in which everything is acknowledged."""
        self.estate.tell_apart()
        for reader in tuple(self.counted):
            reader.clean()
            if reader.is_drained():
                del self.counted[reader]
                reader.close()

    def account(self, reader: Reader) -> None:
        """Count what a reader lost, or found beyond what was counted before."""
        while reader.unopened:
            told = reader.unopened.pop()
            if told in self._told:
                continue  # its lane was left, and taken over once more
            self._told.add(told)
            self._ledger.note("segment_unopened")
            self._ledger.warn(
                "segment_unopened",
                "a journal file cannot be opened, it waits: %s",
                told,
            )
        if reader.halved:
            self._ledger.note("damaged_end", reader.halved)
            self._ledger.warn(
                "damaged",
                "a journal file is damaged, calls are told as interrupted: %d",
                reader.halved,
            )
            reader.halved = 0
        for reason, logs in reader.lost.items():
            if reason == "delivered_before":
                self._ledger.add("delivered", reason, logs)
            else:
                self.lose(reason, logs)
        reader.lost.clear()
        counted = self.counted.get(reader)
        if counted is not None and reader.taken > counted:
            self._ledger.add("adopted", None, reader.taken - counted)
            self.counted[reader] = reader.taken

    def lose(self, reason: str, logs: int) -> None:
        """Count logs as dropped, and say so."""
        if not logs:
            return
        self._ledger.add("dropped", reason, logs)
        self._ledger.warn(reason, "logs are being dropped: %s", reason)

    def _read(self, lane: Lane) -> Reader:
        reader = Reader.of_lane(lane)
        self.counted[reader] = reader.count()
        self._ledger.add("adopted", None, self.counted[reader])
        return reader

    def _give_up(self, lane: Lane | None) -> None:
        if lane is not None:
            reader = self._read(lane)
            while reader.drop_oldest("journal_age"):
                pass
            reader.take(1)  # there is none; but calls that were open count as lost now
            self.account(reader)
            del self.counted[reader]
            reader.close()


def _most_lanes(share: int) -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1024 if files == resource.RLIM_INFINITY else max(files // share, 1)
