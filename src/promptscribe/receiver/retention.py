"""How long logs are kept: what is older than some days is deleted, step by step.

Its law: it sleeps between looks, and each step is a small transaction among others,
so that nobody who posts logs waits for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.store import StoreUnavailable

if TYPE_CHECKING:
    from promptscribe._clock import Clock
    from promptscribe.receiver.store import Store

_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_STEP: Final = 200  # logs in one transaction: 20 ms, words taken out of the index
_EVERY: Final = 600.0  # seconds between two looks


async def keep_for(days: float, store: Store, clock: Clock) -> None:
    """Delete logs that were made more than so many days ago, until cancelled.

    Args:
        days: How long a log is kept, counted from its ``created_at``.
        store: Where logs are.
        clock: Source of the present.
    """
    while True:
        before_us = clock.wall_ns() // 1000 - round(days * _DAY_US)
        try:
            deleted = await store.delete_before(before_us, _STEP)
        except StoreUnavailable:
            deleted = 0  # the next look finds them still there
        await asyncio.sleep(_EVERY if deleted < _STEP else 0)
