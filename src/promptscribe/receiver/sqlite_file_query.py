"""Reading files from SQLite: by name, by page, at one version or at all.

Its law: only SELECT, on a connection that cannot write; values only as bound
parameters, names of columns only from the tables in this file.
"""

# ruff: noqa: S608
# The strings that are put together here are column names and question marks.
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.file_entry import (
    Environment,
    FilePage,
    FileVersion,
)
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.sqlite_read import marks_for
from promptscribe.receiver.sqlite_search import pattern_for

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from promptscribe.receiver.file_entry import (
        FileName,
        FileQuery,
    )

_VERSION: Final = (
    "SELECT v.id, f.id, f.kind, f.path, v.details, v.created_us, f.created_us,"
    " f.updated_us, v.logs, f.labels, v.labels,"
    " (SELECT sum(logs) FROM versions WHERE file_id = f.id),"
    " (SELECT max(last_used_us) FROM versions WHERE file_id = f.id)"
    " FROM versions v JOIN files f ON f.id = v.file_id"
)
_NEWEST: Final = (
    # The version that a file is seen at: deployed by default, else the newest.
    "(SELECT v.id FROM versions v LEFT JOIN deployments d ON d.version_id = v.id"
    " AND d.environment_id IN (SELECT id FROM environments WHERE tag = 'default')"
    " WHERE v.file_id = f.id"
    " ORDER BY d.version_id IS NULL, v.created_us DESC LIMIT 1)"
)
_ORDER: Final = {
    "created_at": "f.created_us",
    "updated_at": "f.updated_us",
    "name": "f.path",
}
_decode = msgspec.json.decode


def read_versions(
    connection: sqlite3.Connection, version_ids: Sequence[str]
) -> dict[str, FileVersion]:
    """Return versions by id, each with its file."""
    rows = connection.execute(
        f"{_VERSION} WHERE v.id IN ({marks_for(version_ids)})", version_ids
    ).fetchall()
    deployed = connection.execute(
        "SELECT d.version_id, e.id, e.name, e.tag, e.created_us FROM deployments d"
        f" JOIN environments e ON e.id = d.environment_id"
        f" WHERE d.version_id IN ({marks_for(version_ids)}) ORDER BY e.id",
        version_ids,
    ).fetchall()
    return {
        row[0]: FileVersion(
            version_id=row[0],
            id=row[1],
            kind=row[2],
            path=row[3],
            details=_decode(row[4]),
            created_us=row[5],
            file_created_us=row[6],
            updated_us=row[7],
            version_logs=row[8],
            labels={**_decode(row[9]), **_decode(row[10])},
            total_logs=row[11],
            last_used_us=row[7] if row[12] is None else row[12],
            environments=[
                Environment(*found[1:]) for found in deployed if found[0] == row[0]
            ],
        )
        for row in rows
    }


def find_file(connection: sqlite3.Connection, name: FileName) -> FileVersion | Refused:
    """Return a file at one of its versions, or why there is none."""
    column = "path" if name.file_id is None else "id"
    called = name.path if name.file_id is None else name.file_id
    row = connection.execute(
        f"SELECT f.id, f.kind, {_NEWEST} FROM files f"
        f" WHERE f.{column} = ? AND f.deleted_us IS NULL",
        (called,),
    ).fetchone()
    if row is None or name.kind not in {None, row[1]}:
        return Refused("missing", f"{(name.kind or 'file').title()} {called} not found")
    file_id, _, version_id = row
    if name.version_id is not None:
        version_id = name.version_id
    elif name.environment is not None:
        row = connection.execute(
            "SELECT d.version_id FROM deployments d JOIN environments e"
            " ON e.id = d.environment_id WHERE d.file_id = ? AND e.name = ?",
            (file_id, name.environment),
        ).fetchone()
        if row is None:
            sentence = f"Nothing of {called} is deployed to {name.environment}"
            return Refused("missing", sentence)
        version_id = row[0]
    found = read_versions(connection, [version_id]).get(version_id)
    if found is None or found.id != file_id:
        return Refused("missing", f"Version {version_id} not found")
    return found


def find_versions(connection: sqlite3.Connection, file_id: str) -> list[FileVersion]:
    """Return all versions of a file, newest first."""
    rows = connection.execute(
        "SELECT id FROM versions WHERE file_id = ? ORDER BY created_us DESC, id",
        (file_id,),
    )
    ids = [row[0] for row in rows]
    return list(_in_order(connection, ids))


def find_files(connection: sqlite3.Connection, query: FileQuery) -> FilePage:
    """Return one page of files, each at its default version, and their number."""
    terms = list(_terms(query))
    where = " AND ".join(term for term, _ in terms)
    values = [value for _, bound in terms for value in bound]
    (total,) = connection.execute(
        f"SELECT count(*) FROM files f WHERE {where}", values
    ).fetchone()
    direction = "DESC" if query.descending else "ASC"
    rows = connection.execute(
        f"SELECT {_NEWEST} FROM files f WHERE {where}"
        f" ORDER BY {_ORDER[query.sort_by]} {direction}, f.id LIMIT ? OFFSET ?",
        (*values, query.size, min((query.page - 1) * query.size, 2**62)),
    )
    return FilePage(list(_in_order(connection, [row[0] for row in rows])), total)


def _in_order(
    connection: sqlite3.Connection, version_ids: Sequence[str]
) -> Iterable[FileVersion]:
    for at in range(0, len(version_ids), 500):
        some = version_ids[at : at + 500]
        found = read_versions(connection, some)
        yield from (found[each] for each in some)


def _terms(query: FileQuery) -> Iterable[tuple[str, Sequence[object]]]:
    yield "f.deleted_us IS NULL", ()
    if query.nothing:
        yield "0", ()
    if query.kinds:
        yield f"f.kind IN ({marks_for(query.kinds)})", query.kinds
    if query.name is not None:
        # The last segment: what is left of a path without all up to a slash.
        last = "replace(f.path, rtrim(f.path, replace(f.path, '/', '')), '')"
        yield f"{last} LIKE ? ESCAPE '!'", (pattern_for(query.name),)
    if query.folder:
        start = f"{query.folder}/"
        yield "substr(f.path, 1, ?) = ?", (len(start), start)
    if query.environment is not None:
        deployed = (
            "SELECT d.file_id FROM deployments d"
            " JOIN environments e ON e.id = d.environment_id WHERE e.name = ?"
        )
        yield f"f.id IN ({deployed})", (query.environment,)


def environments(connection: sqlite3.Connection) -> list[Environment]:
    """Return every environment there is, the default first."""
    rows = connection.execute(
        "SELECT id, name, tag, created_us FROM environments"
        " ORDER BY tag <> 'default', name"
    )
    return [Environment(*row) for row in rows]
