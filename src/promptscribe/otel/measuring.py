"""The measuring: ``configure(otel_metrics=True)``, tokens and durations as metrics.

Its law: the application's meter provider or none. A call that an instrumented client
tells of is that client's to measure: nothing is counted twice. Attributes are those of
the convention and few: model and provider, never a path, a user or content.
Source: opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics. The newest draft has
other names (``gen_ai.client.inference.…``), which no instrumentation emits yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import metrics

from promptscribe import __version__
from promptscribe._dialects import emission
from promptscribe._dialects.span import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.metrics import Histogram, Meter

    from promptscribe.schema import PromptLog

TOKENS: Final = "gen_ai.client.token.usage"
DURATION: Final = "gen_ai.client.operation.duration"
TYPE: Final = "gen_ai.token.type"

_TOKEN_BUCKETS: Final = tuple(4**power for power in range(14))
_SECOND_BUCKETS: Final = tuple(0.01 * 2**power for power in range(14))
"""The convention's: 1 to 67,108,864 tokens, 10 ms to 81.92 s."""

_NOBODY: Final = frozenset({"_ProxyMeterProvider", "NoOpMeterProvider"})
"""Types of those that the API has where the application has none."""

_LABELS: Final = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "error.type",
)


class _Instruments(NamedTuple):
    provider: Any
    tokens: Histogram
    duration: Histogram


_made: _Instruments | None = None


def is_heard() -> bool:
    """Say whether the application has a meter provider; reading a log has its price."""
    return type(metrics.get_meter_provider()).__name__ not in _NOBODY


def measure(log: PromptLog) -> None:
    """Record a call's tokens and duration; a log that is no call has none."""
    if emission.is_told(log) or not emission.is_call(log):
        return
    known = emission.attributes_of(log, content=False)
    labels: dict[str, Any] = {name: known[name] for name in _LABELS if name in known}
    _, tokens, duration = _instruments()
    for kind, count in (("input", log.prompt_tokens), ("output", log.output_tokens)):
        if count is not None:
            tokens.record(count, {**labels, TYPE: kind})
    if log.provider_latency is not None:
        duration.record(log.provider_latency, labels)


def _instruments() -> _Instruments:
    global _made  # noqa: PLW0603 - one pair for each provider, as the API wants it
    provider = metrics.get_meter_provider()
    if _made is None or _made.provider is not provider:
        meter = metrics.get_meter(OURS, __version__)
        _made = _Instruments(
            provider,
            _histogram(meter, TOKENS, "{token}", _TOKEN_BUCKETS),
            _histogram(meter, DURATION, "s", _SECOND_BUCKETS),
        )
    return _made


def _histogram(
    meter: Meter, name: str, unit: str, buckets: Sequence[float]
) -> Histogram:
    words = {
        TOKENS: "Number of input and output tokens used.",
        DURATION: "GenAI operation duration.",
    }
    try:
        return meter.create_histogram(
            name, unit, words[name], explicit_bucket_boundaries_advisory=buckets
        )
    except TypeError:  # before 1.30, where the application's views decide
        return meter.create_histogram(name, unit, words[name])
