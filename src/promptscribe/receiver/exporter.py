"""Moving out: everything in a store as a tree of files that moves in again.

Its law: the layout is that of the hosted service's own export tool, which `importer`
reads. An id is data and no file name: it goes through a slug.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from promptscribe.receiver.file_entry import FileQuery
from promptscribe.receiver.log_entry import LogQuery
from promptscribe.receiver.record import encode, file_record, log_text
from promptscribe.receiver.sqlite_store import SqliteStore
from promptscribe.receiver.trace import Tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from promptscribe.receiver.file_entry import FileVersion
    from promptscribe.receiver.store import Store

_PAGE: Final = 1000  # logs in one file of lines
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")


def export_files(
    db: Path, directory: Path, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write everything in a receiver's file to a folder; return the number of logs.

    Args:
        db: The SQLite file; the receiver may be running.
        directory: Where to; made where it is missing.
        progress: Called with the number of logs that are written, and of all.
    """
    store = SqliteStore(db)
    try:
        return asyncio.run(_export(store, directory, progress))
    finally:
        store.close()


def export_lines(
    db: Path, file: BinaryIO, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write every log as a line of JSON, oldest first; return their number.

    Each line has its file at its version in it: `import_lines` reads it back.

    Args:
        db: The SQLite file; the receiver may be running.
        file: Where to.
        progress: Called with the number of logs that are written, and of all.
    """
    store = SqliteStore(db)
    try:
        return asyncio.run(_export_lines(store, file, progress))
    finally:
        store.close()


def slug(name: str) -> str:
    """Return a file name for an id: itself, where it is one and nothing more."""
    safe = _UNSAFE.sub("_", name)[:80]
    if name and safe == name:
        return name
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


async def _export(
    store: Store, directory: Path, progress: Callable[[int, int], None] | None
) -> int:
    files = [file async for file in _files(store)]
    total = sum(file.total_logs for file in files)
    logs = 0

    def count(number: int) -> None:
        nonlocal logs
        logs += number
        if progress is not None:
            progress(logs, max(total, logs))

    for file in files:
        folder = directory / "files" / slug(file.id)
        (folder / "versions").mkdir(parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        (folder / "file.json").write_bytes(encode(file_record(file)))
        versions = await store.find_versions(file.id)
        for version in versions:
            path = folder / "versions" / slug(version.version_id)
            path.write_bytes(encode(file_record(version)))
        deployed = [
            {
                "version_id": version.version_id,
                "environment_id": environment.id,
                "environment_name": environment.name,
                "environment_tag": environment.tag,
            }
            for version in versions
            for environment in version.environments
        ]
        (folder / "deployments.json").write_bytes(encode(deployed))
        await _logs(store, file, folder / "logs", count)
        (folder / ".done").write_text("Export completed successfully.\n", "utf-8")
    return logs


async def _files(store: Store) -> AsyncIterator[FileVersion]:
    page = 1
    while True:
        query = FileQuery(sort_by="created_at", descending=False, page=page, size=100)
        found = await store.find_files(query)
        for file in found.files:
            yield file
        if not found.files:
            return
        page += 1


async def _logs(
    store: Store, file: FileVersion, folder: Path, count: Callable[[int], None]
) -> None:
    page = 1
    async for lines in _pages(store, file.id):
        (folder / f"{page}.jsonl").write_bytes(b"".join(lines))
        count(len(lines))
        page += 1


async def _export_lines(
    store: Store, file: BinaryIO, progress: Callable[[int, int], None] | None
) -> int:
    total = (await store.find_logs(LogQuery(size=0))).total
    written = 0
    async for lines in _pages(store, None):
        file.write(b"".join(lines))
        written += len(lines)
        if progress is not None:
            progress(written, max(total, written))
    return written


async def _pages(store: Store, file_id: str | None) -> AsyncIterator[list[bytes]]:
    """Yield the lines of the next logs.

    Oldest first: whoever reads this back has them arrive in the same order.
    """
    after = ""
    while True:
        step = await store.walk_logs(file_id, after, _PAGE)
        if not step.logs:
            return
        after = step.after
        ids = list({log.version_id for log in step.logs})
        versions = await store.read_versions(ids)
        # Each log stands in its own file's lines: children are not written twice.
        yield [log_text(log, Tree([log]), versions) + b"\n" for log in step.logs]
