"""The holding: calls that wait for the end of one around them, which may be the same.

Its law: what waits is in the journal. Its end is open there until the one around ends;
one that never does, because its program lets go of it or is killed, loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._dialects import identity
from promptscribe.otel import doubles, writing

if TYPE_CHECKING:
    from promptscribe.otel.lineage import Call, Key, Node

MOST: Final = 1_024
"""Spans that others wait for; of later ones the journal alone knows what waits."""


class Holding:
    """Knows which spans others wait for; the caller holds a lock."""

    def __init__(self) -> None:
        self._nodes: dict[Key, Node] = {}

    def add(
        self, key: Key, node: Node, call: Call, above: str | None, *, is_kept: bool
    ) -> list[Call]:
        """Have a call wait.

        Args:
            key: The span that it waits for.
            node: The same.
            call: The call.
            above: Id of the nearest log above both.
            is_kept: Whether the journal has to be told: nobody else has the call.

        Returns:
            Calls that can wait no longer.
        """
        if is_kept and call.waiting is None and not _is_among(call, node.extras):
            call = writing.hold(call, above)
        node.extras.append(call)
        released = node.extras[: -doubles.MOST]
        del node.extras[: -doubles.MOST]
        if len(self._nodes) < MOST:
            self._nodes[key] = node
        return released

    def get(self, key: Key) -> Node | None:
        """Return a span that others wait for."""
        return self._nodes.get(key)

    def drop(self, key: Key) -> None:
        """Forget a span that is over."""
        self._nodes.pop(key, None)

    def take_abandoned(self) -> list[tuple[Key, Node]]:
        """Give the spans that were dropped without an end, and forget them."""
        if not self._nodes:
            return []
        gone = [(k, n) for k, n in tuple(self._nodes.items()) if n.is_abandoned]
        for key, _ in gone:
            self.drop(key)
        return gone


def _is_among(call: Call, others: list[Call]) -> bool:
    """Say whether one of others is kept that tells of the same response."""
    response = identity.response_id(call.span)
    return response is not None and any(
        other.waiting is not None and identity.response_id(other.span) == response
        for other in others
    )
