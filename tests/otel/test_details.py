"""What instrumentations tell of a call by log records, beside its span."""

from __future__ import annotations

import gc
import json

import pytest
from opentelemetry import _logs, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider

from promptscribe import log_context, log_prompt
from promptscribe.otel import install
from promptscribe.otel.intake import intake

DETAILS = "gen_ai.client.inference.operation.details"
SAID = [{"role": "user", "parts": [{"type": "text", "content": "from a record"}]}]
ANSWER = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "the answer"}],
        "finish_reason": "stop",
    }
]
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 5,
}


@pytest.fixture
def emit(monkeypatch, provider):
    """Write a log record inside of a span, as an instrumentation does."""
    logs = LoggerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", logs)
    assert install(provider)
    assert install(provider)
    assert len(logs._multi_log_record_processor._log_record_processors) == 1

    def write(name, body=None, **attributes):
        context = trace.get_current_span().get_span_context()
        named = {"event.name": name, **attributes}
        logs.get_logger("client").emit(
            LogRecord(
                timestamp=1,
                trace_id=context.trace_id,
                span_id=context.span_id,
                trace_flags=context.trace_flags,
                severity_number=SeverityNumber.INFO,
                body=body,
                attributes=named,
            )
        )

    yield write
    logs.shutdown()


@pytest.fixture
def chat(provider):
    def start(**attributes):
        tracer = provider.get_tracer("client")
        return tracer.start_as_current_span("chat", attributes={**CHAT, **attributes})

    return start


@pytest.mark.parametrize("as_text", [True, False], ids=["JSON", "structure"])
def test_content_that_is_only_in_a_record_is_in_the_log(
    emit, chat, captured_logs, as_text
):
    """``EVENT_ONLY``: messages and answer beside a span that has none."""
    told = {"gen_ai.input.messages": SAID, "gen_ai.output.messages": ANSWER}
    if as_text:
        told = {name: json.dumps(value) for name, value in told.items()}

    with chat():
        emit(DETAILS, **told)

    (log,) = captured_logs
    assert log.messages == [{"role": "user", "content": "from a record"}]
    assert (log.output, log.prompt_tokens) == ("the answer", 5)


def test_records_of_single_messages_are_in_the_log(emit, chat, captured_logs):
    """Semantic conventions 1.28 to 1.36: one record a message, and one a choice."""
    with chat():
        emit("gen_ai.user.message", {"content": "Hi"})
        emit(
            "gen_ai.choice",
            {"index": 0, "finish_reason": "stop", "message": {"content": "Ho"}},
        )

    (log,) = captured_logs
    assert [message["content"] for message in log.messages] == ["Hi"]
    assert (log.output, log.finish_reason) == ("Ho", "stop")


def test_records_that_may_not_say_what_was_said_are_no_messages(
    emit, chat, captured_logs
):
    """Without content capture there is one for each message all the same."""
    with chat():
        emit("gen_ai.user.message")
        emit("gen_ai.tool.message", {"id": "call_1"})
        emit("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {}})

    (log,) = captured_logs
    assert (log.messages, log.output, log.finish_reason) == (None, None, "stop")


def test_what_is_thought_of_an_answer_is_in_its_log(emit, chat, captured_logs):
    """An evaluation that is told of while the call's span runs."""
    with chat():
        emit("gen_ai.evaluation.result", **{"gen_ai.evaluation.name": "tone"})

    (log,) = captured_logs
    (event,) = log.metadata["otel"]["events"]
    assert event["name"] == "gen_ai.evaluation.result"
    assert event["attributes"]["gen_ai.evaluation.name"] == "tone"


def test_what_a_record_says_is_kept_under_the_log_s_rules(emit, chat, captured_logs):
    """Not saved, it is not written."""
    with log_context(save=False), chat():
        emit(DETAILS, **{"gen_ai.input.messages": json.dumps(SAID)})
    with log_prompt("a"), log_context(save=False), chat():
        emit(DETAILS, **{"gen_ai.input.messages": json.dumps(SAID)})

    assert "from a record" not in repr(captured_logs)
    assert [log.prompt_tokens for log in captured_logs] == [5, 5]


def test_other_records_and_late_ones_change_nothing(emit, chat, captured_logs):
    """The application's own, those outside of any span, and what is odd."""
    emit(DETAILS, **{"gen_ai.input.messages": json.dumps(SAID)})
    with chat() as span:
        emit("order.placed", {"id": 1})
        emit(DETAILS, body=b"\xff", **{"gen_ai.input.messages": "[[["})
    with trace.use_span(span):
        emit(DETAILS, **{"gen_ai.input.messages": json.dumps(SAID)})

    (log,) = captured_logs
    assert (log.messages, log.prompt_tokens) == (None, 5)


def test_records_of_a_span_that_nobody_ends_are_let_go_of(emit, provider):
    """They go with it."""
    before = len(intake._told)
    with trace.use_span(provider.get_tracer("x").start_span("chat")):
        emit(DETAILS, **{"gen_ai.input.messages": json.dumps(SAID)})
        assert len(intake._told) == before + 1
    gc.collect()

    assert len(intake._told) == before
