"""The pipeline: one server's writer, readers, exporter and ledger, put together.

Its law: it decides nothing about a log; it connects those who do.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from promptscribe._config import is_loopback
from promptscribe._delivery.exporter import Exporter
from promptscribe._delivery.ledger import FlushResult, Ledger
from promptscribe._delivery.transport import HttpTransport, Request
from promptscribe._journal import deadletter
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.writer import Writer
from promptscribe._runtime import render

if TYPE_CHECKING:
    from promptscribe._config import Settings
    from promptscribe._delivery.exporter import Found
    from promptscribe._delivery.transport import Transport


class Pipeline:
    """From `Writer.append` to the server, for one set of settings.

    Attributes:
        settings: What it was made for.
        writer: Takes the frames.
        ledger: Counts them.
    """

    def __init__(self, settings: Settings, transport: Transport | None = None) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self._root = settings.journal_root()
        self._given_transport = transport
        self.writer = Writer(self._root, self)
        self._connect()

    def _connect(self) -> None:
        self._taken = 0
        self._reader = Reader.of_writer(self.writer)
        self._adopted: list[Reader] = []
        self._exporter = Exporter(
            self,
            self._make_transport(),
            self.ledger,
            render=_render,
            bury=self._bury,
        )

    def _make_transport(self) -> Transport | None:
        settings = self.settings
        if not settings.export:
            return None
        return self._given_transport or HttpTransport(
            settings.base_url,
            settings.api_key,
            use_proxy=not is_loopback(settings.base_url),
        )

    # What the writer tells (Observer).

    def journal_failed(self, reason: str, problem: str) -> None:
        """Say once that the disk cannot be used: logs are kept in memory."""
        self.ledger.note(reason)
        self.ledger.warn(
            reason, "the journal cannot be written, logs live in memory: %s", problem
        )

    def dropped(self, reason: str, logs: int) -> None:
        """Count logs that could not be kept, and say so."""
        self.ledger.add("dropped", reason, logs)
        self.ledger.warn(reason, "logs are being dropped: %s", reason)

    def wake(self) -> None:
        """Start the exporter, or have it look at the journal."""
        self._exporter.start()
        self._exporter.wake()

    def forked(self) -> None:
        """Start afresh in a forked child; whatever was open is the parent's."""
        for reader in self._adopted:
            reader.abandon()
        self.ledger = Ledger()
        self._connect()

    # What the exporter asks for (Source).

    def prepare(self) -> None:
        """Do the writer's chores."""
        self.writer.prepare()
        while self.writer.bytes_held() > self.settings.journal_max_bytes:
            lost = self._reader.drop_oldest()
            if lost is None:
                return
            self.dropped("journal_cap", lost)

    def adopt(self) -> None:
        """Take over the lanes of dead processes."""
        own = self.writer.lane
        for path in find_lanes(self._root):
            if own is not None and path == own.path:
                continue
            lane = Lane.adopt(path)
            if lane is not None:
                reader = Reader.of_lane(lane)
                self.ledger.add("adopted", None, reader.count())
                self._adopted.append(reader)

    def take(self, limit: int) -> list[Found]:
        """Return records of this process, then those of dead ones."""
        found: list[Found] = []
        for reader in (self._reader, *self._adopted):
            if len(found) < limit:
                before = reader.orphans
                records = reader.take(limit - len(found))
                found.extend(records)
                if reader is self._reader:
                    self._taken += len(records) + reader.orphans - before
                if reader.orphans > before:
                    self.dropped("orphan", reader.orphans - before)
        return found

    def clean(self) -> None:
        """Remove segments and lanes in which everything is acknowledged."""
        self._reader.clean()
        for reader in tuple(self._adopted):
            reader.clean()
            if reader.is_drained():
                self._adopted.remove(reader)
                reader.close()

    def rest(self) -> bool:
        """Ask to be woken by the next frame; False if one was missed."""
        self.writer.asleep = True
        return self.writer.recorded <= self._taken

    # What the runtime asks for.

    def result(self) -> FlushResult:
        """Return what became of the logs so far."""
        return self.ledger.result(self.writer.recorded)

    def flush(self, timeout: float, *, eager: bool = True) -> FlushResult:
        """Wait until everything recorded so far is delivered; see `Exporter.flush`."""
        if self.settings.export:
            self._exporter.flush(
                lambda: self.result().pending == 0, timeout, eager=eager
            )
        return self.result()

    def close(self, timeout: float, *, eager: bool) -> FlushResult:
        """Deliver what can be delivered in time, and leave the rest on disk."""
        result = self.flush(timeout, eager=eager)
        if self._exporter.stop(min(timeout, 0.5)):
            self.writer.seal()
            self._reader.take(1)  # has it notice the seal; nothing is acknowledged
            self.clean()
            for reader in self._adopted:
                reader.close()
            self.writer.close()
            result = self.result()
        return result

    def _bury(self, request: Request, status: int, reason: str) -> None:
        try:
            deadletter.bury(self._root, status, reason, request.query, request.body)
        except OSError as problem:
            self.ledger.note("dead_letter_failed")
            self.ledger.warn(
                "dead_letter", "the dead-letter file cannot be written: %s", problem
            )


def _render(start: bytes | None, end: bytes | None) -> Request | None:
    with contextlib.suppress(ValueError):
        return Request(*render.write_log(render.read_log(start, end)))
    return None
