"""The id map: which id a server gave to a log of ours, where it gives its own.

Its law: one short line a log, those of a batch appended in one write. A child may be
delivered by another process than its parent was, so the map outlives both.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from promptscribe._journal.access import append

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME: Final = "ids.tsv"
_MOST_BYTES: Final = 4 << 20
"""About 40,000 logs; then it begins anew, and children of older ones lose theirs."""
MOST: Final = 20_000
"""Ids in memory, twice at the very most: 6 MB each time."""
_SAFE: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _SAFE


class IdMap:
    """Ids by ours, in memory and on disk.

    Args:
        root: Folder of the journal.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._ids: dict[str, str] = {}
        self._older: dict[str, str] = {}
        self._file: tuple[int, int] | None = None
        self._read_bytes = 0

    def get(self, log_id: str) -> str | None:
        """Return the server's id of a log, or None if it is not known."""
        found = self._find(log_id)
        if found is None and self._catch_up():  # another process may have delivered it
            found = self._find(log_id)
        return found

    def has_any(self) -> bool:
        """Say whether the server is known to have given ids of its own."""
        self._catch_up()
        return bool(self._ids or self._older)

    def add(self, given: Mapping[str, str]) -> None:
        """Remember the ids that a server gave to logs, by ours."""
        self._remember(given)
        pairs = (p for p in given.items() if not {"\t", "\n", "\r"} & set("".join(p)))
        lines = "".join([f"{log_id}\t{theirs}\n" for log_id, theirs in pairs])
        with contextlib.suppress(OSError):
            fd = os.open(self._path, _APPEND, 0o600)
            try:
                if os.fstat(fd).st_size > _MOST_BYTES:
                    self._path.unlink()
                    old, fd = fd, os.open(self._path, _APPEND, 0o600)
                    os.close(old)  # not before: one number must not be closed twice
                append(fd, lines.encode("utf-8", "replace"))
            finally:
                os.close(fd)

    def _find(self, log_id: str) -> str | None:
        return self._ids.get(log_id, self._older.get(log_id))

    def _remember(self, given: Mapping[str, str]) -> None:
        self._ids.update(given)
        if len(self._ids) > MOST:
            self._older, self._ids = self._ids, {}

    def _catch_up(self) -> bool:
        """Read what was appended since the last time; say whether there was anything.

        Children ask ten times a second for parents that have not ended.
        """
        content = b""
        with contextlib.suppress(OSError):
            fd = os.open(self._path, os.O_RDONLY | _SAFE)
            try:
                state = os.fstat(fd)
                if (state.st_dev, state.st_ino) != self._file:  # it was begun anew
                    self._file, self._read_bytes = (state.st_dev, state.st_ino), 0
                left = state.st_size - self._read_bytes
                content = os.pread(fd, left, self._read_bytes) if left > 0 else b""
            finally:
                os.close(fd)
        whole = content.rpartition(b"\n")[0]  # of the last line there may be half
        self._read_bytes += len(whole) + bool(whole)
        lines = whole.decode("utf-8", "replace").split("\n") if whole else []
        pairs = (line.partition("\t") for line in lines)
        for log_id, tab, theirs in pairs:
            if tab:
                self._remember({log_id: theirs})
        return bool(lines)
