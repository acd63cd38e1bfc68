"""The ledger: what became of every log, in numbers that add up.

Its law: recorded = delivered + pending + rejected + dropped, at any moment.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from promptscribe._interrupt import let_through

if TYPE_CHECKING:
    from collections.abc import Mapping

QUIET: Final = 60.0
"""Seconds between two log lines of the same kind."""
_LONGEST_VALUE: Final = 600


@dataclass(frozen=True, slots=True)
class FlushResult:
    """What became of the logs of this process, and of those that it adopted.

    It is true when nothing is left to deliver and nothing was lost. At any moment
    recorded + adopted = delivered + pending + rejected + dropped.

    Attributes:
        delivered: Logs that the server has acknowledged. With ``export=False`` these
            are the logs that others have taken care of, ``by_others`` among the
            reasons: what the server refused them is in the dead-letter file.
        pending: Logs that are safe in the journal and not acknowledged yet; the
            background thread, or the next process, goes on with them.
        rejected: Logs that the server refused for good; they are in the dead-letter
            file of the journal.
        dropped: Logs that could not be kept; ``memory_only`` among the reasons are
            those that were in memory, as the disk failed, when the program ended,
            ``not_begun`` calls without a log, near Python's recursion limit for one.
        reasons: How often each thing happened, by its name, for example
            ``{"http_422": 1, "journal_full": 3}``.
        recorded: Logs of this process; one counts when its call has ended.
        adopted: Logs that dead processes left behind, and this one took over; calls
            that they were in the middle of, too.
        retried: Attempts that had to be repeated, counted once for each log in them.
    """

    delivered: int
    pending: int
    rejected: int
    dropped: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    recorded: int = 0
    adopted: int = 0
    retried: int = 0

    def __bool__(self) -> bool:
        return not (self.pending or self.rejected or self.dropped)


class Ledger:
    """Counts; ``_lock`` guards every field.

    It is re-entrant: a signal handler may log while its thread is counting.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.delivered = 0
        self.adopted = 0
        self.rejected = 0
        self.dropped = 0
        self.retried = 0
        self.reasons: Counter[str] = Counter()
        self._spoke: dict[str, float] = {}

    def add(self, fate: str, reason: str | None, logs: int = 1) -> None:
        """Count *logs* in one of the sums.

        Args:
            fate: ``delivered``, ``adopted``, ``rejected``, ``dropped`` or ``retried``.
            reason: Counted as well; None counts no reason.
            logs: How many.
        """
        with self._lock:
            setattr(self, fate, getattr(self, fate) + logs)
            if reason is not None:
                self.reasons[reason] += logs

    def note(self, reason: str, times: int = 1) -> None:
        """Count something that lost no log."""
        with self._lock:
            self.reasons[reason] += times

    def warn(self, kind: str, message: str, *values: object) -> None:
        """Write one line to the logger, at most once a minute for each kind.

        What others have said, a server or a file system, is made fit for one line.
        """
        now = time.monotonic()
        with self._lock:
            last = self._spoke.get(kind)
            if last is not None and now - last < QUIET:
                return
            self._spoke[kind] = now
        if sys.is_finalizing():  # nothing can be imported any more
            return
        import logging  # not before there is something to say

        # Named in the text too: without any logging set up, only the text is shown.
        line = "promptscribe: " + message
        try:
            told = [_fit(v) if isinstance(v, str | Exception) else v for v in values]
            logging.getLogger("promptscribe").warning(line, *told)
        except BaseException as problem:  # noqa: BLE001 - a handler of the user's
            let_through(problem)

    def result(self, recorded: int) -> FlushResult:
        """Return the sums, given the logs that were recorded in this process."""
        with self._lock:
            done = self.delivered + self.rejected + self.dropped
            return FlushResult(
                delivered=self.delivered,
                pending=max(recorded + self.adopted - done, 0),
                rejected=self.rejected,
                dropped=self.dropped,
                reasons=dict(self.reasons),
                recorded=recorded,
                adopted=self.adopted,
                retried=self.retried,
            )


def _fit(value: object) -> str:
    """Return a text without control characters, and not endless."""
    text = str(value)[:_LONGEST_VALUE]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def add_up(results: list[FlushResult], ledger: Ledger) -> FlushResult:
    """Return the sums of several servers, and of what went wrong before any."""
    own = ledger.result(0)
    reasons = Counter(own.reasons)
    for result in results:
        reasons.update(result.reasons)
    return FlushResult(
        delivered=sum(r.delivered for r in results),
        pending=sum(r.pending for r in results),
        rejected=sum(r.rejected for r in results),
        dropped=own.dropped + sum(r.dropped for r in results),
        reasons=dict(reasons),
        recorded=own.dropped + sum(r.recorded for r in results),
        adopted=sum(r.adopted for r in results),
        retried=sum(r.retried for r in results),
    )
