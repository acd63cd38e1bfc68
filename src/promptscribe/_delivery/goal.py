"""The goal: how much has to be settled before somebody who waits may go on.

Its law: what is recorded after the waiting began is nobody's concern; threads that log
for ever hold up no exit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._delivery.ledger import FlushResult

_FIRST_LOOK: Final = 0.25
"""Seconds after the first progress after which the rate tells something: before it
there are modules to be loaded, and a server that may take its time."""
_SLACK: Final = 2.0
"""Times the time that is left: a rate may rise, as connections are opened."""


class Goal:
    """As many logs settled as there were when it was set.

    Args:
        result: Says what became of the logs so far.
        with_adopted: Whether what is taken over from dead processes meanwhile has to
            be settled as well.
        is_vital: Whether something of it would be lost otherwise.
    """

    def __init__(
        self,
        result: Callable[[], FlushResult],
        *,
        with_adopted: bool = False,
        is_vital: bool = False,
    ) -> None:
        before = result()
        self._result = result
        self._with_adopted = with_adopted
        self._is_vital = is_vital
        self._since = 0.0
        self._settled = _settled(before)
        self._recorded, self._adopted = before.recorded, before.adopted

    def is_reached(self) -> bool:
        """Say whether there is nothing left to wait for."""
        now = self._result()
        adopted = now.adopted if self._with_adopted else self._adopted
        return not now.pending or _settled(now) >= self._recorded + adopted

    def is_out_of_reach(self, left: float) -> bool:
        """Say whether, at the rate so far, *left* seconds are by far too few."""
        settled, now = _settled(self._result()), time.monotonic()
        if not self._since:
            if settled > self._settled:
                self._settled, self._since = settled, now
            return False
        elapsed = now - self._since
        if self._is_vital or elapsed < _FIRST_LOOK:
            return False
        rate = (settled - self._settled) / elapsed
        left_over = self._recorded + self._adopted - settled
        return left_over > rate * left * _SLACK


def _settled(result: FlushResult) -> int:
    return result.delivered + result.rejected + result.dropped
