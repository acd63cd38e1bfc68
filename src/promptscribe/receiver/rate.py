"""Rates: how many requests one client may make, and how many wrong keys it may try.

Its law: the clock comes in as a parameter; memory is bounded, whoever calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._recent import Recent

if TYPE_CHECKING:
    from promptscribe._clock import Clock

# A program with an old key tries now and then; nobody guesses 256 bits, but a
# thousand attempts a second would cost us more than they cost the guesser.
_WRONG_KEYS_RATE: Final = 1.0
_WRONG_KEYS_BURST: Final = 30.0
_MOST_CLIENTS: Final = 10_000  # buckets kept; the one that was idle longest goes


class Limit:
    """A token bucket for each client.

    Args:
        rate: Requests a second that are let through in the long run.
        burst: Requests that may come at once.
        clock: Source of time.
    """

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: Recent[str, tuple[float, float]] = Recent(_MOST_CLIENTS)

    def wait(self, client: str) -> float:
        """Take one from a client's bucket; return 0, or seconds until there is one."""
        now = self._clock.monotonic_ns() / 1e9
        filled, at = self._buckets.pop(client, (self._burst, now))
        filled = min(self._burst, filled + (now - at) * self._rate)
        missing = 1.0 - filled
        if missing <= 0:
            filled -= 1.0
        self._buckets[client] = (filled, now)
        return max(missing, 0.0) / self._rate


class Limits:
    """What each client may do in a while.

    Args:
        requests: Requests a second for each key (for each address where no key is
            needed); None sets no limit.
        clock: Source of time.

    Attributes:
        requests: The limit on requests, or None.
        wrong_keys: The limit on wrong keys, for each address.
    """

    def __init__(self, requests: float | None, clock: Clock) -> None:
        # A burst is one request at least: a bucket of half of one is never full enough.
        self.requests = (
            None if requests is None else Limit(requests, max(requests, 1.0), clock)
        )
        self.wrong_keys = Limit(_WRONG_KEYS_RATE, _WRONG_KEYS_BURST, clock)
