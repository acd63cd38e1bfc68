"""What the tests of spans share: spans that real instrumentations emitted."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from promptscribe._dialects.span import Span

RECORDED = Path(__file__).parent / "recorded"
ROOT = Path(__file__).parents[2]


def _load(name):
    recording = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    spans = [
        {key: value for key, value in span.items() if value is not None}
        for span in recording["spans"]
    ]
    return msgspec.convert(spans, list[Span])


@pytest.fixture
def recorded():
    """Give the spans of one recorded call, in the order in which they ended."""
    return _load


@pytest.fixture(scope="session")
def http():
    """One client for all: its TLS context alone costs 30 ms."""
    with httpx.Client(timeout=60) as client:
        yield client


@pytest.fixture
def make_span():
    """Build a span of attributes alone."""

    def make(attributes=None, **members):
        given = {"trace_id": "a" * 32, "span_id": "b" * 16, "name": "s"} | members
        return Span(attributes=attributes or {}, **given)

    return make


@pytest.fixture
def provider():
    """A tracer provider of the application's, with our processor."""
    from opentelemetry.sdk.trace import TracerProvider

    from promptscribe.otel import install

    made = TracerProvider(shutdown_on_exit=False)
    install(made)
    yield made
    made.shutdown()


CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.input.messages": (
        '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
    ),
    "gen_ai.output.messages": (
        '[{"role":"assistant","parts":[{"type":"text","content":"Ho"}]}]'
    ),
}


@pytest.fixture
def call(provider):
    """Do what an instrumented client does: one span around one call of a model."""
    count = iter(range(1_000_000))

    def make(name="chat gpt-4o-mini", *, error=None, scope="client", **attributes):
        given = {k.replace("__", "."): v for k, v in attributes.items()}
        number = next(count)
        with provider.get_tracer(scope).start_as_current_span(
            name, set_status_on_exception=True
        ) as span:
            known = {**CALL, "gen_ai.response.id": f"r{number}", **given}
            span.set_attributes(known)
            if error is not None:
                raise error
        return span

    return make


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Build virtual environments, each once; what others pin changes nothing here."""
    if importlib.util.find_spec("uv") is None:
        pytest.skip("uv is not installed (extra otel-dev)")
    made = {}

    def build(*requirements):
        """Give the folder of an environment's programs."""
        if requirements not in made:
            folder = tmp_path_factory.mktemp("environment") / "venv"
            uv("venv", "--python", sys.executable, str(folder))
            uv("pip", "install", "--python", str(folder), *requirements)
            made[requirements] = folder / "bin"
        return made[requirements]

    def uv(*arguments):
        result = subprocess.run(
            [sys.executable, "-m", "uv", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]

    yield build
    for folder in made.values():  # pytest would keep them for three runs
        shutil.rmtree(folder.parent, ignore_errors=True)
