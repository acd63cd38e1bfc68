"""Logs that are made under a span of the application's, with nothing switched on."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider

import promptscribe
from promptscribe import current_log, log_context, log_prompt, record_log, start_log
from promptscribe._capture import ambient


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
