"""Parents in SQLite that turn out to be no logs: their children go to the next one up.

Its law: runs inside the writer's transaction, after the intake has been flushed. What
is not named by any log costs one look at an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._clock import parse_log_id
from promptscribe._dialects import own

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

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


def named_by(draft: LogDraft) -> list[str]:
    """Return ids that logs may name as their parent, by what a log says of itself.

    One that an exporter of spans made lists spans beneath it that are no logs.
    """
    metadata = draft.members.get("metadata")
    told = metadata.get("otel") if type(metadata) is dict else None
    if type(told) is not dict or "beneath" not in told:
        return []
    ids = parse_log_id(draft.log_id or "")
    if ids is None:
        return []
    return [f"log_{ids[0]:032x}{span}" for span in own.beneath(told["beneath"])]


def pass_over(batch: Batch, spans: Mapping[str, str | None]) -> None:
    """Bring logs whose parent is none under the log that is above it."""
    batch.intake.flush()
    ids = list(spans)
    for at in range(0, len(ids), _MANY):
        some = ids[at : at + _MANY]
        some += some[:1] * (_MANY - len(some))  # one statement, which stays prepared
        for (absent,) in batch.connection.execute(_NAMED, some).fetchall():
            _move(batch.connection, absent, spans[absent])


def _move(connection: sqlite3.Connection, absent: str, above: str | None) -> None:
    if connection.execute("SELECT 1 FROM logs WHERE id = ?", (absent,)).fetchone():
        return  # it is a log, by another door
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
