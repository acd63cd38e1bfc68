"""Logs in SQLite: how one is inserted into its trace, and deleted from it.

Its law: runs inside the writer's transaction. A trace is known by the id of its
topmost log, or by the name of a parent that has not arrived: so a child that is
early already carries the right trace, and a late parent changes one index entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.sqlite_file import place
from promptscribe.receiver.store import LogReceipt, Refused
from promptscribe.receiver.version import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.receiver.store import LogDraft
    from promptscribe.schema import JSONObject, JSONValue

_MAX_INTEGER: Final = 2**63 - 1
_encode = msgspec.json.encode

TEXT_COLUMNS: Final = (
    "source",
    "user",
    "environment",
    "batch_id",
    "evaluation_id",
    "run_id",
    "source_datapoint_id",
)
_INSERT: Final = " ".join(
    (
        "INSERT INTO logs (id, kind, file_id, version_id, trace_id, trace_parent_id,",
        "root, created_us, start_us, end_us, prompt_tokens, output_tokens,",
        "prompt_cost, output_cost, failed, status,",
        f"{', '.join(TEXT_COLUMNS)})",
        f"VALUES ({', '.join('?' * (16 + len(TEXT_COLUMNS)))})",
    )
)


def add_log(batch: Batch, draft: LogDraft) -> LogReceipt | Refused:
    """Insert one log, unless its id is known: then answer as the first time."""
    if draft.log_id is not None:
        row = batch.connection.execute(
            "SELECT kind, file_id, version_id, status FROM logs WHERE id = ?",
            (draft.log_id,),
        ).fetchone()
        if row is not None:
            kind, file_id, version_id, status = row
            if kind != draft.kind:
                sentence = f"Log {draft.log_id} is the log of a {kind}"
                return Refused("conflict", sentence)
            return LogReceipt(draft.log_id, file_id, version_id, status)
    placed = place(batch, draft)
    if isinstance(placed, Refused):
        return placed
    file_id, version_id = placed
    log_id = draft.log_id or new_id("log")
    status = draft.members.get("log_status")
    if status is None and draft.kind == "flow":
        status = "incomplete"
    _insert(batch, draft, log_id, placed, status)
    batch.used[version_id] += 1
    return LogReceipt(log_id, file_id, version_id, status)


def _insert(
    batch: Batch,
    draft: LogDraft,
    log_id: str,
    placed: tuple[str, str],
    status: str | None,
) -> None:
    trace_id, root = _trace(batch, log_id, draft.trace_parent_id)
    execute = batch.connection.execute
    if draft.log_id is not None:  # nobody can wait for an id that was just made
        _adopt(batch, log_id, trace_id)
    seq = execute(
        _INSERT,
        (
            log_id,
            draft.kind,
            *placed,
            trace_id,
            draft.trace_parent_id,
            root,
            draft.created_us,
            draft.start_us,
            draft.end_us,
            *columns(draft.members),
            status,
            *[draft.members.get(name) for name in TEXT_COLUMNS],
        ),
    ).lastrowid
    body = _encode(draft.members).decode()
    execute("INSERT INTO bodies (seq, body) VALUES (?, ?)", (seq, body))


def columns(members: JSONObject) -> tuple[JSONValue, ...]:
    """Return tokens, costs and failure as SQLite can hold them."""
    return (
        _whole(members.get("prompt_tokens")),
        _whole(members.get("output_tokens")),
        _real(members.get("prompt_cost")),
        _real(members.get("output_cost")),
        members.get("error") is not None,
    )


def _whole(value: JSONValue) -> int | None:
    # Beyond 64 bits a count is nonsense: kept in the body, left out of sums.
    if value is None or not -_MAX_INTEGER <= value <= _MAX_INTEGER:
        return None
    return int(value)


def _real(value: JSONValue) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return None


def _trace(batch: Batch, log_id: str, parent_id: str | None) -> tuple[str, bool]:
    """Return the trace of a new log, and whether it is the topmost one there."""
    if parent_id is None:
        return log_id, True
    row = batch.connection.execute(
        "SELECT trace_id FROM logs WHERE id = ?", (parent_id,)
    ).fetchone()
    if row is None:
        return parent_id, True
    # Its own name as the trace of its parent: the log closes a ring of parents.
    # The ring is cut here, so that the log is the top of it.
    trace_id = str(row[0])
    return trace_id, trace_id == log_id


def _adopt(batch: Batch, log_id: str, trace_id: str) -> None:
    """Bring children that arrived early under their parent."""
    waiting = batch.connection.execute(
        "SELECT 1 FROM logs WHERE trace_parent_id = ? LIMIT 1", (log_id,)
    ).fetchone()
    if waiting is None:
        return
    batch.connection.execute(
        "UPDATE logs SET root = 0 WHERE trace_parent_id = ?", (log_id,)
    )
    if trace_id != log_id:
        batch.connection.execute(
            "UPDATE logs SET trace_id = ? WHERE trace_id = ?", (trace_id, log_id)
        )


def delete_logs(batch: Batch, ids: Sequence[str]) -> int:
    """Delete logs; children of a deleted one stay, as tops of what is left."""
    deleted = 0
    for log_id in dict.fromkeys(ids):
        row = batch.connection.execute(
            "DELETE FROM logs WHERE id = ? RETURNING seq, version_id", (log_id,)
        ).fetchone()
        if row is None:
            continue
        seq, version_id = row
        deleted += 1
        batch.used[version_id] -= 1
        batch.connection.execute("DELETE FROM bodies WHERE seq = ?", (seq,))
        batch.connection.execute(
            "UPDATE logs SET root = 1 WHERE trace_parent_id = ?", (log_id,)
        )
    return deleted
