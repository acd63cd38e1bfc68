"""The doors, each as a user opens it: a program, an environment, no code of ours."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.otel.model_server import ANSWER, Speaker

INSTRUMENT = Path(sys.executable).parent / "opentelemetry-instrument"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not INSTRUMENT.exists(), reason="the extra otel-dev is not installed"
    ),
]

official = pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.util.genai") is None,
    reason="opentelemetry-instrumentation-genai-openai is not installed",
)

SPANS = """
from opentelemetry import trace

tracer = trace.get_tracer("app")
with tracer.start_as_current_span("invoke_agent") as agent:
    agent.set_attribute("gen_ai.operation.name", "invoke_agent")
    with tracer.start_as_current_span("chat m") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.request.model", "m")
        span.set_attribute("gen_ai.usage.input_tokens", 5)
"""

CLIENT = """
import openai

client = openai.OpenAI(base_url="{url}/v1", api_key="none", max_retries=0)
chat = client.chat.completions.create
messages = [{{"role": "user", "content": "Hi"}}]
"""


class World(Speaker, BaseHTTPRequestHandler):
    """The model's provider and the server of the logs, at one address."""

    logs: list[dict]

    def do_POST(self):
        body = self.hear()
        if self.path.endswith("/chat/completions"):
            self.say(ANSWER)
        else:
            self.logs.append(body)
            self.say({"id": "1"})

    def do_GET(self):
        self.say({}, 404)


@pytest.fixture
def world():
    """Serve both; what was logged is in ``logs``."""
    handler = type("Handler", (World,), {"logs": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.logs = handler.logs
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(world, tmp_path):
    """Run a program in an environment."""

    def start(program, *, instrumented=True, **environment):
        path = tmp_path / "app.py"
        path.write_text(textwrap.dedent(program), "utf-8")
        command = [sys.executable, str(path)]
        if instrumented:
            command.insert(0, str(INSTRUMENT))
        defaults = {
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "PROMPTSCRIBE_BASE_URL": world.url,
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
            "PROMPTSCRIBE_FLUSH_TIMEOUT": "20",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
        return subprocess.run(
            command,
            env=kept | defaults | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return start


def test_the_exporter_is_named_in_the_environment(run, world):
    """OTEL_TRACES_EXPORTER=promptscribe, and nothing else."""
    result = run(SPANS, OTEL_TRACES_EXPORTER="promptscribe", PROMPTSCRIBE_OTEL="false")

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert (log["prompt"]["model"], log["prompt_tokens"]) == ("m", 5)


@pytest.mark.parametrize("processor", ["true", "false"])
def test_the_exporter_holds_up_no_exit_for_longer_than_was_asked_for(run, processor):
    """A server that says nothing is waited for once, not once for each door."""
    program = SPANS + "\nimport time\nprint(time.time())"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = run(
            program,
            OTEL_TRACES_EXPORTER="promptscribe",
            PROMPTSCRIBE_OTEL=processor,
            PROMPTSCRIBE_BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}",
            PROMPTSCRIBE_FLUSH_TIMEOUT="12",
        )
        took = time.time() - float(result.stdout)

    assert result.returncode == 0, result.stderr
    assert took < 2 * 12


def test_the_exporter_and_the_processor_together_are_one_log(run, world):
    """The parent's agent is no log: the chain does not end in nothing."""
    result = run(SPANS, OTEL_TRACES_EXPORTER="promptscribe")

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert "trace_parent_id" not in log


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.configuration") is None,
    reason="opentelemetry-configuration is not installed",
)
def test_the_exporter_is_named_in_a_configuration_file(run, world, tmp_path):
    """OTEL_CONFIG_FILE: what stands below the name are settings."""
    path = tmp_path / "otel.yaml"
    path.write_text(
        textwrap.dedent(f"""
        file_format: "1.0"
        tracer_provider:
          processors:
            - batch:
                exporter:
                  promptscribe:
                    base_url: {world.url}
                    environment: staging
        """),
        "utf-8",
    )

    result = run(
        SPANS,
        OTEL_CONFIG_FILE=str(path),
        PROMPTSCRIBE_OTEL="false",
        PROMPTSCRIBE_BASE_URL="http://127.0.0.1:9",
    )

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert log["environment"] == "staging"


def test_a_program_that_is_killed_loses_no_call(run, world, tmp_path):
    """The processor, by ``opentelemetry-instrument`` alone: in the journal at once."""
    result = run(
        SPANS + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        PROMPTSCRIBE_EXPORT="false",
    )
    assert result.returncode == -signal.SIGKILL, result.stderr

    drained = run(
        "from promptscribe.__main__ import main\nmain(['drain'])\n", instrumented=False
    )

    assert drained.returncode == 0, drained.stderr
    (log,) = world.logs
    assert log["prompt_tokens"] == 5
    assert "error" not in log


def test_the_processor_can_be_switched_off(run, world):
    """PROMPTSCRIBE_OTEL=false: nobody gets logs that were not asked for."""
    result = run(SPANS, PROMPTSCRIBE_OTEL="false")

    assert result.returncode == 0, result.stderr
    assert world.logs == []


@official
def test_the_hook_alone_logs_whole_messages(run, world):
    """Content capture is off, as it is by default; there is no exporter at all."""
    result = run(
        CLIENT.format(url=world.url) + 'chat(model="gpt-4o-mini", messages=messages)',
        OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK="promptscribe",
        PROMPTSCRIBE_OTEL="false",
    )

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert log["output"] == "Ho"
    assert (log["prompt_tokens"], log["finish_reason"]) == (5, "stop")
    assert log["prompt"]["model"] == "gpt-4o-mini"


@official
def test_the_hook_works_without_a_provider(run, world):
    """The instrumentation in code, the hook in the environment, no SDK set up."""
    program = """
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    """

    result = run(
        textwrap.dedent(program)
        + CLIENT.format(url=world.url)
        + 'chat(model="gpt-4o-mini", messages=messages)',
        instrumented=False,
        OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK="promptscribe",
    )

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert log["output"] == "Ho"


@official
def test_all_doors_at_once_are_one_log(run, world):
    """Exporter, processor and hook, inside a decorated function."""
    program = """
    from promptscribe import log_prompt

    @log_prompt(path="support/answer")
    def answer(question):
        answer = chat(model="gpt-4o-mini", messages=messages)
        return answer.choices[0].message.content

    answer("why?")
    """

    result = run(
        CLIENT.format(url=world.url) + textwrap.dedent(program),
        OTEL_TRACES_EXPORTER="promptscribe",
        OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK="promptscribe",
    )

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert log["path"] == "support/answer"
    assert log["inputs"] == {"question": "why?"}
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert log["output"] == "Ho"
    assert (log["prompt_tokens"], log["output_tokens"]) == (5, 7)


def test_one_line_of_code_is_enough(run, world):
    """An SDK that the program sets up itself, and ``install()`` behind it."""
    program = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from promptscribe.otel import install

    trace.set_tracer_provider(TracerProvider())
    assert install()
    """

    result = run(textwrap.dedent(program) + SPANS, instrumented=False)

    assert result.returncode == 0, result.stderr
    assert [log["prompt_tokens"] for log in world.logs] == [5]


def test_without_any_provider_there_is_nothing_to_install_to(run):
    """No provider is made or set: the application decides that."""
    program = """
    from opentelemetry import trace
    from promptscribe.otel import install

    before = trace.get_tracer_provider()
    assert install() is False
    assert trace.get_tracer_provider() is before
    """

    result = run(program, instrumented=False)

    assert result.returncode == 0, result.stderr


@official
@pytest.mark.parametrize("provider", [True, False], ids=["provider", "no provider"])
def test_an_enclosing_log_is_told_by_the_context_key(run, world, provider):
    """PROMPTSCRIBE_OTEL_CONTEXT=true: the instrumentation reports to the log."""
    instrument = """
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    if not OpenAIInstrumentor().is_instrumented_by_opentelemetry:
        OpenAIInstrumentor().instrument()
    """
    program = """
    from promptscribe import log_prompt

    @log_prompt(path="support/answer")
    def answer(question):
        chat(model="gpt-4o-mini", messages=messages, temperature=0.5)
        return "mine"

    answer("why?")
    """

    result = run(
        textwrap.dedent(instrument)
        + CLIENT.format(url=world.url)
        + textwrap.dedent(program),
        instrumented=provider,
        PROMPTSCRIBE_OTEL="false",
        PROMPTSCRIBE_OTEL_CONTEXT="true",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="SPAN_ONLY",
    )

    assert result.returncode == 0, result.stderr
    (log,) = world.logs
    assert (log["path"], log["output"]) == ("support/answer", "mine")
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert log["prompt"]["temperature"] == 0.5
    assert (log["prompt_tokens"], log["output_tokens"]) == (5, 7)
    assert log["finish_reason"] == "stop"


@official
def test_a_call_that_only_reported_is_told_by_our_own_span(run, world):
    """The instrumentation makes no span then: ours has model and tokens."""
    program = """
    from promptscribe import log_prompt

    @log_prompt(path="support/answer")
    def answer(question):
        chat(model="gpt-4o-mini", messages=messages)

    answer("why?")
    """

    result = run(
        CLIENT.format(url=world.url) + textwrap.dedent(program),
        OTEL_TRACES_EXPORTER="console",
        PROMPTSCRIBE_OTEL="false",
        PROMPTSCRIBE_OTEL_CONTEXT="true",
        PROMPTSCRIBE_OTEL_SPANS="true",
    )

    assert result.returncode == 0, result.stderr
    span = json.loads(result.stdout)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 5
    assert span["attributes"]["gen_ai.request.model"] == "gpt-4o-mini"
