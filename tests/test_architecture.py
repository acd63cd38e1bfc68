"""The shape of the project, as tests."""

from __future__ import annotations

import importlib
import pathlib
import subprocess
import sys

import pytest

import promptscribe

ROOT = pathlib.Path(__file__).parents[1]


def test_every_floor_stands_on_the_floors_below_it():
    """The import contracts in pyproject.toml hold."""
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout


def test_the_public_names_are_these():
    """A change here is a change of the API."""
    assert promptscribe.__all__ == sorted(promptscribe.__all__)
    assert promptscribe.__all__ == [
        "ConfigurationError",
        "FlushResult",
        "PromptLog",
        "PromptscribeError",
        "Recording",
        "configure",
        "current_log",
        "extract",
        "force_flush",
        "inject",
        "log_context",
        "log_prompt",
        "propagate",
        "record_log",
        "shutdown",
        "start_log",
        "stats",
    ]
    assert all(getattr(promptscribe, name).__doc__ for name in promptscribe.__all__)


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "src").rglob("*.py")),
    ids=lambda p: str(p.relative_to(ROOT / "src" / "promptscribe")),
)
def test_every_module_says_what_it_owns_and_stays_small(path):
    """A docstring first, and at most 350 lines."""
    text = path.read_text("utf-8")

    assert text.startswith('"""'), path
    assert text.count("\n") <= 350, path


def test_importing_costs_nothing_that_is_not_needed():
    """No httpx, no OpenTelemetry, no receiver, no thread and no file on import."""
    program = (
        "import sys, threading, promptscribe;"
        "heavy = {'httpx', 'httpx2', 'opentelemetry', 'starlette', 'uvicorn', 'jinja2',"
        " 'sqlite3', 'pydantic', 'genai_prices', 'platformdirs', 'openai'};"
        "print(sorted(heavy & set(sys.modules)), threading.active_count())"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout.split() == ["[]", "1"]


def test_the_docstring_examples_run(monkeypatch, tmp_path):
    """Every example in a public docstring prints what it says."""
    import doctest

    monkeypatch.chdir(tmp_path)
    names = [
        "_capture.binding", "_capture.decorator", "_capture.manual",
        "_capture.presence",
        "_capture.propagation", "_capture.recording", "_runtime.control", "testing",
    ]  # fmt: skip
    for name in names:
        module = importlib.import_module(f"promptscribe.{name}")
        result = doctest.testmod(module)
        assert result.attempted > 0, name
        assert result.failed == 0, name
