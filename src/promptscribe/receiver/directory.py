"""Directories: the folders that files' paths are made of.

Its law: pure functions of files. A directory is no thing of its own: it is there as
long as a path goes through it, and its id follows from its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe.receiver.instant import format_instant
from promptscribe.receiver.record import file_record
from promptscribe.receiver.version import directory_id, folder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.file_entry import FileVersion
    from promptscribe.schema import JSONObject

ROOT: Final = "root"
"""What clients call the topmost directory, instead of its id."""


def directories(files: Sequence[FileVersion]) -> dict[str, JSONObject]:
    """Return the record of every directory, by path, parents first."""
    times: dict[str, tuple[int, int]] = {"": (0, 0)}
    for file in files:
        folder = file.path
        while folder:
            folder = folder_of(folder)
            first, last = times.get(folder, (0, 0))
            made = file.file_created_us
            times[folder] = (min(first or made, made), max(last, file.updated_us))
    return {path: _record(path, *times[path]) for path in sorted(times)}


def _record(path: str, created_us: int, updated_us: int) -> JSONObject:
    return {
        "id": directory_id(path),
        "parent_id": directory_id(folder_of(path)) if path else None,
        "name": path.rpartition("/")[2] or ROOT,
        "path": path,
        "description": None,
        "readme": None,
        "tags": [],
        "created_at": format_instant(created_us),
        "updated_at": format_instant(updated_us),
    }


def directory_record(files: Sequence[FileVersion], wanted: str) -> JSONObject | None:
    """Return one directory with what is in it and above it, or None.

    Args:
        files: All files there are.
        wanted: An id, or `ROOT`.
    """
    records = directories(files)
    paths = {record["id"]: path for path, record in records.items()}
    path = "" if wanted == ROOT else paths.get(wanted)
    if path is None:
        return None
    above: list[JSONObject] = []
    folder = path
    while folder:
        folder = folder_of(folder)
        above.append(records[folder])
    below = [
        record for each, record in records.items() if each and folder_of(each) == path
    ]
    inside = [file_record(file) for file in files if folder_of(file.path) == path]
    return records[path] | {
        "parents": above[::-1],
        "subdirectories": below,
        "files": inside,
    }
