"""The README: its programs run, and its figures are what the last run printed."""

from __future__ import annotations

import pathlib
import re

import pytest
from pytest_examples import find_examples

from promptscribe import _config
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


def anchor(heading):
    """Return what a page calls a heading in its address."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return f"#{kept.strip().replace(' ', '-')}"


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_every_link_leads_somewhere(name):
    """To a file that is here, or to a heading of the page."""
    text = (ROOT / name).read_text("utf-8")
    headings = {anchor(found) for found in re.findall(r"(?m)^#+ (.*)$", text)}
    links = set(re.findall(r"\]\(([^)\s]+)\)", text))
    inside = {link for link in links if not link.startswith("https://")}

    assert [
        link
        for link in sorted(inside)
        if not (link in headings if link[0] == "#" else (ROOT / link).exists())
    ] == []


def test_the_readme_has_every_setting():
    """All that can be set, and nothing that cannot."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("| setting | default |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines()[2:]]

    assert sorted(re.findall(r"`(\w+)`", "".join(first))) == sorted(_config.NAMES)
