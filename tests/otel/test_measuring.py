"""Tokens and durations as metrics of the application's own OpenTelemetry."""

from __future__ import annotations

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import promptscribe
from promptscribe import log_prompt, record_log
from promptscribe._dialects import measurement as measuring
from promptscribe.otel import install

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 5,
}


@pytest.fixture
def measured(monkeypatch):
    """The application has a meter provider; give what it measured, by name."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", provider)
    promptscribe.configure(otel_metrics=True)

    def read():
        data = reader.get_metrics_data()
        return {
            metric.name: {
                tuple(sorted(dict(point.attributes).items())): point
                for point in metric.data.data_points
            }
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    yield read
    provider.shutdown()


@log_prompt(path="shop/answer", prompt={"model": "gpt-4o-mini", "provider": "openai"})
def answer(question):
    if question is None:
        raise ValueError("no question")
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024",
        "choices": [{"message": {"role": "assistant", "content": "Ho"}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }


def of_kind(points, kind):
    """Give the one point that counts tokens of a kind."""
    (point,) = [p for labels, p in points.items() if (measuring.TYPE, kind) in labels]
    return point


def test_tokens_and_durations_are_measured(measured, captured_logs):
    """Two histograms of the convention, with model and provider."""
    answer("a")
    answer("b")

    found = measured()
    tokens, duration = found[measuring.TOKENS], found[measuring.DURATION]
    asked = of_kind(tokens, "input")
    told = of_kind(tokens, "output")
    (took,) = duration.values()
    assert (asked.count, asked.sum) == (2, 10)
    assert (told.count, told.sum) == (2, 14)
    assert took.count == 2
    assert took.sum == pytest.approx(sum(log.provider_latency for log in captured_logs))
    assert dict(took.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024",
    }


def test_the_buckets_are_the_convention_s(measured, captured_logs):
    """Unless the application's views say otherwise; SDKs before 1.30 have only them."""
    answer("a")

    (took,) = measured()[measuring.DURATION].values()
    asked = next(iter(measured()[measuring.TOKENS].values()))
    if len(took.explicit_bounds) == 14:
        assert took.explicit_bounds[0] == 0.01
        assert took.explicit_bounds[-1] == 81.92
        assert asked.explicit_bounds[-1] == 67_108_864
    else:
        import opentelemetry.sdk.version as sdk

        assert tuple(map(int, sdk.__version__.split(".")[:2])) < (1, 30)


def test_a_failure_is_a_duration_with_its_type(measured, captured_logs):
    """There are no tokens; the message, which may quote the prompt, is not told."""
    with pytest.raises(ValueError, match="no question"):
        answer(None)

    found = measured()
    (took,) = found[measuring.DURATION].values()
    assert took.attributes["error.type"] == "ValueError"
    assert measuring.TOKENS not in found
    assert "question" not in str(found)


def test_a_function_that_calls_no_model_is_not_measured(measured, captured_logs):
    """An agent's duration is not that of a call."""
    with log_prompt("shop/agent"):
        pass

    assert measured() == {}


def test_what_an_instrumented_client_tells_it_measures_itself(measured, captured_logs):
    """Its span fills the log; the same tokens are not measured again."""
    provider = TracerProvider(shutdown_on_exit=False)
    install(provider)
    with (
        log_prompt("a"),
        provider.get_tracer("client").start_as_current_span("chat m") as s,
    ):
        s.set_attributes(CHAT)

    assert captured_logs[0].prompt_tokens == 5
    assert measured() == {}


def test_spans_and_metrics_go_together(measured, captured_logs, monkeypatch):
    """One call: a log, a span and a measurement."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    promptscribe.configure(otel_spans=True, otel_context=True)

    answer("a")

    (span,) = memory.get_finished_spans()
    assert span.attributes["gen_ai.usage.input_tokens"] == 5
    assert captured_logs[0].log_id.endswith(f"{span.context.span_id:016x}")
    assert of_kind(measured()[measuring.TOKENS], "input").sum == 5


def test_it_is_off_by_default(measured, captured_logs):
    """Nobody gets time series that were not asked for."""
    promptscribe.configure(otel_metrics=False)
    answer("a")

    assert measured() == {}


def test_without_a_meter_provider_the_log_is_as_ever(captured_logs):
    """None is made."""
    promptscribe.configure(otel_metrics=True)
    answer("a")

    assert captured_logs[0].prompt_tokens == 5
    assert metrics._internal._METER_PROVIDER is None


def test_a_provider_that_fails_costs_no_call(captured_logs, monkeypatch):
    """The application's pipeline is its own, broken or not."""
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", object())
    promptscribe.configure(otel_metrics=True)

    assert answer("a")["id"] == "c"
    assert len(captured_logs) == 1


def test_what_is_recorded_after_the_fact_is_measured_as_well(measured, captured_logs):
    """`record_log` of a call's tokens."""
    record_log("a", prompt={"model": "m"}, prompt_tokens=5)

    (point,) = measured()[measuring.TOKENS].values()
    assert (point.sum, point.count) == (5, 1)
