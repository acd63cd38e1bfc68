"""The route: how parcels become requests, one by one or many in one.

Its law: an outcome for each parcel, in their order; nothing here decides what follows
from it.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe._delivery import retry
from promptscribe._delivery.identity import id_of
from promptscribe._delivery.transport import Answer, Request
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe._delivery.parcel import Batch, Outcome, Packing, Parcel
    from promptscribe._delivery.transport import Offer, Transport

BULK_PATH: Final = "/prompts/logs"
_BULK_NAMES: Final = {"environment": "version_environment"}
"""In a line of the bulk route, what goes into the query elsewhere is a member; this
one cannot keep its name, since a log has a member of that name already."""
BOMB_RATIO: Final = 100
"""What shrinks by more may be taken for a bomb, and goes as it is."""

_ANSWER_BYTES: Final = 8 << 20
_STORED_LINE: Final = b'{"status":200,'
_ID: Final = re.compile(rb'"id"\s*:\s*"([!-~]+?)"')

_EACH: Final = frozenset({200, 207})
"""Statuses of a bulk answer that has a line for each log; WebDAV has a name for that
(RFC 4918, 11.1), and a server that uses it for one that was refused means it."""

STORED: Final = Answer(200, {})
"""What nearly every line of a bulk answer says: one object for them all."""

_TURN: Final = 0.02
"""Seconds of work that are worth handing to another thread, which costs 0.05 ms."""


class Route(Protocol):
    """Takes batches to a server.

    Attributes:
        is_bulk: Whether a batch is one request.
        has_our_ids: Whether the server has shown that it takes the ids it is given.
        most: Most parcels in a batch.
        most_bytes: Most bytes of bodies in a batch.
        packing: How logs travel as the journal has them; None if they cannot.
    """

    has_our_ids: bool

    @property
    def is_bulk(self) -> bool: ...

    @property
    def packing(self) -> Packing | None: ...

    @property
    def most(self) -> int: ...

    @property
    def most_bytes(self) -> int: ...

    def send(self, batch: Batch) -> None:
        """Send a batch, and write down what came of it; never raises."""
        ...


class Inquiry:
    """Not a log, but a question: what does the server offer besides the contract?

    Attributes:
        offer: The answer.
        problem: Why there is none.
    """

    is_bulk = has_our_ids = False
    packing = None
    most = 0
    most_bytes = 0

    def __init__(self, transport: Any) -> None:
        self.offer: Offer | None = None
        self.problem: Unreachable | None = None
        self._transport = transport

    def send(self, batch: Batch) -> None:  # noqa: ARG002 - there is nothing in it
        """Ask."""
        try:
            self.offer = self._transport.offer()
        except Unreachable as problem:
            self.problem = problem


class OneByOne:
    """One request a log, as the contract has it."""

    is_bulk = has_our_ids = False
    packing = None
    most_bytes = 4 << 20

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._seconds = _TURN

    @property
    def most(self) -> int:
        """Fewer where each takes long: others could take them meanwhile."""
        return max(1, min(int(_TURN / self._seconds), 32))

    def send(self, batch: Batch) -> None:
        """Send until one fails in a way that the next would as well."""
        begun = time.monotonic()
        outcomes: list[Outcome] = []
        for parcel in batch.parcels:
            try:
                request = parcel.request(is_echoed=self.has_our_ids)
                answer = self._transport.send(request)
            except Unreachable as problem:
                outcomes.append(problem)
                break
            outcomes.append(answer)
            if retry.judge(answer.status, answer.headers, now=0.0).fate in {
                "again",
                "hold",
            }:
                break
        batch.seconds = (time.monotonic() - begun) / len(outcomes)
        self._seconds += (batch.seconds - self._seconds) / 4
        batch.outcomes = outcomes + [None] * (len(batch.parcels) - len(outcomes))


class Bulk:
    """Many logs in one request, each with a status of its own in the answer.

    Attributes:
        is_missing: Whether the server turned out not to have the route.
        is_another: Whether it has another one there, which may have stored the logs.
    """

    is_bulk = True
    most = 500
    most_bytes = 1 << 20

    def __init__(
        self, transport: Transport, *, gzip: bool, packing: Packing | None
    ) -> None:
        self.is_missing = self.is_another = False
        self.has_our_ids = False
        self._packing = packing
        self._is_unread = False
        self._transport = transport
        self._gzip = gzip

    @property
    def packing(self) -> Packing | None:
        """None, too, from when the server turned out not to read it."""
        return None if self._is_unread else self._packing

    def send(self, batch: Batch) -> None:
        """Send all parcels in one request: all of them packed, or none."""
        begun = time.monotonic()
        packing = self._packing if batch.parcels[0].is_packed else None
        try:
            answer = self._transport.send(self._request(batch, packing))
        except Unreachable as problem:
            batch.is_whole = True
            batch.outcomes = [problem] * len(batch.parcels)
        else:
            self._read(answer, batch)
        batch.seconds = time.monotonic() - begun

    def _request(self, batch: Batch, packing: Packing | None) -> Request:
        if packing is None:
            content = b"\n".join(
                [as_line(p.query, p.body) if p.query else p.body for p in batch.parcels]
            )
            headers = {"Content-Type": "application/x-ndjson"}
        else:
            records = [parcel.record for parcel in batch.parcels]
            content = packing.pack([(each.start, each.end) for each in records])
            headers = {"Content-Type": packing.media_type}
        if self._gzip:
            # Level 1: 20 µs a log, and a third of the bytes; 6 costs 39 for a tenth.
            packed = gzip.compress(content, 1, mtime=0)
            if len(content) < BOMB_RATIO * len(packed):
                content = packed
                headers["Content-Encoding"] = "gzip"
        is_plain = packing is None and "Content-Encoding" not in headers
        return Request(
            BULK_PATH,
            {},
            content,
            headers=headers,
            answer_bytes=_ANSWER_BYTES,
            is_echoed=self.has_our_ids and is_plain,
        )

    def _read(self, answer: Answer, batch: Batch) -> None:
        count = len(batch.parcels)
        if answer.status in {400, 415, 422} and batch.parcels[0].is_packed:
            self._is_unread = True  # whatever it said of itself
            batch.outcomes = [None] * count
            return
        if answer.status == 415 and self._gzip:  # likewise
            self._gzip = False
            batch.outcomes = [None] * count
            return
        if answer.status in {404, 405}:
            self.is_missing = True
            batch.outcomes = [None] * count
            return
        lines = answer.body.splitlines() if answer.status in _EACH else []
        if len(lines) == count:
            short = _STORED_LINE if self.has_our_ids else ()
            if not all(line.startswith(short) for line in lines):
                lines = _by_name(lines, batch.parcels)
            batch.outcomes = [
                STORED if line.startswith(short) else _outcome(line) for line in lines
            ]
            return
        if answer.status in _EACH:  # not what was announced: the contract's route is
            self.is_another = True
            batch.outcomes = [None] * count
            return
        if retry.judge(answer.status, {}, now=0.0).fate == "delivered":
            answer = Answer(answer.status, {})  # it names none of them
        else:
            batch.is_whole = True
        batch.outcomes = [answer] * count


def as_line(query: Mapping[str, str], body: bytes) -> bytes:
    """Return a log's body with the query's members in it."""
    extra = {_BULK_NAMES.get(name, name): v for name, v in query.items()}
    head = json.dumps(extra).encode()
    return head if body == b"{}" else head[:-1] + b"," + body[1:]


def _by_name(lines: list[bytes], parcels: list[Parcel]) -> list[bytes]:
    """Return a line for each log: the one that names it, or the next that names none.

    Who answers as results come in may put what it refused last.
    """
    ids = [id_of(parcel) for parcel in parcels]
    known = frozenset(ids)
    named: dict[str, bytes] = {}
    others: list[bytes] = []
    for line in lines:
        found = _ID.search(line)
        if found is None or (log_id := found[1].decode()) not in known:
            others.append(line)
        else:
            named[log_id] = line
    rest = iter(others)
    return [named.get(log_id) or next(rest, b"") for log_id in ids]


def _outcome(line: bytes) -> Outcome:
    """Return the answer that a line of the bulk answer stands for."""
    if line.startswith(_STORED_LINE):
        return Answer(200, {}, line)
    try:
        status = json.loads(line)["status"]
    except (ValueError, TypeError, KeyError, RecursionError):
        status = None
    if type(status) is not int:
        return Unreachable("an answer that makes no sense")
    return Answer(status, {}, line)
