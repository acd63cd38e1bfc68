"""The writing: a call that already happened becomes one whole frame.

Its law: what `record_log` keeps to is kept to here: labels of the context, sampling,
capture level and redaction apply before the journal sees a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptscribe._capture import controlled, cut
from promptscribe._capture.beginning import new_key
from promptscribe._capture.context import is_unsaved
from promptscribe._capture.manual import is_controlled
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.recording import WHOLE, raw
from promptscribe._capture.rule import Rules, rules_of
from promptscribe._clock import new_trace
from promptscribe._dialects import translation
from promptscribe._runtime.state import runtime
from promptscribe._wire import record

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
    span, scope = call
    own = bytes.fromhex(span.trace_id) if span.has_ids else None
    trace = own or new_trace(runtime.wall_ns())
    labels: Any = runtime.members if scope is None else scope.members
    given: dict[str, Any] = {}
    if span.has_ids:
        given["log_id"] = span.log_id
    if above is not None:
        given["trace_parent_id"] = above
    update: dict[str, Any] = {record.SPAN: span.as_plain()}
    if runtime.controls is not None or is_controlled(scope):
        if not controlled.is_kept(scope, trace) and span.status != "ERROR":
            runtime.ledger.note("sampled_out")
            return True
        update, labels = _limited(span, labels, scope)
    key = new_key()
    began = translation.began(span)
    ended = max(span.ended, began)
    first = (key, trace, None, began, None, raw(labels), None, raw(given))
    # Not returned: there is no result; false and not nil, as the times are the call's.
    last = (key, ended, False, None, None, [raw(update)], None)
    return append(WHOLE, encode_plain((key, first, last))) is not False


def _limited(
    span: Span, labels: Any, scope: Scope | None
) -> tuple[dict[str, Any], Any]:
    """Return what may be kept of a call, as members, and of its labels."""
    members = translation.read_call(span)
    rules = Rules(NO_OPTIONS, not is_unsaved(labels), rules_of(scope))
    if rules.is_bare:
        members = translation.withhold(members)
    path = members.get("path")
    if not rules.is_open and path and len(path) >= translation.LONGEST_PATH:
        # It was cut there, and maybe through a secret; metadata has it whole.
        members["path"] = path.rpartition("/")[0] or cut.REDACTED
    kept, labels = controlled.limit(members, labels, scope)
    return {record.CAPTURED: kept}, labels
