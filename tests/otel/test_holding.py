"""A call inside of one that may be the same waits for its end, and is lost by none."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest
from opentelemetry import trace
from tests.environment import clean_environment

import promptscribe
from promptscribe import log_prompt
from promptscribe.testing import MemoryTransport, captured_logs

OUTER = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}


@pytest.fixture
def framework(provider):
    """Start a span of another instrumentation that tells of a call."""

    def start():
        return provider.get_tracer("framework").start_span("chat", attributes=OUTER)

    return start


def inside(span, call, **attributes):
    """Make a call inside of a span; return its own span."""
    with trace.use_span(span, end_on_exit=False):
        return call(**attributes)


def test_what_waited_is_one_log_with_what_it_waited_for(framework, call, captured_logs):
    """The outer span's id and times, the inner one's messages; tokens count once."""
    outer = framework()
    inside(outer, call)
    assert captured_logs == []
    outer.end()

    (log,) = captured_logs
    own = outer.get_span_context()
    assert log.log_id == f"log_{own.trace_id:032x}{own.span_id:016x}"
    assert (log.prompt_tokens, log.output) == (5, "Ho")
    began = round(log.start_time.timestamp() * 1e6)
    assert began == outer.start_time // 1_000
    assert log.provider_latency == pytest.approx(
        (outer.end_time - outer.start_time) / 1e9, abs=1e-5
    )


def twice(provider, number, native=None):
    """Call a client that makes spans itself, instrumented: the spans are no family.

    The outer one has the messages, and is made the current one by nobody.
    """
    told = {**OUTER, "gen_ai.response.id": f"both-{number}"}
    said = f'[{{"role":"assistant","parts":[{{"type":"text","content":"{number}"}}]}}]'
    outer = provider.get_tracer("instrumentation").start_span("chat", attributes=OUTER)

    def finish():
        own = provider.get_tracer("native").start_span("create", attributes=OUTER)
        own.set_attributes({**told, "gen_ai.usage.input_tokens": 5, **(native or {})})
        own.end()
        outer.set_attributes({**told, "gen_ai.output.messages": said})
        outer.end()

    return finish


def test_what_runs_beside_its_span_is_one_log_with_it(provider, captured_logs):
    """Each is a root: what the second one knows is in the log as well."""
    twice(provider, 1)()

    (log,) = captured_logs
    assert (log.prompt_tokens, log.output) == (5, "1")


async def test_what_runs_beside_its_span_is_told_from_other_tasks(
    provider, captured_logs
):
    """Three at a time, of one model: each has its own messages and tokens."""
    started = asyncio.Barrier(3)

    async def call(number):
        finish = twice(provider, number, {"gen_ai.usage.output_tokens": number})
        await started.wait()
        finish()

    await asyncio.gather(*map(call, range(3)))

    assert sorted((log.output, log.output_tokens) for log in captured_logs) == [
        ("0", 0),
        ("1", 1),
        ("2", 2),
    ]


def test_another_call_beside_a_span_is_a_log_of_its_own(provider, captured_logs):
    """A stream is open meanwhile, of the same model."""
    finish = twice(provider, 1)
    with provider.get_tracer("native").start_as_current_span("create") as other:
        other.set_attributes({**OUTER, "gen_ai.usage.input_tokens": 9})
        other.set_attribute("gen_ai.response.id", "other")
    finish()

    assert sorted(log.prompt_tokens for log in captured_logs) == [5, 9]


def test_a_call_beside_a_span_that_never_knows_its_response_is_not_taken_for_it(
    provider, framework, captured_logs
):
    """Nothing is thrown away on a guess: whether they are one, only the ids tell."""
    stream = framework()
    for told in ({"gen_ai.response.id": "other"}, {}):
        other = provider.get_tracer("native").start_span("create", attributes=OUTER)
        other.set_attributes({**told, "gen_ai.usage.input_tokens": 5})
        other.end()
    stream.set_attribute("gen_ai.usage.input_tokens", 9)
    stream.end()

    assert sorted(log.prompt_tokens for log in captured_logs) == [5, 5, 9]


def test_a_span_that_turns_out_to_be_no_call_keeps_none_back(
    framework, call, captured_logs
):
    """It called itself a chat, and was an agent."""
    outer = framework()
    inside(outer, call)
    outer.set_attribute("gen_ai.operation.name", "invoke_agent")
    outer.end()

    (log,) = captured_logs
    assert (log.prompt_tokens, log.trace_parent_id) == (5, None)


def test_what_waits_for_a_span_that_nobody_ends_waits_for_the_next_call(
    framework, call, captured_logs
):
    """Its program has let go of it: the call is a log of its own."""
    inner = inside(framework(), call).get_span_context()
    gc.collect()
    call()

    ids = [log.log_id[-16:] for log in captured_logs]
    assert len(set(ids)) == 2
    assert f"{inner.span_id:016x}" in ids
    assert [log.prompt_tokens for log in captured_logs] == [5, 5]


def test_in_a_function_s_log_a_call_waits_as_a_part_of_it(framework, call):
    """No log besides: the function's is in the journal already."""
    with captured_logs() as logs, log_prompt("a"):
        outer = framework()
        inside(outer, call)
        outer.end()

    (log,) = logs
    assert (log.path, log.prompt_tokens) == ("a", 5)


PROGRAM = """
import os, signal, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from promptscribe.otel import install

provider = TracerProvider()
install(provider)
outer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
inner = {**outer, "gen_ai.response.id": "r", "gen_ai.usage.input_tokens": 5}
span = provider.get_tracer("framework").start_span("chat", attributes=outer)
with trace.use_span(span, end_on_exit=False):
    with provider.get_tracer("client").start_as_current_span("c", attributes=inner):
        pass
if sys.argv[1] == "ended":
    span.end()
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "never ended", "ended"])
def test_a_call_that_waits_when_the_process_ends_is_delivered(tmp_path, how):
    """Killed in the middle, or left without the outer span's end: by the next one."""
    environment = clean_environment() | {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_EXPORT": "false",
    }
    subprocess.run([sys.executable, "-c", PROGRAM, how], env=environment, check=False)
    transport = MemoryTransport()
    promptscribe.configure(journal_dir=tmp_path, transport=transport, export=True)

    assert promptscribe.force_flush(20).adopted == 1
    (body,) = transport.bodies
    assert (body["prompt_tokens"], "error" in body) == (5, False)
