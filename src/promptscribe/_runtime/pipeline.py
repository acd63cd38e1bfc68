"""The pipeline: one server's writer, readers, exporter and ledger, put together.

Its law: it decides nothing about a log; it connects those who do.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from promptscribe._delivery.exporter import Exporter
from promptscribe._delivery.goal import Goal
from promptscribe._delivery.ledger import Ledger
from promptscribe._journal import estate, survey
from promptscribe._journal.access import near_bytes
from promptscribe._journal.idmap import IdMap
from promptscribe._journal.lane import clock_of, count_bytes
from promptscribe._journal.reader import Reader
from promptscribe._journal.record import acknowledge
from promptscribe._journal.segment import SEGMENT_BYTES
from promptscribe._journal.writer import Writer
from promptscribe._runtime import packed, refusal, render
from promptscribe._runtime.destination import is_same, make_transport
from promptscribe._runtime.heritage import LONGEST_AGE, Heritage

if TYPE_CHECKING:
    from promptscribe._config import Settings
    from promptscribe._delivery.ledger import FlushResult
    from promptscribe._delivery.parcel import Content, Found
    from promptscribe._delivery.transport import Transport
    from promptscribe._journal.record import Record
    from promptscribe._journal.segment import Segment

_RECOUNT: Final = 1.0
"""Seconds between counts of what all processes have on disk."""
_SYNC_EVERY: Final = 0.5
"""Seconds between syncs with durability ``host``, as in Vector's disk buffer."""
_CHORES_EVERY: Final = 5.0
_STOPPING: Final = 0.2
"""Seconds of the time for closing that are kept for stopping the thread: with a server
that hangs and four busy threads the end of a program came 0.12 s late without."""
_LONGEST_STOP: Final = 0.5


class Pipeline:
    """From `Writer.append` to the server, for one set of settings.

    Attributes:
        settings: What it was made for.
        writer: Takes the frames.
        ledger: Counts them.

    Args:
        settings: Where to, and how.
        transport: Sends requests instead of HTTP.
        follow: Whether it delivers what other programs record.
        any_key: Whether it delivers also what was recorded with other keys.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport | None = None,
        *,
        follow: bool = False,
        any_key: bool = False,
    ) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self._root = settings.journal_root()
        self._given_transport = transport
        self._follow = follow
        self._any_key = any_key
        self._is_handed_over = self._is_replaced = False
        # A quarter of the cap at most, so that dropping one leaves the rest.
        share = settings.journal_max_bytes // 4
        self.writer = Writer(
            self._root,
            self,
            segment_bytes=min(SEGMENT_BYTES, share),
            read=settings.export,
            durability=settings.durability,
        )
        self._connect()
        if settings.durability != "memory" and not follow:
            self._heritage.estate.register()

    def _connect(self) -> None:
        self.writer.supply.allowance = self.settings.journal_max_bytes
        self._heritage = Heritage(
            self._root, self.ledger, follow=self._follow, any_key=self._any_key
        )
        self._left: list[Segment] = []
        self._refused = self._turn = 0
        self._recount_at = self._sync_at = 0.0
        self._reader = Reader.of_writer(self.writer)
        self._exporter = Exporter(
            self,
            make_transport(self.settings, self._given_transport, self.ledger),
            self.ledger,
            render=_render,
            packing=packed.PACKING,
            bury=partial(refusal.bury, self._root, self.ledger),
            ids=IdMap(self._root),
        )
        self._exporter.is_resting = self._is_replaced

    # What the writer tells (Observer).

    def journal_failed(self, reason: str, problem: str) -> None:
        """Say once that the disk cannot be used: logs are kept in memory."""
        self.ledger.note(reason)
        self.ledger.warn(
            reason, "the journal cannot be written, logs live in memory: %s", problem
        )

    def dropped(self, reason: str, logs: int) -> None:
        """Count logs of the writer that could not be kept, and say so."""
        self._refused += logs
        self._heritage.lose(reason, logs)

    def wake(self) -> None:
        """Start the exporter, or have it look at the journal."""
        self._exporter.start()
        self._exporter.wake()

    def forked(self) -> None:
        """Start afresh in a forked child; whatever was open is the parent's."""
        for reader in (self._reader, *self._heritage.counted):
            reader.abandon()
        self.ledger = Ledger()
        self._connect()

    # What the exporter asks for (Source).

    def prepare(self) -> float:
        """Do the writer's chores; return seconds until the next ones are due."""
        self.writer.prepare()
        desk = self._exporter.desk
        near = 0 if desk is None or desk.circuit.is_open else near_bytes(SEGMENT_BYTES)
        self._reader.relieve(is_read_by_others=not self.settings.export, near=near)
        now = time.monotonic()
        if now >= self._recount_at or self.writer.supply.allowance < SEGMENT_BYTES:
            self._recount_at = now + _RECOUNT
            self._keep_to_cap()
            for reader in (self._reader, *self._heritage.counted):
                reader.protect()
        if self.settings.durability != "host":
            return _CHORES_EVERY
        if now >= self._sync_at:
            self._sync_at = now + _SYNC_EVERY
            self._reader.protect(at_once=True)  # a power cut may tear what is synced
            self.writer.sync()
        return _SYNC_EVERY

    def adopt(self) -> bool:
        """Take over the lanes of dead processes; say whether those were all."""
        return self._heritage.adopt(self.writer.lane)

    def take(self, limit: int) -> list[Found]:
        """Return records of this process and of dead ones, in turn."""
        found: list[Found] = []
        readers = [self._reader, *self._heritage.counted]
        self._turn += 1
        for place in range(len(readers)):
            reader = readers[(place + self._turn) % len(readers)]
            if len(found) < limit:
                found.extend(reader.take(limit - len(found)))
                self._heritage.account(reader)
        return found

    def acknowledge(self, found: list[Found]) -> None:
        """Mark records as done with, and remove the segments that have none left."""
        if acknowledge(cast("list[Record]", found)):  # they are those of `take`
            for reader in (self._reader, *self._heritage.counted):
                reader.clean()

    def clean(self) -> None:
        """Remove segments and lanes in which everything is acknowledged."""
        self._tell_heirs()
        self._reader.clean()
        self._heritage.clean()

    def _tell_heirs(self) -> None:
        desk = self._exporter.desk
        is_refused = None if desk is None else desk.is_key_refused
        if is_refused is not None and not self._is_handed_over:
            self._heritage.estate.settle(is_refused=is_refused)

    def rest(self) -> bool:
        """Ask to be woken by the next frame; False if one was missed."""
        if self._is_replaced and self.writer.segments and not self._reader.has_begun():
            return False  # what was sealed is read to its end, and removed
        self.writer.asleep = True
        return self.writer.recorded <= self._reader.taken + self._refused

    def retire(self) -> bool:
        """Give the lane back, once another pipeline has taken over and all is done.

        A call that goes on meanwhile keeps it, and one whose log comes later makes a
        new one.
        """
        if not self._is_replaced or self.result().pending:
            return False
        if self.writer.segments and not self._reader.has_begun():
            self.writer.seal()
        return not self._heritage.counted and self.writer.retire()

    # What the runtime asks for.

    def result(self) -> FlushResult:
        """Return what became of the logs so far."""
        result = self.ledger.result(self.writer.recorded)
        if self.settings.export or not result.pending:
            return result
        waiting = survey.count_waiting((*self._left, *self.writer.segments))
        settled = max(result.pending - waiting, 0)
        return replace(
            result,
            delivered=result.delivered + settled,
            pending=result.pending - settled,
            reasons={**result.reasons, "by_others": settled},
        )

    def serves(self, settings: Settings, transport: Transport | None) -> bool:
        """Say whether it may go on as it is with these settings."""
        if self._is_handed_over or transport is not self._given_transport:
            return False
        return is_same(self.settings, settings)

    def hand_over(self, settings: Settings) -> None:
        """Go on with another key, if this one was refused and that is its successor.

        If not, what waits here waits for this one: see the journal's estate.
        """
        if self._exporter.is_resting:
            return  # nothing does
        self._tell_heirs()  # the thread may have heard of it just now
        heir = estate.Estate(settings.journal_root(), estate.this_program())
        if self._given_transport or not heir.may_inherit(self._root):
            return
        self._is_handed_over = True
        self.settings = replace(self.settings, api_key=settings.api_key)
        transport = make_transport(self.settings, None, self.ledger)
        self._exporter.use_transport(transport)

    def step_back(self, *, by_other: bool) -> None:
        """Take note that calls go to another one from now on, or to this one again."""
        # A transport that was given is the other's as well.
        is_replaced = by_other and self._given_transport is None
        if is_replaced is not self._is_replaced:
            self._is_replaced = is_replaced
            if not is_replaced:
                self._exporter.start()  # for what dead processes left meanwhile
            self._exporter.wake()

    def part(self, other: Pipeline) -> None:
        """Take note that another key is used beside this one, unless it replaces it."""
        desk = self._exporter.desk
        is_refused = desk is not None and desk.is_key_refused is True
        if not (self._given_transport or self._is_handed_over or is_refused):
            self._heritage.estate.part(other._heritage.estate)

    def has_looked(self) -> bool:
        """Say whether what others have left is in the result by now."""
        return self._exporter.has_looked

    def flush(self, timeout: float, *, eager: bool = True) -> FlushResult:
        """Wait until everything recorded so far is delivered; see `Exporter.flush`."""
        if self.settings.export:
            goal = Goal(self.result, with_adopted=True)
            self._exporter.flush(goal, timeout, eager=eager)
        return self.result()

    def deliver(self, timeout: float) -> None:
        """Wait until as much is settled as was recorded by now, or the server fails."""
        goal = Goal(self.result)
        if self.settings.export and not goal.is_reached():
            self._exporter.flush(goal, timeout, eager=True, once=True)

    def settle(self, timeout: float, *, eager: bool) -> None:
        """Deliver what can be delivered in time, as `close` comes next."""
        if self.settings.export:
            is_vital = self.writer.supply.is_deleted() or any(
                segment.path is None for segment in tuple(self.writer.segments)
            )
            goal = Goal(self.result, with_adopted=eager, is_vital=is_vital)
            self._exporter.flush(goal, timeout - _reserve(timeout), eager=eager)

    def stop(self, timeout: float) -> None:
        """Have the thread end, without waiting for it: there may be many."""
        self._exporter.ask_to_stop(min(timeout * 2 / 3, _LONGEST_STOP))

    def close(self, timeout: float, *, eager: bool) -> FlushResult:
        """Deliver what can be delivered in time, and leave the rest on disk."""
        deadline = time.monotonic() + timeout - _reserve(timeout) / 3
        self.settle(timeout, eager=eager)
        is_over = self._exporter.stop(min(deadline - time.monotonic(), _LONGEST_STOP))
        if is_over:
            self.writer.seal()
            self._reader.take(1)  # has it notice the seal; nothing is acknowledged
            self.clean()
            for reader in self._heritage.counted:
                reader.close()
        else:
            self._tell_heirs()  # the thread hangs, and may never come to it
        if is_over or not eager:  # nobody comes after us for what was in memory
            lost = survey.count_memory_only(tuple(self.writer.segments))
            self._heritage.lose("memory_only", lost)
        if is_over:
            self._left += [s for s in self.writer.segments if s.path is not None]
            self.writer.close()
            for segment in self._left:
                segment.release()
        return self.result()

    def _keep_to_cap(self) -> None:
        held = sum(count_bytes(root) for root in self._heritage.roots())
        most = self.settings.journal_max_bytes
        # What others read is theirs; then the newest log is refused, not the oldest.
        readers = (
            (*self._heritage.counted, self._reader) if self.settings.export else ()
        )
        desk = self._exporter.desk
        is_stuck = desk is not None and desk.circuit.is_open
        for reader in readers:
            while held + self.writer.supply.segment_bytes > most:
                freed = reader.drop_oldest("journal_cap")
                if not freed:
                    break
                held -= freed
            if is_stuck:
                before = clock_of(self._root) - LONGEST_AGE
                while reader.drop_oldest("journal_age", before=before):
                    pass
            self._heritage.account(reader)
        self.writer.supply.allowance = most - held


def _reserve(timeout: float) -> float:
    return min(_STOPPING, timeout / 2)


def _render(start: bytes | None, end: bytes | None) -> Content | None:
    try:
        return render.write_log(start, end)
    except ValueError:
        return None
