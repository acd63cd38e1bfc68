"""Spans of OpenTelemetry in SQLite: which ones are no logs, and who is above them.

Its law: runs inside the writer's transaction. Ids only, nothing of what a span says
but the id of its response. Bounded: what came first goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._clock import format_log_id, parse_log_id
from promptscribe.receiver.upload import SpanLink

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

MOST: Final = 100_000
"""Spans that are kept, some 130 bytes each with their index: 13 MB."""

_MANY: Final = 64
_MOST_OF_TRACE: Final = 10_000

_KEEP: Final = (
    "INSERT OR REPLACE INTO spans"
    " (trace, span, parent, is_log, response, scope, began, ended, seen_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_MARKS: Final = ", ".join("?" * _MANY)
_READ: Final = (
    "SELECT trace, span, parent, is_log, response, scope, began, ended FROM spans"  # noqa: S608 - our own marks
    f" WHERE trace IN ({_MARKS}) ORDER BY seq LIMIT ?"
)


def keep(
    connection: sqlite3.Connection, links: Sequence[SpanLink], now_us: int
) -> None:
    """Remember spans, and forget the oldest ones beyond the bound."""
    connection.executemany(
        _KEEP,
        [
            (
                bytes.fromhex(link.trace_id),
                bytes.fromhex(link.span_id),
                None if link.parent_id is None else bytes.fromhex(link.parent_id),
                link.is_log,
                link.response,
                link.scope,
                link.began,
                link.ended,
                now_us,
            )
            for link in links
        ],
    )
    connection.execute(
        "DELETE FROM spans WHERE seq <= (SELECT max(seq) FROM spans) - ?", (MOST,)
    )


def forget_before(connection: sqlite3.Connection, before_us: int, limit: int) -> None:
    """Forget at most so many spans that were seen before a time, the oldest first."""
    connection.execute(
        "DELETE FROM spans WHERE seen_us < ? AND seq IN"
        " (SELECT seq FROM spans ORDER BY seq LIMIT ?)",
        (before_us, limit),
    )


def is_any(connection: sqlite3.Connection) -> bool:
    """Say whether any span is remembered: most receivers never hear of one."""
    return connection.execute("SELECT 1 FROM spans LIMIT 1").fetchone() is not None


def nearest(
    connection: sqlite3.Connection,
    log_id: str | None,
    answers: dict[str | None, str | None],
) -> str | None:
    """Return the id of the log that is meant by the id of a span.

    Args:
        connection: In a transaction, all logs written.
        log_id: What somebody names as a parent, by the ids of a span.
        answers: Those given so far in this transaction: many may stand under one chain
            of spans, which is walked once.

    Returns:
        The same, if it is a log or nothing is known of it; if it is a span that is no
        log, the nearest one above it of which that can be said, or None.
    """
    path: dict[str | None, None] = {}
    while log_id not in path and log_id not in answers:
        path[log_id] = None
        ids = parse_log_id(log_id or "")
        if ids is None:
            break
        row = connection.execute(
            "SELECT parent FROM spans WHERE trace = ? AND span = ? AND NOT is_log",
            (ids[0].to_bytes(16, "big"), ids[1].to_bytes(8, "big")),
        ).fetchone()
        if (
            row is None
            or connection.execute(
                "SELECT 1 FROM logs WHERE id = ?", (log_id,)
            ).fetchone()
        ):
            break  # or it is a log, by another door
        (parent,) = row
        above = None if parent is None else int.from_bytes(parent, "big")
        log_id = None if above is None else format_log_id(ids[0], above)
    else:
        log_id = answers.get(log_id)  # None: a ring
    answers |= dict.fromkeys(path, log_id)
    return log_id


def read(connection: sqlite3.Connection, traces: Sequence[str]) -> list[SpanLink]:
    """Return what is kept of the spans of some traces, the oldest first."""
    return list(_read(connection, traces))


def _read(connection: sqlite3.Connection, traces: Sequence[str]) -> Iterator[SpanLink]:
    for at in range(0, len(traces), _MANY):
        some = [bytes.fromhex(trace) for trace in traces[at : at + _MANY]]
        some += some[:1] * (_MANY - len(some))  # one statement, which stays prepared
        for row in connection.execute(_READ, (*some, _MOST_OF_TRACE)):
            trace, span, parent, is_log, response, scope, began, ended = row
            yield SpanLink(
                trace_id=trace.hex(),
                span_id=span.hex(),
                parent_id=None if parent is None else parent.hex(),
                is_log=bool(is_log),
                response=response,
                scope=scope,
                began=began,
                ended=ended,
            )
