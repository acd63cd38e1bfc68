"""Spans of a running application, and the logs that they become."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import promptscribe
from promptscribe import log_context, log_prompt
from promptscribe._runtime.state import runtime
from promptscribe.errors import ConfigurationError
from promptscribe.otel import (
    PromptscribeCompletionHook,
    PromptscribeSpanExporter,
    install,
)
from promptscribe.testing import captured_logs


def log_id(span):
    context = span.get_span_context()
    return f"log_{context.trace_id:032x}{context.span_id:016x}"


def test_a_call_of_a_model_is_a_log(call, captured_logs):
    """Its id follows from the span's ids, its times are the span's."""
    span = call()

    (log,) = captured_logs
    assert log.log_id == log_id(span)
    assert (log.output, log.messages[0]["content"]) == ("Ho", "Hi")
    assert (log.prompt_tokens, log.output_tokens) == (5, 7)
    assert log.prompt["model"] == "gpt-4o-mini"
    assert log.path == "otel/chat"
    assert log.trace_parent_id is None
    assert log.provider_latency == pytest.approx(
        (span.end_time - span.start_time) / 1e9, abs=1e-9
    )


def test_other_spans_are_no_logs_and_do_not_break_the_chain(
    call, provider, captured_logs
):
    """Between two calls: an agent, a tool, HTTP; the outer call is the parent."""
    tracer = provider.get_tracer("app")
    judge = {"gen_ai.request.model": "judge"}
    with tracer.start_as_current_span("chat outer") as outer:
        outer.set_attributes({"gen_ai.operation.name": "chat", **judge})
        with (
            tracer.start_as_current_span(
                "execute_tool", attributes={"gen_ai.operation.name": "execute_tool"}
            ),
            tracer.start_as_current_span("GET"),
        ):
            inner = call()

    assert [log.log_id for log in captured_logs] == [log_id(inner), log_id(outer)]
    assert captured_logs[0].trace_parent_id == log_id(outer)
    assert captured_logs[1].trace_parent_id is None


def test_a_call_inside_a_decorated_function_is_that_function_s_log(call, captured_logs):
    """One log, not two: model, messages and tokens come from the client's span."""

    @log_prompt(path="support/answer")
    def answer(question):
        call()
        return "forty-two"

    answer("why?")

    (log,) = captured_logs
    assert log.path == "support/answer"
    assert log.inputs == {"question": "why?"}
    assert log.output == "forty-two"  # what the function returned wins
    assert log.output_message["content"] == "Ho"
    assert log.messages == [{"role": "user", "content": "Hi"}]
    assert log.prompt["model"] == "gpt-4o-mini"
    assert (log.prompt_tokens, log.output_tokens) == (5, 7)
    assert log.source is None


def test_what_the_user_said_wins_over_the_span(call, captured_logs):
    """Prompt and user of the decorator stay; the span fills what is missing."""

    @log_prompt(path="a", prompt={"model": "mine", "temperature": 1.0}, user="u")
    def answer():
        call(**{"user.id": "other"})

    answer()

    (log,) = captured_logs
    assert log.prompt == {"model": "mine", "temperature": 1.0}
    assert log.user == "u"


def test_several_calls_inside_a_decorated_function_are_logs_of_their_own(
    call, captured_logs
):
    """An agent's calls are its children, the first one too; no tokens are lost."""

    @log_prompt(path="agent")
    def agent():
        return [call(), call(), call()] and "done"

    agent()

    *children, own = captured_logs
    assert own.path == "agent"
    assert own.prompt_tokens is None
    assert len(children) == 3
    assert {log.trace_parent_id for log in children} == {own.log_id}
    assert sum(log.prompt_tokens for log in children) == 15


def test_a_call_that_was_made_again_gives_way(call, captured_logs):
    """A failed attempt is a log of its own, the good one fills the function's."""

    @log_prompt(path="a")
    def answer():
        with pytest.raises(OSError, match="reset"):
            call(error=OSError("reset"))
        call()
        return "yes"

    answer()

    failed, own = captured_logs
    assert failed.error == "OSError: reset"
    assert failed.trace_parent_id == own.log_id
    assert (own.path, own.error, own.prompt_tokens) == ("a", None, 5)


def test_a_call_beneath_spans_inside_a_decorated_function_fills_it(
    call, provider, captured_logs
):
    """An HTTP or tool span around the call changes nothing."""

    @log_prompt(path="a")
    def answer():
        with provider.get_tracer("app").start_as_current_span("retrieve"):
            call()

    with provider.get_tracer("app").start_as_current_span("GET /"):
        answer()

    (log,) = captured_logs
    assert (log.path, log.prompt_tokens) == ("a", 5)


def test_a_call_told_twice_is_one_log(call, provider, captured_logs):
    """The client's own span inside an instrumentor's: the outer one is the log."""
    tracer = provider.get_tracer("instrumentor")
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
    }
    with tracer.start_as_current_span("chat", attributes=attributes) as outer:
        call(scope="native", **{"gen_ai.usage.cache_read.input_tokens": 3})

    (log,) = captured_logs
    assert log.log_id == log_id(outer)
    assert log.prompt_tokens == 5  # what only the inner span knew
    assert log.metadata["cache_read_tokens"] == 3


def test_two_instrumentations_side_by_side_are_one_log(provider, captured_logs):
    """Sibling spans with one response id, at the same time: tokens count once."""
    tracers = [provider.get_tracer(scope) for scope in ("official", "traceloop")]
    with provider.get_tracer("app").start_as_current_span("GET /"):
        side_by_side(*tracers)
    side_by_side(*tracers)  # each a trace by itself

    assert [log.prompt_tokens for log in captured_logs] == [5, 5]


def test_what_only_the_second_one_knows_is_in_the_log_around(provider, captured_logs):
    """One tells no content, the other one does; the function's log has it."""
    tracers = [provider.get_tracer(scope) for scope in ("official", "traceloop")]
    said = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    with log_prompt("a"):
        side_by_side(*tracers, content=json.dumps(said))

    (log,) = captured_logs
    assert log.messages == [{"role": "user", "content": "Hi"}]
    assert log.prompt_tokens == 5


@pytest.mark.parametrize("inside", [False, True])
def test_a_stream_that_outlives_the_span_around_it_loses_no_tokens(
    provider, captured_logs, inside
):
    """The outer instrumentation does not know the inner one's stream as one."""
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    with log_prompt("a") if inside else nullcontext():
        with provider.get_tracer("outer").start_as_current_span("chat") as outer:
            outer.set_attributes(asked)
            inner = provider.get_tracer("inner").start_span("chat", attributes=asked)
        inner.set_attribute("gen_ai.response.id", "r")
        inner.set_attribute("gen_ai.usage.input_tokens", 5)
        inner.end()

    assert [log.prompt_tokens for log in captured_logs if log.prompt_tokens] == [5]
    if inside:
        assert [log.path for log in captured_logs] == ["a"]
    else:
        assert captured_logs[1].trace_parent_id == log_id(outer)


def side_by_side(*tracers, content=""):
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.id": "resp-1",
        "gen_ai.usage.input_tokens": 5,
    }
    spans = [t.start_span("chat m", attributes=attributes) for t in tracers]
    spans[-1].set_attribute("gen_ai.input.messages", content)
    for span in spans:
        span.end()


def test_calls_at_once_with_the_id_that_a_test_server_gives_are_all_logs(
    provider, captured_logs
):
    """One instrumentation tells of each call once, whatever the responses' id."""
    tracer = provider.get_tracer("official")
    with provider.get_tracer("app").start_as_current_span("GET /"):
        side_by_side(tracer, tracer, tracer)

    assert len(captured_logs) == 3


def test_openinference_inside_another_instrumentation_is_one_log(
    provider, captured_logs
):
    """It names the model that answered, and the response's id in its body alone."""
    outer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    inner = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-2024-08-06",
        "llm.token_count.prompt": 5,
        "output.mime_type": "application/json",
    }
    for body in ({"id": "r1"}, {"choices": []}):  # streams have none
        with provider.get_tracer("official").start_as_current_span("chat") as span:
            span.set_attributes(outer)
            with provider.get_tracer("openinference").start_as_current_span("x") as s:
                s.set_attributes({**inner, "output.value": json.dumps(body)})
            span.set_attribute("gen_ai.response.id", "r1")
            span.set_attribute("gen_ai.usage.input_tokens", 5)

    assert [log.prompt_tokens for log in captured_logs] == [5, 5]


def test_the_same_id_one_after_the_other_is_two_calls(call, captured_logs, provider):
    """Test servers give every answer the same id; that is no double instrumentation."""
    with provider.get_tracer("app").start_as_current_span("GET /"):
        call(**{"gen_ai.response.id": "chatcmpl-1"})
        call(**{"gen_ai.response.id": "chatcmpl-1"})

    assert len(captured_logs) == 2


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}


def test_calls_inside_a_call_that_turn_out_to_be_others_are_logs(
    call, provider, captured_logs
):
    """Same model, other responses: while the outer one runs nobody can know."""
    tracer = provider.get_tracer("framework")
    with tracer.start_as_current_span("chat", attributes=CHAT) as outer:
        first = call(**{"gen_ai.response.id": "a"})
        second = call(**{"gen_ai.response.id": "b"})
        outer.set_attribute("gen_ai.response.id", "z")
        outer.set_attribute("gen_ai.usage.input_tokens", 100)

    logs = {log.log_id: log for log in captured_logs}
    assert set(logs) == {log_id(span) for span in (first, second, outer)}
    assert logs[log_id(first)].trace_parent_id == log_id(outer)
    assert logs[log_id(second)].trace_parent_id == log_id(outer)
    assert sum(log.prompt_tokens for log in captured_logs) == 110


def test_a_failed_attempt_inside_of_a_call_is_kept(call, provider, captured_logs):
    """A framework tries twice: the good one is its own call, the other a log."""
    tracer = provider.get_tracer("framework")
    with tracer.start_as_current_span("chat", attributes=CHAT) as outer:
        with pytest.raises(OSError, match="reset"):
            call(error=OSError("reset"), **{"gen_ai.response.id": ""})
        call(**{"gen_ai.response.id": "a", "gen_ai.usage.cache_read.input_tokens": 3})
        outer.set_attribute("gen_ai.response.id", "a")

    failed, own = sorted(captured_logs, key=lambda log: log.error is None)
    assert (failed.error, failed.trace_parent_id) == ("OSError: reset", own.log_id)
    assert own.log_id == log_id(outer)
    assert (own.prompt_tokens, own.metadata["cache_read_tokens"]) == (5, 3)


def test_a_call_that_never_ends_holds_no_others_back(call, provider, captured_logs):
    """A session that says it is a call: what is inside of it is logged meanwhile."""
    outer = provider.get_tracer("x").start_span("session", attributes=CHAT)
    with trace.use_span(outer):
        spans = [call() for _ in range(30)]

    assert len(captured_logs) >= 20
    assert captured_logs[0].log_id == log_id(spans[0])
    assert captured_logs[0].trace_parent_id == log_id(outer)


def test_what_a_log_names_as_its_parent_is_a_log(call, provider, captured_logs):
    """A call of another model inside of one, inside of a decorated function."""
    tracer = provider.get_tracer("framework")
    with log_prompt("agent") as agent:
        judge = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "judge"}
        with tracer.start_as_current_span("chat judge", attributes=judge) as outer:
            inner = call()
        last = call()

    parents = {log.log_id: log.trace_parent_id for log in captured_logs}
    assert parents == {
        log_id(inner): log_id(outer),
        log_id(outer): agent.id,
        log_id(last): agent.id,
        agent.id: None,
    }


def test_our_recorded_doubles_are_one_log(recorded, captured_logs):
    """The Anthropic client's native span and the official one, as recorded."""
    from promptscribe.otel.intake import Intake

    intake = Intake()
    native, official = recorded("twice_anthropic_messages")
    intake.observe(as_sdk(official))
    intake.observe(as_sdk(native))
    intake.end(as_sdk(native))
    intake.end(as_sdk(official))

    assert [log.log_id for log in captured_logs] == [official.log_id]
    assert captured_logs[0].prompt_tokens == 2009


def as_sdk(span):
    """Give a recorded span as the SDK would hand it over."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    def context(own):
        return SpanContext(int(span.trace_id, 16), int(own, 16), is_remote=False)

    return ReadableSpan(
        name=span.name,
        context=context(span.span_id),
        parent=context(span.parent_id) if span.parent_id else None,
        resource=Resource(span.resource),
        attributes=span.attributes,
        start_time=span.began,
        end_time=span.ended,
        instrumentation_scope=InstrumentationScope(span.scope),
    )


@pytest.mark.parametrize("turned", [False, True])
def test_the_exporter_finds_parents_in_any_order(provider, captured_logs, turned):
    """Spans of one batch: children first, as SDKs send them, or the other way."""
    tracer = TracerProvider().get_tracer("app")
    chat = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}
    outer = tracer.start_span("chat", attributes={**chat, "gen_ai.request.model": "a"})
    tool = tracer.start_span("tool", context=trace.set_span_in_context(outer))
    inner = tracer.start_span(
        "chat",
        attributes={**chat, "gen_ai.request.model": "b"},
        context=trace.set_span_in_context(tool),
    )
    batch = [inner, tool, outer]
    for span in batch:
        span.end()

    PromptscribeSpanExporter().export(batch[::-1] if turned else batch)

    parents = {log.log_id: log.trace_parent_id for log in captured_logs}
    assert parents == {log_id(inner): log_id(outer), log_id(outer): None}


def test_a_span_that_comes_through_two_doors_is_one_log(call, captured_logs):
    """The processor, the hook and the exporter know of each other."""
    span = call()
    PromptscribeSpanExporter().export([span])

    assert len(captured_logs) == 1


def test_a_parent_in_another_process_is_found(call, provider, captured_logs):
    """By the log that the baggage names, else by the remote span."""
    remote = NonRecordingSpan(
        SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1))
    )
    context = trace.set_span_in_context(remote)
    told = baggage.set_baggage("promptscribe.parent", "log_" + "1" * 48, context)
    for around in (context, told):
        server = provider.get_tracer("web").start_span("POST /", context=around)
        with trace.use_span(server, end_on_exit=True):
            call()

    assert captured_logs[0].trace_parent_id == f"log_{7:032x}{9:016x}"
    assert captured_logs[1].trace_parent_id == "log_" + "1" * 48


@pytest.mark.parametrize("told", ["x" * 9_000, "", "log_" + "0" * 48, "log_1"])
def test_baggage_of_another_process_that_names_no_log_is_none(
    call, provider, captured_logs, told
):
    """It comes from outside, and would have the log refused."""
    remote = NonRecordingSpan(
        SpanContext(7, 9, is_remote=True, trace_flags=TraceFlags(1))
    )
    context = baggage.set_baggage(
        "promptscribe.parent", told, trace.set_span_in_context(remote)
    )
    server = provider.get_tracer("web").start_span("POST /", context=context)
    with trace.use_span(server, end_on_exit=True):
        call()

    assert captured_logs[0].trace_parent_id == f"log_{7:032x}{9:016x}"


def test_a_call_that_outlives_the_function_is_its_child(call, captured_logs):
    """What a decorated function started in a thread is nested under it."""
    go = threading.Event()
    ended = []

    @log_prompt(path="a")
    def answer():
        import contextvars

        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(lambda: go.wait(10) and ended.append(call()),)
        )
        thread.start()
        return thread

    thread = answer()
    go.set()
    thread.join()

    own = next(log for log in captured_logs if log.path == "a")
    other = next(log for log in captured_logs if log.path != "a")
    assert other.trace_parent_id == own.log_id


def test_what_a_context_says_is_on_the_logs_of_spans(call, captured_logs):
    """User, environment and metadata of the surrounding block."""
    with log_context(user="u", metadata={"plan": "pro"}), log_prompt("outer"):
        call()
        call()

    child = captured_logs[0]
    assert (child.user, child.metadata["plan"]) == ("u", "pro")


@pytest.mark.parametrize("filled", [False, True], ids=["own", "filled"])
def test_secrets_are_taken_out_of_spans_before_they_are_written(
    call, captured_logs, filled
):
    """Redaction works on whole values, in logs of spans as in any other."""
    promptscribe.configure(redact=True)
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"  # noqa: S105
    said = [{"role": "user", "parts": [{"type": "text", "content": secret}]}]
    given = {"gen_ai.input.messages": json.dumps(said), "x.note": secret}

    if filled:
        with log_prompt("a"):
            call(**given)
    else:
        call(**given)

    (log,) = captured_logs
    assert secret not in repr(log)
    assert log.prompt_tokens == 5


@pytest.mark.parametrize("filled", [False, True], ids=["own", "filled"])
def test_payload_is_left_out_of_spans_where_it_is_to_be(call, captured_logs, filled):
    """Capture level ``metadata`` keeps tokens and model, no text, no raw attribute."""
    promptscribe.configure(capture="metadata")

    def work():
        call(**{"x.note": "Hi there", "gen_ai.prompt.variable.q": "Hi there"})

    if filled:
        with log_prompt("a"):
            work()
    else:
        work()

    (log,) = captured_logs
    assert (log.messages, log.output, log.output_message) == (None, None, None)
    assert "Hi" not in repr(log)
    assert "Ho" not in repr(log)
    assert (log.prompt_tokens, log.prompt["model"]) == (5, "gpt-4o-mini")


def test_a_failed_call_s_message_is_left_out_as_well(call, captured_logs):
    """It may quote the prompt."""
    promptscribe.configure(capture="metadata")
    with pytest.raises(ValueError, match="Hi"):
        call(error=ValueError("Hi is not allowed"))

    (log,) = captured_logs
    assert log.error == "ValueError"
    assert "allowed" not in repr(log)


def test_sampling_leaves_spans_out_but_not_their_failures(call, captured_logs):
    """As with every log: decided by the trace, errors are kept."""
    promptscribe.configure(sample_rate=0.0)
    call()
    with pytest.raises(ValueError, match="no"):
        call(error=ValueError("no"))

    assert [log.error for log in captured_logs] == ["ValueError: no"]


def test_nothing_is_logged_while_recording_is_off(call):
    """``enabled=False`` holds for spans as well."""
    promptscribe.configure(enabled=False)

    assert call() is not None


def test_the_hook_has_the_messages_that_the_span_may_not_carry(provider, captured_logs):
    """One log, with the span's tokens and the hook's messages."""
    hook = PromptscribeCompletionHook()
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 5,
    }
    with provider.get_tracer("x").start_as_current_span("chat m") as span:
        span.set_attributes(attributes)
        hook.on_completion(
            inputs=[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
            outputs=[
                {"role": "assistant", "parts": [{"type": "text", "content": "Ho"}]}
            ],
            system_instruction=[{"type": "text", "content": "Be brief."}],
            span=span,
            something_new=1,
        )

    (log,) = captured_logs
    assert log.log_id == log_id(span)
    assert [m["content"] for m in log.messages] == ["Be brief.", "Hi"]
    assert (log.output, log.prompt_tokens) == ("Ho", 5)


def test_the_hook_works_without_any_provider(captured_logs):
    """Then there is no model and no token count, but what was said is there."""
    PromptscribeCompletionHook().on_completion(
        inputs=[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
        outputs=[{"role": "assistant", "parts": [{"type": "text", "content": "Ho"}]}],
        system_instruction=[],
        span=NonRecordingSpan(SpanContext(0, 0, is_remote=False)),
    )

    (log,) = captured_logs
    assert (log.messages[0]["content"], log.output) == ("Hi", "Ho")
    assert log.log_id


def test_an_agent_s_completion_is_no_log(provider, captured_logs):
    """Only calls of models are: an agent repeats what its calls said."""
    with provider.get_tracer("x").start_as_current_span("invoke_agent") as span:
        span.set_attribute("gen_ai.operation.name", "invoke_agent")
        PromptscribeCompletionHook().on_completion(
            inputs=[{"role": "user", "parts": []}], outputs=[], span=span
        )

    assert captured_logs == []


class Odd:
    """A span of nobody's make."""

    def __init__(self):
        self.attributes = {"gen_ai.operation.name": "chat", 3: object()}
        self.context = self.parent = self.resource = self.status = None
        self.start_time = "yesterday"
        self.end_time = -1
        self.events = [None, 5]
        self.name = None


@pytest.mark.parametrize(
    "span", [None, 1, object(), Odd()], ids=["none", "int", "object", "odd"]
)
def test_no_span_brings_the_pipeline_down(provider, span):
    """Whatever an SDK hands over, nothing is raised into it."""
    processor = provider._active_span_processor._span_processors[0]

    processor.on_start(span)
    processor.on_end(span)
    assert PromptscribeSpanExporter().export([span]).name == "SUCCESS"
    PromptscribeCompletionHook().on_completion(span=span, inputs=span, outputs=span)


def test_a_span_without_ids_is_a_log_with_its_own(captured_logs):
    """Zero ids name nothing; the log gets new ones."""
    PromptscribeSpanExporter().export([Odd()])

    (log,) = captured_logs
    assert log.log_id.strip("log_0")


def test_installing_twice_is_installing_once(call, provider, captured_logs):
    """The same provider gets one processor; one of another make is refused."""
    assert install(provider) is True
    call()

    assert len(captured_logs) == 1
    with pytest.raises(ConfigurationError, match="takes no span processors"):
        install(object())


def test_the_exporter_keeps_to_the_sdk_s_contract(server):
    """Any keyword is taken; after shutdown it fails; a flush says what is left."""
    exporter = PromptscribeSpanExporter(environment="test", batch_size="?", source="s")

    assert exporter.force_flush(1_000) is True
    exporter.shutdown()
    assert exporter.export([]).name == "FAILURE"


def test_flushing_the_provider_delivers_the_logs(call, provider, server):
    """``force_flush`` of the application's provider includes ours."""
    call()

    assert provider.force_flush(10_000) is True
    assert [body["output"] for body in server.bodies] == ["Ho"]


def test_thousands_of_open_spans_take_no_more_memory(provider):
    """Spans that are never ended are forgotten, the oldest first."""
    from promptscribe.otel import lineage
    from promptscribe.otel.intake import intake

    tracer = provider.get_tracer("x")
    spans = [tracer.start_span("s") for _ in range(lineage.MOST + 10)]

    assert len(intake._lineage._nodes) <= lineage.MOST
    assert spans


def test_a_span_that_goes_on_for_long_is_remembered(call, provider, captured_logs):
    """A worker's root span: after thousands of others what is inside has no parent."""
    from promptscribe.otel import lineage

    tracer = provider.get_tracer("x")
    with tracer.start_as_current_span("worker"):
        for _ in range(lineage.MOST + 10):
            tracer.start_span("s").end()
        call()

    assert captured_logs[0].trace_parent_id is None


def test_threads_that_end_spans_together_lose_none(call):
    """The intake is shared by all threads of the application."""
    with captured_logs() as logs:
        threads = [
            threading.Thread(target=lambda: [call() for _ in range(50)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(logs) == 400


def test_long_messages_are_read_though_texts_have_a_limit(call, captured_logs):
    """The JSON of a span is cut by its texts, not in the middle."""
    said = [
        {"role": "user", "parts": [{"type": "text", "content": text}]}
        for text in ("first", "x" * 3_000_000, "last")
    ]
    call(**{"gen_ai.input.messages": json.dumps(said)})

    first, middle, last = captured_logs[0].messages
    assert (first["content"], last["content"]) == ("first", "last")
    assert middle["content"].startswith("xxx")
    assert "characters cut" in middle["content"]


def test_the_exporter_says_what_it_could_not_keep(tmp_path):
    """FAILURE, and counted; what is not to be kept is no failure."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("x").start_span("chat", attributes=CHAT)
    span.end()
    other = provider.get_tracer("x").start_span("chat", attributes=CHAT)
    other.end()
    exporter = PromptscribeSpanExporter()

    with runtime.lend(lambda *_: False):
        assert exporter.export([span]).name == "FAILURE"
    promptscribe.configure(enabled=False)
    assert exporter.export([other]).name == "SUCCESS"
