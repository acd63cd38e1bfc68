"""The filling: a call made inside a decorated function becomes that function's log.

Its law: one call fills the log around it; from the second on, each is a log of its
own, the first one too. A call that failed and was made again gives way to the one that
did not. What the user said, and what the function returned, wins over the span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptscribe._capture.context import is_unsaved
from promptscribe._capture.controlled import ControlledRecording
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.report import Report, is_open
from promptscribe._capture.rule import Rules, rules_of, to_plain
from promptscribe._dialects import identity, translation
from promptscribe._runtime.told import OWN
from promptscribe._wire import record
from promptscribe.otel import doubles

if TYPE_CHECKING:
    from promptscribe._capture.context import Scope
    from promptscribe._capture.recording import Recording
    from promptscribe._dialects.span import Span
    from promptscribe.otel.lineage import Call


class Fills:
    """Knows which logs are filled by which call; the caller holds a lock."""

    def __init__(self) -> None:
        self._fills: dict[int, _Fill] = {}

    def take(
        self, recording: Recording, call: Call, *, is_named: bool = False
    ) -> list[Call]:
        """Fill a log with a call, or find that it is one of several.

        Args:
            recording: The log.
            call: The call.
            is_named: Whether a log names the call's own one as its parent: then it
                has to have one.

        Returns:
            The calls that are to be logs of their own.
        """
        self._forget()
        key = recording.key or 0
        before = self._fills.get(key)
        if before is None and is_named:
            self._fills[key] = _Fill(recording, None)
            return [call]
        if before is None:
            return self._fill(recording, call)
        first = before.withdraw()
        if first is None:
            return [call]
        span = call.span
        if span.parent_id == first.span.span_id and doubles.is_same_call(
            span, first.span
        ):
            # The outer one was over before the stream was, and knows no tokens.
            return self._fill(recording, doubles.unite(first, [call])[0])
        if first.span.status == "ERROR" and not is_named:
            return [first, *self._fill(recording, call)]
        return [first, call]

    def add(self, recording: Recording, call: Call) -> None:
        """Add what only another span of the same call knows, if it fills the log."""
        before = self._fills.get(recording.key or 0)
        response = identity.response_id(call.span)
        if before is None or response is None or not before.is_of(response):
            return
        first = before.withdraw()
        if first is not None:
            both, _ = doubles.unite(first, [call])
            self._fills[recording.key or 0] = _Fill(recording, both)

    def _fill(self, recording: Recording, call: Call) -> list[Call]:
        self._fills[recording.key or 0] = fill = _Fill(recording, call)
        if is_open(recording):
            return []
        # Another thread has ended it meanwhile, and nobody can say whether without the
        # call: a log that repeats what its child used adds nothing to a trace.
        fill.withdraw()
        return [call]

    def _forget(self) -> None:
        for key in [k for k, v in self._fills.items() if not is_open(v.recording)]:
            del self._fills[key]


class _Fill:
    """One log and the call that it is filled with; None once there are several."""

    def __init__(self, recording: Recording, call: Call | None) -> None:
        self.recording = recording
        self._call = call
        self._report: Report | None = None
        if call is not None:
            said = update_for(recording, call.span, call.scope)
            self._report = Report(recording, said)

    def is_of(self, response: str) -> bool:
        """Say whether the log is filled with the call of a response."""
        call = self._call
        return call is not None and identity.response_id(call.span) == response

    def withdraw(self) -> Call | None:
        """Take the call out of the log again, and return it."""
        call, self._call = self._call, None
        if self._report is not None:
            self._report.withdraw()
        self._report = None
        return call


def update_for(
    recording: Recording, span: Span, scope: Scope | None = None
) -> dict[str, Any]:
    """Return what a recording is told: the span, or what rules leave of it.

    Args:
        recording: The log.
        span: What fills it.
        scope: What the span was started inside of, if that is not the log itself: it
            may forbid what the log allows.
    """
    is_withheld = scope is not None and is_unsaved(scope.members)
    if not is_withheld and not isinstance(recording, ControlledRecording):
        return {record.SPAN: span.as_plain()}
    own = rules_of(recording)
    rules = Rules(NO_OPTIONS, not is_withheld, own) if is_withheld else own
    members = translation.read_call(span)
    if rules is None or rules.is_bare:
        members = translation.withhold(members)
    said = {k: v for k, v in members.items() if k not in OWN}
    if rules is not None:
        said = rules.members(to_plain(said, rules))
    return {record.CAPTURED: said}
