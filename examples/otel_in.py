"""Spans of any OpenTelemetry instrumentation become prompt logs.

Here the span is made by hand; an instrumented client makes it by itself.
Run: ``promptscribe serve`` in one terminal, ``python examples/otel_in.py`` in another.
"""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from promptscribe import force_flush
from promptscribe.otel import install

trace.set_tracer_provider(TracerProvider())  # the application's own
install()  # under ``opentelemetry-instrument`` there is no need to

tracer = trace.get_tracer("shop")
with (
    tracer.start_as_current_span("GET /answer"),
    tracer.start_as_current_span("chat gpt-4o-mini") as span,
):
    span.set_attributes(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 5,
        }
    )

print(force_flush())
