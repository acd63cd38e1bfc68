"""Beside others in one process: theirs stays as it is, ours is complete."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
from collections import Counter
from pathlib import Path

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


FLAT = {
    "OpenInference": (
        {"openinference.span.kind": "LLM", "llm.system": "openai"},
        "llm.input_messages.{}.message.{}",
        {
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 5,
            "llm.token_count.completion": 7,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Ho",
        },
    ),
    "Traceloop of old": (
        {"llm.request.type": "chat", "gen_ai.request.model": "gpt-4o"},
        "gen_ai.prompt.{}.{}",
        {
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 5,
            "gen_ai.usage.completion_tokens": 7,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Ho",
        },
    ),
}


@pytest.mark.parametrize("dialect", FLAT)
def test_a_conversation_beyond_the_sdk_s_limit_is_a_log(captured_logs, dialect):
    """128 attributes, two for a message: it lets go of what says that it is a call."""
    first, message, last = FLAT[dialect]
    provider = TracerProvider(
        span_limits=SpanLimits(max_span_attributes=128), shutdown_on_exit=False
    )
    install(provider)

    with provider.get_tracer("client").start_as_current_span("x") as span:
        span.set_attributes(first)
        for number in range(80):
            span.set_attribute(message.format(number, "role"), "user")
            span.set_attribute(message.format(number, "content"), f"m{number}")
        span.set_attributes(last)

    (log,) = captured_logs
    assert (log.prompt["model"], log.prompt_tokens, log.output) == ("gpt-4o", 5, "Ho")
    assert log.messages[-1] == {"role": "user", "content": "m79"}
    assert log.metadata["truncated"] is True


def test_a_provider_of_another_make_disturbs_nobody(monkeypatch, captured_logs):
    """One without ``add_span_processor``, as ddtrace has it: nothing is installed."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", object())

    assert install() is False
    with log_prompt("a"):
        pass
    assert len(captured_logs) == 1


def test_our_deliveries_are_not_traced(tmp_path):
    """An instrumented HTTP client of the application's makes no span of our posts."""
    from promptscribe._delivery.unseen import uninstrumented

    utils = pytest.importorskip("opentelemetry.instrumentation.utils")

    with uninstrumented():
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


@pytest.mark.parametrize("is_there", [True, False], ids=["hangs", "away"])
def test_a_server_that_does_not_answer_costs_others_no_flush(tmp_path, is_there):
    """The SDK passes over the processors behind one that takes all of the time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not is_there:
            silent.close()
        promptscribe.configure(base_url=url, journal_dir=tmp_path, export=True)
        provider, memory = (
            TracerProvider(shutdown_on_exit=False),
            InMemorySpanExporter(),
        )
        install(provider)
        theirs = BatchSpanProcessor(memory, schedule_delay_millis=600_000)
        provider.add_span_processor(theirs)
        with provider.get_tracer("app").start_as_current_span("chat", attributes=CHAT):
            pass

        assert provider.force_flush(1_000) is True  # it is in the journal
        assert len(memory.get_finished_spans()) == 1
    provider.shutdown()


def test_nothing_is_written_to_the_application_s_log(caplog, captured_logs):
    """No warning of OpenTelemetry's is our doing."""
    provider = TracerProvider(shutdown_on_exit=False)
    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        install(provider)
        install(provider)
        with provider.get_tracer("a").start_as_current_span("chat", attributes=CHAT):
            pass

    assert [r for r in caplog.records if r.name.startswith("opentelemetry")] == []


PROGRAM = Path(__file__).parent / "beside.py"
PEERS = {
    "plain": ["openai", "opentelemetry-instrumentation-genai-openai"],
    "logfire": ["openai", "logfire"],
    "langfuse": ["openai", "langfuse"],
    "traceloop": ["openai", "traceloop-sdk"],
}


@pytest.fixture(scope="module")
def beside(environment):
    """Run the program beside a peer, in an environment with the peer."""

    def run(peer, order):
        python = environment("-e", ".", *PEERS[peer]) / "python"
        result = subprocess.run(
            [python, PROGRAM, peer, order],
            env={**os.environ, "OTEL_SERVICE_NAME": "shop", "LOGFIRE_TOKEN": ""},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="module")
def alone(beside):
    """What each peer exports without us."""
    found = {}

    def spans(peer):
        if peer not in found:
            found[peer] = beside(peer, "alone")["spans"]
        return found[peer]

    return spans


def told(spans):
    """Count spans by what they say, whatever their ids."""
    return Counter(
        (span["name"], span["scope"], *span["attributes"], span["tokens"])
        for span in spans
    )


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("peer", "order"),
    [
        *((peer, o) for peer in PEERS for o in ("theirs", "ours", "application")),
        ("logfire", "again"),  # ``logfire.configure`` makes a provider each time
    ],
)
def test_we_and_a_peer_leave_each_other_as_they_are(beside, alone, peer, order):
    """One log for each call, their spans as without us, no provider of our making."""
    found = beside(peer, order)

    own = [span for span in found["spans"] if span["scope"] == "promptscribe"]
    theirs = [span for span in found["spans"] if span["scope"] != "promptscribe"]
    standalone, inside = found["logs"]
    assert found["untouched"]
    assert found["installed"][-1] is True
    assert standalone[:3] == ["shop/chat", 5, 7]
    assert inside[:4] == ["shop/answer", 5, 7, "Ho"]
    assert {log[4].removesuffix("-2024") for log in found["logs"]} == {"gpt-4o-mini"}
    assert told(theirs) == told(alone(peer))
    if order == "application" and peer == "logfire":
        assert own == []  # our spans go to the application's provider, theirs do not
        return
    (span,) = own
    calls = [other for other in theirs if other["id"] == standalone[5]]
    below = [other for other in theirs if other["parent"] == span["id"][-16:]]
    assert (span["id"], span["name"]) == (inside[5], "shop/answer")
    assert span["tokens"] is None  # they are counted once
    assert (len(calls), len(below)) == (1, 1)


SEVERAL = [
    "openai",
    "langchain-openai",
    "opentelemetry-instrumentation-genai-openai",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-instrumentation-langchain",
    "opentelemetry-instrumentation-openai",
    "openinference-instrumentation-langchain",
    "openinference-instrumentation-openai",
]


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "names",
    [
        ("official", "openinference"),
        ("openinference", "traceloop"),
        ("traceloop", "official"),
        ("official", "traceloop"),
        ("official", "openinference", "traceloop", "httpx"),
        ("openinference-langchain", "official"),
        ("traceloop-langchain", "openinference"),
    ],
    ids="+".join,
)
def test_however_many_instrumentations_tell_of_a_call_it_is_one_log(environment, names):
    """Chat, streams and responses, plain and async, alone and in a function."""
    python = environment("-e", ".", *SEVERAL) / "python"
    result = subprocess.run(
        [python, PROGRAM.with_name("several.py"), *names],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]

    found = json.loads(result.stdout)
    assert len(found) >= 2
    for way, logs in found.items():
        assert len(logs) == 1, (way, logs)
        assert logs[0][1:] == [5, 7], (way, logs)
        assert logs[0][0] == ("f" if "function" in way else "otel/chat")


SDK_1_27 = [
    "opentelemetry-api==1.27.0",
    "opentelemetry-sdk==1.27.0",
    "opentelemetry-distro==0.48b0",
    "opentelemetry-exporter-otlp-proto-http==1.27.0",
    "setuptools<80",  # its instrumentation needs pkg_resources
]
RUNNER = ["anyio[trio]", "hypothesis", "pytest", "pytest-timeout"]


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(600)
def test_the_oldest_sdk_will_do(environment, tmp_path):
    """All of these tests, with 1.27; the newest is what they run with here."""
    python = environment("-e", ".[receiver]", *RUNNER, *SDK_1_27) / "python"

    result = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-m", "not peers", "--basetemp", tmp_path / "inner"),
            Path(__file__).parent,
        ],
        cwd=PROGRAM.parents[2],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert result.returncode == 0, result.stdout[-5000:]
    assert " passed" in result.stdout
