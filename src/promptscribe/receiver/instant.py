"""Times on the wire: what clients send, and µs since 1970, which we store.

Its law: pure functions; no clock is read. Clients of every generation count:
ISO 8601 with or without an offset (without one it is UTC), and epoch seconds as
numbers, which the decorators of SDKs up to 0.8.26 sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptscribe.schema import JSONValue

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_US: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST_US: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def parse_instant(value: JSONValue) -> int:
    """Return µs since 1970.

    Raises:
        ValueError: The value names no time between the years 1 and 9999.
    """
    try:
        moment = _moment(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        # A day's edge far east or west may lie outside of UTC's years.
        return _within((moment - _EPOCH) // _MICROSECOND)
    except (OverflowError, TypeError) as error:
        raise ValueError(str(error)) from error


def _moment(value: JSONValue) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("neither text nor a number")
    return _EPOCH + timedelta(seconds=value)


def _within(instant_us: int) -> int:
    return min(max(instant_us, _FIRST_US), _LAST_US)


def moment_of(instant_us: int) -> datetime:
    """Return µs since 1970 as a time in UTC, between the years 1 and 9999.

    A file may hold others, which came before such were kept within these.
    """
    return _EPOCH + timedelta(microseconds=_within(instant_us))


def format_instant(instant_us: int) -> str:
    """Return µs since 1970 as UTC text, always with six digits and a Z."""
    text = moment_of(instant_us).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
