"""The tray: logs that were read from the journal and wait for their turn.

Its law: it holds few: what fits into the requests that are next. The journal has the
rest, and everything in here as well until it is acknowledged.
"""

from __future__ import annotations

import collections
import heapq
import itertools
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from promptscribe._delivery.parcel import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptscribe._delivery.exporter import Source
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.parcel import Content, Found, Packing, Render
    from promptscribe._delivery.route import Route


_PARENT: Final = b'"trace_parent_id"'
_NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})
_MOST_CHILDREN: Final = 500
"""Logs among which one without a parent is looked for: as many as `Bulk` holds. While a
server refuses all, it is looked for each time that it is asked."""
_MOST_TRIED: Final = 500
"""Logs that were tried and wait, from which on no other is tried while the server is
not well: at one every few seconds these were 17,000 in a day, and all in memory."""


class Tray:
    """Owned by the exporter's thread.

    Attributes:
        is_drained: Whether the journal had no more when it was last asked.
    """

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        render: Render,
    ) -> None:
        self.is_drained = False
        self._source = source
        self._ledger = ledger
        self._render = render
        self._fresh: collections.deque[Parcel] = collections.deque()
        self._again: collections.deque[Parcel] = collections.deque()
        self._later: list[tuple[float, int, Parcel]] = []
        self._order = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._fresh or self._again or self._later)

    def has_any(self) -> bool:
        """Say whether there is a log to be sent, here or in the journal."""
        if not (self._fresh or self._again):
            self._load(1, None)
        return bool(self._fresh or self._again)

    def next(self, route: Route, *, is_open: bool) -> list[Parcel]:
        """Return the logs that go out next, as many as *route* takes at a time.

        What failed before and is due goes first, but not while the server as a whole
        is not well (*is_open*): then a log that always fails would speak for all. Once
        many have failed, they take turns.
        """
        source = self._again
        if (is_open and len(source) < _MOST_TRIED) or not source:
            if not self._fresh:
                self._load(route.most, route.packing)
            source = self._fresh or source
        parcels: list[Parcel] = []
        size, most = 0, route.most
        while source and len(parcels) < most:
            parcel = source[0]
            if parcel.is_packed and route.packing is None and not self._unpack(parcel):
                source.popleft()
                continue
            most = min(most, parcel.most)
            size += parcel.size
            if parcels and (
                len(parcels) >= most
                or size > route.most_bytes
                or parcel.is_packed is not parcels[0].is_packed
            ):
                break
            parcels.append(source.popleft())
        return parcels

    def next_top(self, route: Route) -> Parcel | None:
        """Return the next log that has no parent; None while there is none."""
        found = self._find_top()
        if found is None and len(self._fresh) < _MOST_CHILDREN:
            self._load(route.most, None)
            found = self._find_top()
        if found is not None:
            self._fresh.remove(found)
        return found

    def unpack(self, parcels: Iterable[Parcel]) -> list[Parcel]:
        """Have logs travel as the contract has it; return those that can be read."""
        return [p for p in parcels if not p.is_packed or self._unpack(p)]

    def _find_top(self) -> Parcel | None:
        if any(parcel.is_packed for parcel in self._fresh):
            self._fresh = collections.deque(self.unpack(self._fresh))
        return next((p for p in self._fresh if _PARENT not in p.body), None)

    def put_back(self, parcels: Iterable[Parcel]) -> None:
        """Have logs go out before all others: they were not tried."""
        self._fresh.extendleft(reversed(list(parcels)))

    def set_aside(self, parcel: Parcel, due: float) -> None:
        """Have a log wait until *due*, on the monotonic clock."""
        heapq.heappush(self._later, (due, next(self._order), parcel))

    def look(self, now: float) -> float | None:
        """Take back what is due; return seconds until the next is, or None."""
        while self._later and self._later[0][0] <= now:
            self._again.append(heapq.heappop(self._later)[2])
        return self._later[0][0] - now if self._later else None

    def hurry(self) -> None:
        """Take back everything that was set aside."""
        self._again.extend(parcel for _, _, parcel in sorted(self._later))
        self._later.clear()

    def _load(self, limit: int, packing: Packing | None) -> None:
        found = self._source.take(limit)
        self.is_drained = len(found) < limit
        for record in found:
            if packing is not None and packing.is_fit(record.start, record.end):
                self._fresh.append(Parcel(record, "", _NO_QUERY, b"", is_packed=True))
            elif (content := self._read(record)) is not None:
                self._fresh.append(Parcel(record, *content))

    def _unpack(self, parcel: Parcel) -> bool:
        content = self._read(parcel.record)
        if content is not None:
            parcel.path, parcel.query, parcel.body = content
            parcel.is_packed = False
        return content is not None

    def _read(self, record: Found) -> Content | None:
        """Return what is sent of a log; one that cannot be read is done with."""
        try:
            content = self._render(record.start, record.end)
        except Exception as problem:  # noqa: BLE001 - one bad log, not all
            self._ledger.warn(
                "render", "a log cannot be read: %s", type(problem).__name__
            )
            content = None
        if content is None:
            record.acknowledge()
            self._ledger.add("dropped", "unreadable")
            return None
        record.start = record.end = None  # the journal has them, 3 MB of a thousand
        return content
