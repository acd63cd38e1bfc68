"""The refusal: where logs go that a server refused for good.

Its law: what cannot be kept there is not given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._journal import deadletter

if TYPE_CHECKING:
    from pathlib import Path

    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Request


def bury(
    root: Path, ledger: Ledger, request: Request, status: int, reason: str
) -> bool:
    """Put a log into the dead-letter file; say whether that was possible.

    Args:
        root: Folder of the journal.
        ledger: Hears of what went wrong, and of what had to make room.
        request: The log.
        status: What the server answered.
        reason: The same in words.
    """
    try:
        gone = deadletter.bury(root, status, reason, request.query, request.body)
    except OSError as problem:
        ledger.note("dead_letter_failed")
        ledger.warn(
            "dead_letter", "the dead-letter file cannot be written: %s", problem
        )
        return False
    if gone:
        ledger.note("dead_letter_full", gone)
        ledger.warn(
            "dead_letter_full",
            "the dead-letter file is full, its oldest logs are gone: %d",
            gone,
        )
    return True
