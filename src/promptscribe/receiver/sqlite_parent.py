"""Parents in SQLite that turn out to be no logs: their children go to the next one up.

Its law: runs inside the writer's transaction, after the intake has been flushed. What
is not named by any log costs one look at an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._clock import parse_log_id
from promptscribe._dialects import own
from promptscribe.receiver import sqlite_span
from promptscribe.receiver.upload import SpanLink

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.sqlite_writer import Batch

_MANY: Final = 256

_MARKS: Final = ", ".join("?" * _MANY)
_NAMED: Final = (
    f"SELECT DISTINCT trace_parent_id FROM logs WHERE trace_parent_id IN ({_MARKS})"  # noqa: S608
)
_BELOW: Final = (
    "WITH RECURSIVE below (id) AS (SELECT :top UNION"
    " SELECT l.id FROM logs l JOIN below b ON l.trace_parent_id = b.id)"
    " UPDATE logs SET trace_id = :trace WHERE id IN (SELECT id FROM below)"
)


def spans_beneath(draft: LogDraft) -> list[SpanLink]:
    """Return spans that are no logs, but that logs may name as their parent.

    A log that an exporter of spans made lists those that it has heard of since.
    """
    metadata = draft.members.get("metadata")
    told = metadata.get("otel") if type(metadata) is dict else None
    if type(told) is not dict or "beneath" not in told:
        return []
    ids = parse_log_id(draft.log_id or "")
    if ids is None:
        return []
    trace, itself = f"{ids[0]:032x}", f"{ids[1]:016x}"
    links = []
    for entry in own.beneath(told["beneath"]):
        span, colon, above = entry.partition(":")
        links.append(SpanLink(trace, span, (above or None) if colon else itself))
    return links


def keep_spans(batch: Batch, links: Sequence[SpanLink]) -> None:
    """Remember spans; bring logs that name one as their parent under who is above."""
    batch.require_room()
    batch.intake.flush()
    sqlite_span.keep(batch.connection, links, batch.now_us)
    _bring_under(batch, links)


def keep_calls(batch: Batch, links: Sequence[SpanLink]) -> set[str]:
    """Remember calls, and return the ids of logs that are none: they are told already.

    Such a call is a span like any other: its children go to the next log above.
    """
    told: list[SpanLink] = []
    answers: dict[str | None, str | None] = {}
    for link in links:
        kept = link
        if sqlite_span.is_told(batch.connection, link, answers):
            kept = SpanLink(link.trace_id, link.span_id, link.parent_id)
            told.append(kept)
        sqlite_span.keep(batch.connection, [kept], batch.now_us)
    _bring_under(batch, told)
    return {f"log_{link.trace_id}{link.span_id}" for link in told}


def _bring_under(batch: Batch, links: Sequence[SpanLink]) -> None:
    ids = [f"log_{o.trace_id}{o.span_id}" for o in links if not o.is_log]
    answers: dict[str | None, str | None] = {}
    for at in range(0, len(ids), _MANY):
        some = ids[at : at + _MANY]
        some += some[:1] * (_MANY - len(some))  # one statement, which stays prepared
        for (absent,) in batch.connection.execute(_NAMED, some).fetchall():
            above = sqlite_span.nearest(batch.connection, absent, answers)
            if above != absent:
                _move(batch.connection, absent, above)


def _move(connection: sqlite3.Connection, absent: str, above: str | None) -> None:
    parent = connection.execute(
        "SELECT trace_id FROM logs WHERE id = ?", (above,)
    ).fetchone()
    trace = above if parent is None else parent[0]
    if trace == absent:  # a ring: who is above is below as well
        above = trace = parent = None
    children = connection.execute(
        "SELECT id FROM logs WHERE trace_parent_id = ?", (absent,)
    ).fetchall()
    connection.execute(
        "UPDATE logs SET trace_parent_id = ?, root = ? WHERE trace_parent_id = ?",
        (above, parent is None, absent),
    )
    connection.execute("UPDATE logs SET in_trace = 1 WHERE id = ?", (above,))
    for (child,) in children:
        connection.execute(_BELOW, {"top": child, "trace": trace or child})
        if above is None:
            see_whether_alone(connection, child)


def see_whether_alone(connection: sqlite3.Connection, log_id: str | None) -> None:
    """Write down that a log is in no trace, if it has neither parent nor children."""
    connection.execute(
        "UPDATE logs SET in_trace ="
        " EXISTS (SELECT 1 FROM logs c WHERE c.trace_parent_id = logs.id)"
        " WHERE id = ? AND trace_parent_id IS NULL",
        (log_id,),
    )
