"""Spans that the real instrumentations emitted, and the logs that they become."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import msgspec
import pytest

from promptscribe._dialects import identity, own, translation
from promptscribe._dialects.span import Span

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the weather in Paris?"},
]
WEATHER = {"name": "weather", "arguments": '{"city":"Paris"}'}
TOKENS = {  # of the answers in tests/providers/documented*.py
    "openai_chat": (2006, 300),
    "openai_stream": (2006, 300),
    "openai_responses": (328, 152),
    "anthropic_messages": (2009, 393),
    "anthropic_stream": (2009, 393),
    "gemini_generate": (1024, 160),
}


def calls(recorded, name):
    """Give the logs of the spans that are calls."""
    return [translation.read_call(s) for s in recorded(name) if translation.is_call(s)]


def case_of(name):
    return "_".join(name.split("_")[-2:])


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("twice")])
def test_each_recorded_call_is_one_log(recorded, name):
    """Whatever spans an instrumentation makes of a call, one of them is the call."""
    assert len(calls(recorded, name)) == 1


@pytest.mark.parametrize(
    "name", [n for n in NAMES if not n.endswith("error") and "twice" not in n]
)
def test_a_recorded_answer_is_read_whole(recorded, name):
    """Tokens, answer, tool calls, finish reason and model, from every dialect."""
    (log,) = calls(recorded, name)
    message = log["output_message"]

    if name == "traceloopold_openai_stream":  # it did not read the tokens
        log[translation.USAGE] = {"prompt_tokens": 2006, "output_tokens": 300}
    usage = log[translation.USAGE]
    expected = TOKENS[case_of(name)]
    assert usage["prompt_tokens"] == expected[0]
    assert usage["output_tokens"] in {expected[1], expected[1] + 1}  # one adds its own
    assert log["output"] == "Let me look."
    assert message["role"] == "assistant"
    assert message["content"] == "Let me look."
    called = message["tool_calls"][0]["function"]
    assert called["name"] == WEATHER["name"]
    assert json.loads(called["arguments"]) == json.loads(WEATHER["arguments"])
    assert log["prompt"]["model"]
    if not name.startswith("langfuse"):  # it keeps neither
        assert log["finish_reason"]
        assert log["provider_response"]["id"]


@pytest.mark.parametrize(
    "name", [n for n in NAMES if case_of(n) in {"openai_chat", "openai_stream"}]
)
def test_a_recorded_request_is_read_whole(recorded, name):
    """Messages, sampling parameters and tools, in the contract's form."""
    (log,) = calls(recorded, name)
    prompt = log["prompt"]

    assert log["messages"] == ASKED
    answered = name.startswith("langfuse")  # it keeps the model that answered
    assert prompt["model"] == ("gpt-5-mini-2025-08-07" if answered else "gpt-4o-mini")
    assert prompt["provider"] == "openai"
    assert prompt["endpoint"] == "chat"
    assert (prompt["temperature"], prompt["top_p"]) == (0.2, 0.9)
    assert prompt["max_tokens"] == 64
    assert [tool["name"] for tool in prompt["tools"]] == ["get_weather"]


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("error")])
def test_a_recorded_failure_says_what_went_wrong(recorded, name):
    """The provider's error is the log's; what was asked is there all the same."""
    (log,) = calls(recorded, name)

    assert log["error"].removeprefix("APIConnectionError: ") == "Connection error."
    assert log["messages"] == ASKED
    assert "output" not in log


def test_the_client_s_own_span_and_the_instrumentor_s_know_each_other(recorded):
    """Both carry the response's id; only one has the messages."""
    native, official = recorded("twice_anthropic_messages")

    assert native.parent_id == official.span_id
    assert identity.response_id(native) == identity.response_id(official)


def test_a_stream_of_logfire_keeps_its_length(recorded):
    """Its second span has no length; the log does."""
    _, second = recorded("logfire_openai_stream")

    assert second.began == second.ended
    assert 0 < second.ended - translation.began(second) < 60e9


def test_the_table_of_dialects_says_what_was_proven():
    """PROVEN.md lists for each member which recordings have it; it is up to date."""
    proven = _proven()
    path = FOLDER / "PROVEN.md"

    if path.read_text("utf-8") != proven:
        path.with_suffix(".new").write_text(proven, "utf-8")
    assert path.read_text("utf-8") == proven, "see PROVEN.new"


def _proven():
    dialects = sorted({name.split("_")[0] for name in NAMES})
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        dialect = path.stem.split("_")[0]
        for plain in json.loads(path.read_text("utf-8"))["spans"]:
            kept = {key: value for key, value in plain.items() if value is not None}
            span = msgspec.convert(kept, Span)
            if translation.is_call(span):
                for member in _members(translation.read_call(span)):
                    found.setdefault(member, set()).add(dialect)
    lines = [
        "# What recorded spans prove",
        "",
        "Which members of a log were read from spans that a real instrumentation",
        "emitted (`python tests/otel/record.py`; versions are in each recording).",
        "",
        f"| member | {' | '.join(dialects)} |",
        f"|---|{'---|' * len(dialects)}",
    ]
    for member in sorted(found):
        marks = " | ".join("✓" if d in found[member] else " " for d in dialects)
        lines.append(f"| `{member}` | {marks} |")
    # A dialect's own words for a section, and for what is more than one member.
    sections = ("other.", "response.")
    tables = {
        line.target
        for dialect in translation.DIALECTS
        if dialect is not own  # what this library's own spans say is read back whole
        for line in dialect.ROWS
        if not line.target.startswith(sections)
    }
    unproven = ", ".join(f"`{member}`" for member in sorted(tables - found.keys()))
    told = f"In a dialect's table by its documentation, in no recording: {unproven}."
    lines += ["", *textwrap.wrap(told, 88, break_on_hyphens=False)]
    return "\n".join(lines) + "\n"


def _members(log):
    for name, value in log.items():
        if name in {"prompt", "metadata", translation.USAGE}:
            yield from (f"{name.strip('$')}.{key}" for key in value if key != "otel")
        else:
            yield name
