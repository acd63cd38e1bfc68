"""Logs that are spans of the application's own OpenTelemetry as well."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import promptscribe
from promptscribe import current_log, log_prompt, record_log, start_log
from promptscribe.otel import emitter, install
from promptscribe.testing import captured_logs

RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini-2024",
    "choices": [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": "Ho"}}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


@pytest.fixture
def spans(monkeypatch):
    """The application's provider is the global one; what it exports."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    promptscribe.configure(otel_spans=True)
    memory.provider = provider
    return memory


@pytest.fixture
def content(monkeypatch):
    """Content is allowed in spans."""
    monkeypatch.setenv(emitter.CONTENT, "SPAN_ONLY")


def id_of(span):
    return f"log_{span.context.trace_id:032x}{span.context.span_id:016x}"


@log_prompt(
    path="support/answer",
    prompt={"model": "gpt-4o-mini", "provider": "openai", "temperature": 0.2},
)
def answer(question, messages=({"role": "user", "content": "Hi"},)):
    return RESPONSE


def test_a_log_is_a_span_with_standard_attributes(spans, captured_logs):
    """Name, kind, model, tokens and path; the same ids as the log's."""
    answer("why?")

    (span,), (log,) = spans.get_finished_spans(), captured_logs
    told = span.attributes
    assert (span.name, span.kind.name) == ("chat gpt-4o-mini", "CLIENT")
    assert id_of(span) == log.log_id
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "gpt-4o-mini"
    assert told["gen_ai.request.temperature"] == 0.2
    assert told["gen_ai.response.model"] == "gpt-4o-mini-2024"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["gen_ai.usage.input_tokens"] == 5
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.prompt.name"] == "support/answer"
    assert span.instrumentation_scope.name == "promptscribe"
    assert span.status.status_code.name == "UNSET"


def test_no_content_is_in_a_span_unless_it_is_allowed(spans, captured_logs):
    """Prompts that land unasked in a monitoring system are a leak."""
    answer("why?")

    (span,) = spans.get_finished_spans()
    assert "why?" not in str(dict(span.attributes))
    assert "Ho" not in str(dict(span.attributes))


@pytest.mark.usefixtures("content")
def test_content_is_in_a_span_where_it_is_allowed(spans, captured_logs):
    """Messages, answer and inputs, as the convention writes them."""
    answer(
        "why?",
        messages=[
            {"role": "system", "content": "x"},
            *({"role": "user", "content": "Hi"},),
        ],
    )

    (span,) = spans.get_finished_spans()
    told = span.attributes
    said = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    assert json.loads(told["gen_ai.input.messages"]) == said
    assert json.loads(told["gen_ai.output.messages"])[0]["finish_reason"] == "stop"
    assert json.loads(told["gen_ai.system_instructions"])[0]["content"] == "x"
    assert told["gen_ai.prompt.variable.question"] == "why?"


@pytest.mark.usefixtures("content")
def test_a_span_has_nothing_that_its_log_may_not_have(spans, captured_logs):
    """Capture level and redaction hold for both."""
    promptscribe.configure(capture="metadata")
    answer("why?")

    (span,) = spans.get_finished_spans()
    assert "why?" not in str(dict(span.attributes))
    assert span.attributes["gen_ai.usage.input_tokens"] == 5


def test_spans_are_nested_as_the_application_s_are(spans, captured_logs):
    """Under the active span; and parent of what is started inside."""
    tracer = spans.provider.get_tracer("app")

    @log_prompt(path="outer")
    def outer():
        with tracer.start_as_current_span("db"):
            pass
        answer("q")

    with tracer.start_as_current_span("GET /") as server:
        outer()

    database, inner, function, web = spans.get_finished_spans()
    assert function.parent.span_id == server.get_span_context().span_id
    assert database.parent.span_id == function.context.span_id
    assert inner.parent.span_id == function.context.span_id
    assert {s.context.trace_id for s in (database, inner, function, web)} == {
        server.get_span_context().trace_id
    }
    child, parent = captured_logs
    assert child.trace_parent_id == parent.log_id == id_of(function)
    assert (function.name, function.kind.name) == ("outer", "INTERNAL")
    assert "gen_ai.operation.name" not in function.attributes
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_failure_is_the_span_s_status(spans, captured_logs):
    """ERROR, with the type; the message only where content is allowed."""

    @log_prompt(path="a")
    def fail():
        raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        fail()

    (span,) = spans.get_finished_spans()
    assert span.status.status_code.name == "ERROR"
    assert span.attributes["error.type"] == "ValueError"
    assert span.events[0].attributes["exception.type"] == "ValueError"
    assert "secret" not in span.to_json()


def test_blocks_coroutines_and_open_logs_are_spans_as_well(spans, captured_logs):
    """Each ends with its log; one that encloses nothing is never active."""
    tracer = spans.provider.get_tracer("app")

    @log_prompt(path="coroutine")
    async def work():
        await asyncio.sleep(0)
        with tracer.start_as_current_span("inside"):
            return current_log().id

    with log_prompt("block"):
        asyncio.run(work())
    log = start_log("open")
    with tracer.start_as_current_span("beside"):
        pass
    log.end()

    found = {span.name: span for span in spans.get_finished_spans()}
    assert found["coroutine"].parent.span_id == found["block"].context.span_id
    assert found["inside"].parent.span_id == found["coroutine"].context.span_id
    assert found["beside"].parent is None
    assert {id_of(found[n]) for n in ("block", "coroutine", "open")} == {
        log.log_id for log in captured_logs
    }


def test_a_generator_s_span_is_active_in_its_body_only(spans, captured_logs):
    """Not in the consumer, between the steps."""
    tracer = spans.provider.get_tracer("app")

    @log_prompt(path="stream")
    def stream():
        for piece in "ab":
            with tracer.start_as_current_span("inside"):
                yield piece

    for _ in stream():
        with tracer.start_as_current_span("consumer"):
            pass

    found = spans.get_finished_spans()
    own = next(span for span in found if span.name == "stream")
    inside = [span for span in found if span.name == "inside"]
    assert {span.parent.span_id for span in inside[:1]} == {own.context.span_id}
    assert id_of(own) == captured_logs[0].log_id


async def test_an_asynchronous_generator_s_as_well(spans, captured_logs):
    """The same, awaited."""
    tracer = spans.provider.get_tracer("app")

    @log_prompt(path="stream")
    async def stream():
        for piece in "ab":
            with tracer.start_as_current_span("inside"):
                await asyncio.sleep(0)
            yield piece

    async for _ in stream():
        assert not trace.get_current_span().get_span_context().is_valid

    *inside, own = spans.get_finished_spans()
    assert {span.parent.span_id for span in inside} == {own.context.span_id}
    assert captured_logs[0].output == "ab"


def test_a_client_s_span_tells_of_the_call_and_ours_does_not(spans, captured_logs):
    """An instrumented client inside: its tokens are counted once, in every backend."""
    install(spans.provider)
    tracer = spans.provider.get_tracer("client")

    @log_prompt(path="a")
    def ask():
        with tracer.start_as_current_span("chat m") as span:
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.request.model", "m")
            span.set_attribute("gen_ai.usage.input_tokens", 5)

    ask()

    client, own = spans.get_finished_spans()
    (log,) = captured_logs
    assert (log.prompt_tokens, log.log_id) == (5, id_of(own))
    assert client.parent.span_id == own.context.span_id
    assert "gen_ai.usage.input_tokens" not in own.attributes
    assert own.name == "a"


def test_it_is_off_by_default(monkeypatch):
    """No prompt lands in a monitoring system because of an update."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    with captured_logs() as logs:
        answer("q")

    assert len(logs) == 1
    assert memory.get_finished_spans() == ()


def test_a_span_that_is_not_sampled_costs_no_log(monkeypatch, captured_logs):
    """The application's sampler decides of spans, ours of logs."""
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    promptscribe.configure(otel_spans=True)
    answer("q")

    assert len(captured_logs) == 1


@log_prompt(path="kind/coroutine")
async def coroutine():
    return 1


@log_prompt(path="kind/generator")
def steps():
    yield 1
    yield 2


@log_prompt(path="kind/async")
async def async_steps():
    yield 1


async def read_all():
    return [number async for number in async_steps()]


@pytest.mark.parametrize(
    "call",
    [
        lambda: answer("q"),
        lambda: asyncio.run(coroutine()),
        lambda: list(steps()),
        lambda: asyncio.run(read_all()),
    ],
    ids=["function", "coroutine", "generator", "async generator"],
)
@pytest.mark.parametrize("broken", ["attach", "reset"])
def test_a_context_that_fails_costs_no_log_and_makes_no_second_one(
    call, broken, spans, monkeypatch
):
    """One of OpenTelemetry's context's own making; the calls inside are as ever."""

    class Broken:
        @property
        def var(self):
            raise LookupError("no context")

    def attach(_context):
        if broken == "attach":
            raise LookupError("no context")
        return Broken()

    monkeypatch.setattr(context, "attach", attach)
    with captured_logs() as logs:
        call()

    (log,), (span,) = logs, spans.get_finished_spans()
    assert log.log_id == id_of(span)
    assert log.error is None
    assert promptscribe.stats().reasons["otel_failed"] > 0


def test_what_sampling_leaves_out_is_no_span_and_traces_stay_whole(
    spans, captured_logs
):
    """Decided once a trace, before its span has an id: both, or neither."""
    promptscribe.configure(sample_rate=0.5)
    for _ in range(40):
        with log_prompt("outer"):
            answer("q")

    emitted = spans.get_finished_spans()
    assert {id_of(span) for span in emitted} == {log.log_id for log in captured_logs}
    assert len(captured_logs) % 2 == 0
    assert 0 < len(captured_logs) < 80
    outer = {log.log_id for log in captured_logs if log.path == "outer"}
    inner = {log.trace_parent_id for log in captured_logs if log.path != "outer"}
    assert inner == outer


def test_without_a_provider_the_log_is_as_ever(captured_logs):
    """``otel_spans`` asks for spans, it makes no provider."""
    promptscribe.configure(otel_spans=True)
    answer("q")

    assert captured_logs[0].prompt_tokens == 5
    assert trace._TRACER_PROVIDER is None


def test_a_span_ended_in_another_context_leaves_no_trace(spans, captured_logs, caplog):
    """A block that is left in another task: no error in the application's log."""

    async def main():
        block = log_prompt("a")
        await asyncio.create_task(block.__aenter__())
        await asyncio.create_task(block.__aexit__(None, None, None))

    asyncio.run(main())

    assert len(spans.get_finished_spans()) == 1
    assert "Failed to detach" not in caplog.text


def test_the_environment_switches_it_on():
    """PROMPTSCRIBE_OTEL_SPANS=true, in a program that knows nothing of it."""
    program = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export import ConsoleSpanExporter\n"
        "provider = TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))\n"
        "trace.set_tracer_provider(provider)\n"
        "from promptscribe import log_prompt\n"
        "from promptscribe.testing import captured_logs\n"
        "with captured_logs(), log_prompt('support/answer'): pass\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PROMPTSCRIBE_OTEL_SPANS": "true"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(result.stdout)["name"] == "support/answer"


PROGRAM = """
import json, sys, threading
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(memory))
import promptscribe
from promptscribe import log_prompt

@log_prompt(prompt={"model": "gpt-4o-mini", "provider": "openai"})
def answer():
    return {
        "object": "chat.completion", "model": "gpt-4o-mini", "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }

class Watch:
    seen = []
    def find_spec(self, name, path=None, target=None):
        self.seen.append((threading.current_thread().name, name))

promptscribe.configure(otel_spans=True, export=EXPORT)
sys.meta_path.insert(0, Watch())
answer()
found = {name: thread for thread, name in Watch.seen}
for thread in threading.enumerate():
    if thread.name == "promptscribe-prices":
        thread.join()
answer()
told = [span.attributes for span in memory.get_finished_spans()]
print(json.dumps([found, [t.get("promptscribe.cost.prompt") for t in told]]))
"""


BARE = """
import json, sys, threading
import promptscribe
from promptscribe import log_prompt
from promptscribe._runtime import courier

class Watch:
    seen = []
    def find_spec(self, name, path=None, target=None):
        self.seen.append(name)

@log_prompt
def answer():
    return {
        "object": "chat.completion", "model": "gpt-4o-mini", "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }

promptscribe.configure(capture="metadata", export=False)
sys.meta_path.insert(0, Watch())
answer()
found = "genai_prices" in Watch.seen
(log,) = courier.waiting()
print(json.dumps([found, log["prompt_tokens"], log["prompt_cost"]]))
"""


@pytest.mark.slow
def test_a_log_without_payload_is_priced_later(tmp_path):
    """What its response says is read during the call, the price list is not."""
    pytest.importorskip("genai_prices")

    result = subprocess.run(
        [sys.executable, "-c", BARE],
        env={**os.environ, "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    found, tokens, cost = json.loads(result.stdout)
    assert (found, tokens) == (False, 5)
    assert cost > 0


@pytest.mark.slow
@pytest.mark.parametrize("export", [True, False])
def test_the_first_call_loads_neither_plug_in_nor_price_list(tmp_path, export):
    """They take 0.2 s; the list comes beside the calls, and then costs are told."""
    pytest.importorskip("genai_prices")

    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("EXPORT", str(export))],
        env={
            **os.environ,
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
            "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
            "PROMPTSCRIBE_FLUSH_TIMEOUT": "0",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    found, cost = json.loads(result.stdout)
    waited = [name for name, thread in found.items() if thread == "MainThread"]
    rooms = ("genai_prices", "promptscribe.otel", "promptscribe._providers")
    assert [name for name in waited if name.startswith(rooms)] == []
    if not export:  # else the thread that delivers loads it, in its own time
        assert found["genai_prices"] == "promptscribe-prices"
        assert cost[1] is not None


def test_a_log_of_what_happened_already_is_a_span_as_well(spans, captured_logs):
    """`record_log`: alone and inside of a log, with the times that it is given."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    told = {"prompt": {"model": "m"}, "prompt_tokens": 5}

    ended = began + timedelta(seconds=2)
    alone = record_log("a", start_time=began, end_time=ended, **told)
    with log_prompt("b") as outer:
        inside = record_log("c", error="RateLimitError: no", **told)

    first, second, third = spans.get_finished_spans()
    assert [id_of(first), id_of(second)] == [alone, inside]
    assert [log.log_id for log in captured_logs] == [alone, inside, outer.id]
    assert (first.name, first.attributes["gen_ai.usage.input_tokens"]) == ("chat m", 5)
    assert first.end_time - first.start_time == 2 * 10**9
    assert (second.parent.span_id, third.name) == (third.context.span_id, "b")
    assert captured_logs[1].trace_parent_id == outer.id
    assert second.status.status_code.name == "ERROR"


def test_a_log_of_what_happened_already_keeps_the_id_that_it_is_given(
    spans, captured_logs
):
    """It is a span all the same."""
    log_id = "log_" + "ab" * 24

    assert record_log("a", log_id=log_id) == log_id
    assert captured_logs[0].log_id == log_id
    assert len(spans.get_finished_spans()) == 1
