"""Values that note what is asked of them while a call is recorded."""

from __future__ import annotations

import contextlib

_asked: list[str] = []
_watched = [False]


@contextlib.contextmanager
def watching():
    """Fail if a value in it was asked for anything, whoever hid that it raised."""
    _asked.clear()
    _watched[0] = True
    try:
        yield
    finally:
        _watched[0] = False
    assert _asked == []


def ask(what):
    """Note it, while a call is recorded; no guard for `Exception` would hide it."""
    if _watched[0]:
        _asked.append(what)
        raise SystemExit(what)
