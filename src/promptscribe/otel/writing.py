"""The writing: a call that already happened becomes one whole frame.

Its law: what `record_log` keeps to is kept to here: labels of the context, sampling,
capture level and redaction apply before the journal sees a byte.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from promptscribe._capture import controlled
from promptscribe._capture.beginning import new_key
from promptscribe._capture.context import is_unsaved
from promptscribe._capture.manual import is_controlled
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.recording import END, START, WHOLE, raw
from promptscribe._capture.rule import Rules, rules_of
from promptscribe._clock import from_ns, new_trace
from promptscribe._dialects import translation
from promptscribe._providers.value import table
from promptscribe._runtime.state import runtime
from promptscribe._wire import record
from promptscribe._wire.path import fit_path
from promptscribe.otel.lineage import Waiting

if TYPE_CHECKING:
    from promptscribe._capture.context import Scope
    from promptscribe._dialects.span import Span
    from promptscribe.otel.lineage import Call


def write(call: Call, above: str | None) -> bool:
    """Write the log of a call.

    Args:
        call: The call.
        above: Id of the nearest log above it.

    Returns:
        False if it could not be kept, which has been counted; what is not to be kept
        is no failure.
    """
    append = runtime.append
    if append is None:
        return True
    said = _read(call, above)
    if said is None:
        runtime.ledger.note("sampled_out")
        return True
    waiting = call.waiting
    if waiting is not None and waiting.process_id == os.getpid():
        times = {"start_time": from_ns(said.began), "end_time": from_ns(said.ended)}
        told = [raw({**said.told, **times})]
        last = (waiting.key, said.ended, False, None, None, told, None)
        return append(END, encode_plain(last)) is not False
    key = new_key()
    first = (key, said.trace, None, said.began, None, raw(said.labels), None, None)
    # Not returned: there is no result; false and not nil, as the times are the call's.
    last = (key, said.ended, False, None, None, [raw(said.told)], None)
    return append(WHOLE, encode_plain((key, first, last))) is not False


def hold(call: Call, above: str | None) -> Call:
    """Write the start of a log that says all of a call, unless its end says better.

    Args:
        call: The call.
        above: Id of the nearest log above it.

    Returns:
        The call, with its place in the journal if it has one.
    """
    append = runtime.append
    said = None if append is None else _read(call, above)
    if append is None or said is None:
        return call
    key = new_key()
    held = raw({record.HELD: [said.ended, said.told]})
    labels = raw(said.labels)
    first = (key, said.trace, None, said.began, None, labels, None, held)
    took = append(START, encode_plain(first))
    if took is None:  # the first in the process, or in a child forked in C: anew
        return hold(call, above)
    if not took:
        return call
    return call._replace(waiting=Waiting(key, os.getpid()))


class _Said(NamedTuple):
    """What may be kept of a call."""

    trace: bytes
    began: int
    ended: int
    labels: Any
    told: dict[str, Any]


def _read(call: Call, above: str | None) -> _Said | None:
    """Return what may be kept of a call; None if sampling leaves it out."""
    span, scope = call.span, call.scope
    own = bytes.fromhex(span.trace_id) if span.has_ids else None
    trace = own or new_trace(runtime.wall_ns())
    labels: Any = runtime.members if scope is None else scope.members
    update: dict[str, Any] = {record.SPAN: span.as_plain()}
    if runtime.controls is not None or is_controlled(scope):
        if not controlled.is_kept(scope, trace) and span.status != "ERROR":
            return None
        update, labels = _limited(span, labels, scope)
    if span.has_ids:
        update["log_id"] = span.log_id
    if above is not None:
        update["trace_parent_id"] = above
    began = translation.began(span)
    return _Said(trace, began, max(span.ended, began), labels, update)


def _limited(
    span: Span, labels: Any, scope: Scope | None
) -> tuple[dict[str, Any], Any]:
    """Return what may be kept of a call, as members, and of its labels."""
    members = translation.read_call(span)
    said = table(members.get("metadata")).get("path")
    rules = Rules(NO_OPTIONS, not is_unsaved(labels), rules_of(scope))
    if rules.is_bare:
        members = translation.withhold(members)
    if type(said) is str and fit_path(said) == members.get("path"):
        members["path"] = said  # whole: a cut may have gone through a secret
    kept, labels = controlled.limit(members, labels, scope)
    return {record.CAPTURED: kept}, labels
