"""The waterfall of a trace: each log as a bar in the time that the trace took.

Its law: pure functions of logs; positions are numbers from 0 to `WIDTH`, drawn as
SVG attributes, since the page's policy allows no inline style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.trace import Tree, began, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.log_entry import LogOutline
    from promptscribe.receiver.trace import Totals

WIDTH: Final = 1000
_NARROWEST: Final = 3  # a bar of no length would not be seen
MAX_ROWS: Final = 2000  # more is no picture, and a page of megabytes
DEEPEST: Final = 12  # steps of indentation that the style sheet has
_TICKS: Final = 4


class Row(msgspec.Struct):
    """One line of the waterfall.

    Attributes:
        log: What the line shows.
        depth: Logs above it in the trace.
        step: Steps of indentation, which are no more than the style sheet has.
        x: Where the bar begins.
        width: How long it is.
        took_us: Duration in µs, or None where no end is known.
        children: Number of logs right below.
        parent_missing: True where the log names a parent that has not arrived.
    """

    log: LogOutline
    depth: int
    step: int
    x: float
    width: float
    took_us: int | None
    children: int
    parent_missing: bool


class Waterfall(msgspec.Struct):
    """A whole trace.

    Attributes:
        rows: Its logs, each before its children.
        hidden: Logs that were left out, since there are too many.
        totals: What the trace adds up to.
        took_us: From the first beginning to the last end, µs.
        ticks: Times at even steps of the axis, µs from the beginning.
    """

    rows: list[Row]
    hidden: int
    totals: Totals
    took_us: int
    ticks: list[int]


def waterfall(outlines: Sequence[LogOutline], chosen: str) -> Waterfall:
    """Return the waterfall of the logs of one trace.

    Args:
        outlines: The logs.
        chosen: Id of the one that is shown in any case, however many there are.
    """
    totals = total(outlines)
    took_us = max(totals.end_us - totals.start_us, 0)
    tree = Tree(outlines)
    rows = [
        Row(
            log,
            depth,
            min(depth, DEEPEST),
            *_bar(log, totals.start_us, took_us),
            took(log),
            len(tree.children[log.id]),
            log.trace_parent_id is not None and log.trace_parent_id not in tree.logs,
        )
        for log, depth in tree.walk()
    ]
    ticks = [took_us * step // _TICKS for step in range(_TICKS + 1)]
    shown = rows[:MAX_ROWS]
    shown += [row for row in rows[MAX_ROWS:] if row.log.id == chosen]
    return Waterfall(shown, len(rows) - len(shown), totals, took_us, ticks)


def took(log: LogOutline) -> int | None:
    """Return how long a log's call took in µs, or None where nobody said."""
    if log.start_us is None or log.end_us is None:
        return None
    return max(log.end_us - log.start_us, 0)


def _bar(log: LogOutline, start_us: int, took_us: int) -> tuple[float, float]:
    scale = WIDTH / took_us if took_us else 0.0
    width = min(max((took(log) or 0) * scale, _NARROWEST), WIDTH)
    x = min((began(log) - start_us) * scale, WIDTH - width)
    return round(x, 2), round(width, 2)
