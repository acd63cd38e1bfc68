"""The header: what one service tells the next, as W3C text and back.

Its law: pure and total. What is malformed reads as if it were not there; what is
written is within the limits, and plain ASCII whatever it says.

Sources: W3C Trace Context, section 3.2 (``traceparent``); W3C Baggage, section 3.3
(``baggage``, its percent-encoding, and the limits that every party has to carry).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

TRACEPARENT: Final = "traceparent"
BAGGAGE: Final = "baggage"

PREFIX: Final = "promptscribe."
"""What the keys of our baggage begin with; all other keys are somebody else's."""

MOST_BYTES: Final = 8_192
MOST_ENTRIES: Final = 64
"""The limits of a whole ``baggage`` header, section 3.3.2."""

LONGEST_VALUE: Final = 256
"""Characters of one value; langfuse cuts at 200 (``propagation.py``)."""

Scalar: TypeAlias = "str | int | float | bool"

_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?", re.ASCII
)


class Place(NamedTuple):
    """Where a log stands: in which trace, and as which span."""

    trace: bytes
    key: int


def write_traceparent(place: Place, *, is_sampled: bool) -> str:
    """Return the header that names a log as the parent of what the request makes."""
    return f"00-{place.trace.hex()}-{place.key:016x}-{is_sampled:02x}"


def read_traceparent(text: str) -> Place | None:
    """Return the place that a ``traceparent`` names, or None if it names none."""
    found = _TRACEPARENT.fullmatch(text.strip())
    if found is None or (found[1] == "00" and found[4] is not None):
        return None
    place = Place(bytes.fromhex(found[2]), int(found[3], 16))
    return place if any(place.trace) and place.key else None


def merge_baggage(existing: str, ours: Iterable[tuple[str, str]]) -> str:
    """Return a ``baggage`` header with our entries behind those of others.

    Args:
        existing: The header so far. Entries of others stay to the letter, those that
            we put there before give way.
        ours: Keys without the prefix, and values; the most important ones first. What
            would go beyond the limits is left out.
    """
    entries = [e for e in _split(existing) if not e.startswith(PREFIX)]
    length = len(",".join(entries).encode())
    for key, value in ours:
        entry = f"{PREFIX}{_quote(key)}={_quote(value)}"
        longer = length + len(entry) + bool(entries)
        if longer <= MOST_BYTES and len(entries) < MOST_ENTRIES:
            entries.append(entry)
            length = longer
    return ",".join(entries)


def read_baggage(text: str) -> dict[str, str]:
    """Return our entries of a ``baggage`` header, the keys without the prefix."""
    found: dict[str, str] = {}
    for entry in _split(text):
        key, equals, value = entry.partition("=")
        if equals and key.startswith(PREFIX) and len(found) < MOST_ENTRIES:
            plain = unquote(value.partition(";")[0].strip(), errors="replace")
            name = unquote(key.strip()[len(PREFIX) :], errors="replace")
            if len(plain) <= LONGEST_VALUE:
                found[name] = plain
    return found


def write_scalar(value: Scalar) -> str:
    """Return a value as text that `read_scalar` makes the same value of.

    A text goes as it is, unless it looks like a number, a truth value or JSON text.
    """
    if type(value) is str and read_scalar(value) == value:
        return value
    return msgspec.json.encode(value).decode()


def read_scalar(text: str) -> Scalar:
    """Return the value that a text stands for; itself, if nothing else."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text
    is_scalar = type(value) in {str, int, float, bool}
    return value if is_scalar else text


def _split(text: str) -> list[str]:
    return [entry for part in text.split(",") if (entry := part.strip())]


def _quote(text: str) -> str:
    # ``+`` is quoted as well: OpenTelemetry's reader makes a space of it.
    return quote(text, safe="", errors="replace")
