"""Spans of OpenTelemetry in SQLite: which ones are no logs, and who is above them.

Its law: runs inside the writer's transaction. Ids only, nothing of what a span says
but the id of its response. Bounded: what came first goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._clock import format_log_id, parse_log_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from promptscribe.receiver.upload import SpanLink

MOST: Final = 100_000
"""Spans that are kept, some 130 bytes each with their index: 13 MB."""

# A span that is a log stays one, whoever else passed it over.
_KEEP: Final = (
    "INSERT INTO spans"
    " (trace, span, parent, is_log, response, scope, began, ended, seen_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trace, span) DO UPDATE SET"
    " (parent, is_log, response, scope, began, ended) = (excluded.parent,"
    " excluded.is_log, excluded.response, excluded.scope, excluded.began,"
    " excluded.ended) WHERE excluded.is_log OR NOT is_log"
)
_FIRST: Final = (
    "SELECT span, scope, began, ended FROM spans WHERE trace = ? AND response = ?"
    " ORDER BY seq LIMIT 1"
)
_RESPONSE: Final = "SELECT response FROM spans WHERE trace = ? AND span = ?"


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


def is_told(
    connection: sqlite3.Connection,
    link: SpanLink,
    answers: dict[str | None, str | None],
) -> bool:
    """Say whether another span has told of a call's response.

    See `promptscribe._dialects.identity`. Asked in the transaction that keeps the span:
    of two processes that hear of one call, the second one finds what the first kept.

    Args:
        connection: In a transaction, all logs written.
        link: The call.
        answers: As for `nearest`.
    """
    trace = bytes.fromhex(link.trace_id)
    first = connection.execute(_FIRST, (trace, link.response)).fetchone()
    if first is None:
        return False
    span, scope, began, ended = first
    if span.hex() == link.span_id:
        return False
    if link.began <= ended and began <= link.ended and scope != link.scope:
        return True
    if link.parent_id is None:
        return False
    above = nearest(connection, f"log_{link.trace_id}{link.parent_id}", answers)
    ids = parse_log_id(above or "")
    if ids is None:
        return False
    told = connection.execute(_RESPONSE, (trace, ids[1].to_bytes(8, "big"))).fetchone()
    return told is not None and told[0] == link.response
