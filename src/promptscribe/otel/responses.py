"""The responses: which of them an instrumentation has told of already.

Its law: bounded; and no instrumentation tells of one call twice by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from promptscribe._dialects import identity
from promptscribe._recent import Recent

if TYPE_CHECKING:
    from promptscribe._dialects.span import Span

MOST: Final = 4_096
"""Responses that are remembered, to know them again from another instrumentation."""


class _Seen(NamedTuple):
    scope: str
    began: int
    ended: int


class Responses:
    """Remembers responses; the caller holds a lock."""

    def __init__(self) -> None:
        self._responses: Recent[str, _Seen] = Recent(MOST)

    def add(self, span: Span) -> None:
        """Remember the response of a call."""
        response = identity.response_id(span)
        if response is not None:
            seen = _Seen(span.scope, span.began, span.ended)
            self._responses[response] = seen

    def __contains__(self, span: Span) -> bool:
        """Say whether another instrumentation has told of the same response.

        In another trace, too: without a span around them, each is a trace by itself.
        """
        response = identity.response_id(span)
        seen = None if response is None else self._responses.get(response)
        return (
            seen is not None
            and seen.scope != span.scope
            and span.began <= seen.ended
            and seen.began <= span.ended
        )
