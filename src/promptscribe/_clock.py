"""Clock and ids: the only place that reads time or makes random numbers.

Its law: nothing here gives the interpreter lock away.
``os.urandom`` and ``uuid.uuid4`` do, and cost 0.2 ms beside one busy thread,
so ids come from a generator of our own that a fork seeds anew.
"""

from __future__ import annotations

import os
import time
from _random import Random  # without ``random``: it loads hashlib and OpenSSL, 4 ms
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_ID_PREFIX: Final = "log_"
_TIME_BITS: Final = (1 << 44) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_random: Final = Random()  # ids must be unique, not secret
_last: tuple[int, Callable[..., datetime]] = 0, partial(datetime, 1970, 1, 1, 0, 0, 0)
"""The second that `from_ns` was asked for last, and what makes the times in it."""

_last_text: tuple[int, str] = 0, "1970-01-01T00:00:00"
"""The same for `to_text`."""

getrandbits = _random.getrandbits
_seeded_in = os.getpid()


def reseed() -> None:
    """Seed the ids anew, in a forked child: else they are those of its siblings."""
    global _seeded_in  # noqa: PLW0603 - the fork is the process's
    _random.seed()
    _seeded_in = os.getpid()


os.register_at_fork(after_in_child=reseed)


def reseed_in_child() -> bool:
    """Seed the ids anew if nobody did, and say so: uWSGI forks without hooks."""
    is_due = _seeded_in != os.getpid()
    if is_due:
        reseed()
    return is_due


def new_trace(wall_ns: int) -> bytes:
    """Return a new W3C trace id, 16 bytes: when it was made, and 84 random bits.

    Ids that grow with time lie beside each other in a store's index, as those of
    UUIDv7 do (RFC 9562): our receiver takes in half as much again. W3C's Trace Context
    wants the last 7 bytes random, by which samplers decide.

    Args:
        wall_ns: Nanoseconds since 1970; those above 2**20 count, a millisecond.
    """
    time_part = (wall_ns >> 20 & _TIME_BITS) << 84
    return (time_part | getrandbits(84)).to_bytes(16, "big")


class Clock(Protocol):
    """A source of time, in nanoseconds."""

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970, UTC; may step in either direction."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds from an arbitrary start; never steps back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    wall_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)


def countdown(timeout: float) -> Callable[[], float]:
    """Return a function that says how many of *timeout* seconds are left."""
    end = SystemClock.monotonic_ns() + int(timeout * 1e9)
    return lambda: max((end - SystemClock.monotonic_ns()) / 1e9, 0.0)


def format_log_id(trace_id: int, span_id: int) -> str:
    """Return the id of the log that a W3C trace id and span id name.

    Args:
        trace_id: 128 bits, not zero.
        span_id: 64 bits, not zero.

    Returns:
        ``"log_"`` and 48 hexadecimal digits.
    """
    return f"{LOG_ID_PREFIX}{trace_id:032x}{span_id:016x}"


def join_log_id(trace: bytes, span_id: int) -> str:
    """Return the same for a trace id as it is kept, 16 bytes; in half the time."""
    return LOG_ID_PREFIX + (trace + span_id.to_bytes(8, "big")).hex()


def parse_log_id(log_id: str) -> tuple[int, int] | None:
    """Return trace id and span id of one of our log ids, or None for others."""
    digits = log_id.removeprefix(LOG_ID_PREFIX)
    if len(log_id) != len(LOG_ID_PREFIX) + 48 or len(digits) != 48:
        return None
    try:
        return int(digits[:32], 16), int(digits[32:], 16)
    except ValueError:
        return None


def from_ns(nanoseconds: int) -> datetime:
    """Return nanoseconds since 1970 as an aware UTC time, exact to the µs.

    Most times that are asked for one after the other lie in the same second: this one
    takes 0.3 µs then, adding to the epoch 0.6.
    """
    global _last  # noqa: PLW0603 - one store, of a pair that never changes
    second, rest = divmod(nanoseconds, 1_000_000_000)
    known, at = _last
    if known != second:
        fields = (_EPOCH + timedelta(seconds=second)).timetuple()[:6]
        at = partial(type(_EPOCH), *fields)  # freezegun has others for `datetime`
        _last = second, at
    return at(rest // 1000, UTC)


def to_text(nanoseconds: int) -> str:
    """Return the same time as JSON has it (RFC 3339), in the time of `from_ns`."""
    global _last_text  # noqa: PLW0603 - one store, of a pair that never changes
    second, rest = divmod(nanoseconds, 1_000_000_000)
    known, text = _last_text
    if known != second:
        text = (_EPOCH + timedelta(seconds=second)).isoformat()[:19]
        _last_text = second, text
    return f"{text}.{rest // 1000:06d}Z" if rest >= 1000 else text + "Z"


def to_ns(moment: datetime) -> int:
    """Return a time as nanoseconds since 1970; a naive one is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - _EPOCH
    seconds = elapsed.days * 86_400 + elapsed.seconds
    return (seconds * 1_000_000 + elapsed.microseconds) * 1000
