"""Redaction and OpenTelemetry: a span shows no more than the journal has."""

from __future__ import annotations

import contextlib
import json

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import promptscribe
from promptscribe import current_log, log_context, log_prompt
from promptscribe._runtime.state import runtime
from promptscribe.otel import emitter
from promptscribe.testing import captured_logs

KEY = "sk-proj-aB3dE5gH7jK9mN1pQ4rS6tU8"
TEXT = f"key {KEY}, card 4111111111111111, to ada.lovelace@example.org"
PARTS = ("aB3dE5", "41111", "lovelace", "canary")


class Watch(SpanProcessor):
    """Sees what a span is when it starts, as samplers do."""

    def __init__(self):
        self.started = []

    def on_start(self, span, parent_context=None):
        self.started.append(span.to_json())


@pytest.fixture
def spans(monkeypatch):
    """The application's provider, and all that it sees and exports."""
    monkeypatch.setenv(emitter.CONTENT, "SPAN_ONLY")
    memory, watch = InMemorySpanExporter(), Watch()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.add_span_processor(watch)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    memory.told = lambda: "".join(
        [*watch.started, *(s.to_json() for s in memory.get_finished_spans())]
    )
    return memory


@pytest.mark.parametrize("by", ["settings", "decorator"])
@pytest.mark.parametrize("works", [True, False], ids=["built-in", "failing hook"])
def test_a_redacted_log_s_span_shows_no_more_than_its_log(spans, by, works):
    """Its name from the start, attributes, content, errors, events and status."""

    def fail(text):
        raise RuntimeError(text)

    redact = works or fail
    promptscribe.configure(otel_spans=True, redact=redact if by == "settings" else None)
    options = {"redact": redact} if by == "decorator" else {}
    named = type(f"Bad{KEY}", (Exception,), {})

    @log_prompt(path=f"a/{KEY}", prompt={"model": TEXT, "stop": TEXT}, **options)
    def call(question, api_key, messages):
        current_log().update(user=TEXT, tool_choice={"type": TEXT}, stdout=TEXT)
        current_log().record_request({"model": TEXT, "stop": TEXT})
        return {"model": TEXT, "choices": [{"message": {"content": TEXT}}], "usage": {}}

    @log_prompt(path=f"b/{KEY}", **options)
    def broken(value):
        raise named(TEXT)

    with captured_logs() as logs, log_context(metadata={"m": TEXT, "token": "canary"}):
        call(TEXT, "canary", [{"role": "user", "content": TEXT}])
        with contextlib.suppress(named):
            broken({"password": "canary"})

    assert len(logs) == len(spans.get_finished_spans()) == 2
    for part in PARTS:
        assert part not in spans.told()
        assert part not in repr(logs)


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("options", [{"redact": True}, {"capture": "metadata"}])
def test_what_a_decorator_keeps_out_no_span_brings_in(call, calls, options):
    """A client's span that fills the log, and those that are logs of their own."""
    said = [{"role": "user", "parts": [{"type": "text", "content": TEXT}]}]
    frames = []

    @log_prompt(path="a", **options)
    def answer():
        for _ in range(calls):
            call(**{"gen_ai.input.messages": json.dumps(said), "x.note": TEXT})

    with captured_logs() as logs:
        append = runtime.append
        with runtime.lend(lambda k, p: frames.append(p) or append(k, p)):
            answer()

    assert len(logs) == (1 if calls == 1 else 3)
    for part in PARTS:
        assert part.encode() not in b"".join(frames)


def test_a_path_that_is_too_long_is_not_cut_through_a_secret(call, captured_logs):
    """As the path of a span may be anything."""
    promptscribe.configure(redact=True)
    for shift in range(0, len(KEY), 5):
        call(**{"gen_ai.prompt.name": f"a/{'x' * (497 - shift)}/{KEY}/{'y' * 50}"})

    assert captured_logs
    for log in captured_logs:
        assert "sk-p" not in repr(log)
        assert log.path.startswith("a")
