"""The variants: other ways to append, where the plain one is not enough.

Its law: a writer has one of them for life, chosen when it is made, so that the plain
way need not ask.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Protocol

from promptscribe._journal import faultpoint, frame
from promptscribe._journal.process import has_global_lock

if TYPE_CHECKING:
    from collections.abc import Callable


class _Writer(Protocol):
    _page: Any

    def append(self, kind: int, payload: bytes) -> bool | None:
        """Keep one frame."""
        ...

    def sync(self) -> None:
        """Have the disk itself hold it."""
        ...


def choose(writer: _Writer, *, sync: bool) -> Callable[[int, bytes], bool | None]:
    """Return how *writer* is to append."""
    append = writer.append
    if sync:
        return functools.partial(_append_synced, writer, append)
    if faultpoint.is_armed("append"):
        return functools.partial(_append_dying, writer, append)
    if not has_global_lock():
        return functools.partial(_append_locked, threading.RLock(), append)
    return append


def _append_synced(
    writer: _Writer,
    append: Callable[[int, bytes], bool | None],
    kind: int,
    payload: bytes,
) -> bool | None:
    kept = append(kind, payload)
    if kept and kind != frame.START:
        writer.sync()
    return kept


def _append_locked(
    lock: threading.RLock,
    append: Callable[[int, bytes], bool | None],
    kind: int,
    payload: bytes,
) -> bool | None:
    with lock:
        return append(kind, payload)


def _append_dying(
    writer: _Writer,
    append: Callable[[int, bytes], bool | None],
    kind: int,
    payload: bytes,
) -> bool | None:
    """Append with the fault points that the plain way has no time for."""
    page = writer._page
    begin = page.offset + frame.HEADER_BYTES
    end = begin + len(payload)
    if end <= page.limit:
        faultpoint.reach("append-reserved")
        page.map[begin:end] = payload
        faultpoint.reach("append-stored")
    kept = append(kind, payload)
    faultpoint.reach("append-committed")
    return kept
