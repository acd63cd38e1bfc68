"""Files, versions and deployments in SQLite: where a log belongs.

Its law: runs inside the writer's transaction. Nothing is made before everything
that could refuse the request has been looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.version import (
    FILE_PREFIX,
    canonical_details,
    new_id,
    version_id,
)

if TYPE_CHECKING:
    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.receiver.version import Details, FileKind

DEFAULT_TAG: Final = "default"


def place(batch: Batch, draft: LogDraft) -> tuple[str, str] | Refused:
    """Return the file and the version that a log goes to, made where they are new.

    Args:
        batch: The transaction.
        draft: The log.

    Returns:
        Ids of file and version, or why there are none.
    """
    key = (
        draft.kind,
        draft.file_id or draft.path,
        draft.details and draft.details.digest,
        draft.target_version,
        draft.target_environment,
    )
    known = batch.versions.get(key)
    if known is None:
        found = _place(batch, draft)
        if isinstance(found, Refused):
            return found
        known = batch.versions[key] = found
    return known


def _place(batch: Batch, draft: LogDraft) -> tuple[str, str] | Refused:
    file_id = _find(batch, draft)
    if isinstance(file_id, Refused):
        return file_id
    if draft.target_version is not None:
        return _targeted(batch, file_id, draft.target_version)
    if draft.target_environment is not None:
        return _deployed(batch, file_id, draft)
    if file_id is None:
        file_id = make_file(batch, draft.kind, draft.path or "")
    if draft.details is not None:
        return file_id, make_version(batch, draft.kind, file_id, draft.details)
    return file_id, _default_version(batch, draft.kind, file_id)


def _find(batch: Batch, draft: LogDraft) -> str | Refused | None:
    column, value = (
        ("id", draft.file_id) if draft.file_id is not None else ("path", draft.path)
    )
    row = batch.connection.execute(
        f"SELECT id, kind FROM files WHERE {column} = ?"  # noqa: S608 - two columns
        " AND deleted_us IS NULL",
        (value,),
    ).fetchone()
    if row is None:
        if draft.file_id is None:
            return None
        return Refused("missing", f"{draft.kind.title()} {draft.file_id} not found")
    file_id, kind = row
    if kind != draft.kind:
        return Refused("conflict", f"{value} is a {kind}, not a {draft.kind}")
    return str(file_id)


def _targeted(
    batch: Batch, file_id: str | None, target: str
) -> tuple[str, str] | Refused:
    row = batch.connection.execute(
        "SELECT 1 FROM versions WHERE id = ? AND file_id = ?", (target, file_id)
    ).fetchone()
    if file_id is None or row is None:
        return Refused("missing", f"Version {target} not found")
    return file_id, target


def _deployed(
    batch: Batch, file_id: str | None, draft: LogDraft
) -> tuple[str, str] | Refused:
    name = draft.target_environment
    row = batch.connection.execute(
        "SELECT id, tag FROM environments WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return Refused("missing", f"Environment {name} not found")
    environment_id, tag = row
    if file_id is None and draft.path and draft.details and tag == DEFAULT_TAG:
        # The first version is deployed to the default environment by being first.
        file_id = make_file(batch, draft.kind, draft.path)
        return file_id, make_version(batch, draft.kind, file_id, draft.details)
    row = batch.connection.execute(
        "SELECT version_id FROM deployments WHERE file_id = ? AND environment_id = ?",
        (file_id, environment_id),
    ).fetchone()
    if file_id is None or row is None:
        where = draft.path or draft.file_id
        return Refused("missing", f"Nothing of {where} is deployed to {name}")
    return file_id, str(row[0])


def make_file(batch: Batch, kind: FileKind, path: str) -> str:
    """Make a file at a path that is free and return its id."""
    file_id = new_id(FILE_PREFIX[kind])
    batch.connection.execute(
        "INSERT INTO files (id, kind, path, created_us, updated_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (file_id, kind, path, batch.now_us, batch.now_us),
    )
    return file_id


def make_version(batch: Batch, kind: FileKind, file_id: str, details: Details) -> str:
    """Return the id of the version with these details, made where it is new.

    The first version of a file is deployed to the default environment.
    """
    version = version_id(kind, file_id, details)
    # By digest, not by id: a version that moved in keeps the id from there.
    row = batch.connection.execute(
        "SELECT id FROM versions WHERE file_id = ? AND digest = ?",
        (file_id, details.digest),
    ).fetchone()
    if row is not None:
        return str(row[0])
    batch.connection.execute(
        "INSERT INTO versions (id, file_id, digest, details, created_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (version, file_id, details.digest, details.canonical, batch.now_us),
    )
    batch.connection.execute(
        "UPDATE files SET updated_us = ? WHERE id = ?", (batch.now_us, file_id)
    )
    batch.connection.execute(
        "INSERT INTO deployments SELECT ?, id, ? FROM environments WHERE tag = ?"
        " AND NOT EXISTS (SELECT 1 FROM versions WHERE file_id = ? AND id <> ?)",
        (file_id, version, DEFAULT_TAG, file_id, version),
    )
    return version


def _default_version(batch: Batch, kind: FileKind, file_id: str) -> str:
    """Return what is deployed by default, else the newest, else an empty version."""
    row = batch.connection.execute(
        "SELECT v.id FROM versions v"
        " LEFT JOIN deployments d ON d.version_id = v.id"
        " AND d.environment_id IN (SELECT id FROM environments WHERE tag = ?)"
        " WHERE v.file_id = ?"
        " ORDER BY d.version_id IS NULL, v.created_us DESC LIMIT 1",
        (DEFAULT_TAG, file_id),
    ).fetchone()
    if row is not None:
        return str(row[0])
    return make_version(batch, kind, file_id, canonical_details(kind, None))
