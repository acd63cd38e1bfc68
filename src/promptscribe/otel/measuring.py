"""The measuring: ``configure(otel_metrics=True)``, tokens and durations as metrics.

Its law: the application's meter provider or none. What is measured, and under which
names, `promptscribe._dialects.measurement` says; with ``otlp_endpoint`` metrics go
there, with the logs, and nothing is measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import metrics

from promptscribe import __version__
from promptscribe._dialects import measurement
from promptscribe._dialects.span import OURS

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

    from promptscribe.schema import PromptLog

_NOBODY: Final = frozenset({"_ProxyMeterProvider", "NoOpMeterProvider"})
"""Types of those that the API has where the application has none."""


class _Instruments(NamedTuple):
    provider: Any
    by_name: dict[str, Histogram]


_made: _Instruments | None = None


def is_heard() -> bool:
    """Say whether the application has a meter provider; reading a log has its price."""
    return type(metrics.get_meter_provider()).__name__ not in _NOBODY


def measure(log: PromptLog) -> None:
    """Record a call's tokens and duration; a log that is no call has none."""
    values = measurement.measure(log)
    if values:
        instruments = _instruments()
        for name, value, labels in values:
            instruments.by_name[name].record(value, labels)


def _instruments() -> _Instruments:
    global _made  # noqa: PLW0603 - one pair for each provider, as the API wants it
    provider = metrics.get_meter_provider()
    if _made is None or _made.provider is not provider:
        meter = metrics.get_meter(OURS, __version__)
        made = {name: _histogram(meter, name) for name in measurement.UNITS}
        _made = _Instruments(provider, made)
    return _made


def _histogram(meter: Meter, name: str) -> Histogram:
    unit, words = measurement.UNITS[name], measurement.WORDS[name]
    buckets = measurement.BUCKETS[name]
    try:
        return meter.create_histogram(
            name, unit, words, explicit_bucket_boundaries_advisory=buckets
        )
    except TypeError:  # before 1.30, where the application's views decide
        return meter.create_histogram(name, unit, words)
