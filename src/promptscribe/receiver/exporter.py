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
        progress: Called with the number of files that are done, and of all.
    """
    store = SqliteStore(db)
    try:
        return asyncio.run(_export(store, directory, progress))
    finally:
        store.close()


def export_lines(
    db: Path, file: BinaryIO, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write every log as a line of JSON, newest first; return their number.

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
    logs = done = 0
    async for file, total in _files(store):
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
        logs += await _logs(store, file, folder / "logs")
        (folder / ".done").write_text("Export completed successfully.\n", "utf-8")
        done += 1
        if progress is not None:
            progress(done, total)
    return logs


async def _files(store: Store) -> AsyncIterator[tuple[FileVersion, int]]:
    page = 1
    while True:
        query = FileQuery(sort_by="created_at", descending=False, page=page, size=100)
        found = await store.find_files(query)
        for file in found.files:
            yield file, found.total
        if not found.files:
            return
        page += 1


async def _logs(store: Store, file: FileVersion, folder: Path) -> int:
    written = 0
    page = 1
    async for lines, _ in _pages(store, file.id):
        (folder / f"{page}.jsonl").write_bytes(b"".join(lines))
        written += len(lines)
        page += 1
    return written


async def _export_lines(
    store: Store, file: BinaryIO, progress: Callable[[int, int], None] | None
) -> int:
    written = 0
    async for lines, total in _pages(store, None):
        file.write(b"".join(lines))
        written += len(lines)
        if progress is not None:
            progress(written, max(total, written))
    return written


async def _pages(
    store: Store, file_id: str | None
) -> AsyncIterator[tuple[list[bytes], int]]:
    """Yield the lines of a page of logs, and how many logs there are in all."""
    page = 1
    while True:
        query = LogQuery(file_id=file_id, page=page, size=_PAGE)
        found = await store.find_logs(query)
        if not found.logs:
            return
        ids = list({log.version_id for log in found.logs})
        versions = await store.read_versions(ids)
        # Each log stands in its own file's lines: children are not written twice.
        lines = [log_text(log, Tree([log]), versions) + b"\n" for log in found.logs]
        yield lines, found.total
        page += 1
