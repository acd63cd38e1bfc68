"""The upload: spans of any OpenTelemetry SDK, as log requests of Prompts.

Its law: no store and no HTTP; what it remembers is bounded. Calls of models become
logs; other spans only say who stands under whom, also those of earlier uploads. A
parent that has not come yet is named by its span: if it is a log, the two find each
other when it comes; if it is none, the log is brought under the next one above. What
has to be known after a restart, or in another process, is given to the store.
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
    response: str | None


class _Told(NamedTuple):
    span_id: str
    scope: str
    began: int
    ended: int


class Spans:
    """Reads uploads, one after the other."""

    def __init__(self) -> None:
        self._known: Recent[Key, _Known] = Recent(MOST)
        self._told: Recent[Key, _Told] = Recent(MOST)
        self._traces: Recent[str, None] = Recent(MOST)

    def strange(self, spans: Sequence[Span]) -> list[str]:
        """Return the traces with calls of which the store is to be asked first."""
        found = {span.trace_id for span in spans if _response(span) and span.has_ids}
        return [trace for trace in found if trace not in self._traces]

    def learn(self, traces: Sequence[str], links: Sequence[SpanLink]) -> None:
        """Take what the store knows of some traces, the oldest first."""
        for link in links:
            key = link.trace_id, link.span_id
            if key not in self._known:
                known = _Known(link.parent_id, link.is_log, link.response)
                self._known[key] = known
            if link.response is not None:
                told = _Told(link.span_id, link.scope, link.began, link.ended)
                if (link.trace_id, link.response) not in self._told:
                    self._told[link.trace_id, link.response] = told
        for trace in traces:
            self._traces[trace] = None

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
        known = {}  # other spans are logs now
        links = [SpanLink(s.trace_id, s.span_id, s.parent_id) for s in others]
        return Upload(
            [self._body(span, known) for span in calls],
            links + [_link(span) for span in calls if span.has_ids and _response(span)],
        )

    def _remember(self, span: Span, *, is_log: bool) -> None:
        response = _response(span) if is_log else None
        known = _Known(span.parent_id, is_log, response)
        self._known[span.trace_id, span.span_id] = known

    def _is_inside_itself(
        self, span: Span, others: Mapping[Key, Span], answers: Answers
    ) -> bool:
        """Say whether the span around tells of the same response, as well."""
        response = _response(span)
        key = span.trace_id, self._above(span, answers) or ""
        known = self._known.get(key)
        if response is not None:
            return known is not None and known.response == response
        # Some instrumentations do not tell it of streams.
        around = others.get(key)
        return (
            around is not None
            and around.scope != span.scope
            and around.began <= span.began
            and span.ended <= around.ended
            and identity.is_same_model(span, around)
        )

    def _is_told(self, span: Span) -> bool:
        """Say whether another span has told of the same response; remember it if not.

        See `promptscribe._dialects.identity`.
        """
        response = _response(span)
        if response is None or not span.has_ids:
            return False
        told = self._told.get((span.trace_id, response))
        if told is not None and told.span_id != span.span_id:
            is_at_once = span.began <= told.ended and told.began <= span.ended
            return is_at_once and span.scope != told.scope
        known = _Told(span.span_id, span.scope, span.began, span.ended)
        self._told[span.trace_id, response] = known
        return False

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
