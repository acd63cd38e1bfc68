"""Logs that are made under a span of the application's, with nothing switched on."""

from __future__ import annotations

import subprocess
import sys
import threading
import types
from contextlib import nullcontext

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import promptscribe
from promptscribe import current_log, log_context, log_prompt, record_log, start_log
from promptscribe._capture import ambient
from promptscribe.otel import PromptscribeSpanExporter
from promptscribe.otel.intake import intake


@pytest.fixture
def span():
    """A span of the application's, active."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    with tracer.start_as_current_span("GET /") as active:
        yield active.get_span_context()


@log_prompt(path="inner")
def inner():
    return current_log().trace_id


@log_prompt(path="outer", metadata={"plan": "pro"})
def outer():
    return inner()


@pytest.mark.parametrize("limited", [False, True], ids=["plain", "limited"])
def test_a_log_takes_the_trace_of_the_span_around_it(span, captured_logs, limited):
    """Both of a nested pair; the outer one names the span."""
    if limited:
        promptscribe.configure(redact=True)
    outer()

    child, parent = captured_logs
    trace_id = f"{span.trace_id:032x}"
    assert child.log_id.startswith(f"log_{trace_id}")
    assert parent.log_id.startswith(f"log_{trace_id}")
    assert parent.metadata == {"plan": "pro", ambient.PARENT: f"{span.span_id:016x}"}
    assert child.metadata is None
    assert child.trace_parent_id == parent.log_id


def test_blocks_and_logs_without_a_block_do_so_as_well(span, captured_logs):
    """A block, ``start_log``, ``record_log``, and inside of ``log_context``."""
    with log_context(user="u"), log_prompt("a"):
        pass
    start_log("b").end()
    record_log("c", metadata={"x": 1})

    for log in captured_logs:
        assert log.log_id.startswith(f"log_{span.trace_id:032x}")
        assert log.metadata[ambient.PARENT] == f"{span.span_id:016x}"
    assert captured_logs[2].metadata["x"] == 1


def test_without_a_span_a_log_has_a_trace_of_its_own(captured_logs):
    """OpenTelemetry being loaded changes nothing by itself."""
    inner()
    inner()

    first, second = captured_logs
    assert first.log_id[:36] != second.log_id[:36]
    assert first.metadata is None


@pytest.mark.parametrize(
    "module",
    [
        types.ModuleType("half"),
        types.SimpleNamespace(get_current_span=lambda: None),
        types.SimpleNamespace(get_current_span=lambda: 1 / 0),
    ],
    ids=["half loaded", "none", "raising"],
)
def test_an_odd_opentelemetry_costs_no_log(captured_logs, monkeypatch, module):
    """Whatever stands under that name, the call goes on and is logged."""
    monkeypatch.setitem(sys.modules, ambient.MODULE, module)
    inner()

    assert len(captured_logs) == 1


def test_a_program_without_opentelemetry_never_loads_it():
    """Not at import, and not at a call."""
    program = (
        "import sys\n"
        "from promptscribe import log_prompt\n"
        "from promptscribe.testing import captured_logs\n"
        "@log_prompt\n"
        "def f(): return 1\n"
        "with captured_logs() as logs: f()\n"
        "assert len(logs) == 1\n"
        "print([n for n in sys.modules if n.startswith('opentelemetry')])\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("limited", [False, True], ids=["plain", "limited"])
def test_a_log_of_another_process_is_the_parent(captured_logs, limited):
    """Its ``inject``, and OpenTelemetry's own propagators on the way in."""
    promptscribe.configure(redact=limited)
    headers = {}
    with log_prompt("caller") as caller:
        promptscribe.inject(headers)

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("web")
    token = context.attach(propagate.extract(headers))
    with tracer.start_as_current_span("POST /"):
        outer()
        record_log("late")
    context.detach(token)

    logs = {log.path: log for log in captured_logs}
    assert logs["outer"].trace_parent_id == caller.id
    assert logs["late"].trace_parent_id == caller.id
    assert logs["inner"].trace_parent_id == logs["outer"].log_id


@pytest.mark.parametrize("told", ["log_1", "", f"log_{'0' * 48}", 5, "x" * 9_000])
def test_baggage_that_names_no_log_is_none(span, captured_logs, told):
    """It comes from outside."""
    token = context.attach(baggage.set_baggage("promptscribe.parent", told))
    with trace.use_span(trace.NonRecordingSpan(span)):
        inner()
    context.detach(token)

    assert captured_logs[0].trace_parent_id is None


def test_the_span_is_the_one_that_is_active(span, captured_logs):
    """Not one that was active when the function was decorated."""
    with trace.use_span(trace.INVALID_SPAN):
        inner()

    assert not captured_logs[0].log_id.startswith(f"log_{span.trace_id:032x}")


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def log_id(span):
    context = span.get_span_context()
    return f"log_{context.trace_id:032x}{context.span_id:016x}"


@pytest.mark.parametrize("limited", [False, True], ids=["plain", "limited"])
@pytest.mark.parametrize("between", [False, True], ids=["direct", "tool between"])
def test_a_log_inside_a_call_of_a_client_names_that_call_s_log(
    provider, captured_logs, limited, between
):
    """It is written when its span ends, but its id is known from the beginning."""
    promptscribe.configure(redact=limited)
    tracer = provider.get_tracer("client")
    with (
        tracer.start_as_current_span("chat m", attributes=CHAT) as call,
        tracer.start_as_current_span("tool") if between else nullcontext(),
    ):
        outer()
        record_log("late")

    logs = {log.path: log for log in captured_logs}
    assert logs["outer"].trace_parent_id == log_id(call)
    assert logs["late"].trace_parent_id == log_id(call)
    assert logs["inner"].trace_parent_id == logs["outer"].log_id
    assert logs["otel/chat"].log_id == log_id(call)


def test_the_exporter_alone_has_it_named_as_well(captured_logs):
    """It hears of spans at their end only; the one that is active is there to see."""
    exporter = PromptscribeSpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("client")
    with tracer.start_as_current_span("chat m", attributes=CHAT) as call:
        outer()

    logs = {log.path: log for log in captured_logs}
    assert logs["outer"].trace_parent_id == log_id(call) == logs["otel/chat"].log_id


def test_a_call_told_twice_is_named_by_its_one_log(provider, captured_logs):
    """Inside of the client's own span, which is inside of an instrumentor's."""
    tracer = provider.get_tracer("x")
    with (
        tracer.start_as_current_span("chat", attributes=CHAT) as call,
        tracer.start_as_current_span("native", attributes=CHAT),
    ):
        inner()

    logs = {log.path: log for log in captured_logs}
    assert set(logs) == {"inner", "otel/chat"}
    assert logs["inner"].trace_parent_id == log_id(call) == logs["otel/chat"].log_id


def test_a_log_of_a_thread_that_has_only_the_span_is_under_the_log_around(
    provider, captured_logs
):
    """As OpenTelemetry's instrumentation of threads hands on its context, not ours."""
    tracer = provider.get_tracer("x")
    for attributes in ({}, CHAT):
        with log_prompt("around"), tracer.start_as_current_span("s") as span:
            span.set_attributes(attributes)
            active = context.get_current()

            def work(active=active):
                context.attach(active)
                inner()

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    first, around, second, call, other = captured_logs
    assert first.trace_parent_id == around.log_id
    assert second.trace_parent_id == call.log_id == log_id(span)
    assert call.trace_parent_id == other.log_id


def test_a_call_that_nobody_logs_is_nobody_s_parent(captured_logs):
    """Without a door for spans there will be no log of it."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("client")
    before, intake.is_exporting = intake.is_exporting, False
    with tracer.start_as_current_span("chat m", attributes=CHAT):
        inner()
    intake.is_exporting = before

    assert captured_logs[0].trace_parent_id is None
