"""The upload: spans of any OpenTelemetry SDK, as log requests of Prompts.

Its law: no store and no HTTP; what it remembers is bounded. Calls of models become
logs; other spans only say who stands under whom, also those of earlier uploads. A
parent that has not come yet, or never will, is named by its span: if it is a log, the
two find each other when it comes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from promptscribe._clock import from_ns
from promptscribe._dialects import translation, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject

MOST: Final = 100_000
"""Spans that are remembered, some 300 bytes each."""


class _Known(NamedTuple):
    parent: str | None
    is_call: bool
    response: str | None


class Spans:
    """Reads uploads, one after the other."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    def read(self, spans: Sequence[Span]) -> list[JSONObject]:
        """Return the log requests of an upload's calls."""
        calls = []
        for span in spans:
            is_call = translation.is_call(span)
            if span.has_ids:
                self._remember(span, is_call=is_call)
            if is_call:
                calls.append(span)
        return [self._body(span) for span in calls if not self._is_repeated(span)]

    def _remember(self, span: Span, *, is_call: bool) -> None:
        response = translation.response_id(span) if is_call else None
        known = _Known(span.parent_id, is_call, response)
        self._known[span.trace_id, span.span_id] = known
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def _is_repeated(self, span: Span) -> bool:
        """Say whether the span around tells of the same response, as well."""
        response = translation.response_id(span)
        parent = self._above(span)
        known = self._known.get((span.trace_id, parent or ""))
        return known is not None and response is not None and known.response == response

    def _above(self, span: Span) -> str | None:
        """Return the nearest span above that is a call, or that nobody has seen."""
        parent, seen = span.parent_id, {span.span_id}
        while parent is not None and parent not in seen:
            seen.add(parent)
            known = self._known.get((span.trace_id, parent))
            if known is None or known.is_call:
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
            parent = self._above(span)
            if parent is not None:
                body["trace_parent_id"] = f"log_{span.trace_id}{parent}"
        return body
