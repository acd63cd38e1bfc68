"""What the tests of spans share: spans that real instrumentations emitted."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from promptscribe._dialects.span import Span

RECORDED = Path(__file__).parent / "recorded"


def _load(name):
    recording = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    spans = [
        {key: value for key, value in span.items() if value is not None}
        for span in recording["spans"]
    ]
    return msgspec.convert(spans, list[Span])


@pytest.fixture
def recorded():
    """Give the spans of one recorded call, in the order in which they ended."""
    return _load


@pytest.fixture
def make_span():
    """Build a span of attributes alone."""

    def make(attributes=None, **members):
        given = {"trace_id": "a" * 32, "span_id": "b" * 16, "name": "s"} | members
        return Span(attributes=attributes or {}, **given)

    return make


@pytest.fixture
def provider():
    """A tracer provider of the application's, with our processor."""
    from opentelemetry.sdk.trace import TracerProvider

    from promptscribe.otel import install

    made = TracerProvider(shutdown_on_exit=False)
    install(made)
    yield made
    made.shutdown()


CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.input.messages": (
        '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
    ),
    "gen_ai.output.messages": (
        '[{"role":"assistant","parts":[{"type":"text","content":"Ho"}]}]'
    ),
}


@pytest.fixture
def call(provider):
    """Do what an instrumented client does: one span around one call of a model."""
    count = iter(range(1_000_000))

    def make(name="chat gpt-4o-mini", *, error=None, scope="client", **attributes):
        given = {k.replace("__", "."): v for k, v in attributes.items()}
        number = next(count)
        with provider.get_tracer(scope).start_as_current_span(
            name, set_status_on_exception=True
        ) as span:
            known = {**CALL, "gen_ai.response.id": f"r{number}", **given}
            span.set_attributes(known)
            if error is not None:
                raise error
        return span

    return make
