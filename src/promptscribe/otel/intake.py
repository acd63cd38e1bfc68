"""The intake: each call of a model becomes one log, by whichever doors it comes.

Its law: a call that several doors or several instrumentations report is one log, with
its tokens counted once; and a call made inside a decorated function is that function's
log, unless there is more than one. Nothing raises into the application.

``_lock`` guards everything; it is never held while a frame is written.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from promptscribe._capture import failure
from promptscribe._capture.context import current
from promptscribe._dialects import own, translation
from promptscribe._dialects.span import OURS
from promptscribe._recent import Recent
from promptscribe.otel import filling, writing
from promptscribe.otel.lineage import Lineage, Node, around, may_be_call
from promptscribe.otel.reading import read_span

if TYPE_CHECKING:
    from promptscribe._dialects.span import Span
    from promptscribe.otel.lineage import Ancestor, Key

MOST_RESPONSES: Final = 4_096
"""Responses that are remembered, to know them again from another instrumentation."""


class _Seen(NamedTuple):
    began: int
    ended: int


class Intake:
    """Takes spans and completions of this process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lineage = Lineage()
        self._taken: Recent[Key, None] = Recent(MOST_RESPONSES)
        self._responses: Recent[tuple[str, str], _Seen] = Recent(MOST_RESPONSES)
        self._fills = filling.Fills()

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
                node.told = told
                with self._lock:
                    self._lineage.add(key, node)
        except Exception as problem:  # noqa: BLE001 - the span belongs to the user
            failure.note("otel_failed", problem)

    def observe(self, span: Any) -> None:
        """Remember a span that only its end is known of."""
        try:
            key = _key(span)
            with self._lock:
                if key is not None and self._lineage.get(key) is None:
                    node = Node(_parent(span), None, None)
                    if may_be_call(span.attributes):
                        read = read_span(span)
                        node.call = read if translation.is_call(read) else None
                    self._lineage.add(key, node)
        except Exception as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)

    def end(self, span: Any) -> None:
        """Log a span that has ended, if it is the call of a model."""
        try:
            if may_be_call(getattr(span, "attributes", None)):
                self._end(_key(span), read_span(span))
            else:
                self._close(_key(span), None)
        except Exception as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)

    def take(self, span: Span) -> None:
        """Log a call that is known otherwise than by its ended span."""
        try:
            key = int(span.trace_id, 16), int(span.span_id, 16)
            self._end(key if span.has_ids else None, span)
        except Exception as problem:  # noqa: BLE001 - same
            failure.note("otel_failed", problem)

    def _end(self, key: Key | None, span: Span) -> None:
        if span.scope == OURS or not translation.is_call(span):
            self._close(key, None)
            return
        with self._lock:
            if key is not None and key in self._taken:
                self._close(key, span)
                return
            node = self._lineage.get(key) if key is not None else None
            if node is not None and node.extra is not None:
                span = _united(span, node.extra)
            above = self._above(key, node)
            self._close(key, span)
            if self._is_repeated(span, above):
                return
            self._remember(key, span)
            if key is not None:
                self._lineage.name(key[0], above)
                span = _above_all(span, self._lineage.take_passed(key))
            recording = None if above.scope is None else above.scope.recording
            if recording is not None and filling.is_open(recording):
                calls = self._fills.take(recording, span)
            else:
                calls = [span]
        for call in calls:
            writing.write(call, above)

    def _above(self, key: Key | None, node: Node | None) -> Ancestor:
        if key is None or node is None:
            return around(current.get())
        return self._lineage.nearest(key)

    def _close(self, key: Key | None, call: Span | None) -> None:
        with self._lock:
            node = self._lineage.get(key) if key is not None else None
            if node is not None:
                node.live = None
                node.call = call if call is not None else node.call
                node.extra = None

    def _is_repeated(self, span: Span, above: Ancestor) -> bool:
        """Say whether another span has told, or will tell, of the same call."""
        outer = above.node
        if outer is not None:
            around = read_span(outer.live) if outer.live is not None else outer.call
            if around is not None and _is_same_call(span, around):
                outer.extra = span
                return True
        response = translation.response_id(span)
        seen = self._responses.get((span.trace_id, response or ""))
        # Test servers and gateways give every answer the same id: only calls that
        # were under way at the same time are one.
        return seen is not None and (
            span.began <= seen.ended and seen.began <= span.ended
        )

    def _remember(self, key: Key | None, span: Span) -> None:
        if key is not None:
            self._taken[key] = None
        response = translation.response_id(span)
        if response is not None:
            self._responses[span.trace_id, response] = _Seen(span.began, span.ended)


def _is_same_call(inner: Span, outer: Span) -> bool:
    """Say whether a call inside of a call is the same one, told twice.

    The client's own span is inside of an instrumentor's, the provider's inside of a
    framework's. The outer one may still run and not know its response.
    """
    ids = translation.response_id(inner), translation.response_id(outer)
    if None not in ids:
        return ids[0] == ids[1]
    models = translation.model(inner), translation.model(outer)
    return None in models or models[0] == models[1]


def _united(outer: Span, inner: Span) -> Span:
    """Return the outer span, with what only the inner one knows."""
    both = {**inner.attributes, **outer.attributes}
    return msgspec.structs.replace(outer, attributes=both)


def _above_all(span: Span, passed: list[int]) -> Span:
    """Return the span, and which spans beneath it are no logs but were named as such.

    An exporter that hears of children long before their parents has logged them by
    then; whoever keeps the logs brings them here.
    """
    if not passed:
        return span
    told = {**span.attributes, own.BENEATH: [f"{number:016x}" for number in passed]}
    return msgspec.structs.replace(span, attributes=told)


def _key(span: Any) -> Key | None:
    context = getattr(span, "context", None)
    trace, own = getattr(context, "trace_id", 0), getattr(context, "span_id", 0)
    if isinstance(trace, int) and isinstance(own, int) and trace > 0 and own > 0:
        return trace, own
    return None


def _parent(span: Any) -> int | None:
    found = getattr(getattr(span, "parent", None), "span_id", None)
    return found if isinstance(found, int) and found > 0 else None


intake: Final = Intake()
"""The one of this process, behind all doors."""

os.register_at_fork(after_in_child=intake.after_fork)
