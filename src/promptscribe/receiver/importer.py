"""Moving in: an export of the hosted service, or of a receiver, into a store.

Its law: running it again changes nothing; what could not be moved is named.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver import export_tree
from promptscribe.receiver.ingest import BadRequest, decode_body
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.store import Store
    from promptscribe.schema import JSONObject

_BATCH: Final = 500


class ImportReport(msgspec.Struct):
    """What became of an export.

    Attributes:
        files: Files that are here now.
        versions: Versions that are here now.
        logs: Logs that are here now.
        skipped: Files and logs of kinds that there are not here, by kind.
        missing: What the export itself lacks, and what was refused, as sentences.
    """

    files: set[str] = msgspec.field(default_factory=set)
    versions: set[str] = msgspec.field(default_factory=set)
    logs: set[str] = msgspec.field(default_factory=set)
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    missing: list[str] = msgspec.field(default_factory=list)


def import_humanloop(
    directory: Path, db: Path, progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Move an export into a receiver's file; the receiver may be running.

    Args:
        directory: The export, as the hosted service's tool wrote it.
        db: The SQLite file; made where it is missing.
        progress: Called with the number of logs that are done, and of all.
    """
    store = SqliteStore(db)
    try:
        return asyncio.run(Importer(store, progress).run(directory))
    finally:
        store.close()


def import_lines(
    file: Path, db: Path, progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Move what `export_lines` wrote into a receiver's file; it may be running.

    Args:
        file: One log a line; it may be a pipe.
        db: The SQLite file; made where it is missing.
        progress: Called with the number of logs that are done, and of all; for what
            is no pipe.
    """
    store = SqliteStore(db)
    try:
        return asyncio.run(Importer(store, progress).run_lines(file))
    finally:
        store.close()


class Importer:
    """Moves exports into a store.

    Args:
        store: Where to.
        progress: Called with the number of lines that are read, and of all.
    """

    def __init__(
        self, store: Store, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self._store = store
        self._progress = progress
        self._read = self._lines = 0
        self._report = ImportReport()
        self._here: dict[str, str] = {}  # ids of versions: there, here
        self._waiting: list[LogDraft] = []

    async def run(self, directory: Path) -> ImportReport:
        """Move one export of the hosted service in; return what became of it."""
        folders = export_tree.folders(directory)
        if not folders:
            self._report.missing.append(f"{directory} has no files in it")
        self._lines = sum(map(export_tree.count_lines, folders))
        for folder in folders:
            await self._folder(folder)
        await self._flush()
        return self._report

    async def run_lines(self, file: Path) -> ImportReport:
        """Move the logs in a file of lines in; return what became of them."""
        if self._progress is not None:
            self._lines = export_tree.count_lines_of(file)
        number = await self._all(export_tree.lines_of(file, file.name))
        await self._flush()
        if not number:
            self._report.missing.append(f"{file} has no lines in it")
        return self._report

    async def _folder(self, folder: Path) -> None:
        file = export_tree.read_json(folder / "file.json")
        for record in export_tree.versions_in(folder):
            await self._version(record)
        number = await self._all(export_tree.log_lines(folder))
        expected = file.get("total_logs_count")
        if isinstance(expected, int) and number < expected:
            path = file.get("path")
            sentence = f"{path}: the export has {number} of {expected} logs"
            self._report.missing.append(sentence)
        if not (folder / ".done").exists():
            self._report.missing.append(f"{folder.name}: its export did not finish")

    async def _all(self, lines: Iterable[tuple[str, bytes]]) -> int:
        """Move the logs of lines; return how many lines there were."""
        number = 0
        for place, line in lines:
            number += 1
            try:
                for log in export_tree.logs_in(decode_body(line)):
                    await self._log(place, log)
            except BadRequest as error:
                self._lack(place, error)
            self._read += 1
            told = self._read % _BATCH == 0 or self._read == self._lines
            if self._progress is not None and self._lines and told:
                self._progress(self._read, self._lines)
        return number

    async def _version(self, record: JSONObject) -> str | None:
        version = export_tree.moved_version(record)
        if version is None:
            self._skip(str(record.get("type")))
            return None
        if version.version_id not in self._here:
            here = await self._store.move_in(version)
            if isinstance(here, Refused):
                self._report.missing.append(f"{version.path}: {here.sentence}")
                return None
            self._here[version.version_id] = here
            self._report.versions.add(here)
            self._report.files.add(version.file_id)
        return self._here[version.version_id]

    async def _log(self, place: str, log: JSONObject) -> None:
        kind = export_tree.kind_of(log)
        if kind is None:
            self._skip("log of another kind")
            return
        if log.get("id") in self._report.logs:
            return  # it stands among the children of another log as well
        version_id = await self._version({"type": kind} | log[kind])
        if version_id is None:
            return
        try:
            draft = export_tree.moved_log(log, kind, version_id)
        except BadRequest as error:
            self._lack(place, error)
            return
        self._report.logs.add(log["id"])
        self._waiting.append(draft)
        if len(self._waiting) >= _BATCH:
            await self._flush()

    async def _flush(self) -> None:
        drafts, self._waiting = self._waiting, []
        if not drafts:
            return
        for draft, outcome in zip(
            drafts, await self._store.add_logs(drafts), strict=True
        ):
            if isinstance(outcome, Refused):
                self._report.logs.discard(draft.log_id or "")
                self._report.missing.append(f"{draft.log_id}: {outcome.sentence}")

    def _skip(self, kind: str) -> None:
        self._report.skipped[kind] = self._report.skipped.get(kind, 0) + 1

    def _lack(self, place: str, error: BadRequest) -> None:
        first = error.problems[0]
        where = ".".join(str(part) for part in first.loc)
        self._report.missing.append(f"{place}: {where}: {first.msg}")
