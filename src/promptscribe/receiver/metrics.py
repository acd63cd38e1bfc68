"""What the receiver counts, in the text format that Prometheus scrapes.

Its law: numbers only; no path, key, id or content of anybody's log becomes a label.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Seconds: a commit takes 1 ms, a page over a million logs may take 150.
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Counters of one receiver process."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._logs: Counter[tuple[str, str]] = Counter()
        self._retention: Counter[str] = Counter()
        self._times = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def count_request(self, method: str, status: int, seconds: float) -> None:
        """Count one answered request and how long it took."""
        self._requests[method, status] += 1
        self._times[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def count_log(self, kind: str, outcome: str, number: int = 1) -> None:
        """Count logs by what became of them: ``stored`` or the status of refusal."""
        self._logs[kind, outcome] += number

    def count_retention(self, outcome: str, number: int = 1) -> None:
        """Count old logs that were ``deleted``, and looks for them that failed.

        Args:
            outcome: ``deleted``; ``unavailable`` where the store could not write, and
                ``error`` for anything else.
            number: How many.
        """
        self._retention[outcome] += number

    def text(self) -> str:
        """Return everything in the text format."""
        requests = "promptscribe_requests_total"
        lines = [
            f"# HELP {requests} Requests that were answered.",
            f"# TYPE {requests} counter",
            *[
                f'{requests}{{method="{method}",status="{status}"}} {n}'
                for (method, status), n in sorted(self._requests.items())
            ],
            "# HELP promptscribe_logs_total Logs by what became of them.",
            "# TYPE promptscribe_logs_total counter",
            *[
                f'promptscribe_logs_total{{kind="{kind}",outcome="{outcome}"}} {n}'
                for (kind, outcome), n in sorted(self._logs.items())
            ],
            "# HELP promptscribe_retention_total Old logs deleted; looks that failed.",
            "# TYPE promptscribe_retention_total counter",
            *[
                f'promptscribe_retention_total{{outcome="{outcome}"}} {n}'
                for outcome, n in sorted(self._retention.items())
            ],
            "# HELP promptscribe_request_seconds Time from headers to the last byte.",
            "# TYPE promptscribe_request_seconds histogram",
        ]
        reached = 0
        for bound, number in zip((*BOUNDS, "+Inf"), self._times, strict=True):
            reached += number
            lines.append(
                f'promptscribe_request_seconds_bucket{{le="{bound}"}} {reached}'
            )
        lines.append(f"promptscribe_request_seconds_sum {self._seconds}")
        lines.append(f"promptscribe_request_seconds_count {reached}")
        return "\n".join(lines) + "\n"
