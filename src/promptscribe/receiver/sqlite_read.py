"""Reading logs from SQLite: by id, by number, by trace, and all of them in order.

Its law: only SELECT, on a connection that cannot write; what is decoded for one
answer has a bound.
"""

# ruff: noqa: S608
# The strings that are put together here are column names and question marks.
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe.receiver.log_entry import LogOutline, LogStep, StoredLog
from promptscribe.receiver.store import AnswerTooLarge

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_LOG: Final = (
    "SELECT l.id, l.kind, l.file_id, l.version_id, f.path, l.trace_id,"
    " l.trace_parent_id, l.created_us, l.start_us, l.end_us, b.body"
    " FROM logs l JOIN bodies b ON b.seq = l.seq JOIN files f ON f.id = l.file_id"
)
_BARE: Final = _LOG.replace("b.body", "'{}'").replace(
    "JOIN bodies b ON b.seq = l.seq ", ""
)
_OUTLINE: Final = (
    "SELECT l.id, l.trace_id, l.trace_parent_id, f.path, l.kind, l.created_us,"
    " l.start_us, l.end_us, l.prompt_tokens, l.output_tokens, l.prompt_cost,"
    " l.output_cost, l.failed FROM logs l JOIN files f ON f.id = l.file_id"
)
NEWEST_FIRST: Final = "ORDER BY l.created_us DESC, l.seq DESC"
OLDEST_FIRST: Final = "ORDER BY l.created_us, l.seq"
# Characters of content in one answer: decoded and written out, three times as many
# bytes. 10,000 logs of 25 KB fit, or a trace of 25 of the largest that there are.
MAX_ANSWER: Final = 256 * 1024 * 1024
_MOST_STEP: Final = 16 * 1024 * 1024  # the same of a walk, which simply goes on
_FEW: Final = 16  # logs of a walk that are read at once, however large they are
_decode = msgspec.json.decode


def marks_for(values: Sequence[object]) -> str:
    """Return a question mark for each value."""
    return ", ".join("?" * len(values))


def _log(row: Sequence[Any]) -> StoredLog:
    return StoredLog(
        id=row[0],
        kind=row[1],
        file_id=row[2],
        version_id=row[3],
        path=row[4],
        trace_id=row[5],
        trace_parent_id=row[6],
        created_us=row[7],
        start_us=row[8],
        end_us=row[9],
        members=_decode(row[10]),
    )


def read_log(connection: sqlite3.Connection, log_id: str) -> StoredLog | None:
    """Return one log, or None."""
    row = connection.execute(f"{_LOG} WHERE l.id = ?", (log_id,)).fetchone()
    return None if row is None else _log(row)


def read_trace(
    connection: sqlite3.Connection, trace_id: str, limit: int
) -> list[StoredLog]:
    """Return the logs of one trace, in the order of their arrival."""
    rows = connection.execute(
        f"{_LOG} WHERE l.id = ? AND l.trace_id = l.id"
        f" UNION ALL {_LOG} WHERE l.trace_id = ? AND l.trace_id <> l.id LIMIT ?",
        (trace_id, trace_id, limit),
    )
    return list(_read(rows))


def read_outlines(
    connection: sqlite3.Connection,
    trace_ids: Sequence[str],
    limit: int,
    log_ids: Sequence[str] = (),
) -> list[LogOutline]:
    """Return the logs of several traces, and some more, without their content."""
    marks = marks_for(trace_ids)
    own = connection.execute(
        f"{_OUTLINE} WHERE l.id IN ({marks_for(log_ids)})", log_ids
    ).fetchall()
    rows = connection.execute(
        f"{_OUTLINE} WHERE l.id IN ({marks}) AND l.trace_id = l.id"
        f" UNION ALL {_OUTLINE} WHERE l.trace_id IN ({marks}) AND l.trace_id <> l.id"
        " LIMIT ?",
        (*trace_ids, *trace_ids, limit),
    )
    found = {row[0]: row for row in [*rows, *own]}
    names = LogOutline.__struct_fields__
    return [
        LogOutline(**{**dict(zip(names, row, strict=True)), "failed": bool(row[12])})
        for row in found.values()
    ]


def read_logs(
    connection: sqlite3.Connection, sequence: Sequence[int], *, bare: bool = False
) -> list[StoredLog]:
    """Return logs by their numbers, newest first.

    Args:
        connection: Where they are.
        sequence: Their numbers.
        bare: True for logs without their members.
    """
    some = f"l.seq IN ({marks_for(sequence)})"
    rows = connection.execute(
        f"{_BARE if bare else _LOG} WHERE {some} {NEWEST_FIRST}", sequence
    )
    return list(_read(rows))


def _read(rows: Iterable[Sequence[Any]]) -> Iterable[StoredLog]:
    """Yield logs; their content is not gathered without end.

    Raises:
        AnswerTooLarge: There is more of it.
    """
    left = MAX_ANSWER
    for row in rows:
        left -= len(row[10])
        if left < 0:
            raise AnswerTooLarge(f"more than {MAX_ANSWER} characters at once")
        yield _log(row)


def walk_logs(
    connection: sqlite3.Connection, file_id: str | None, after: str, limit: int
) -> LogStep:
    """Return the next logs, oldest first, from a time and a number on."""
    behind, _, number = after.partition(" ")
    place = (int(behind), int(number)) if after else (-(2**63), -1)
    where = "" if file_id is None else "l.file_id = ? AND "
    keys = connection.execute(
        f"SELECT l.created_us, l.seq FROM logs l"
        f" WHERE {where}(l.created_us, l.seq) > (?, ?) {OLDEST_FIRST} LIMIT ?",
        (*([] if file_id is None else [file_id]), *place, limit),
    ).fetchall()
    logs: list[StoredLog] = []
    left = _MOST_STEP
    for at in range(0, len(keys), _FEW):
        some = keys[at : at + _FEW]
        rows = connection.execute(
            f"{_LOG} WHERE l.seq IN ({marks_for(some)}) {OLDEST_FIRST}",
            [seq for _, seq in some],
        )
        for (created_us, seq), row in zip(some, rows, strict=True):
            left -= len(row[10])
            if logs and left < 0:
                return LogStep(logs, after)
            logs.append(_log(row))
            after = f"{created_us} {seq}"
    return LogStep(logs, after)
