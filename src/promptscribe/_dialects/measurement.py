"""The measurement: what a prompt log adds to the GenAI metrics, and those as OTLP.

Its law: pure. A call that an instrumented client tells of is that client's to measure:
nothing is counted twice. Attributes are those of the convention and few: model and
provider, never a path, a user or content.
Source: opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics. The newest draft has
other names (``gen_ai.client.inference.…``), which no instrumentation emits yet.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from promptscribe._dialects import emission
from promptscribe._dialects.otlp import write_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptscribe.schema import JSONObject, PromptLog

TOKENS: Final = "gen_ai.client.token.usage"
DURATION: Final = "gen_ai.client.operation.duration"
TYPE: Final = "gen_ai.token.type"

BUCKETS: Final[dict[str, tuple[float, ...]]] = {
    TOKENS: tuple(float(4**power) for power in range(14)),
    DURATION: tuple(0.01 * 2**power for power in range(14)),
}
"""The convention's: 1 to 67,108,864 tokens, 10 ms to 81.92 s."""

UNITS: Final = {TOKENS: "{token}", DURATION: "s"}
WORDS: Final = {
    TOKENS: "Number of input and output tokens used.",
    DURATION: "GenAI operation duration.",
}

DELTA: Final = 1
CUMULATIVE: Final = 2
"""``AggregationTemporality`` (opentelemetry-proto ``metrics.proto``)."""

MOST_SERIES: Final = 2_000
"""Combinations of attributes, as many as the SDK keeps; later ones share one."""

_OVERFLOW: Final = {"otel.metric.overflow": True}
_LABELS: Final = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "error.type",
)


class Measured(NamedTuple):
    """One value.

    Attributes:
        name: `TOKENS` or `DURATION`.
        value: Tokens, or seconds.
        labels: The attributes.
    """

    name: str
    value: float
    labels: dict[str, Any]


def measure(log: PromptLog) -> list[Measured]:
    """Return a call's tokens and duration; a log that is no call has none."""
    if emission.is_told(log) or not emission.is_call(log):
        return []
    known = emission.attributes_of(log, content=False)
    labels: dict[str, Any] = {name: known[name] for name in _LABELS if name in known}
    found = [
        Measured(TOKENS, count, {**labels, TYPE: kind})
        for kind, count in (("input", log.prompt_tokens), ("output", log.output_tokens))
        if count is not None
    ]
    if log.provider_latency is not None:
        found.append(Measured(DURATION, log.provider_latency, labels))
    return found


class Histograms:
    """Adds values up.

    Args:
        began: Since when, nanoseconds since 1970.
    """

    def __init__(self, began: int) -> None:
        self._began = began
        self._series: dict[tuple[str, tuple[tuple[str, Any], ...]], _Series] = {}

    def __bool__(self) -> bool:
        return bool(self._series)

    def add(self, values: Iterable[Measured]) -> None:
        """Add values."""
        for name, value, labels in values:
            key = name, tuple(sorted(labels.items()))
            if key not in self._series and len(self._series) >= MOST_SERIES:
                key = name, tuple(_OVERFLOW.items())
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = _Series(BUCKETS[name])
            series.add(value)

    def write(
        self, resource: JSONObject, scope: str, now: int, temporality: int
    ) -> JSONObject:
        """Return them as an upload of one resource and one instrumentation."""
        points: dict[str, list[JSONObject]] = {}
        for (name, labels), series in self._series.items():
            point = {
                "attributes": write_attributes(dict(labels)),
                "startTimeUnixNano": self._began,
                "timeUnixNano": now,
                **series.write(),
            }
            points.setdefault(name, []).append(point)
        metrics = [
            {
                "name": name,
                "description": WORDS[name],
                "unit": UNITS[name],
                "histogram": {
                    "dataPoints": some,
                    "aggregationTemporality": temporality,
                },
            }
            for name, some in points.items()
        ]
        scoped = {"scope": {"name": scope}, "metrics": metrics}
        labelled = {"attributes": write_attributes(resource)}
        return {"resourceMetrics": [{"resource": labelled, "scopeMetrics": [scoped]}]}


class _Series:
    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._min = float("inf")
        self._max = float("-inf")

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value
        self._min = min(self._min, value)
        self._max = max(self._max, value)

    def write(self) -> JSONObject:
        return {
            "count": sum(self._counts),
            "sum": self._sum,
            "bucketCounts": list(self._counts),
            "explicitBounds": list(self._bounds),
            "min": self._min,
            "max": self._max,
        }
