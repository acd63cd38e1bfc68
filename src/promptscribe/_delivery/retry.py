"""What an answer means for a log, and how long to wait: pure functions.

Its law: nothing here sleeps, reads a clock or touches a socket.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal, TypeGuard

from promptscribe._delivery.transport import Unanswered
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._delivery.transport import Answer

Fate = Literal["delivered", "again", "hold", "rejected"]
"""What becomes of a log: ``again`` is tried again as soon as the server may be well,
``hold`` waits for a person to mend key, address or server, and loses nothing."""

KEY_REFUSED: Final = frozenset({401, 403})
"""A rotated key must not cost data: every peer drops on 401, up to 100 % of it."""

Subject = Literal["taken", "key", "address", "server", "log", "content", "doubt", "all"]
"""What an answer speaks of:

* ``taken``: the log, which the server has.
* ``key``: who sends; ``address``: where to.
* ``server``: how it does at the moment.
* ``log``: this log alone; it would not be said of all. 409 as well, if it is not about
  the log's own id (`is_repeat`): its path is a tool's there, its trace is complete.
* ``content``: what was sent, though maybe of all alike: 400 by a server that wants
  https or another ``Host``, 415 by one that wants another type.
* ``doubt``: the same, or as well the address: 404 by a proxy whose server is just
  being replaced, 407 by one that wants a password. Which of the two it was shows by the
  others, see the desk: an hour of 404 must not fill the dead-letter file, which holds
  the newest 32 MB.
* ``all``: nobody knows, as of 500: one of many logs may be the reason.
"""

_SUBJECTS: Final[dict[int, Subject]] = {
    **dict.fromkeys(KEY_REFUSED, "key"),
    **dict.fromkeys((408, 425, 429, 503, 507), "server"),
    **dict.fromkeys((409, 413, 422), "log"),
    **dict.fromkeys((400, 415), "content"),
}
_HUNDREDS: Final[dict[int, Subject]] = {2: "taken", 3: "address", 4: "doubt"}

_FATES: Final[dict[Subject, Fate]] = {
    "taken": "delivered",
    "key": "hold",
    "address": "hold",
    "server": "again",
    "log": "rejected",
    "content": "again",
    "doubt": "again",
    "all": "again",
}

_STRANGERS: Final = frozenset({"content", "doubt"})
_NOWHERE: Final = re.compile(
    rb':\s*"(?:404:? )?(?:(?:route|page|path|url|resource) )?'
    rb'(?:not[ _-]?found|method[ _-]not[ _-]allowed|no route matched[^"]*)[.!]?"',
    re.IGNORECASE,
)
"""What web frameworks have in JSON for an address that they do not know: Starlette's
``detail``, the ``error`` of Spring, NestJS and Flask's users, Kong's ``message``."""
_TO_TLS: Final = b"Client sent an HTTP request to an HTTPS server"
"""Go's words (net/http, ``server.go``), without a type; others have a page for it."""

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
    fate = _FATES[_subject(status)]
    wait = read_retry_after(headers, now=now) if fate == "again" else None
    return Verdict(fate, f"http_{status}", wait)


def is_about_server(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer tells of the server's state, not of what was sent."""
    return _is_about(outcome, "server")


def is_about_key(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer tells of the key; or of one log: see `is_forbidden`."""
    return _is_about(outcome, "key")


def is_forbidden(outcome: Answer | Unreachable) -> TypeGuard[Answer]:
    """Say whether an answer is 403: of the key, or of one log.

    A firewall that finds an attack in a prompt says so.
    """
    return not isinstance(outcome, Unreachable) and outcome.status == 403


def is_repeat(answer: Answer, log_id: object, *, may_be_stored: bool = False) -> bool:
    """Say whether a server refuses a log since it has it: by the log's own id.

    Ids are random: that can only be our own first attempt, stored although its answer
    was lost. What conflicts with anything else is stored nowhere.

    Args:
        answer: What the server said.
        log_id: The log's id, as it was sent; anything but a text is none.
        may_be_stored: Whether the log was sent before, and nobody said what became of
            it; then it takes no words.
    """
    if answer.status != 409:
        return False
    is_named = type(log_id) is str and log_id.encode() in answer.body
    return may_be_stored or is_named or b"log_id" in answer.body


def leaves_open(outcome: Answer | Unreachable) -> bool:
    """Say whether a log may be stored all the same: not where nobody listened."""
    if isinstance(outcome, Unreachable):
        return isinstance(outcome, Unanswered)
    return outcome.status >= 500


def is_about_content(outcome: Answer | Unreachable) -> bool:
    """Say whether an answer tells of what was sent, and of nothing else."""
    return _is_about(outcome, "log", "content")


def is_in_doubt(outcome: Answer | Unreachable) -> bool:
    """Say whether what an answer tells of one log may as well be said of all."""
    return _is_about(outcome, "content", "doubt")


def is_of_one(outcome: Answer | Unreachable) -> TypeGuard[Answer]:
    """Say whether one of many logs may be why a request failed as a whole.

    Not where its content is why: `is_about_content` says so, and then it surely is.
    """
    return (
        not isinstance(outcome, Unreachable)
        and _is_about(outcome, "doubt", "all")
        and read_retry_after(outcome.headers, now=0.0) is None
    )


def is_strangers(answer: Answer, *, is_known: bool) -> bool:
    """Say whether a refusal comes from somebody who knows nothing of logs.

    The contract's and OTLP's answers are JSON or protobuf. A page, or a plain text, is
    what a web server has for any address, a proxy, a port that wants https; some say
    404 without a word, or JSON that says no more than that.

    Args:
        answer: The refusal.
        is_known: Whether logs have passed there: then 400 is about one, however it is
            put, and 404 if it is in JSON. In any other form 404 is not: a proxy says
            so while its server is being replaced.
    """
    subject = _subject(answer.status)
    if subject not in _STRANGERS:
        return False
    if answer.body[:1] == b"{":
        is_nowhere = subject == "doubt" and _NOWHERE.search(answer.body) is not None
        return is_nowhere and not is_known
    if subject == "content" and is_known:
        return False
    if not answer.body:
        return subject == "doubt"
    kind = answer.headers.get("content-type", "").lower()
    is_page = answer.body.lstrip()[:1] == b"<" or answer.body.startswith(_TO_TLS)
    return is_page or kind.startswith("text/")


def _subject(status: int) -> Subject:
    return _SUBJECTS.get(status) or _HUNDREDS.get(status // 100, "all")


def _is_about(outcome: Answer | Unreachable, *subjects: Subject) -> bool:
    return not isinstance(outcome, Unreachable) and _subject(outcome.status) in subjects


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
