"""The tree of files that the hosted service's own export tool wrote.

Its law: it reads, and changes nothing on disk. Layout and pitfalls are those of
humanloop/humanloop-export, ``export.py``: ``files/<id>/file.json``, ``versions/<id>``,
``logs/N.jsonl``, ``.done``. A log may be there twice, on its own and among the
children of another; what was left out is found by counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from promptscribe.receiver.check import Problem
from promptscribe.receiver.file_entry import Environment, MovedVersion, read_labels
from promptscribe.receiver.ingest import BadRequest, read_log
from promptscribe.receiver.instant import parse_instant
from promptscribe.receiver.request import LOG_REQUEST
from promptscribe.receiver.version import KERNEL_MEMBERS, KINDS, canonical_details

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue


def folders(root: Path) -> list[Path]:
    """Return the folders of files in an export.

    Args:
        root: The export, its ``files``, or a folder with several exports.
    """
    found = sorted(path.parent for path in root.rglob("file.json"))
    return [path for path in found if path.is_dir()]


def read_json(path: Path) -> JSONObject:
    """Return the object in a file; an empty one where it is missing or broken."""
    try:
        value = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def versions_in(folder: Path) -> Iterator[JSONObject]:
    """Yield the records of a file's versions, the oldest first."""
    records = [read_json(folder / "file.json")]
    records += [read_json(path) for path in (folder / "versions").glob("*")]
    yield from sorted(
        (record for record in records if record),
        key=lambda record: str(record.get("created_at")),
    )


def log_lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file's logs, each with its place for messages."""
    for path in sorted((folder / "logs").glob("*.jsonl")):
        yield from lines_of(path, f"{folder.name}/logs/{path.name}")


def count_lines(folder: Path) -> int:
    """Return how many lines of logs a file has."""
    return sum(map(count_lines_of, (folder / "logs").glob("*.jsonl")))


def lines_of(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of one file of lines, each with its place for messages."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{name}:{number}", line


def count_lines_of(path: Path) -> int:
    """Return how many lines a file of lines has: none that a pipe tells in advance."""
    return sum(1 for _ in lines_of(path, "")) if path.is_file() else 0


def logs_in(record: JSONValue) -> Iterator[JSONObject]:
    """Yield a log and everything below it, parents first."""
    stack = [record]
    while stack:
        log = stack.pop()
        if isinstance(log, dict):
            yield log
            below = log.get("trace_children")
            stack.extend(reversed(below if isinstance(below, list) else []))


def kind_of(log: JSONObject) -> FileKind | None:
    """Return the kind of a log's file; None for evaluators, agents and data sets."""
    return next((kind for kind in KINDS if isinstance(log.get(kind), dict)), None)


def moved_version(record: JSONObject) -> MovedVersion | None:
    """Return the version that a file record is at, or None for other kinds."""
    kinds: list[FileKind] = [kind for kind in KINDS if record.get("type") == kind]
    names = [record.get(name) for name in ("id", "path", "version_id")]
    if not kinds or not all(isinstance(name, str) and name for name in names):
        return None
    kind, (file_id, path, version_id) = kinds[0], names
    # An empty list in an answer says what an absent member says in a request.
    kernel = {name: record.get(name) for name in KERNEL_MEMBERS[kind]}
    kernel = {name: value for name, value in kernel.items() if value != []}
    of_file, of_version = read_labels(record)
    return MovedVersion(
        kind=kind,
        file_id=str(file_id),
        path=str(path),
        version_id=str(version_id),
        details=canonical_details(kind, kernel if any(kernel.values()) else None),
        created_us=_instant(record, "created_at"),
        updated_us=_instant(record, "updated_at"),
        file_labels=of_file,
        version_labels=of_version,
        environments=tuple(_environments(record)),
    )


def _environments(record: JSONObject) -> Iterator[Environment]:
    for each in record.get("environments") or []:
        if isinstance(each, dict) and each.get("id") and each.get("name"):
            tag = str(each.get("tag"))
            made = _instant(each, "created_at")
            yield Environment(str(each["id"]), str(each["name"]), tag, made)


def _instant(record: JSONObject, name: str) -> int:
    try:
        return parse_instant(record.get(name))
    except ValueError:
        return 0


def moved_log(log: JSONObject, kind: FileKind, version_id: str) -> LogDraft:
    """Return a log record as a draft for the version that it has here.

    Raises:
        BadRequest: With everything that is wrong with it.
    """
    if not isinstance(log.get("id"), str):
        raise BadRequest([Problem(("id",), "Field required", "missing")])
    batches = log.get("batches") or [None]
    members = LOG_REQUEST[kind] - {"id", "path", kind}
    body = {name: log[name] for name in members if log.get(name) is not None}
    body |= {"log_id": log["id"], "batch_id": batches[0], "path": log[kind]["path"]}
    return read_log(kind, body, 0, target_version=version_id)
