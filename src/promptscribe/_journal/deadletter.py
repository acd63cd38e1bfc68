"""The dead-letter file: what a server refused for good, kept for a person to see.

Its law: one JSON line a log, appended in one write; never a key or a header.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from promptscribe import _clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME: Final = "dead-letter.ndjson"
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


def bury(
    root: Path, status: int, reason: str, query: Mapping[str, str], body: bytes
) -> None:
    """Append one refused log to the dead-letter file under *root*.

    Args:
        root: Folder of the journal.
        status: HTTP status of the refusal.
        reason: The server's words.
        query: Query parameters of the request.
        body: The request's body, JSON.

    Raises:
        OSError: The file cannot be written.
    """
    about = {
        "at": _clock.from_ns(_clock.SystemClock.wall_ns()).isoformat(),
        "status": status,
        "reason": reason,
        "query": dict(query),
    }
    line = json.dumps(about)[:-1].encode() + b', "body": ' + body + b"}\n"
    fd = os.open(root / NAME, _FLAGS, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)
