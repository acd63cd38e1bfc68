"""What surrounds a span: labels and rules hold for it as for any log."""

from __future__ import annotations

import gc
import json
import tracemalloc
import weakref

import pytest

import promptscribe
from promptscribe import log_context, log_prompt
from promptscribe._runtime.state import runtime
from promptscribe.otel import PromptscribeCompletionHook
from promptscribe.testing import captured_logs as capture

SAID = "what nobody may keep"
CONTENT = {
    "gen_ai.input.messages": json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": SAID}]}]
    ),
    "x.note": SAID,
}


@pytest.fixture
def span(provider):
    """Start a span that is no call: an agent's, or a request's."""
    return provider.get_tracer("app").start_as_current_span


def test_a_context_s_labels_are_on_a_call_outside_of_any_log(call, captured_logs):
    """User and metadata of the block around, with no log in between."""
    with log_context(user="u", metadata={"plan": "pro"}):
        call()

    (log,) = captured_logs
    assert (log.user, log.metadata["plan"]) == ("u", "pro")


def test_a_context_inside_of_an_outer_span_is_the_call_s(call, span, captured_logs):
    """The nearest block counts, not the one that an agent's span began in."""
    with log_context(user="outer"), span("agent"), log_context(user="inner"):
        call()
    with log_prompt("a"), span("agent"), log_context(user="inner"):
        call()
        call()

    assert [log.user for log in captured_logs] == ["inner", "inner", "inner", None]


def test_what_is_not_to_be_saved_is_not_kept_of_a_call(call, span, captured_logs):
    """``log_context(save=False)`` holds where no log is around, and in outer spans."""
    with log_context(save=False):
        call(**CONTENT)
    with span("agent"), log_context(save=False):
        call(**CONTENT)

    assert SAID not in repr(captured_logs)
    assert [log.prompt_tokens for log in captured_logs] == [5, 5]
    assert [log.save for log in captured_logs] == [False, False]


@pytest.mark.parametrize("calls", [1, 2], ids=["filling", "own"])
def test_what_is_not_to_be_saved_does_not_fill_the_log_around(
    call, captured_logs, calls
):
    """The function's own values are kept, those of the call inside are not."""
    with log_prompt("a", inputs={"question": "why"}), log_context(save=False):
        for _ in range(calls):
            call(**CONTENT)

    log = captured_logs[-1]
    assert SAID not in repr(captured_logs)
    assert log.inputs == {"question": "why"}
    assert [each.prompt_tokens for each in captured_logs] == [5] * calls + [None] * (
        calls - 1
    )


def test_of_two_spans_of_one_call_the_stricter_one_counts(
    call, provider, captured_logs
):
    """An outer span may be kept, the client's inside of it may not: neither is."""
    outer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    framework = provider.get_tracer("framework").start_as_current_span

    with framework("chat", attributes=outer), log_context(save=False):
        call(**CONTENT)

    (log,) = captured_logs
    assert SAID not in repr(log)
    assert log.prompt_tokens == 5


def test_a_context_is_that_of_the_completion_hook_s_calls(captured_logs):
    """Also where the instrumentation makes no span."""
    with log_context(user="u"):
        PromptscribeCompletionHook().on_completion(inputs=[], outputs=[])

    (log,) = captured_logs
    assert log.user == "u"


def test_what_is_over_keeps_no_message_alive(call, span):
    """Of thousands of spans and logs that are remembered, only what they are."""

    def work(number):
        call(**{"x.note": f"{number}" * 50_000})
        with log_prompt("a") as log, span("http"):
            log.update(output=f"{number}" * 50_000)

    with runtime.lend(lambda *_: True):
        work(0)
        gc.collect()
        tracemalloc.start()
        for number in range(1, 201):
            work(number)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert kept < 2_000_000  # of 40 MB


def test_a_span_that_nobody_ends_is_let_go_of(provider):
    """As without us: it goes when its program lets go of it."""
    started = provider.get_tracer("x").start_span("chat")
    gone = weakref.ref(started)

    del started
    gc.collect()

    assert gone() is None


def test_a_log_inside_of_an_ended_span_is_still_its_child(call, provider):
    """A task that outlives the call that it was started in."""
    from opentelemetry import trace

    with capture() as logs:
        outer = call()
        inner = trace.set_span_in_context(outer)
        tracer = provider.get_tracer("late")
        with tracer.start_as_current_span("task", context=inner), log_prompt("a"):
            pass

    assert logs[1].trace_parent_id == logs[0].log_id


def test_a_log_that_ends_while_a_call_fills_it_loses_no_call(call, captured_logs):
    """Another thread may end it at any moment: the call is a log of its own then."""

    def redact(text):
        if text == SAID:
            log.end("done")
        return text

    promptscribe.configure(redact=redact)
    with log_prompt("a") as log:
        call(**CONTENT)

    own, child = captured_logs
    assert (own.path, own.output) == ("a", "done")
    assert (child.trace_parent_id, child.prompt_tokens) == (own.log_id, 5)


class Moving(dict):
    """Attributes of which one is being set again whenever it is looked at."""

    def __getitem__(self, name):
        raise KeyError(name)

    def get(self, name, default=None):
        return default if name == "moving" else super().get(name, default)

    def items(self):
        return ((name, self[name]) for name in self)


def test_a_span_around_that_is_being_written_to_costs_no_call(
    call, provider, captured_logs
):
    """Another thread sets an attribute of it while a call inside of it ends."""
    agent = {"gen_ai.operation.name": "invoke_agent", "moving": 1}

    with provider.get_tracer("x").start_as_current_span("agent") as outer:
        outer._attributes = Moving(agent)
        call()

    (log,) = captured_logs
    assert (log.prompt_tokens, log.trace_parent_id) == (5, None)
