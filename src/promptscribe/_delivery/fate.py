"""The fate: what becomes of a log that was sent, as the answer to it says.

Its law: of what may be said of all alike no more than a few are given up. One that
the server refuses for good is buried, counted, and done with; any other goes again.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from promptscribe._delivery import retry
from promptscribe._delivery.retry import (
    is_about_content,
    is_about_key,
    is_about_server,
    is_forbidden,
    is_in_doubt,
    is_of_one,
)
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.circuit import Circuit
    from promptscribe._delivery.identity import Identity
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.parcel import Batch, Outcome, Parcel
    from promptscribe._delivery.transport import Answer, Request
    from promptscribe._delivery.tray import Tray

_STRIKES: Final = 8
"""Times that one log fails while others pass, before it is taken for poison."""
_MOST_IN_DOUBT: Final = 16
"""Logs that are buried between two that pass for what may be said of all alike: a
version that is not there is its log's fault, a path that is not there is a server that
is being replaced, and both are 404. The rest is kept until one passes; the dead-letter
file has room for these at a mebibyte each."""
_MOST_FORBIDDEN: Final = 8
"""Logs in a row of which 403 may be said by a firewall: then it is about the key."""
_ID: Final = re.compile(rb'"id"\s*:\s*"')


class _Strangers(Unreachable):
    """What a stranger says: no answer, though it has a status."""

    def __init__(self, status: int) -> None:
        super().__init__(
            f"somebody else answers, with status {status} and not with JSON: "
            "is this the right address, and http or https?"
        )
        self.status = status


class Fate:
    """Owned by the exporter's thread.

    Attributes:
        passed: Logs that the server has taken, or refused for themselves.
        is_one_by_one: Whether the server turned out to give its own ids, which it
            does one log at a time.
    """

    def __init__(
        self,
        tray: Tray,
        ledger: Ledger,
        circuit: Circuit,
        identity: Identity,
        bury: Callable[[Request, int, str], bool],
    ) -> None:
        self.passed = 0
        self.is_one_by_one = False
        self._tray = tray
        self._ledger = ledger
        self._circuit = circuit
        self._identity = identity
        self._bury = bury
        self._doubted = -1  # nothing passed yet, and nothing failed
        self._in_doubt = self._forbidden = 0
        self._is_confirmed = True

    def look_who_answers(self, batch: Batch) -> None:
        """Take what a stranger says for no answer: it is not about a log."""
        if batch.is_whole or not batch.route.is_bulk:
            batch.outcomes = [self._unless_strangers(one) for one in batch.outcomes]

    def confirm(self, batch: Batch, parcel: Parcel, outcome: Outcome) -> bool:
        """Take note that the server has a log, and how it calls it; False if not."""
        if outcome is None or isinstance(outcome, Unreachable):
            return False
        if outcome.status != 200 and not self._identity.is_repeat(parcel, outcome):
            verdict = retry.judge(outcome.status, outcome.headers, now=0.0)
            if verdict.fate != "delivered":
                return False
        if not _names_log(outcome, is_line=batch.route.is_bulk):
            self._note_unconfirmed()
        self._identity.learn(parcel, outcome)
        return True

    def fail(self, batch: Batch, parcel: Parcel, outcome: Answer | Unreachable) -> None:
        """Decide about a log that was sent, and not taken.

        One that was packed goes again as the contract has it, unless the server is not
        well: what is said of it then is what counts.
        """
        parcel.may_be_stored |= retry.leaves_open(outcome)
        is_of_log = not is_about_server(outcome)
        if batch.is_whole:
            is_of_log = is_about_content(outcome)
        if parcel.is_packed and is_of_log:
            self._tray.put_back(self._tray.unpack([parcel]))
        elif not self._bury_refused(batch, parcel, outcome):
            self._set_aside(parcel, outcome)

    def count_passed(self, logs: int = 1) -> None:
        """Take note that the server does its work."""
        self.passed += logs
        self._in_doubt = self._forbidden = 0
        if self._circuit.is_open:
            self._circuit.close()

    def pause(
        self, outcome: Answer | Unreachable, logs: int, *, is_sure: bool = True
    ) -> float:
        """Leave the server alone for a while; see `Circuit.open`."""
        self._ledger.add("retried", None, logs)
        return self._circuit.open(outcome, is_sure=is_sure)

    def may_go_on(self, outcome: Answer | Unreachable, logs: int) -> bool:
        """Say whether others may go at once, since it may be one log's fault.

        If so, take note that as many are sent again.
        """
        is_few = self._forbidden < _MOST_FORBIDDEN
        if is_of_one(outcome) or (is_few and is_forbidden(outcome)):
            self._ledger.add("retried", None, logs)
            self._ledger.note(f"retry_http_{outcome.status}")
            return True
        return False

    def _unless_strangers(self, outcome: Outcome) -> Outcome:
        if outcome is None or isinstance(outcome, Unreachable):
            return outcome
        if not retry.is_strangers(outcome, is_known=self.passed > 0):
            return outcome
        return _Strangers(outcome.status)

    def _note_unconfirmed(self) -> None:
        """Say once that nothing but the status speaks for a log's being stored.

        The contract's answer is an object with its id; whatever listens at a wrong
        address may say 200, too. But servers of one's own often say nothing, or "ok";
        to send them all again for ever would store all again.
        """
        self._ledger.note("unconfirmed")
        if self._is_confirmed:
            self._is_confirmed = False
            self._ledger.warn(
                "unconfirmed",
                "the server takes logs without naming them, they count as delivered:"
                " is it the right address?",
            )

    def _bury_refused(self, batch: Batch, parcel: Parcel, outcome: Outcome) -> bool:
        """Bury a log that the server refused for good; False if it must go again.

        What may be said of all alike is said of this one if its line in a bulk answer
        says it, or if it is one of few.
        """
        if outcome is None or isinstance(outcome, Unreachable):
            return False
        verdict = retry.judge(outcome.status, outcome.headers, now=0.0)
        is_line = batch.route.is_bulk and not batch.is_whole
        is_few = is_line or self._in_doubt < _MOST_IN_DOUBT
        is_sure = verdict.fate == "rejected"
        if not (is_sure or (is_few and is_in_doubt(outcome))):
            return False
        if self._identity.notice_refusal(outcome) or (
            self._identity.is_servers and parcel.log_id is None
        ):
            self._ledger.note("server_ids")
            self.is_one_by_one = True
            self._tray.put_back([parcel])
            return True
        if not self._give_up(parcel, outcome.status, verdict.reason, _words(outcome)):
            return False
        in_doubt = self._in_doubt
        self.count_passed()
        if not (is_sure or is_line):
            self._in_doubt = in_doubt + 1
        return True

    def _give_up(self, parcel: Parcel, status: int, reason: str, words: str) -> bool:
        if not self._tray.unpack([parcel]):
            return True
        if not self._bury(parcel.request(), status, words):
            return False
        self._identity.forgo(parcel)
        self._identity.keep()
        parcel.record.acknowledge()
        self._ledger.add("rejected", reason)
        self._ledger.warn(
            "rejected",
            "the server refused a log (%s); it is in dead-letter.ndjson, in the folder "
            "that `promptscribe journal ls` names",
            reason,
        )
        return True

    def _set_aside(self, parcel: Parcel, outcome: Outcome) -> None:
        """Have a log wait for its next turn, and the others too if it is not its own.

        It is its own if others passed since it failed the last time; a 403 that it had
        before tells of no other, either. What is said of the key makes no log poison,
        however often: keys are changed.
        """
        assert outcome is not None  # noqa: S101 - it was tried
        is_own = 0 <= parcel.passed < self.passed and not is_about_server(outcome)
        if is_forbidden(outcome) and not self._circuit.is_open:
            is_own = parcel.passed >= 0
        is_key = is_about_key(outcome)
        parcel.passed = self.passed
        parcel.strikes += is_own and not is_key
        if parcel.strikes >= _STRIKES:
            words = f"it failed, and others did not: {_words(outcome)}"
            if self._give_up(parcel, getattr(outcome, "status", 0), "poison", words):
                return
        wait = retry.HOLD_DELAY if is_key else retry.delay(parcel.strikes)
        # Others just passed, or none was tried yet: the next one tells whether it is
        # all of them. A short program that begins with such a log would end before it
        # was asked for another, and so would the next one.
        is_of_all = is_key or is_about_server(outcome)
        is_first = not is_of_all and self._doubted < self.passed
        self._doubted = self.passed
        is_few = self._forbidden < _MOST_FORBIDDEN
        is_firewalls = is_few and is_forbidden(outcome) and not is_own
        self._forbidden += is_firewalls
        is_first |= is_firewalls and self._tray.has_any()
        if is_own:
            self._ledger.add("retried", None)
        elif is_first and not isinstance(outcome, Unreachable):
            self._ledger.add("retried", f"retry_http_{outcome.status}")
        else:
            wait = max(wait, self.pause(outcome, 1, is_sure=not is_firewalls))
        self._tray.set_aside(parcel, time.monotonic() + wait)


def _words(outcome: Answer | Unreachable) -> str:
    if isinstance(outcome, Unreachable):
        return outcome.reason
    return outcome.body.decode("utf-8", "replace")[:500]


def _names_log(answer: Answer, *, is_line: bool) -> bool:
    """Say whether an answer shows that the server knows what a log is.

    A line of a bulk answer does by being one, and 409 speaks of an id by itself.
    """
    if answer.body[:1] != b"{":
        return False
    return is_line or answer.status == 409 or _ID.search(answer.body) is not None
