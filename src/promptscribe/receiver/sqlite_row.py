"""Rows of logs in SQLite: a draft made ready for the writer, in the caller's thread.

Its law: pure functions of a draft. What is worked out here is worked out beside the
writer's thread and not in it: that one is what bounds how much comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.log_entry import LABELS
from promptscribe.receiver.sqlite_parent import spans_beneath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.upload import SpanLink
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue

_MAX_INTEGER: Final = 2**63 - 1

SUM_COLUMNS: Final = (
    "prompt_tokens",
    "output_tokens",
    "prompt_cost",
    "output_cost",
    "failed",
)
TEXT_COLUMNS: Final = LABELS
COLUMNS: Final = (
    "seq",
    "id",
    "kind",
    "file_id",
    "version_id",
    "trace_id",
    "trace_parent_id",
    "root",
    "in_trace",
    "created_us",
    "start_us",
    "end_us",
    "status",
    *SUM_COLUMNS,
    *TEXT_COLUMNS,
)

_encode = msgspec.json.encode


class Entry(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A draft with what its row needs.

    Attributes:
        draft: The draft.
        status: Its ``log_status``, or None.
        sums: The values of `SUM_COLUMNS`.
        labels: The values of `TEXT_COLUMNS`.
        body: Its members as JSON text.
        spans: Spans that logs may name as their parent instead of this log.
    """

    draft: LogDraft
    status: str | None
    sums: tuple[JSONValue, ...]
    labels: list[JSONValue]
    body: str
    spans: Sequence[SpanLink]


class Seen(msgspec.Struct, kw_only=True, gc=False):
    """What matters of a log that is in the file, or about to be."""

    id: str
    kind: FileKind
    file_id: str
    version_id: str
    status: str | None
    trace_id: str
    in_trace: bool
    session_id: str | None


class Row(Seen, kw_only=True, gc=False):
    """A new log; its columns, but for *seq*, and its body as JSON text."""

    trace_parent_id: str | None
    root: bool
    created_us: int
    start_us: int | None
    end_us: int | None
    sums: tuple[JSONValue, ...]
    labels: list[JSONValue]
    body: str


def prepared(draft: LogDraft) -> Entry:
    """Return a draft made ready for the writer."""
    members = draft.members
    status = members.get("log_status")
    if status is None and draft.kind == "flow":
        status = "incomplete"
    return Entry(
        draft=draft,
        status=status,
        sums=columns(members),
        labels=labels(members),
        body=_encode(members).decode(),
        spans=spans_beneath(draft),
    )


def labels(members: JSONObject) -> list[JSONValue]:
    """Return the values of `TEXT_COLUMNS`.

    The contract has a session in answers only; clients name it in the metadata.
    """
    get = members.get
    found = [get(name) for name in TEXT_COLUMNS]
    metadata = get("metadata")
    session = metadata.get("session_id") if type(metadata) is dict else None
    found[-1] = session if isinstance(session, str) and session else None
    return found


def values(seq: int, row: Row) -> list[object]:
    """Return the values of `COLUMNS`."""
    return [
        seq,
        row.id,
        row.kind,
        row.file_id,
        row.version_id,
        row.trace_id,
        row.trace_parent_id,
        row.root,
        row.in_trace,
        row.created_us,
        row.start_us,
        row.end_us,
        row.status,
        *row.sums,
        *row.labels,
    ]


def columns(members: JSONObject) -> tuple[JSONValue, ...]:
    """Return tokens, costs and failure as SQLite can hold them."""
    return (
        _whole(members.get("prompt_tokens")),
        _whole(members.get("output_tokens")),
        _real(members.get("prompt_cost")),
        _real(members.get("output_cost")),
        "error" in members,
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
