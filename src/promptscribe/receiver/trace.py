"""Traces: which log stands under which, and what a trace adds up to.

Its law: pure functions of logs. Any set of logs makes a tree: a parent that is
missing makes its child a top, a ring of parents is cut at its oldest log, and
nothing recurses, so that a chain of ten thousand logs is a chain and no crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from promptscribe.receiver.log_entry import LogOutline


class Node(Protocol):
    """What a log needs in order to stand in a tree."""

    id: str
    trace_parent_id: str | None
    created_us: int
    start_us: int | None


N = TypeVar("N", bound=Node)
V = TypeVar("V", int, float)


def began(log: Node) -> int:
    """Return when a log's call began; when it was made, where nobody said."""
    return log.created_us if log.start_us is None else log.start_us


class Tree(Generic[N]):
    """Logs in their places.

    Args:
        logs: The logs of one trace, in the order in which they arrived, which
            decides between siblings that began at the same time.

    Attributes:
        logs: By id.
        tops: Those without a parent in the trace, in order of time.
        children: By the parent's id, in order of time.
    """

    def __init__(self, logs: Iterable[N]) -> None:
        ordered = sorted(logs, key=began)
        self.logs = {log.id: log for log in ordered}
        self.children: dict[str, list[N]] = {log.id: [] for log in ordered}
        self.tops: list[N] = []
        cut = self._rings(ordered)
        for log in ordered:
            parent = log.trace_parent_id
            if parent is None or parent not in self.logs or log.id in cut:
                self.tops.append(log)
            else:
                self.children[parent].append(log)

    def _rings(self, ordered: Sequence[N]) -> set[str]:
        """Return one log of every ring of parents: the one that began first."""
        cut: set[str] = set()
        cleared: set[str] = set()
        for log in ordered:
            way: dict[str, None] = {}
            here: N | None = log
            while here is not None and here.id not in cleared and here.id not in way:
                way[here.id] = None
                here = self.logs.get(here.trace_parent_id or "")
            if here is not None and here.id in way:
                # Logs come in order of time, so those on the ring do as well.
                names = list(way)
                ring = names[names.index(here.id) :]
                cut.add(min(ring, key=lambda name: (began(self.logs[name]), name)))
            cleared.update(way)
        return cut

    def walk(self, top: str | None = None) -> Iterator[tuple[N, int]]:
        """Yield logs, each before its children, with their depth from 0.

        Args:
            top: Id of the log to begin at; None walks the whole trace.
        """
        begin = self.tops if top is None else [self.logs[top]]
        stack = [(log, 0) for log in reversed(begin)]
        while stack:
            log, depth = stack.pop()
            yield log, depth
            stack.extend(
                (child, depth + 1) for child in reversed(self.children[log.id])
            )


class Totals(msgspec.Struct):
    """What a trace adds up to.

    Attributes:
        logs: Number of logs.
        failed: How many of them have an error.
        prompt_tokens: Tokens of the requests; None where no log has any.
        output_tokens: Tokens of the answers; None where no log has any.
        cost: Dollars; None where no log has a cost.
        start_us: When the first call began, µs since 1970.
        end_us: When the last one ended, µs since 1970.
    """

    logs: int = 0
    failed: int = 0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    start_us: int = 0
    end_us: int = 0


def total(outlines: Sequence[LogOutline]) -> Totals:
    """Return the totals of the logs of one trace.

    A parent that only repeats the usage of its children must not be counted
    twice: a log's own usage counts only where nothing below it has any.
    """
    tree = Tree(outlines)
    totals = Totals(logs=len(outlines))
    totals.failed = sum(outline.failed for outline in outlines)
    totals.start_us = min(map(began, outlines), default=0)
    totals.end_us = max((o.end_us or began(o) for o in outlines), default=0)
    for name in ("prompt_tokens", "output_tokens"):
        amounts = {o.id: getattr(o, name) for o in outlines}
        setattr(totals, name, _sum(tree, amounts))
    totals.cost = _sum(tree, {o.id: cost_of(o) for o in outlines})
    return totals


def cost_of(outline: LogOutline) -> float | None:
    """Return the dollars of one log, or None where none are known."""
    known = [
        cost for cost in (outline.prompt_cost, outline.output_cost) if cost is not None
    ]
    return sum(known) if known else None


def _sum(tree: Tree[N], amounts: dict[str, V | None]) -> V | None:
    below: dict[str, V | None] = {}
    # Children before parents: the order of the walk, backwards.
    for log, _ in reversed(list(tree.walk())):
        known = [below[child.id] for child in tree.children[log.id]]
        added = _added(known)
        below[log.id] = amounts[log.id] if added is None else added
    return _added([below[log.id] for log in tree.tops])


def _added(amounts: Sequence[V | None]) -> V | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known[1:], known[0]) if known else None
