"""The doubles: two spans, one inside of the other, that may tell of one call.

Its law: pure. The client's own span is inside of an instrumentor's, the provider's
inside of a framework's; the outer one still runs then and may not know its response.
What turns out to be another call is a log of its own: nothing is thrown away on a
guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe._capture.context import is_unsaved
from promptscribe._dialects import identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe._capture.context import Scope
    from promptscribe._dialects.span import Span
    from promptscribe.otel.lineage import Call

MOST: Final = 8
"""Spans that wait inside of one that runs: two attempts by two instrumentations make
four. One that goes on for long and has more inside is no double of all of them."""


def is_same_call(inner: Span, outer: Span) -> bool:
    """Say whether a call inside of a call is the same one, as far as is known."""
    ids = identity.response_id(inner), identity.response_id(outer)
    if None not in ids:
        return ids[0] == ids[1]
    return identity.is_same_model(inner, outer)


def unite(outer: Call, inner: Sequence[Call]) -> tuple[Call, list[Call]]:
    """Return a call that is over, with what only its doubles know, and the others.

    Args:
        outer: The call.
        inner: Calls inside of it that may have been the same one, in the order of
            their end.
    """
    span, scope = outer.span, outer.scope
    doubles = _doubles(span, inner)
    for double in doubles:
        both = {**double.span.attributes, **span.attributes}
        span = msgspec.structs.replace(span, attributes=both)
    # What one of them may not keep is in all of them.
    scope = max([scope, *(double.scope for double in doubles)], key=_strictness)
    others = [call for call in inner if all(call is not one for one in doubles)]
    # It ends what waits in the journal.
    waiting = next((one.waiting for one in doubles if one.waiting), outer.waiting)
    return outer._replace(span=span, scope=scope, waiting=waiting), others


def _strictness(scope: Scope | None) -> tuple[bool, bool]:
    if scope is None:
        return False, False
    return is_unsaved(scope.members), scope.controlled


def _doubles(outer: Span, inner: Sequence[Call]) -> list[Call]:
    known = identity.response_id(outer)
    ids = [identity.response_id(call.span) for call in inner]
    if known is not None and known in ids:
        return [call for call, own in zip(inner, ids, strict=True) if own == known]
    # One attempt of several has the answer: the last one that did not fail.
    possible = [
        call
        for call, own in zip(inner, ids, strict=True)
        if call.is_inside and (known is None or own is None)
    ]
    good = [call for call in possible if call.span.status != "ERROR"] or possible
    return good[-1:]
