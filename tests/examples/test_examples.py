import ast
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.environment import clean_environment

from promptscribe.receiver.server import start_in_thread

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path):
    """Run an example against a receiver; return what it printed and what arrived."""
    receiver = start_in_thread(db=tmp_path / "logs.db")

    def start(*command):
        environment = clean_environment("OPENAI_") | {
            "PROMPTSCRIBE_BASE_URL": receiver.url,
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
            "PROMPTSCRIBE_FLUSH_TIMEOUT": "60",  # a busy machine's exit is slow
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        with httpx.Client(base_url=receiver.url, timeout=60) as client:
            records = client.get("/logs", params={"size": 50}).json()["records"]
        return done.stdout, sorted(records, key=lambda log: log["start_time"])

    yield start
    receiver.stop()


def by_path(logs):
    return {log["prompt"]["path"]: log for log in logs}


def test_quickstart(run):
    """Both functions are logged, the response with its tokens."""
    shown, logs = run(EXAMPLES / "quickstart.py")

    assert shown.splitlines()[0] == "Hello Ada"
    assert shown.splitlines()[-1] == "2 delivered, 0 pending"
    log = by_path(logs)
    assert log["__main__/greet"]["output"] == "Hello Ada"
    assert log["__main__/greet"]["inputs"] == {"name": "Ada"}
    answer = log["quickstart/answer"]
    assert answer["output"] == "You asked: What is a log?"
    assert (answer["prompt_tokens"], answer["output_tokens"]) == (12, 3)
    assert answer["finish_reason"] == "stop"
    assert answer["prompt"]["model"] == "gpt-4o-mini"


def test_nested_agent(run):
    """All calls are under the agent's, those of gather as well."""
    shown, logs = run(EXAMPLES / "nested_agent.py")

    assert shown.startswith("Why? 3 places say so.\n5 delivered, 0 pending")
    agent, *below = logs
    assert agent["prompt"]["path"] == "agent"
    assert agent["metadata"]["places"] == 3
    assert agent["trace_parent_id"] is None
    assert {log["trace_parent_id"] for log in below} == {agent["id"]}
    searches = [log for log in below if log["prompt"]["path"] == "agent/search"]
    assert {log["inputs"]["place"] for log in searches} == {"wiki", "mail", "files"}
    assert below[-1]["prompt"]["path"] == "agent/write"


def test_streaming(run):
    """Each stream is one log with the whole text."""
    shown, logs = run(EXAMPLES / "streaming.py")

    assert shown == "one two three \n2 chunks\n3 delivered\n"
    log = by_path(logs)
    assert log["streaming/words"]["output"] == "one two three "
    assert log["streaming/chunks"]["output"] == "four five "
    assert log["streaming/block"]["output"] == "six seven "
    assert log["streaming/block"]["prompt"]["model"] == "gpt-4o-mini"
    assert {each["metadata"]["chunks"] for each in logs} == {3, 2}


def test_context_and_blocks(run):
    """Every way makes a log, and all of them have the context's members."""
    shown, logs = run(EXAMPLES / "context_and_blocks.py")

    assert shown.splitlines()[-1] == "5 delivered"
    assert {log["user"] for log in logs} == {"user-7"}
    assert {log["metadata"]["plan"] for log in logs} == {"pro"}
    log = by_path(logs)
    assert log["blocks/inner"]["trace_parent_id"] == log["blocks/outer"]["id"]
    assert log["blocks/outer"]["metadata"]["steps"] == 1
    assert log["blocks/by-hand"]["output"] == "done"
    assert log["blocks/failing"]["error"].startswith("TimeoutError: the provider")
    assert log["blocks/past"]["output"] == "found in an old file"
    began, ended = (
        datetime.fromisoformat(log["blocks/past"][name])
        for name in ("start_time", "end_time")
    )
    assert ended - began == timedelta(seconds=2)


def test_testing_your_code(run):
    """It passes, and nothing is sent."""
    example = EXAMPLES / "testing_your_code.py"
    shown, logs = run("-m", "pytest", "-q", "-p", "no:cacheprovider", example)

    assert "2 passed" in shown
    assert logs == []


def test_otel_in(run):
    """The span of a call arrives as a log, the one around it does not."""
    shown, logs = run(EXAMPLES / "otel_in.py")

    (log,) = logs
    assert "delivered=1" in shown
    assert (log["prompt_tokens"], log["output_tokens"]) == (12, 5)


def test_otel_out(run):
    """The log is a span as well, beneath the application's own."""
    shown, logs = run(EXAMPLES / "otel_out.py")

    assert len(logs) == 1
    inner, outer = (json.loads("{" + part) for part in f"\n{shown}".split("\n{")[1:])
    assert inner["name"] == "chat gpt-4o-mini"
    assert inner["parent_id"] == outer["context"]["span_id"]
    assert inner["attributes"]["gen_ai.usage.input_tokens"] == 12


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_every_example_is_short_and_tested(path):
    """At most forty lines, with a docstring, and a test of its name here or beside."""
    text = path.read_text("utf-8")

    assert len(text.splitlines()) <= 40
    assert ast.get_docstring(ast.parse(text))
    tests = [p.read_text("utf-8") for p in Path(__file__).parent.glob("test_*.py")]
    assert any(f"\ndef test_{path.stem}(" in each for each in tests)
