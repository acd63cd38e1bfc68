"""The lineage: which span was started under which, and inside of which log.

Its law: bounded, whatever the application leaves open; and of what is over, or let go
of without an end, no message is kept alive. What was seen to start is known exactly; of
what was only seen to end, the ids are known.

Spans that are no logs (agents, tools, HTTP) do not break the chain: the nearest
ancestor that is a log is looked for through them. Between the spans of OpenTelemetry
and the logs of this library the nearer one counts: a span that was started inside the
same log as its parent is nearer to the parent; any other is nearer to its log.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from promptscribe._clock import format_log_id, join_log_id, parse_log_id
from promptscribe._dialects import identity, translation
from promptscribe._recent import Recent
from promptscribe.otel import doubles
from promptscribe.otel.reading import read_kind, read_span

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._dialects.span import Span

MOST: Final = 16_384
"""Spans that are remembered; some 0.5 KB each."""

_MOST_TRIES: Final = 8

MOST_PASSED: Final = 64
"""Spans of one trace that wait for the log above them: agents inside of agents."""

Key = tuple[int, int]
"""Trace id and span id."""

_latest: Final[ContextVar[Key | None]] = ContextVar("promptscribe_span", default=None)
"""What was started last in this context. Not all that starts a span makes it the
current one: what is made inside of the call is no child of it then."""


class Call(NamedTuple):
    """The call of a model, by one span.

    Attributes:
        span: The span.
        scope: What it was started inside of: whose labels it gets, and whose rules.
        waiting: Its start in the journal, if its end is still open there.
        is_inside: Whether it was made inside of the one that it waits for, for sure.
    """

    span: Span
    scope: Scope | None
    waiting: Waiting | None = None
    is_inside: bool = True


class Waiting(NamedTuple):
    """A start in the journal of one process."""

    key: int
    process_id: int


class Place(NamedTuple):
    """What is left of a scope when what was started inside of it is over."""

    trace: bytes | None
    key: int | None
    recording: None = None


class Node:
    """One span, as far as it is known.

    Attributes:
        parent: Span id of the one that it was started under, or None.
        scope: What it was started inside of, or None; of what is over, the place.
        before: What was started last before it, in the same context.
        call: What identifies it, once it has ended and if it is a call.
        extras: Calls inside of it that tell of the same one, as far as is known
            while it runs.
        told: Log id that another process named as the parent.
        is_named: Whether a log names this span's log as its parent.
        is_filling: Whether its call fills the log around, and has none of its own.
        was_call: Whether it was seen to be a call while it ran.
    """

    __slots__ = (
        "_live", "before", "call", "extras", "is_filling", "is_named", "parent",
        "scope", "told", "was_call",
    )  # fmt: skip

    def __init__(self, parent: int | None, scope: Scope | None, live: Any) -> None:
        self.parent = parent
        self.scope: Scope | Place | None = scope
        self._live = None if live is None else _refer_to(live)
        self.before = None if live is None else _latest.get()
        self.call: Span | None = None
        self.extras: list[Call] = []
        self.told: str | None = None
        self.is_named = False
        self.is_filling = False
        self.was_call = False

    @property
    def live(self) -> Any:
        """The span itself while it runs; None if it was dropped without an end."""
        return None if self._live is None else self._live()

    @property
    def is_abandoned(self) -> bool:
        """Whether its program let go of it without an end."""
        return self._live is not None and self._live() is None

    def read(self) -> Span | None:
        """Return the span as data; None if it is over and no call."""
        live = self.live
        return read_span(live) if live is not None else self.call

    def close(self, call: Span | None) -> None:
        """Keep of a span that is over what it is known by."""
        self._live = None
        self.extras = []
        if self.scope is not None:
            self.scope = Place(self.scope.trace, self.scope.key)
        if call is not None:
            self.call = identity.outline(call)


class Ancestor(NamedTuple):
    """The nearest log above a span.

    Attributes:
        log_id: Its id; None if there is none.
        scope: Set if it is a log of this library's own; a place if that is all that is
            left of it.
        node: Set if it is a span.
        unseen: Span id, where all that is known is that a span of that id is above.
    """

    log_id: str | None
    scope: Scope | Place | None = None
    node: Node | None = None
    unseen: int | None = None


class Lineage:
    """Remembers spans; the caller holds a lock."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[Key, Node] = OrderedDict()
        # Spans that a log named as its parent before they were seen, and those of
        # them, by trace, that were seen since and are no logs.
        self._named: Recent[Key, None] = Recent(MOST)
        self._passed: Recent[int, list[int]] = Recent(MOST)

    def add(self, key: Key, node: Node) -> None:
        """Remember a span that started, or that ended unseen."""
        self._nodes[key] = node
        if node.live is not None:
            _latest.set(key)
        self._shrink()
        if key in self._named:
            del self._named[key]
            if node.call is None:
                waiting = [*self._passed.get(key[0], ()), key[1]]
                self._passed[key[0]] = waiting[-MOST_PASSED:]

    def _shrink(self) -> None:
        """Forget the oldest span; one that still runs comes back to the end.

        What is made inside of a worker's root span is made for hours. Where most of
        them run, they are leaked: no more than a few are looked at.
        """
        for tries in range(_MOST_TRIES):
            if len(self._nodes) <= MOST:
                return
            key, node = self._nodes.popitem(last=False)
            if node.live is not None and tries < _MOST_TRIES - 1:
                self._nodes[key] = node

    def name(self, trace: int, ancestor: Ancestor) -> None:
        """Remember that a log names a span as its parent that was never seen."""
        if ancestor.unseen is not None:
            self._named[trace, ancestor.unseen] = None

    def take_passed(self, key: Key) -> list[str]:
        """Give spans that are no logs, but that logs name as their parent.

        Each is given once, in the form of `own.BENEATH`, to the log above it; to any
        log of the trace where that one has been written, or where there is none.
        """
        trace, itself = key[0], format_log_id(*key)
        told: list[str] = []
        waiting: list[int] = []
        for span in self._passed.pop(trace, ()):
            above = self.nearest((trace, span))
            ids = parse_log_id(above.log_id or "")
            if above.unseen is not None:
                waiting.append(span)  # of those above it some are still to come
            elif above.log_id == itself:
                told.append(f"{span:016x}")
            elif above.log_id is None:
                told.append(f"{span:016x}:")
            elif ids is not None and ids[0] == trace:
                told.append(f"{span:016x}:{ids[1]:016x}")
        if waiting:
            self._passed[trace] = waiting
        return told

    def get(self, key: Key) -> Node | None:
        """Return what is known of a span."""
        return self._nodes.get(key)

    def beside(self, key: Key, span: Span) -> Node | None:
        """Return the call that runs around a span without being its ancestor.

        Args:
            key: The span's.
            span: One that knows the id of its response: nothing else would tell it
                from another call meanwhile.
        """
        if identity.response_id(span) is None:
            return None
        node = self._nodes.get(key)
        outer = self._nodes.get(node.before) if node and node.before else None
        live = None if outer is None else outer.live
        if node is None or outer is None or getattr(live, "end_time", 0) is not None:
            return None  # it is over, or just ending
        other = getattr(getattr(live, "instrumentation_scope", None), "name", None)
        # No instrumentation tells of one call twice by itself.
        if other in (None, span.scope) or _log_of(outer.scope) != _log_of(node.scope):
            return None
        return outer if _is_call(outer) else None

    def holder(self, key: Key) -> Ancestor:
        """Return the log that a span will be; else the nearest one above it."""
        node = self._nodes.get(key)
        if node is None or not _is_call(node):
            return self.nearest(key)
        return self._outermost(key, Ancestor(format_log_id(*key), node=node))

    def nearest(self, key: Key) -> Ancestor:
        """Return the nearest log above a span."""
        found = self._nearest(key)
        if found.node is None:
            return found
        own = parse_log_id(found.log_id or "")
        return found if own is None else self._outermost(own, found)

    def _outermost(self, key: Key, found: Ancestor) -> Ancestor:
        """Return the outer one of spans that tell of the same call: it is the log."""
        seen = {key}
        while found.node is not None:
            outer = self._nearest(key)
            above = parse_log_id(outer.log_id or "")
            if outer.node is None or above is None or above in seen:
                break
            one, other = found.node.read(), outer.node.read()
            if one is None or other is None or not doubles.is_same_call(one, other):
                break
            seen.add(above)
            key, found = above, outer
        return found

    def _nearest(self, key: Key) -> Ancestor:
        node = self._nodes.get(key)
        if node is None:
            return Ancestor(None)
        trace, scope = key[0], node.scope
        seen = {key[1]}
        while node.parent and node.parent not in seen:
            seen.add(node.parent)
            outer = self._nodes.get((trace, node.parent))
            if outer is None:
                return self._outside(trace, node, scope)
            if _log_of(outer.scope) != _log_of(node.scope):
                break
            if _is_call(outer) and not outer.is_filling:
                return Ancestor(format_log_id(trace, node.parent), node=outer)
            node = outer
        return around(scope, node.told)

    def _outside(self, trace: int, node: Node, scope: Scope | Place | None) -> Ancestor:
        """Return who is above a span whose parent nobody here has seen."""
        found = around(scope, node.told)
        if found.log_id is not None:
            return found
        # Another process: it told us, or its span is the best that there is to name.
        # Or, for an exporter, a span of this process that has not ended.
        if node.told is not None or node.parent is None:
            return Ancestor(node.told)
        return Ancestor(format_log_id(trace, node.parent), unseen=node.parent)


def around(scope: Scope | Place | None, told: str | None = None) -> Ancestor:
    """Return the log that encloses the code that runs; else the one we were told."""
    if scope is None or scope.key is None or scope.trace is None:
        return Ancestor(told)
    own = scope.recording.id if scope.recording else None
    return Ancestor(own or join_log_id(scope.trace, scope.key), scope=scope)


def _refer_to(span: Any) -> Callable[[], Any]:
    """Return what gives a span as long as its program can end it."""
    try:
        return weakref.ref(span)
    except TypeError:  # of another make
        return lambda: span


def _log_of(scope: Scope | Place | None) -> int | None:
    return None if scope is None else scope.key


def _is_call(node: Node) -> bool:
    live = node.live
    if live is None:
        return node.call is not None
    if not node.was_call:
        attributes = getattr(live, "attributes", None)
        node.was_call = may_be_call(attributes) and translation.is_call(read_kind(live))
    return node.was_call


def may_be_call(attributes: Any) -> bool:
    """Say whether any dialect is spoken, for less than reading the span costs."""
    return any(str(name).startswith(translation.SIGNS) for name in attributes or ())
