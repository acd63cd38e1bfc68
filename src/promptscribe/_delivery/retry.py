"""What an answer means for a log, and how long to wait: pure functions.

Its law: nothing here sleeps, reads a clock or touches a socket.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal, TypeGuard

from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._delivery.transport import Answer

Fate = Literal["delivered", "again", "hold", "rejected"]
"""What becomes of a log: ``again`` is tried again as soon as the server may be well,
``hold`` waits for a person to mend key, address or server, and loses nothing."""

KEY_REFUSED: Final = frozenset({401, 403})
"""A rotated key must not cost data: every peer drops on 401, up to 100 % of it."""
_OF_LOG: Final = frozenset({413, 422})
"""What is said of one log, and would not be said of all. Any other 4xx may be: 404 by a
proxy whose server is just being replaced, 400 by one that wants https or another
``Host``, 407 by one that wants a password. Which of the two it was shows by the others,
see the desk: an hour of 404 must not fill the dead-letter file, which holds the newest
32 MB."""

_OF_SERVER: Final = frozenset({401, 403, 408, 425, 429, 503, 507})
_OF_CONTENT: Final = frozenset({400, 413, 415, 422})
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 30.0
LONGEST_DELAY_REFUSED: Final = 5.0
"""While nothing listens at the address: a refused connection is cheap, and somebody
may be about to start the receiver and look."""
HOLD_DELAY: Final = 30.0
LONGEST_RETRY_AFTER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means.

    Attributes:
        fate: See `Fate`.
        reason: A word for the counters, for example ``http_503``.
        retry_after: Seconds that the server asked to wait, or None.
    """

    fate: Fate
    reason: str
    retry_after: float | None = None


def judge(status: int, headers: Mapping[str, str], *, now: float) -> Verdict:
    """Say what an HTTP answer means for the log that was sent.

    Args:
        status: HTTP status.
        headers: Header fields of the answer, names in lower case.
        now: Seconds since 1970, for a ``Retry-After`` that is a date.
    """
    reason = f"http_{status}"
    if 200 <= status < 300:
        return Verdict("delivered", reason)
    if status == 409:
        # Ours: ids are random, so a conflict can only be our own first attempt,
        # stored although its answer was lost.
        return Verdict("delivered", reason)
    if status in KEY_REFUSED or 300 <= status < 400:
        return Verdict("hold", reason)
    if status in _OF_LOG:
        return Verdict("rejected", reason)
    return Verdict("again", reason, read_retry_after(headers, now=now))


def is_about_server(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer tells of the server's state, not of what was sent."""
    return not isinstance(outcome, Unreachable) and outcome.status in _OF_SERVER


def is_about_content(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer tells of what was sent, and of nothing else."""
    return not isinstance(outcome, Unreachable) and outcome.status in _OF_CONTENT


def is_in_doubt(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer may tell of what was sent, or as well of the address."""
    return (
        not isinstance(outcome, Unreachable)
        and 400 <= outcome.status < 500
        and outcome.status not in _OF_SERVER | _OF_LOG
    )


def is_of_one(outcome: Answer | Unreachable) -> TypeGuard[Answer]:
    """Say whether one of many logs may be why a request failed as a whole."""
    if isinstance(outcome, Unreachable) or is_about_server(outcome):
        return False
    verdict = judge(outcome.status, outcome.headers, now=0.0)
    return verdict.fate == "again" and verdict.retry_after is None


def read_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, 10.2.3), or None.

    None as well for 0 and for a date that is past, by a clock that is behind: who asks
    at once, whenever told so, asks a thousand times a second.
    """
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        seconds = float(value[:9])
    else:
        try:
            until = parsedate_to_datetime(value).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = math.ceil(until - now)  # a date has whole seconds
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else None


def delay(
    failures: int,
    *,
    longest: float = LONGEST_DELAY,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return the seconds to wait after that many failures in a row.

    Exponential with full jitter, so that a fleet does not come back in step
    (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """
    ceiling = min(longest, FIRST_DELAY * 2.0 ** min(failures, 16))
    return uniform(ceiling / 4, ceiling)
