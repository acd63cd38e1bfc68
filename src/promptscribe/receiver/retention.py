"""How long logs are kept: what is older than some days is deleted, step by step.

Its law: it sleeps between looks, and each step is a small transaction among others,
so that nobody who posts logs waits for it. Whatever goes wrong, it looks again: logs
that stay for longer than was promised are a fault that somebody has to hear of.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.store import StoreUnavailable

if TYPE_CHECKING:
    from promptscribe._clock import Clock
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store

LOGGER: Final = logging.getLogger("promptscribe.receiver")
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_STEP: Final = 200  # logs in one transaction: 20 ms, words taken out of the index
EVERY: Final = 600.0  # seconds between two looks


class Keeper:
    """Deletes logs that were made more than so many days ago.

    Args:
        days: How long a log is kept, counted from its ``created_at``.
        store: Where logs are.
        metrics: Where is counted what was deleted, and what went wrong.
        clock: Source of the present.
        every: Seconds between two looks, and so between two lines about a fault.
    """

    def __init__(
        self,
        days: float,
        store: Store,
        metrics: Metrics,
        clock: Clock,
        every: float = EVERY,
    ) -> None:
        self._days = days
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Look and delete until cancelled."""
        while True:
            deleted = await self._look()
            await asyncio.sleep(self._every if deleted < _STEP else 0)

    async def _look(self) -> int:
        before_us = self._clock.wall_ns() // 1000 - round(self._days * _DAY_US)
        try:
            deleted = await self._store.delete_before(before_us, _STEP)
        except Exception as error:  # noqa: BLE001 - ending here would keep logs for ever
            kind = "unavailable" if isinstance(error, StoreUnavailable) else "error"
            self._metrics.count_retention(kind)
            LOGGER.warning(
                "logs older than %g days could not be deleted: %s: %s",
                self._days,
                type(error).__name__,
                error,
            )
            return 0
        self._metrics.count_retention("deleted", deleted)
        return deleted
