"""The desk: decides which logs go out, how, and how many at a time.

Its law: no log holds up another. One that fails by itself is set aside and tried
alone, see `fate`. While the server as a whole is not well, one request at a time asks
whether it is again.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from promptscribe._delivery.circuit import Circuit
from promptscribe._delivery.fate import Fate
from promptscribe._delivery.identity import Identity
from promptscribe._delivery.parcel import Batch
from promptscribe._delivery.retry import (
    is_about_content,
    is_about_server,
    leaves_open,
)
from promptscribe._delivery.route import STORED, Bulk, Inquiry, OneByOne
from promptscribe._delivery.transport import Unanswered
from promptscribe._delivery.tray import Tray

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.exporter import Source
    from promptscribe._delivery.identity import Ids
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.parcel import Found, Packing, Parcel, Render
    from promptscribe._delivery.route import Route
    from promptscribe._delivery.sender import Senders
    from promptscribe._delivery.transport import Request, Transport

MOST_SENDERS: Final = 32
"""At 50 ms for an answer these bring 640 logs a second, one request a log."""
_MOST_BULKS: Final = 2
"""One on its way while the next is written; more would only hold more memory."""
_SLOW: Final = 0.003
"""Seconds for an answer from which on waiting outweighs work: 0.3 ms a request are
spent with the interpreter lock held, so more threads do not help below."""
_MOST_UNANSWERED: Final = 2
"""Questions after what a server offers, from which on it is served without an answer:
some proxies cut or hold what they do not know, and pass logs on."""
_ASK_AGAIN: Final = 60.0
"""Seconds after which it is asked again."""
_LONGEST_SILENCE: Final = 0.5
"""Seconds for that answer, from which on logs go one by one until it is there: a
program may be over before a server that is slow to answer has said anything."""
_PARENT_POLL: Final = 0.1
_LONGEST_WAIT_FOR_TOP: Final = 0.5
"""Seconds, once in a process, and not with a server of ours: a call takes longer often,
and a parent in another process may never come."""


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
        self._packing = packing
        self._tray = Tray(source, ledger, render)
        self._identity = Identity(ids)
        self._fate = Fate(self._tray, ledger, self.circuit, self._identity, bury)
        self._route: Route | None = None
        self._unanswered = 0
        self._asked_at: float | None = None
        self._ask_again_at = math.inf
        self._had_bulk = False
        self._window = 1
        self._retired: list[Transport] = []
        self._first_by = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether there is anything on its way or waiting for its turn."""
        return bool(self._senders.in_flight or self._tray)

    @property
    def is_key_refused(self) -> bool | None:
        """Whether the server refuses the key; None while it has not said."""
        return self.circuit.is_key_refused or (False if self._fate.passed else None)

    def use_transport(self, transport: Transport) -> None:
        """Send what comes from now on another way."""
        self.circuit.forget()
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
        while self.logs_out < self._window:
            batch = self._next_batch()
            if batch is None or not self._dispatch(batch):
                break
        if self.logs_out >= self._window:
            return 60.0  # the answer will wake us
        if self._route is None and self._asked_at is not None:
            return max(self._asked_at + _LONGEST_SILENCE - now, 0.0)
        return next_due

    @property
    def logs_out(self) -> int:
        """Batches on their way, without the question what the server offers."""
        return self._senders.in_flight - (self._asked_at is not None)

    def settle(self) -> None:
        """Do what the answers say, for all that came back."""
        while self._retired and not self._senders.in_flight:
            self._hang_up(self._retired.pop())
        for batch in self._senders.collect():
            self.attempts += 1
            self._fate.look_who_answers(batch)
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

    def rest(self) -> None:
        """Keep neither connections nor threads, for who has nothing on its way."""
        self.close()
        self._retired.clear()
        self._senders.stop(lambda: None)

    def _hang_up(self, transport: Transport) -> None:
        try:
            transport.close()
        except BaseException as problem:  # noqa: BLE001 - a transport of the user's
            # Not its message: that may quote what a prompt says.
            kind = type(problem).__name__
            self._ledger.note("transport_error")
            self._ledger.warn("transport", "the transport was not closed: %s", kind)

    def _choose_route(self, inquiry: Inquiry) -> None:
        self._asked_at = None
        if inquiry.problem is not None and self._route is not None:
            self._ask_again_at = time.monotonic() + _ASK_AGAIN
            return
        if inquiry.problem is not None:
            self._unanswered += isinstance(inquiry.problem, Unanswered)
            if self._unanswered < _MOST_UNANSWERED:
                self.circuit.open(inquiry.problem)
                return
            self._ask_again_at = time.monotonic() + _ASK_AGAIN
            self._route = OneByOne(self._transport)
            return
        self._unanswered = 0
        if inquiry.offer is not None and inquiry.offer.bulk:
            is_read = inquiry.offer.records == self._packing.version
            self._route = Bulk(
                self._transport,
                gzip=inquiry.offer.gzip,
                packing=self._packing if is_read else None,
            )
            self._had_bulk = True
        else:
            self._route = OneByOne(self._transport)
            if self._had_bulk:  # and may have it again: it is being replaced
                self._ask_again_at = time.monotonic() + _ASK_AGAIN

    def _next_batch(self) -> Batch | None:
        now = time.monotonic()
        if now >= self._ask_again_at and self._tray.has_any():
            self._ask_again_at, self._asked_at = math.inf, now
            return Batch(Inquiry(self._transport), [], [])
        route = self._route
        if route is None:
            if hasattr(self._transport, "offer") and self._asked_at is None:
                if self._senders.in_flight or not self._tray.has_any():
                    return None
                self._asked_at = now
                return Batch(Inquiry(self._transport), [], [])
            if now < (self._asked_at or 0.0) + _LONGEST_SILENCE:
                return None
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
        if self.logs_out:
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
            if self._identity.make_ready(parcel, now):
                ready.append(parcel)
            else:
                self._tray.set_aside(parcel, now + _PARENT_POLL)
        return ready

    def _dispatch(self, batch: Batch) -> bool:
        batch.route.has_our_ids = self._identity.is_ours
        if self._senders.send(batch):
            return True
        if isinstance(batch.route, Inquiry):
            self._asked_at = None
            self._ask_again_at = time.monotonic() + _ASK_AGAIN
        self._tray.put_back(batch.parcels)
        return False

    def _settle(self, batch: Batch) -> None:
        delivered: list[Found] = []
        each = list(zip(batch.parcels, batch.outcomes, strict=True))
        # First, for who asks whether there are others.
        self._tray.put_back([parcel for parcel, outcome in each if outcome is None])
        if batch.parcels and all(o is STORED for o in batch.outcomes):
            delivered = [parcel.record for parcel, _ in each]
            self._fate.count_passed(len(delivered))
            each = []
        for parcel, outcome in each:
            if outcome is None:
                continue
            if outcome is STORED or self._fate.confirm(batch, parcel, outcome):
                delivered.append(parcel.record)
                self._fate.count_passed()
            else:
                self._fate.fail(batch, parcel, outcome)
        if delivered:
            self._identity.keep()
            self._source.acknowledge(delivered)
            self._ledger.add("delivered", None, len(delivered))
        self._adapt(batch)

    def _split(self, batch: Batch) -> None:
        """Have half as many travel together after a request failed as a whole.

        At once where one log in it may be the reason, 500 for all: a short program
        would end in the pause, and the next one come to the same log. The newer ones go
        first: those that are refused each time gather where the journal begins.
        """
        outcome, parcels = batch.outcomes[0], batch.parcels
        assert outcome is not None  # noqa: S101 - a whole request had one outcome
        if leaves_open(outcome):
            for parcel in parcels:
                parcel.may_be_stored = True
        if not is_about_server(outcome):
            half = len(parcels) // 2
            for parcel in parcels:
                parcel.most = half
            parcels = parcels[-half:] + parcels[:-half]
        self._tray.put_back(parcels)
        if is_about_content(outcome) or self._fate.may_go_on(outcome, len(parcels)):
            return
        self._fate.pause(outcome, len(parcels))
        self._window = 1

    def _adapt(self, batch: Batch) -> None:
        """Choose how the next logs go by how these did."""
        route = self._route
        if isinstance(route, Bulk) and route.is_missing:
            self._ask_again_at = time.monotonic() + _ASK_AGAIN
            self._send_one_by_one()
        elif self._fate.is_one_by_one or (isinstance(route, Bulk) and route.is_another):
            self._send_one_by_one()
        if self.circuit.is_open:
            self._window = 1
        else:
            self._widen(batch)

    def _send_one_by_one(self) -> None:
        self._fate.is_one_by_one = False
        self._route = OneByOne(self._transport)
        self._window = 1

    def _widen(self, batch: Batch) -> None:
        """Have more on their way where the server is what everybody waits for."""
        most = _MOST_BULKS if batch.route.is_bulk else MOST_SENDERS
        if self._tray.is_drained and not self._tray:
            self._window = max(self._window - 1, 1)
        elif batch.route.is_bulk or batch.seconds > _SLOW:
            self._window = min(self._window * 2, most)
