"""Files in SQLite, changed on purpose: versions put, files moved, deployed, deleted.

Its law: runs inside the writer's transaction; a refused change has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.sqlite_file import make_file, make_version

if TYPE_CHECKING:
    from promptscribe.receiver.file_entry import FileDraft
    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject


def put_version(batch: Batch, draft: FileDraft) -> str | Refused:
    """Make a version, and its file where that is new; return the version's id."""
    batch.require_room()
    file_id = draft.file_id
    if file_id is None:
        row = batch.connection.execute(
            "SELECT id FROM files WHERE path = ? AND deleted_us IS NULL", (draft.path,)
        ).fetchone()
        file_id = None if row is None else row[0]
    if file_id is None:
        file_id = make_file(batch, draft.kind, draft.path or "")
    else:
        refused = _require(batch, draft.kind, file_id)
        if refused is not None:
            return refused
    version_id = make_version(batch, draft.kind, file_id, draft.details)
    _label(batch, "files", file_id, draft.file_labels)
    _label(batch, "versions", version_id, draft.version_labels)
    return version_id


def _require(batch: Batch, kind: FileKind, file_id: str) -> Refused | None:
    row = batch.connection.execute(
        "SELECT kind FROM files WHERE id = ? AND deleted_us IS NULL", (file_id,)
    ).fetchone()
    if row is None:
        return Refused("missing", f"{kind.title()} {file_id} not found")
    if row[0] != kind:
        return Refused("conflict", f"{file_id} is a {row[0]}, not a {kind}")
    return None


def _label(batch: Batch, table: str, row_id: str, labels: JSONObject) -> None:
    if labels:
        batch.connection.execute(
            f"UPDATE {table} SET labels = json_patch(labels, ?) WHERE id = ?",  # noqa: S608 - two tables
            (msgspec.json.encode(labels).decode(), row_id),
        )


def move_file(batch: Batch, kind: FileKind, file_id: str, path: str) -> Refused | None:
    """Give a file another path, unless a file is there."""
    refused = _require(batch, kind, file_id)
    if refused is not None:
        return refused
    taken = batch.connection.execute(
        "SELECT 1 FROM files WHERE path = ? AND deleted_us IS NULL AND id <> ?",
        (path, file_id),
    ).fetchone()
    if taken is not None:
        return Refused("conflict", f"There is a file at {path} already")
    batch.versions.clear()
    batch.connection.execute(
        "UPDATE files SET path = ?, updated_us = ? WHERE id = ?",
        (path, batch.now_us, file_id),
    )
    return None


def delete_file(batch: Batch, kind: FileKind, file_id: str) -> Refused | None:
    """Delete a file: its path is free again, its logs stay readable by id."""
    refused = _require(batch, kind, file_id)
    if refused is not None:
        return refused
    batch.versions.clear()
    batch.connection.execute(
        "UPDATE files SET deleted_us = ? WHERE id = ?", (batch.now_us, file_id)
    )
    batch.connection.execute("DELETE FROM deployments WHERE file_id = ?", (file_id,))
    return None


def deploy(
    batch: Batch,
    kind: FileKind,
    file_id: str,
    environment_id: str,
    version_id: str | None,
) -> Refused | None:
    """Deploy a version to an environment; None takes away what is there."""
    refused = _require(batch, kind, file_id)
    if refused is not None:
        return refused
    execute = batch.connection.execute
    known = execute("SELECT 1 FROM environments WHERE id = ?", (environment_id,))
    if known.fetchone() is None:
        return Refused("missing", f"Environment {environment_id} not found")
    batch.versions.clear()
    if version_id is None:
        execute(
            "DELETE FROM deployments WHERE file_id = ? AND environment_id = ?",
            (file_id, environment_id),
        )
        return None
    known = execute(
        "SELECT 1 FROM versions WHERE id = ? AND file_id = ?", (version_id, file_id)
    )
    if known.fetchone() is None:
        return Refused("missing", f"Version {version_id} not found")
    execute(
        "INSERT OR REPLACE INTO deployments VALUES (?, ?, ?)",
        (file_id, environment_id, version_id),
    )
    return None
