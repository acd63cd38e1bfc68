"""Failures of SQLite: which of them may pass, and who is told.

Its law: what may be better the next time is a state of the store, which clients wait
for; everything else is a mistake of ours and stays what it is.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from functools import lru_cache
from typing import Final

from promptscribe.receiver.store import StoreUnavailable

LOGGER: Final = logging.getLogger("promptscribe.receiver")
# A damaged file, until a copy is put in its place: clients keep what a 503 refuses.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING: Final = _DAMAGED | {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
}


def explained(error: Exception) -> Exception:
    """Return what is told of a failure: that it may pass, or the failure itself."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _PASSING:  # the rest says why in detail
        return error
    if code & 0xFF in _DAMAGED:
        _tell_damage(str(error), int(time.monotonic() // 60))
    return StoreUnavailable(str(error), full=code == sqlite3.SQLITE_FULL)


@lru_cache(maxsize=8)
def _tell_damage(sentence: str, _minute: int) -> None:
    """Say in the receiver's own log that its file is damaged; once a minute."""
    LOGGER.error("the file is damaged, put a copy in its place: %s", sentence)
