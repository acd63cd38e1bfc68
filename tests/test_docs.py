"""The README: its programs run, and its figures are what the last run printed."""

from __future__ import annotations

import pathlib

import pytest
from pytest_examples import find_examples

from promptscribe.demo.scripted_server import ScriptedServer
from promptscribe.testing import captured_logs

ROOT = pathlib.Path(__file__).parents[1]


PROGRAMS = [e for e in find_examples(ROOT / "README.md") if e.prefix == "python"]


@pytest.fixture
def provider(monkeypatch):
    """A provider of OpenAI's kind, where its client looks for one."""
    with ScriptedServer(pace=0) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-readme")
        yield


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("example", PROGRAMS, ids=lambda e: str(e.start_line))
def test_every_program_in_the_readme_prints_what_it_says(example, eval_example):
    """Each Python block, with the output beside it."""
    eval_example.run_print_check(example)


@pytest.mark.usefixtures("provider")
def test_the_first_program_logs_what_the_readme_says(eval_example):
    """Messages, answer, tokens, model, times and cost."""
    with captured_logs() as logs:
        eval_example.run_print_check(PROGRAMS[0])

    (log,) = logs
    assert log.messages == [{"role": "user", "content": "why?"}]
    assert log.output == log.output_message["content"] != ""
    assert log.prompt["model"].startswith("gpt-4o-mini")
    assert log.prompt_tokens > 0 < log.output_tokens
    assert log.prompt_cost > 0 < log.output_cost
    assert log.start_time < log.end_time


def test_the_readme_names_both_commands():
    """One runs the main job, one passes the tests."""
    text = (ROOT / "README.md").read_text("utf-8")

    assert "\npip install -e '.[receiver]' && promptscribe demo\n" in text
    assert "\npip install -e '.[receiver,dev]' && pytest\n" in text
