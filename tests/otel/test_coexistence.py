"""Beside others in one process: theirs stays as it is, ours is complete."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import promptscribe
from promptscribe import log_prompt
from promptscribe.otel import PromptscribeSpanExporter, install
from promptscribe.testing import captured_logs

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 5,
}


def test_the_application_s_own_spans_stay_as_they_are(captured_logs):
    """Another exporter beside ours gets every span, with what it had and no more."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    install(provider)
    tracer = provider.get_tracer("app")

    with log_prompt("a"), tracer.start_as_current_span("GET /"):
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        with tracer.start_as_current_span("SELECT"):
            pass

    spans = memory.get_finished_spans()
    assert [span.name for span in spans] == ["chat", "SELECT", "GET /"]
    assert dict(spans[0].attributes) == CHAT
    assert len(captured_logs) == 1


def test_limits_of_the_application_s_cost_no_member(captured_logs, monkeypatch):
    """500 messages and 60 tools under a limit of 128 attributes: all of it is there."""
    monkeypatch.setattr(
        trace,
        "_TRACER_PROVIDER",
        TracerProvider(
            span_limits=SpanLimits(max_span_attributes=128), shutdown_on_exit=False
        ),
    )
    memory = InMemorySpanExporter()
    trace._TRACER_PROVIDER.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    promptscribe.configure(otel_spans=True)
    messages = [{"role": "user", "content": f"m{n}"} for n in range(500)]
    tools = [{"name": f"t{n}", "description": ""} for n in range(60)]
    inputs = {f"i{n}": "x" for n in range(500)}

    with log_prompt(
        "a", prompt={"model": "m", "tools": tools}, messages=messages, inputs=inputs
    ) as log:
        log.update(prompt_tokens=5, output_tokens=7, output="yes")

    (span,) = memory.get_finished_spans()
    told = span.attributes
    assert told["gen_ai.request.model"] == "m"
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (
        5,
        7,
    )
    assert '"m499"' in told["gen_ai.input.messages"]
    assert '"t59"' in told["gen_ai.tool.definitions"]
    assert len(captured_logs[0].messages) == 500


def test_a_provider_of_another_make_disturbs_nobody(monkeypatch, captured_logs):
    """One without ``add_span_processor``, as ddtrace has it: nothing is installed."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", object())

    assert install() is False
    with log_prompt("a"):
        pass
    assert len(captured_logs) == 1


def test_our_deliveries_are_not_traced(tmp_path):
    """An instrumented HTTP client of the application's makes no span of our posts."""
    from promptscribe._delivery.transport import _uninstrumented

    utils = pytest.importorskip("opentelemetry.instrumentation.utils")

    with _uninstrumented():
        assert not utils.is_instrumentation_enabled()
    assert utils.is_instrumentation_enabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_logs_its_own_spans_and_not_its_parent_s(tmp_path):
    """As the SDK's contract says of processors: the child starts afresh."""
    provider = TracerProvider(shutdown_on_exit=False)
    install(provider)
    tracer = provider.get_tracer("app")
    with captured_logs() as logs:
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        child = os.fork()
        if child == 0:
            with tracer.start_as_current_span("chat", attributes=CHAT):
                pass
            os._exit(0 if len(logs) == 2 else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(logs) == 1


def test_shutting_down_and_flushing_answer_as_the_sdk_expects(server):
    """A batch processor around our exporter, flushed and shut down."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(PromptscribeSpanExporter()))
    with provider.get_tracer("app").start_as_current_span("chat", attributes=CHAT):
        pass

    assert provider.force_flush(10_000) is True
    promptscribe.force_flush(10)
    provider.shutdown()
    assert [body["prompt_tokens"] for body in server.bodies] == [5]


def test_nothing_is_written_to_the_application_s_log(caplog, captured_logs):
    """No warning of OpenTelemetry's is our doing."""
    provider = TracerProvider(shutdown_on_exit=False)
    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        install(provider)
        install(provider)
        with provider.get_tracer("a").start_as_current_span("chat", attributes=CHAT):
            pass

    assert [r for r in caplog.records if r.name.startswith("opentelemetry")] == []


LOGFIRE = """
import logfire
logfire.configure(send_to_logfire=False, console=False)
"""
LANGFUSE = """
import langfuse
langfuse.Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9")
"""
TRACELOOP = """
from traceloop.sdk import Traceloop
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
Traceloop.init(disable_batch=True, exporter=InMemorySpanExporter())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "setup"),
    [
        ("logfire", LOGFIRE),
        ("langfuse", LANGFUSE),
        ("traceloop.sdk", TRACELOOP),
    ],
)
def test_it_works_beside(package, setup):
    """Their provider stays theirs; every call is one log of ours."""
    pytest.importorskip(package)
    program = """
    from opentelemetry import trace
    from promptscribe import log_prompt
    from promptscribe.otel import install
    from promptscribe.testing import captured_logs

    before = trace.get_tracer_provider()
    assert install()
    assert trace.get_tracer_provider() is before
    tracer = trace.get_tracer("app")
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    with captured_logs() as logs:
        for _ in range(3):
            with tracer.start_as_current_span("chat", attributes=chat):
                pass
        with log_prompt("a"):
            with tracer.start_as_current_span("chat", attributes=chat):
                pass
    assert [log.path.rpartition("/")[2] for log in logs] == ["chat"] * 3 + ["a"], logs
    assert logs[3].prompt["model"] == "m"
    import os
    os._exit(0)
    """
    environment = os.environ | {"TRACELOOP_TELEMETRY": "false", "LOGFIRE_TOKEN": ""}

    result = subprocess.run(
        [sys.executable, "-c", setup + textwrap.dedent(program)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert result.returncode == 0, result.stderr[-3000:]
