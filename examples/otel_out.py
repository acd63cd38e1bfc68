"""Prompt logs appear as GenAI spans in the application's own OpenTelemetry.

Run: ``python examples/otel_out.py``; the spans are printed as JSON.
"""

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

import promptscribe
from promptscribe import current_log, log_prompt

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
promptscribe.configure(otel_spans=True)


@log_prompt(path="shop/answer", prompt={"model": "gpt-4o-mini"})
def answer(question: str) -> str:
    """Answer a question; the span of a client's call would be a child of it."""
    current_log().update(prompt_tokens=12, output_tokens=5)
    return f"{question} forty-two"


with trace.get_tracer("shop").start_as_current_span("GET /answer"):
    answer("What is it?")
