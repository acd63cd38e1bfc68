"""Logs in SQLite: added, changed and deleted.

Its law: runs inside the writer's transaction; what stands in the file is looked at
only after the intake has been flushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from promptscribe.receiver import sqlite_parent, sqlite_span
from promptscribe.receiver.log_entry import LogReceipt, Refused
from promptscribe.receiver.sqlite_file import place
from promptscribe.receiver.sqlite_row import (
    SUM_COLUMNS,
    TEXT_COLUMNS,
    Row,
    columns,
    labels,
)
from promptscribe.receiver.sqlite_words import (
    add_words,
    is_indexed,
    remove_words,
)
from promptscribe.receiver.version import new_log_id
from promptscribe.schema import PAYLOAD_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.log_entry import LogChange, LogDraft
    from promptscribe.receiver.sqlite_row import Entry, Seen
    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.receiver.upload import SpanLink
    from promptscribe.schema import JSONObject, JSONValue

_encode = msgspec.json.encode


def add_logs(batch: Batch, entries: Sequence[Entry]) -> list[LogReceipt | Refused]:
    """Insert logs; one whose id is known is answered as the first time."""
    batch.require_room()
    batch.intake.look_up(entries)
    receipts = [_add(batch, entry) for entry in entries]
    links = [link for entry in entries for link in entry.spans]
    if links:
        sqlite_parent.keep_spans(batch, links)
    return receipts


def add_upload(
    batch: Batch, links: Sequence[SpanLink], entries: Sequence[Entry]
) -> list[LogReceipt | Refused | None]:
    """Insert the logs of an upload of spans, but for those that are told already."""
    # Spans first: by them it is said who is above, of calls and of logs.
    sqlite_parent.keep_spans(batch, [link for link in links if not link.is_log])
    told = sqlite_parent.keep_calls(batch, [link for link in links if link.is_log])
    new = [entry for entry in entries if entry.draft.log_id not in told]
    outcomes = iter(add_logs(batch, new))
    return [None if entry.draft.log_id in told else next(outcomes) for entry in entries]


def _add(batch: Batch, entry: Entry) -> LogReceipt | Refused:
    draft = entry.draft
    stored = None if draft.log_id is None else batch.intake.find(draft.log_id)
    if stored is not None:
        return _answer_again(stored, draft)
    placed = place(batch, draft)
    if isinstance(placed, Refused):
        return placed
    file_id, version_id = placed
    log_id = draft.log_id or new_log_id(batch.now_us)
    parent_id = batch.intake.parent_of(draft.trace_parent_id)
    row = Row(
        id=log_id,
        kind=draft.kind,
        file_id=file_id,
        version_id=version_id,
        trace_id=log_id,
        trace_parent_id=parent_id,
        root=True,
        session_id=entry.labels[-1],
        in_trace=parent_id is not None,
        created_us=draft.created_us,
        start_us=draft.start_us,
        end_us=draft.end_us,
        status=entry.status,
        sums=entry.sums,
        labels=entry.labels,
        body=entry.body,
    )
    batch.intake.add(row)
    batch.used[version_id] += 1
    if draft.created_us > batch.newest[version_id]:
        # A client's clock may be ahead.
        batch.newest[version_id] = min(draft.created_us, batch.now_us)
    return LogReceipt(log_id, file_id, version_id, entry.status, entry.labels[-1])


def _answer_again(stored: Seen, draft: LogDraft) -> LogReceipt | Refused:
    """Return the answer to a log whose id is known."""
    if stored.kind != draft.kind:
        return Refused("conflict", f"Log {stored.id} is the log of a {stored.kind}")
    return LogReceipt(
        stored.id, stored.file_id, stored.version_id, stored.status, stored.session_id
    )


def update_log(batch: Batch, change: LogChange) -> Refused | None:
    """Change a stored log: members that are None go, the others are set."""
    batch.intake.flush()
    row = batch.connection.execute(
        "SELECT l.seq, l.file_id, l.status, b.body FROM logs l"
        " JOIN bodies b ON b.seq = l.seq WHERE l.id = ? AND l.kind = ?",
        (change.log_id, change.kind),
    ).fetchone()
    if row is None or change.file_id not in {None, row[1]}:
        return Refused("missing", f"Log {change.log_id} not found")
    seq, _, status, body = row
    if status == "complete" and change.members.get("log_status") == "incomplete":
        return Refused("conflict", "A complete log cannot become incomplete again")
    stored: JSONObject = msgspec.json.decode(body)
    members = merged(stored, change.members)
    values: dict[str, JSONValue] = dict(zip(SUM_COLUMNS, columns(members), strict=True))
    values |= dict(zip(TEXT_COLUMNS, labels(members), strict=True))
    values |= {"status": members.get("log_status", status)} | change.times
    batch.connection.execute(
        f"UPDATE logs SET {', '.join(f'{name} = ?' for name in values)} WHERE seq = ?",  # noqa: S608 - our own columns
        (*values.values(), seq),
    )
    batch.connection.execute(
        "UPDATE bodies SET body = ? WHERE seq = ?", (_encode(members).decode(), seq)
    )
    if is_indexed(batch.connection, seq):
        remove_words(batch.connection, seq, stored)
        add_words(batch.connection, seq, members)
    return None


def merged(stored: JSONObject, changes: JSONObject) -> JSONObject:
    """Return a log's members after an update."""
    members = {
        name: value for name, value in (stored | changes).items() if value is not None
    }
    if members.get("save") is False:
        return {name: members[name] for name in members if name not in PAYLOAD_MEMBERS}
    return members


def delete_logs(batch: Batch, ids: Sequence[str]) -> int:
    """Delete logs; children of a deleted one stay, as tops of what is left."""
    batch.intake.flush()
    deleted = 0
    for log_id in dict.fromkeys(ids):
        row = batch.connection.execute(
            "DELETE FROM logs WHERE id = ? RETURNING seq, version_id, trace_parent_id",
            (log_id,),
        ).fetchone()
        if row is None:
            continue
        seq, version_id, parent_id = row
        deleted += 1
        batch.used[version_id] -= 1
        (body,) = batch.connection.execute(
            "DELETE FROM bodies WHERE seq = ? RETURNING body", (seq,)
        ).fetchone()
        if is_indexed(batch.connection, seq):
            remove_words(batch.connection, seq, msgspec.json.decode(body))
        batch.connection.execute(
            "UPDATE logs SET root = 1 WHERE trace_parent_id = ?", (log_id,)
        )
        sqlite_parent.see_whether_alone(batch.connection, parent_id)
    return deleted


def delete_before(batch: Batch, before_us: int, limit: int) -> int:
    """Delete at most so many logs made before a time, the oldest first."""
    batch.intake.flush()
    rows = batch.connection.execute(
        "SELECT id FROM logs WHERE created_us < ? ORDER BY created_us, seq LIMIT ?",
        (before_us, limit),
    ).fetchall()
    sqlite_span.forget_before(batch.connection, before_us, limit)
    return delete_logs(batch, [row[0] for row in rows])
