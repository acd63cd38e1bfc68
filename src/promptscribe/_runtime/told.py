"""The told: what an OpenTelemetry span says of a call, when its log is read.

Its law: pure and total, like all of reading. A span that cannot be read says nothing.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from promptscribe._dialects import translation
from promptscribe._dialects.span import from_plain
from promptscribe._wire import record

OWN: Final = ("path", "source", "environment", "error")
"""What a span says of itself; a log that it only fills has its own."""


def read(updates: dict[str, Any], *, is_own: bool) -> dict[str, Any]:
    """Return the members that a span, or what its log's rules left of it, says.

    Args:
        updates: What the record was told, combined.
        is_own: Whether the log is the span's own; else the span only fills it.
    """
    told: dict[str, Any] = {}
    plain = record.plain(updates.get(record.SPAN))
    if type(plain) is dict:
        with contextlib.suppress(ValueError):
            told = translation.read_call(from_plain(plain))
            if not is_own:
                told = {k: v for k, v in told.items() if k not in OWN}
    captured = record.plain(updates.get(record.CAPTURED))
    return told | captured if type(captured) is dict else told
