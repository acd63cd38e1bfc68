"""Versions from another store, moved into SQLite with their ids and times.

Its law: runs inside the writer's transaction; moving the same in again changes
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from promptscribe.receiver.log_entry import Refused

if TYPE_CHECKING:
    from promptscribe.receiver.file_entry import Environment, MovedVersion
    from promptscribe.receiver.sqlite_writer import Batch
    from promptscribe.schema import JSONObject


def move_in(batch: Batch, version: MovedVersion) -> str | Refused:
    """Keep a version, its file and its deployments; return the version's id here."""
    file_id = _file(batch, version)
    if isinstance(file_id, Refused):
        return file_id
    version_id = _version(batch, file_id, version)
    for environment in version.environments:
        batch.connection.execute(
            "INSERT OR IGNORE INTO deployments VALUES (?, ?, ?)",
            (file_id, _environment(batch, environment), version_id),
        )
    batch.versions.clear()
    return version_id


def _file(batch: Batch, version: MovedVersion) -> str | Refused:
    row = batch.connection.execute(
        "SELECT id, kind FROM files WHERE deleted_us IS NULL AND (id = ? OR path = ?)"
        " ORDER BY id <> ? LIMIT 1",
        (version.file_id, version.path, version.file_id),
    ).fetchone()
    if row is not None:
        file_id, kind = row
        if kind != version.kind:
            return Refused("conflict", f"There is a {kind} at {version.path} already")
        return str(file_id)
    batch.connection.execute(
        "INSERT INTO files (id, kind, path, created_us, updated_us, labels)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            version.file_id,
            version.kind,
            version.path,
            version.created_us,
            version.updated_us,
            _text(version.file_labels),
        ),
    )
    return version.file_id


def _version(batch: Batch, file_id: str, version: MovedVersion) -> str:
    row = batch.connection.execute(
        "SELECT id FROM versions WHERE id = ? OR (file_id = ? AND digest = ?)"
        " ORDER BY id <> ? LIMIT 1",
        (version.version_id, file_id, version.details.digest, version.version_id),
    ).fetchone()
    if row is not None:
        return str(row[0])
    batch.connection.execute(
        "INSERT INTO versions (id, file_id, digest, details, created_us, labels)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            version.version_id,
            file_id,
            version.details.digest,
            version.details.canonical,
            version.created_us,
            _text(version.version_labels),
        ),
    )
    return version.version_id


def _environment(batch: Batch, environment: Environment) -> str:
    row = batch.connection.execute(
        "SELECT id FROM environments WHERE name = ? OR id = ? ORDER BY name <> ?",
        (environment.name, environment.id, environment.name),
    ).fetchone()
    if row is not None:
        return str(row[0])
    batch.connection.execute(
        "INSERT INTO environments VALUES (?, ?, ?, ?)",
        # There is one default here already.
        (environment.id, environment.name, "other", environment.created_us),
    )
    return environment.id


def _text(labels: JSONObject) -> str:
    return msgspec.json.encode(labels).decode()
