"""The upload: spans of any OpenTelemetry SDK, as log requests of Prompts.

Its law: no store and no HTTP; what it remembers is bounded, and no more than a short
cut. Calls of models become logs; other spans only say who stands under whom, also those
of earlier uploads. A parent that has not come yet is named by its span: if it is a log,
the two find each other when it comes; if it is none, the log is brought under the next
one above. What has to hold after a restart, or in another process, is for the store:
whether a call was told of by an earlier upload as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from promptscribe._clock import from_ns
from promptscribe._dialects import identity, translation, usage
from promptscribe._dialects.span import OURS
from promptscribe._recent import Recent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject

MOST: Final = 100_000
"""Spans that are remembered, some 300 bytes each."""


LONGEST_RESPONSE: Final = 200
"""Characters of a response's id; longer ones tell no two spans of one call."""

Key = tuple[str, str]
Answers = dict[Key, str | None]


class SpanLink(NamedTuple):
    """What has to be known of a span for as long as others of its trace may come.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: The same of the span above, or None.
        is_log: Whether it is a call, and so a log.
        response: Id of the response, if it is one.
        scope: Name of the instrumentation that told of it.
        began: Nanoseconds since 1970.
        ended: Nanoseconds since 1970.
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    is_log: bool = False
    response: str | None = None
    scope: str = ""
    began: int = 0
    ended: int = 0


class Upload(NamedTuple):
    """What an upload says.

    Attributes:
        logs: The log requests of its calls.
        links: Its spans that are no logs, and the calls whose response may be told
            of by another span.
    """

    logs: list[JSONObject]
    links: list[SpanLink]


class _Known(NamedTuple):
    parent: str | None
    is_log: bool


class Spans:
    """Reads uploads, one after the other."""

    def __init__(self) -> None:
        self._known: Recent[Key, _Known] = Recent(MOST)

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
        by_id = {(span.trace_id, span.span_id): span for span in calls}
        known: Answers = {}
        calls = [s for s in calls if not self._is_inside_itself(s, by_id, known)]
        told: dict[Key, Span] = {}
        calls = [span for span in calls if not _is_told(span, told)]
        own = {id(span) for span in calls}
        # A span that an application emitted for a log of ours may come before the log.
        others = [
            span
            for span in spans
            if span.has_ids and id(span) not in own and span.scope != OURS
        ]
        for span in others:
            self._remember(span, is_log=False)
        known = {}  # other spans are logs now
        links = [SpanLink(s.trace_id, s.span_id, s.parent_id) for s in others]
        return Upload(
            [self._body(span, known) for span in calls],
            links + [_link(span) for span in calls if span.has_ids and _response(span)],
        )

    def _remember(self, span: Span, *, is_log: bool) -> None:
        self._known[span.trace_id, span.span_id] = _Known(span.parent_id, is_log)

    def _is_inside_itself(
        self, span: Span, others: Mapping[Key, Span], answers: Answers
    ) -> bool:
        """Say whether the span around tells of the same call, as well."""
        around = others.get((span.trace_id, self._above(span, answers) or ""))
        if around is None:
            return False
        response = _response(span)
        if response is not None:
            return _response(around) == response
        # Some instrumentations do not tell it of streams.
        return (
            around.scope != span.scope
            and around.began <= span.began
            and span.ended <= around.ended
            and identity.is_same_model(span, around)
        )

    def _parent(self, span: Span, answers: Answers) -> str | None:
        parent = self._above(span, answers)
        return None if parent is None else f"log_{span.trace_id}{parent}"

    def _above(self, span: Span, answers: Answers) -> str | None:
        """Return the nearest span above that is a log, or that nobody has seen.

        Many may stand under one chain of spans, which is walked once.
        """
        parent, path = span.parent_id, set[Key]()
        while parent is not None:
            key = span.trace_id, parent
            if key in answers:
                parent = answers[key]
                break
            if key in path:  # a ring
                parent = None
                break
            path.add(key)
            known = self._known.get(key)
            if known is None or known.is_log:
                break
            parent = known.parent
        answers.update(dict.fromkeys(path, parent))
        return None if parent == span.span_id else parent

    def _body(self, span: Span, answers: Answers) -> JSONObject:
        began = translation.began(span)
        ended = max(span.ended, began)
        body = usage.settle(translation.read_call(span), from_ns(began))
        body["start_time"] = body["created_at"] = from_ns(began).isoformat()
        body["end_time"] = from_ns(ended).isoformat()
        body["provider_latency"] = (ended - began) / 1e9
        if span.has_ids:
            body["log_id"] = span.log_id
            parent = self._parent(span, answers)
            if parent is not None:
                body["trace_parent_id"] = parent
        return body


def _response(span: Span) -> str | None:
    found = identity.response_id(span)
    return found if found is not None and len(found) <= LONGEST_RESPONSE else None


def _is_told(span: Span, told: dict[Key, Span]) -> bool:
    """Say whether another span of the upload tells of the response; note it if not.

    See `promptscribe._dialects.identity`.
    """
    response = _response(span)
    if response is None or not span.has_ids:
        return False
    first = told.setdefault((span.trace_id, response), span)
    is_at_once = span.began <= first.ended and first.began <= span.ended
    return first.span_id != span.span_id and is_at_once and first.scope != span.scope


def _link(span: Span) -> SpanLink:
    return SpanLink(
        span.trace_id,
        span.span_id,
        span.parent_id,
        is_log=True,
        response=_response(span),
        scope=span.scope[:LONGEST_RESPONSE],
        began=span.began,
        ended=span.ended,
    )
