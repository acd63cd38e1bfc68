"""The upload: spans of any OpenTelemetry SDK, as log requests of Prompts.

Its law: no store and no HTTP; what it remembers is bounded. Calls of models become
logs; other spans only say who stands under whom, also those of earlier uploads. A
parent that has not come yet is named by its span: if it is a log, the two find each
other when it comes; if it is none, the log is brought under the next one above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from promptscribe._clock import from_ns
from promptscribe._dialects import translation, usage
from promptscribe._dialects.span import OURS
from promptscribe._recent import Recent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject

MOST: Final = 100_000
"""Spans that are remembered, some 300 bytes each."""


Key = tuple[str, str]


class Upload(NamedTuple):
    """What an upload says.

    Attributes:
        logs: The log requests of its calls.
        passed: Its spans that are no logs, by the id that a log has named them by as
            its parent: the id of the nearest log above, or None.
    """

    logs: list[JSONObject]
    passed: dict[str, str | None]


class _Known(NamedTuple):
    parent: str | None
    is_log: bool
    response: str | None


class _Told(NamedTuple):
    span_id: str
    began: int
    ended: int


class Spans:
    """Reads uploads, one after the other."""

    def __init__(self) -> None:
        self._known: Recent[Key, _Known] = Recent(MOST)
        self._told: Recent[Key, _Told] = Recent(MOST)

    def read(self, spans: Sequence[Span]) -> Upload:
        """Return what an upload says."""
        calls = []
        for span in spans:
            is_call = translation.is_call(span)
            if span.has_ids and (is_call or span.scope != OURS):
                self._remember(span, is_log=is_call)
            if is_call:
                calls.append(span)
        # The outer one of two that tell of the same call, where both are here.
        calls = [span for span in calls if not self._is_inside_itself(span)]
        calls = [span for span in calls if not self._is_told(span)]
        own = {id(span) for span in calls}
        # A span that an application emitted for a log of ours may come before the log.
        others = [
            span
            for span in spans
            if span.has_ids and id(span) not in own and span.scope != OURS
        ]
        for span in others:
            self._remember(span, is_log=False)
        return Upload(
            [self._body(span) for span in calls],
            {span.log_id: self._parent(span) for span in others},
        )

    def _remember(self, span: Span, *, is_log: bool) -> None:
        response = translation.response_id(span) if is_log else None
        known = _Known(span.parent_id, is_log, response)
        self._known[span.trace_id, span.span_id] = known

    def _is_inside_itself(self, span: Span) -> bool:
        """Say whether the span around tells of the same response, as well."""
        response = translation.response_id(span)
        parent = self._above(span)
        known = self._known.get((span.trace_id, parent or ""))
        return known is not None and response is not None and known.response == response

    def _is_told(self, span: Span) -> bool:
        """Say whether another span has told of the same response; remember it if not.

        Test servers give every answer the same id: only calls that were under way at
        the same time are one.
        """
        response = translation.response_id(span)
        if response is None or not span.has_ids:
            return False
        told = self._told.get((span.trace_id, response))
        if told is not None and told.span_id != span.span_id:
            return span.began <= told.ended and told.began <= span.ended
        known = _Told(span.span_id, span.began, span.ended)
        self._told[span.trace_id, response] = known
        return False

    def _parent(self, span: Span) -> str | None:
        parent = self._above(span)
        return None if parent is None else f"log_{span.trace_id}{parent}"

    def _above(self, span: Span) -> str | None:
        """Return the nearest span above that is a log, or that nobody has seen."""
        parent, seen = span.parent_id, {span.span_id}
        while parent is not None and parent not in seen:
            seen.add(parent)
            known = self._known.get((span.trace_id, parent))
            if known is None or known.is_log:
                return parent
            parent = known.parent
        return None

    def _body(self, span: Span) -> JSONObject:
        began = translation.began(span)
        ended = max(span.ended, began)
        body = usage.settle(translation.read_call(span), from_ns(began))
        body["start_time"] = body["created_at"] = from_ns(began).isoformat()
        body["end_time"] = from_ns(ended).isoformat()
        body["provider_latency"] = (ended - began) / 1e9
        if span.has_ids:
            body["log_id"] = span.log_id
            parent = self._parent(span)
            if parent is not None:
                body["trace_parent_id"] = parent
        return body
