"""The beginning of a log: an id, a place in the trace, and the frame that says so.

Its law: this is the hot path. Everything that not every call needs is elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import ambient, snapshot
from promptscribe._capture.context import current
from promptscribe._capture.controlled import begin_controlled
from promptscribe._capture.plain import encode_plain, is_plain
from promptscribe._capture.recording import START, Recording, raw
from promptscribe._clock import getrandbits, new_trace
from promptscribe._interrupt import let_through
from promptscribe._runtime.state import runtime
from promptscribe._wire.record import KEY_TOP_BIT

if TYPE_CHECKING:
    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Plan
    from promptscribe._runtime.state import Append

_encode: Final = encode_plain
_Raw: Final = msgspec.Raw
_LARGE: Final = snapshot.LARGE
_OTEL: Final = ambient.MODULE
_modules: Final = ambient.modules
_get_current: Final = current.get
_new: Final = Recording.__new__


def new_key() -> int:
    """Return a new span id; its top bit is set, see the record's description."""
    return getrandbits(63) | KEY_TOP_BIT


def begin(
    append: Append,
    plan: Plan,
    inputs: Any,
    given: Any = None,
    outer: Scope | None = None,
) -> Recording:
    """Take a place in the trace and write the frame that begins a call.

    A function, because a class with ``__init__`` would cost 0.2 µs more.

    Args:
        append: Where frames go now.
        plan: What the decorator was given.
        inputs: The bound arguments.
        given: Members for this call alone.
        outer: Where the call was made; the current scope if None.
    """
    if outer is None:
        outer = _get_current()
    if (
        plan.controlled
        or runtime.controls is not None
        or (outer is not None and outer.controlled)
        or (given is not None and given.get("save") is False)
    ):
        runtime.get_ready(append)
        return begin_controlled(append, plan, inputs, given, outer)
    now = runtime.monotonic_ns()
    recording = _new(Recording)
    key = recording.key = getrandbits(63) | KEY_TOP_BIT
    if outer is None:
        members = recording.members = runtime.members
        trace = parent = None
    else:
        members = recording.members = outer.members
        trace = outer.trace
        parent = outer.key
    if trace is None or outer is None:
        anchor = recording.anchor = runtime.wall_ns() - now
        span = ambient.find_span() if _OTEL in _modules else None
        if span is None:
            trace = new_trace(anchor + now)
        else:
            trace = span[0]
            given = ambient.with_parent(given, span[1])
    else:
        anchor = recording.anchor = outer.anchor
    recording.trace = trace
    recording._updates = None
    recording._append = append
    first = (
        key, trace, parent, anchor + now, plan.declared, members, inputs, given
    )  # fmt: skip
    payload = b""
    try:
        if (type(inputs) is _Raw or is_plain(inputs)) and (
            given is None or is_plain(given)
        ):
            payload = _encode(first)
    except Exception as problem:  # noqa: BLE001 - an odd value: the slow way takes it
        let_through(problem)
    if not payload or len(payload) > _LARGE:
        payload = _encode((*first[:6], raw(inputs), raw(given)))
    kept = append(START, payload)
    if kept is None:  # the first in the process, or in a child forked in C: anew
        return begin(append, plan, inputs, given, outer)
    recording._first = None if kept else payload
    return recording
