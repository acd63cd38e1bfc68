"""The circuit: how the server as a whole does, and when to ask it again.

Its law: waiting never loses a log. There is no last attempt: a server that is down, or
wants another key, is asked again for as long as the journal has room.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from promptscribe._delivery import retry
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Answer


_UNKNOWN_HOST: Final = b"does not answer to this host name"
"""Words of our receiver's guard, which are not those of a wrong key."""


class Circuit:
    """Open while the last attempt got no usable answer.

    Attributes:
        is_open: See above.
        is_held: Whether the server wants another key, or is another server.
        is_key_refused: Whether it has refused the key since it last took a log.
        retry_at: When to ask again, on the monotonic clock.
        asked_until: Until when the server has asked to be left alone, on the same.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.is_open = False
        self.is_held = False
        self.is_key_refused = False
        self.retry_at = self.asked_until = 0.0
        self._failures = 0
        self._ledger = ledger

    def close(self) -> None:
        """Take note that the server does its work.

        Not while it wants to be left alone: what it answers then was sent before.
        """
        if time.monotonic() < self.asked_until:
            return
        self.is_open = self.is_held = self.is_key_refused = False
        self.retry_at = self.asked_until = 0.0
        self._failures = 0

    def hurry(self) -> None:
        """Ask again now, or when the time is over that the server has asked for."""
        self.retry_at = self.asked_until
        self.is_held = False

    def forget(self) -> None:
        """Take note that it is asked with another key from now on."""
        self.asked_until = 0.0

    def open(self, outcome: Answer | Unreachable, *, is_sure: bool = True) -> float:
        """Leave the server alone for a while; return how long, in seconds.

        Args:
            outcome: What it said.
            is_sure: Whether that was said to all; else the next log is soon tried.
        """
        if isinstance(outcome, Unreachable):
            self._ledger.warn(
                "unreachable",
                "the server cannot be reached, logs are kept until it can be: %s",
                outcome.reason,
            )
            return self._wait("retry_unreachable", None, retry.LONGEST_DELAY_REFUSED)
        verdict = retry.judge(outcome.status, outcome.headers, now=time.time())
        if verdict.fate == "hold":
            self.is_held = True
            self.is_key_refused |= outcome.status in retry.KEY_REFUSED
            self._ledger.warn(
                "hold",
                "the server answers %d: logs are kept until key and address are right"
                + _advise(outcome),
                outcome.status,
            )
            wanted = retry.HOLD_DELAY if is_sure else None
            return self._wait(f"hold_{verdict.reason}", wanted, retry.HOLD_DELAY)
        self._ledger.warn(
            "again",
            "the server answers %d: logs are kept, and sent again until it takes them",
            outcome.status,
        )
        if verdict.retry_after is not None:
            self.asked_until = time.monotonic() + verdict.retry_after
        return self._wait(
            f"retry_{verdict.reason}", verdict.retry_after, retry.LONGEST_DELAY
        )

    def _wait(self, reason: str, wanted: float | None, longest: float) -> float:
        self._ledger.note(reason)
        now = time.monotonic()
        # What was on its way as the pause began tells of the same failure: counted
        # each, thirty answers of a proxy that blinked made it half a minute.
        is_known = self.is_open and now < self.retry_at
        if wanted is not None:
            wait = wanted
        elif is_known:
            return self.retry_at - now
        else:
            wait = retry.delay(self._failures, longest=longest)
        self._failures += not is_known
        self.retry_at = max(self.retry_at, now + wait)
        self.is_open = True
        return wait


def _advise(outcome: Answer) -> str:
    """Return what may mend it; nothing of what a server says is quoted."""
    if _UNKNOWN_HOST in outcome.body:
        return " (a receiver of ours: start it with --allow-host and its name here)"
    return ""
