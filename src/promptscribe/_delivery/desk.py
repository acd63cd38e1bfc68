"""The desk: decides which logs go out, how many at a time, and what an answer means.

Its law: no log holds up another. One that fails by itself is set aside and tried
alone; one that the server refuses for good is buried, counted, and done with. While
the server as a whole is not well, one request at a time asks whether it is again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from promptscribe._delivery import retry
from promptscribe._delivery.circuit import (
    Circuit,
    is_about_content,
    is_about_server,
    is_in_doubt,
)
from promptscribe._delivery.identity import Identity
from promptscribe._delivery.parcel import Batch
from promptscribe._delivery.route import STORED, Bulk, Inquiry, OneByOne
from promptscribe._delivery.tray import Tray
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.exporter import Source
    from promptscribe._delivery.identity import Ids
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.parcel import Found, Outcome, Packing, Parcel, Render
    from promptscribe._delivery.route import Route
    from promptscribe._delivery.sender import Senders
    from promptscribe._delivery.transport import Answer, Request, Transport

MOST_SENDERS: Final = 32
"""At 50 ms for an answer these bring 640 logs a second, one request a log."""
_MOST_BULKS: Final = 2
"""One on its way while the next is written; more would only hold more memory."""
_SLOW: Final = 0.003
"""Seconds for an answer from which on waiting outweighs work: 0.3 ms a request are
spent with the interpreter lock held, so more threads do not help below."""
_PARENT_POLL: Final = 0.1
_LONGEST_WAIT_FOR_TOP: Final = 0.5
"""Seconds, once in a process, and not with a server of ours: a call takes longer often,
and a parent in another process may never come."""
_STRIKES: Final = 8
"""Times that one log fails while others pass, before it is taken for poison."""


class Desk:
    """Owned by the exporter's thread.

    Attributes:
        circuit: How the server does.
        attempts: Requests, or small groups of them, that came back so far.
    """

    def __init__(
        self,
        source: Source,
        transport: Transport,
        senders: Senders,
        ledger: Ledger,
        *,
        render: Render,
        packing: Packing,
        bury: Callable[[Request, int, str], bool],
        ids: Ids,
    ) -> None:
        self.circuit = Circuit(ledger)
        self.attempts = 0
        self._source = source
        self._transport = transport
        self._senders = senders
        self._ledger = ledger
        self._bury = bury
        self._packing = packing
        self._tray = Tray(source, ledger, render)
        self._identity = Identity(ids)
        self._route: Route | None = None
        self._window = 1
        self._retired: list[Transport] = []
        self._passed = self._doubted = 0
        self._first_by = 0.0
        self._is_confirmed = True

    @property
    def is_busy(self) -> bool:
        """Whether there is anything on its way or waiting for its turn."""
        return bool(self._senders.in_flight or self._tray)

    @property
    def is_key_refused(self) -> bool | None:
        """Whether the server refuses the key; None while it has not said."""
        return self.circuit.is_key_refused or (False if self._passed else None)

    def use_transport(self, transport: Transport) -> None:
        """Send what comes from now on another way."""
        self._retired.append(self._transport)
        self._transport = transport
        self._route = None

    def hurry(self) -> None:
        """Try again now whatever failed a moment ago."""
        self.circuit.hurry()
        self._tray.hurry()

    def work(self, now: float) -> float | None:
        """Settle what came back, send what may go.

        Returns:
            Seconds until there is more to do, None if nobody knows.
        """
        self.settle()
        next_due = self._tray.look(now)
        if now < self.circuit.retry_at:
            return self.circuit.retry_at - now
        while self._senders.in_flight < self._window:
            batch = self._next_batch()
            if batch is None or not self._dispatch(batch):
                break
        if self._senders.in_flight >= self._window:
            return 60.0  # the answer will wake us
        return next_due

    def settle(self) -> None:
        """Do what the answers say, for all that came back."""
        while self._retired and not self._senders.in_flight:
            self._hang_up(self._retired.pop())
        for batch in self._senders.collect():
            self.attempts += 1
            if isinstance(batch.route, Inquiry):
                self._choose_route(batch.route)  # a late one, of before, is as good
            elif batch.is_whole and len(batch.parcels) > 1:
                self._split(batch)
            else:
                self._settle(batch)

    def close(self) -> None:
        """Close the connections, once nobody uses them any more."""
        for transport in (*self._retired, self._transport):
            self._hang_up(transport)

    def _hang_up(self, transport: Transport) -> None:
        try:
            transport.close()
        except BaseException as problem:  # noqa: BLE001 - a transport of the user's
            # Not its message: that may quote what a prompt says.
            kind = type(problem).__name__
            self._ledger.note("transport_error")
            self._ledger.warn("transport", "the transport was not closed: %s", kind)

    def _choose_route(self, inquiry: Inquiry) -> None:
        if inquiry.problem is not None:
            self.circuit.open(inquiry.problem)
        elif inquiry.offer is not None and inquiry.offer.bulk:
            is_read = inquiry.offer.records == self._packing.version
            self._route = Bulk(
                self._transport,
                gzip=inquiry.offer.gzip,
                packing=self._packing if is_read else None,
            )
        else:
            self._route = OneByOne(self._transport)

    def _next_batch(self) -> Batch | None:
        route = self._route
        if route is None:
            if hasattr(self._transport, "offer"):
                if self._senders.in_flight or not self._tray.has_any():
                    return None
                return Batch(Inquiry(self._transport), [], [])
            route = self._route = OneByOne(self._transport)
        if not route.is_bulk and self._identity.is_open:
            parcels = self._ask_with_one(route)
            return Batch(route, parcels, []) if parcels else None
        while parcels := self._tray.next(route, is_open=self.circuit.is_open):
            if self._identity.is_servers:
                parcels = self._put_parents_first(parcels)
            if parcels:
                return Batch(route, parcels, [])
        return None

    def _ask_with_one(self, route: Route) -> list[Parcel]:
        """Return one log for a server of which nobody knows whose ids it uses.

        A topmost one: of a child the parent's name may be one that it does not know.
        """
        if self._senders.in_flight:
            return []
        if (top := self._tray.next_top(route)) is not None:
            return [top]
        now = time.monotonic()
        self._first_by = self._first_by or now + _LONGEST_WAIT_FOR_TOP
        if now < self._first_by:
            return []
        parcels = self._tray.next(route, is_open=self.circuit.is_open)
        self._tray.put_back(parcels[1:])
        return parcels[:1]

    def _put_parents_first(self, parcels: list[Parcel]) -> list[Parcel]:
        now = time.monotonic()
        ready = []
        for parcel in self._tray.unpack(parcels):
            if self._identity.is_ready(parcel, now):
                ready.append(parcel)
            else:
                self._tray.set_aside(parcel, now + _PARENT_POLL)
        return ready

    def _dispatch(self, batch: Batch) -> bool:
        if self._senders.send(batch):
            return True
        self._tray.put_back(batch.parcels)
        return False

    def _settle(self, batch: Batch) -> None:
        route = self._route
        if isinstance(route, Bulk) and route.is_missing:
            self._route = OneByOne(self._transport)  # for good: see the route
            self._window = 1
        back: list[Parcel] = []
        delivered: list[Found] = []
        each = zip(batch.parcels, batch.outcomes, strict=True)
        if batch.parcels and all(o is STORED for o in batch.outcomes):
            delivered = [parcel.record for parcel, _ in each]
            self._pass(len(delivered))
        for parcel, outcome in each:  # none are left where all were stored
            if outcome is None:
                back.append(parcel)
            elif outcome is STORED or self._is_delivered(parcel, outcome):
                delivered.append(parcel.record)
                self._pass()
            else:
                self._fail(batch, parcel, outcome)
        if delivered:
            self._identity.keep()
            self._source.acknowledge(delivered)
            self._ledger.add("delivered", None, len(delivered))
        self._tray.put_back(back)
        if isinstance(batch.route, Bulk):
            batch.route.is_terse = self._identity.is_ours
        if not self.circuit.is_open:
            self._adapt(batch)

    def _fail(
        self, batch: Batch, parcel: Parcel, outcome: Answer | Unreachable
    ) -> None:
        """Decide about a log that was sent, and not taken.

        One that was packed goes again as the contract has it, unless the server is not
        well: what is said of it then is what counts.
        """
        is_of_log = not is_about_server(outcome)
        if batch.is_whole:
            is_of_log = is_about_content(outcome)
        if parcel.is_packed and is_of_log:
            self._tray.put_back(self._tray.unpack([parcel]))
        elif not self._is_refused(batch, parcel, outcome):
            self._set_aside(parcel, outcome)

    def _split(self, batch: Batch) -> None:
        """Have half as many travel together after a request failed as a whole."""
        outcome = batch.outcomes[0]
        assert outcome is not None  # noqa: S101 - a whole request had one outcome
        if not is_about_server(outcome):
            for parcel in batch.parcels:
                parcel.most = max(len(batch.parcels) // 2, 1)
        self._tray.put_back(batch.parcels)
        if not is_about_content(outcome):
            self._pause(outcome, len(batch.parcels))

    def _is_delivered(self, parcel: Parcel, outcome: Outcome) -> bool:
        if outcome is None or isinstance(outcome, Unreachable):
            return False
        if outcome.status != 200:
            verdict = retry.judge(outcome.status, outcome.headers, now=0.0)
            if verdict.fate != "delivered":
                return False
        if outcome.body[:1] != b"{":
            self._note_unconfirmed()
        self._identity.learn(parcel, outcome)
        return True

    def _note_unconfirmed(self) -> None:
        """Say once that nothing but the status speaks for a log's being stored.

        The contract's answer is an object with its id. But servers of one's own often
        say nothing, or "ok"; to send them all again for ever would store all again.
        """
        self._ledger.note("unconfirmed")
        if self._is_confirmed:
            self._is_confirmed = False
            self._ledger.warn(
                "unconfirmed",
                "the server takes logs without naming them: is it the right address?",
            )

    def _is_refused(self, batch: Batch, parcel: Parcel, outcome: Outcome) -> bool:
        """Bury a log that the server refused for good; False if it must go again.

        What may be said of all alike is said of this one if its line in a bulk answer
        says it, or if others passed since it was said the last time.
        """
        if outcome is None or isinstance(outcome, Unreachable):
            return False
        verdict = retry.judge(outcome.status, outcome.headers, now=0.0)
        is_line = batch.route.is_bulk and not batch.is_whole
        is_own = is_line or 0 <= parcel.passed < self._passed
        if verdict.fate != "rejected" and not (is_own and is_in_doubt(outcome)):
            return False
        if self._identity.is_refused(outcome) or (
            self._identity.is_servers and parcel.log_id is None
        ):
            self._use_servers_ids()
            self._tray.put_back([parcel])
            return True
        words = outcome.body.decode("utf-8", "replace")[:500]
        if not self._give_up(parcel, outcome.status, verdict.reason, words):
            return False
        self._pass()
        return True

    def _use_servers_ids(self) -> None:
        self._ledger.note("server_ids")
        self._route = OneByOne(self._transport)

    def _pass(self, logs: int = 1) -> None:
        self._passed += logs
        if self.circuit.is_open:
            self.circuit.close()

    def _give_up(self, parcel: Parcel, status: int, reason: str, words: str) -> bool:
        if not self._tray.unpack([parcel]):
            return True
        if not self._bury(parcel.request, status, words):
            return False
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

        It is its own if others passed since it failed the last time.
        """
        assert outcome is not None  # noqa: S101 - it was tried
        is_own = 0 <= parcel.passed < self._passed and not is_about_server(outcome)
        parcel.passed = self._passed
        parcel.strikes += is_own
        if parcel.strikes >= _STRIKES:
            status = 0 if isinstance(outcome, Unreachable) else outcome.status
            if self._give_up(parcel, status, "poison", "it failed, and others did not"):
                return
        wait = retry.delay(parcel.strikes)
        # Others just passed: the next one tells whether it is all of them.
        is_first = is_in_doubt(outcome) and self._doubted < self._passed
        self._doubted = self._passed
        if is_own or is_first:
            self._ledger.add("retried", None)
        else:
            wait = max(wait, self._pause(outcome, 1))
        self._tray.set_aside(parcel, time.monotonic() + wait)

    def _pause(self, outcome: Answer | Unreachable, logs: int) -> float:
        """Leave the server alone for a while; return how long, in seconds."""
        self._window = 1
        self._ledger.add("retried", None, logs)
        return self.circuit.open(outcome)

    def _adapt(self, batch: Batch) -> None:
        """Have more on their way where the server is what everybody waits for."""
        most = _MOST_BULKS if batch.route.is_bulk else MOST_SENDERS
        if self._tray.is_drained and not self._tray:
            self._window = max(self._window - 1, 1)
        elif batch.route.is_bulk or batch.seconds > _SLOW:
            self._window = min(self._window * 2, most)
