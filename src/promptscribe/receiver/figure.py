"""Figures for people: durations, tokens, dollars and times as short words.

Its law: pure functions; an unknown value is a dash and never a zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.instant import moment_of

if TYPE_CHECKING:
    from promptscribe.schema import JSONValue

UNKNOWN: Final = "–"  # noqa: RUF001 - an en dash, set apart from a minus


def duration(microseconds: int | None) -> str:
    """Return a span of time: ``820 ms``, ``4.25 s``, ``2 min 5 s``."""
    if microseconds is None:
        return UNKNOWN
    seconds = microseconds / 1e6
    if seconds < 0.001:
        return f"{microseconds} µs"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min"


def count(number: int | None) -> str:
    """Return a number with its thousands set apart."""
    return UNKNOWN if number is None else f"{number:,}"


def dollars(cost: float | None) -> str:
    """Return an amount with enough digits to tell small ones apart."""
    if cost is None:
        return UNKNOWN
    if cost == 0 or abs(cost) >= 1:
        return f"${cost:,.2f}"
    if abs(cost) < 0.000001:
        return f"${cost:.1e}"
    digits = f"{cost:.6f}".rstrip("0")
    return f"${digits}" if len(digits) > 4 else f"${cost:.2f}"


def moment(instant_us: int | None) -> str:
    """Return a time of day with its date, UTC: ``2026-11-25 02:42:05``."""
    if instant_us is None:
        return UNKNOWN
    when = moment_of(instant_us)
    return when.isoformat(sep=" ", timespec="seconds")[:-6]


def full_moment(instant_us: int) -> str:
    """Return a time to the millisecond, UTC."""
    when = moment_of(instant_us)
    return f"{when.isoformat(sep=' ', timespec='milliseconds')[:-6]} UTC"


def pretty(value: JSONValue) -> str:
    """Return JSON over several lines; integers of any size stay exact."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
