"""The intake: each call of a model becomes one log, by whichever doors it comes.

Its law: a call that several doors or several instrumentations report is one log, with
its tokens counted once; and a call made inside a decorated function is that function's
log, unless there is more than one. Nothing raises into the application.

``_lock`` guards everything. Logs are written without it, except for the start of a
call that waits for another span's end.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from promptscribe._capture import failure
from promptscribe._capture.context import current
from promptscribe._capture.report import is_open
from promptscribe._clock import parse_log_id
from promptscribe._dialects import identity, own, translation
from promptscribe._dialects.span import OURS
from promptscribe._recent import Recent
from promptscribe.otel import doubles, filling, writing
from promptscribe.otel.holding import Holding
from promptscribe.otel.lineage import (
    Call,
    Lineage,
    Node,
    Place,
    around,
    may_be_call,
)
from promptscribe.otel.reading import read_span
from promptscribe.otel.responses import Responses

if TYPE_CHECKING:
    from promptscribe._capture.context import Scope
    from promptscribe._capture.recording import Recording
    from promptscribe._dialects.span import Event, Span
    from promptscribe.otel.lineage import Ancestor, Key

MOST_TAKEN: Final = 4_096
"""Calls that are remembered, to know them again by another door."""


_Placed = tuple[Call, "str | None"]
"""A call, and the id of the log above it."""


MOST_EVENTS: Final = 256
"""Records of one span that are taken along: one a message, or one in all."""


class Intake:
    """Takes spans and completions of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lineage = Lineage()
        self._taken: Recent[Key, None] = Recent(MOST_TAKEN)
        self._responses = Responses()
        self._fills = filling.Fills()
        self._holding = Holding()
        # What log records said of spans that run; it goes with them.
        self._told: WeakKeyDictionary[Any, list[Event]] = WeakKeyDictionary()
        # Whether spans come by a door that does not see them start.
        self.is_exporting = False

    def after_fork(self) -> None:
        """Start afresh in a forked child; open spans stay known."""
        self._lock = threading.RLock()

    def start(self, span: Any, told: str | None = None) -> None:
        """Remember where a span stands.

        Args:
            span: The span, just started.
            told: Id of the log that another process named as the parent.
        """
        try:
            key = _key(span)
            if key is not None:
                node = Node(_parent(span), current.get(), span)
                ids = parse_log_id(told) if told is not None else None
                node.told = told if ids is not None and all(ids) else None
                with self._lock:
                    self._lineage.add(key, node)
        except BaseException as problem:  # noqa: BLE001 - the span belongs to the user
            failure.note("otel_failed", problem)

    def log_around(self, span: Any) -> str | None:
        """Return the id of the log that a running span will be, or is inside of.

        Its own log is written when it ends, but has its id from the beginning.

        Args:
            span: The one that is active, where no log is.
        """
        key = _key(span)
        if key is None:
            return None
        with self._lock:
            if self._lineage.get(key) is None:
                if not self.is_exporting:
                    return None
                self._lineage.add(key, Node(_parent(span), None, span))
            above = self._lineage.holder(key)
            if above.node is not None:
                above.node.is_named = True
        return None if above.unseen is not None else above.log_id

    def tell(self, record: Any, event: Event) -> None:
        """Remember what a log record says of a span that runs."""
        with self._lock:
            node = self._find(_ids(record))
            live = None if node is None else node.live
            if live is not None:
                self._told[live] = [*self._told.get(live, ()), event][-MOST_EVENTS:]

    def observe(self, span: Any) -> None:
        """Remember a span that only its end is known of."""
        try:
            key = _key(span)
            with self._lock:
                if key is not None and self._lineage.get(key) is None:
                    node = Node(_parent(span), None, None)
                    if may_be_call(span.attributes):
                        read = read_span(span)
                        is_call = translation.is_call(read)
                        node.call = identity.outline(read) if is_call else None
                    self._lineage.add(key, node)
        except BaseException as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)

    def end(self, span: Any) -> bool:
        """Log a span that has ended, if it is the call of a model.

        Returns:
            False if a log could not be kept.
        """
        try:
            if may_be_call(getattr(span, "attributes", None)):
                return self._end(_key(span), read_span(span))
            return self._pass(_key(span))
        except BaseException as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)
            return False

    def take(self, span: Span) -> None:
        """Log a call that is known otherwise than by its ended span."""
        try:
            key = _key_of(span) if span.has_ids else None
            self._end(key, span, current.get())
        except BaseException as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)

    def _end(self, key: Key | None, span: Span, made_in: Scope | None = None) -> bool:
        """Log a call; *made_in* is where it was made, if its start was not seen."""
        if span.scope == OURS or not translation.is_call(span):
            return self._pass(key)
        with self._lock:
            if key is not None and key in self._taken:
                self._close(key, span)
                return True
            node = self._find(key)
            if self._told and node is not None and node.live is not None:
                span = span.with_events(self._told.pop(node.live, []))
            above = self._above(key, node)
            scope = current.get() if node is None else node.scope or made_in
            call = Call(span, None if isinstance(scope, Place) else scope)
            others: list[Call] = []
            if node is not None and node.extras:
                call, others = doubles.unite(call, node.extras)
            self._close(key, call.span)
            calls = self._take(key, call, above)
            for other in others:
                calls += self._take(_key_of(other.span), other, above)
            placed = self._take_abandoned()
        inside = {other.span.log_id for other in others}
        own_id = call.span.log_id
        is_own = any(each.span.log_id == own_id for each in calls)
        below = own_id if is_own else above.log_id
        for each in calls:
            is_inside = each.span.log_id in inside
            placed.append((each, below if is_inside else above.log_id))
        return _write_all(placed)

    def _pass(self, key: Key | None) -> bool:
        """Note the end of a span that is no call; what waited for it is one, then."""
        calls: list[_Placed] = []
        with self._lock:
            node = self._find(key)
            if key is not None and node is not None:
                if node.extras:
                    calls = self._release(key, node)
                self._close(key, None)
        return _write_all(calls)

    def _take_abandoned(self) -> list[_Placed]:
        """Return the calls that wait for spans that were dropped without an end."""
        calls: list[_Placed] = []
        for key, node in self._holding.take_abandoned():
            calls += self._release(key, node)
            node.close(None)
        return calls

    def _release(self, key: Key, node: Node) -> list[_Placed]:
        """Return the calls that waited for a span, as the logs that they are."""
        above, waited = self._above(key, node), node.extras
        node.extras = []
        return [
            (call, above.log_id)
            for one in waited
            for call in self._take(_key_of(one.span), one, above)
        ]

    def _find(self, key: Key | None) -> Node | None:
        if key is None:
            return None
        return self._lineage.get(key) or self._holding.get(key)

    def _take(self, key: Key | None, call: Call, above: Ancestor) -> list[Call]:
        """Return the calls that are to be logs of their own, now that one has ended."""
        recording = _open_recording(above)
        released = self._hold_back(call, above)
        if released is not None:
            if recording is not None:
                self._fills.add(recording, call)
            return released
        self._remember(key, call.span)
        if key is not None:
            self._lineage.name(key[0], above)
            passed = self._lineage.take_passed(key)
            call = call._replace(span=_above_all(call.span, passed))
        if recording is not None:
            node = self._lineage.get(key) if key is not None else None
            is_named = node is not None and node.is_named
            calls = self._fills.take(recording, call, is_named=is_named)
            self._note_filling(call.span, calls)
            return calls
        if above.node is not None:
            above.node.is_named = True
        return [call]

    def _note_filling(self, span: Span, calls: list[Call]) -> None:
        """Remember which call has a log of its own, and which one has not."""
        own = {_key_of(call.span) for call in calls}
        for key in {_key_of(span), *own}:
            node = self._lineage.get(key)
            if node is not None:
                node.is_filling = key not in own

    def _above(self, key: Key | None, node: Node | None) -> Ancestor:
        if key is None or node is None:
            return around(current.get())
        return self._lineage.nearest(key)

    def _close(self, key: Key | None, call: Span | None) -> None:
        node = self._find(key)
        if key is not None and node is not None:
            node.close(call)
            self._holding.drop(key)

    def _hold_back(self, call: Call, above: Ancestor) -> list[Call] | None:
        """Put a call aside that another span has told of, or will; None for others.

        Returns:
            Calls that were put aside and can wait no longer.
        """
        span = call.span
        call = call._replace(is_inside=above.node is not None)
        outer = above.node or self._lineage.beside(_key_of(span), span)
        if outer is not None:
            told = outer.read()
            if told is not None and doubles.is_same_call(span, told):
                key = _key_of(told)
                if key in self._taken:
                    # It is over, and written: a guess is good where nothing is lost.
                    is_sure = None not in map(identity.response_id, (span, told))
                    is_known = is_sure or identity.has_tokens(told)
                    return [] if is_known and call.waiting is None else None
                top = self._above(key, outer)
                # In an open log's place the call is a part of it.
                is_kept = _open_recording(top) is None and span not in self._responses
                released = self._holding.add(
                    key, outer, call, top.log_id, is_kept=is_kept
                )
                for one in released:
                    self._remember(_key_of(one.span), one.span)
                    outer.is_named = True
                return released
        return [] if call.waiting is None and span in self._responses else None

    def _remember(self, key: Key | None, span: Span) -> None:
        if key is not None:
            self._taken[key] = None
        self._responses.add(span)


def _write_all(calls: list[_Placed]) -> bool:
    kept = [writing.write(call, above) for call, above in calls]
    return all(kept)


def _open_recording(above: Ancestor) -> Recording | None:
    """Return the log of this library's own that is above a call, if it is open."""
    recording = None if above.scope is None else above.scope.recording
    return recording if recording is not None and is_open(recording) else None


def _above_all(span: Span, passed: list[str]) -> Span:
    """Return the span, and which spans are no logs but were named as such.

    An exporter that hears of children long before their parents has logged them by
    then; whoever keeps the logs brings them here.
    """
    if not passed:
        return span
    told = {**span.attributes, own.BENEATH: list(passed)}
    return msgspec.structs.replace(span, attributes=told)


def _key(span: Any) -> Key | None:
    return _ids(getattr(span, "context", None))


def _ids(context: Any) -> Key | None:
    trace, own = getattr(context, "trace_id", 0), getattr(context, "span_id", 0)
    if isinstance(trace, int) and isinstance(own, int) and trace > 0 and own > 0:
        return trace, own
    return None


def _key_of(span: Span) -> Key:
    return int(span.trace_id, 16), int(span.span_id, 16)


def _parent(span: Any) -> int | None:
    found = getattr(getattr(span, "parent", None), "span_id", None)
    return found if isinstance(found, int) and found > 0 else None


intake: Final = Intake()
"""The one of this process, behind all doors."""

os.register_at_fork(after_in_child=intake.after_fork)
