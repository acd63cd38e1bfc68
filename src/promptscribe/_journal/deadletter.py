"""The dead-letter file: what a server refused for good, kept for a person to see.

Its law: one JSON line a log, whole or not at all; never a key or a header. Two files at
most: the one that is written, and the one before it. Who writes to one, or gives it
another name, has the folder's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Final

from promptscribe import _clock
from promptscribe._journal.access import append
from promptscribe._journal.faultpoint import reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAME: Final = "dead-letter.ndjson"
_BEFORE: Final = "dead-letter.1.ndjson"
_REPLAYED: Final = "dead-letter.replayed.ndjson"
UNREADABLE: Final = "dead-letter.unreadable.ndjson"
"""Lines that are no entries, once they were to be sent: for a person to mend."""
LONGEST_BYTES: Final = 16 << 20
"""Size at which a file becomes the one before, and the one before it goes."""
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def bury(
    root: Path, status: int, reason: str, query: Mapping[str, str], body: bytes
) -> int:
    """Append one refused log to the dead-letter file under *root*.

    Args:
        root: Folder of the journal.
        status: HTTP status of the refusal.
        reason: The server's words.
        query: Query parameters of the request.
        body: The request's body, JSON.

    Returns:
        How many of the oldest had to go for it.

    Raises:
        OSError: The file cannot be written; nothing of the log is in it.
    """
    about = {
        "at": _clock.from_ns(_clock.SystemClock.wall_ns()).isoformat(),
        "status": status,
        "reason": reason,
        "query": dict(query),
    }
    line = json.dumps(about)[:-1].encode() + b', "body": ' + body + b"}\n"
    path = root / NAME
    gone = 0
    root.mkdir(mode=0o700, exist_ok=True)
    with _alone_in(root):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size + len(line) > LONGEST_BYTES:
                gone = _count_lines(root / _BEFORE)
                path.replace(root / _BEFORE)
        fd = os.open(path, _FLAGS, 0o600)
        try:
            _append(fd, line)
        finally:
            os.close(fd)
    reach("buried")
    return gone


def read(root: Path) -> Iterator[dict[str, Any]]:
    """Return what was refused, oldest first: at, status, reason, query and body."""
    for name in (_REPLAYED, _BEFORE, NAME):
        yield from _read(root / name)


def begin_replay(root: Path) -> list[dict[str, Any]] | None:
    """Set aside what was refused, and return it; new refusals begin a new file.

    Returns:
        One file's; None if there is none.
    """
    with _alone_in(root):
        for name in (_BEFORE, NAME):
            if not (root / _REPLAYED).exists() and (root / name).exists():
                (root / name).replace(root / _REPLAYED)
                break
    return list(_read(root / _REPLAYED)) if (root / _REPLAYED).exists() else None


def end_replay(root: Path) -> int:
    """Remove what was set aside: it was delivered, or refused anew.

    Returns:
        How many lines nobody can read: they are kept in the file `UNREADABLE`.

    Raises:
        OSError: They cannot be; then nothing was removed.
    """
    lines = [line for line in _lines(root / _REPLAYED) if _entry(line) is None]
    if lines:
        fd = os.open(root / UNREADABLE, _FLAGS, 0o600)
        try:
            _append(fd, b"".join(line + b"\n" for line in lines))
        finally:
            os.close(fd)
    (root / _REPLAYED).unlink(missing_ok=True)
    return len(lines)


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Have other processes wait; where a folder cannot be locked, nobody does."""
    fd = -1
    with contextlib.suppress(OSError):
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if fd >= 0:
            os.close(fd)


def _append(fd: int, line: bytes) -> None:
    """Append a line, all of it or nothing, behind whatever was left of another."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":  # the machine lost its power
        line = b"\n" + line
    append(fd, line)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for line in _lines(path):
        if (entry := _entry(line)) is not None:
            yield entry


def _lines(path: Path) -> list[bytes]:
    with contextlib.suppress(FileNotFoundError):
        return [line for line in path.read_bytes().splitlines() if line.strip()]
    return []


def _entry(line: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        entry = json.loads(line)
        if type(entry) is dict and {"query", "body"} <= entry.keys():
            return entry if type(entry["query"]) is dict else None
    return None


def _count_lines(path: Path) -> int:
    lines = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while some := file.read(1 << 20):
            lines += some.count(b"\n")
    return lines
