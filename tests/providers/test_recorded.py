"""Every recording of a real SDK is read; see `record` for how they were made."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptscribe._providers.registry import interpret, join
from promptscribe._providers.request import read_request

RECORDINGS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "recorded").glob("*.json"))
}
STREAMS = sorted(name for name, made in RECORDINGS.items() if "chunks" in made)
WHOLE = sorted(set(RECORDINGS) - set(STREAMS))

MAGISTRAL = "magistral-medium-latest"
GPT = "gpt-5-mini-2025-08-07"
FLASH = "gemini-2.5-flash"
REGIONAL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE = "claude-sonnet-4-5-20250929"
OPENAI = {"prompt_tokens": 2006, "output_tokens": 300, "reasoning_tokens": 192}
OPENAI |= {"cache_read_tokens": 1920}
RESPONSES = {"prompt_tokens": 328, "output_tokens": 152, "reasoning_tokens": 64}
RESPONSES |= {"cache_read_tokens": 128}
CACHED = {"prompt_tokens": 2009, "output_tokens": 393}
CACHED |= {"cache_read_tokens": 1800, "cache_write_tokens": 188}
LANGCHAIN = CACHED | {"reasoning_tokens": 250}
ANTHROPIC = LANGCHAIN | {"cache_write_1h_tokens": 100}
GEMINI = {"prompt_tokens": 1034, "output_tokens": 160, "reasoning_tokens": 120}
GEMINI |= {"cache_read_tokens": 800}
COHERE = {"prompt_tokens": 17, "output_tokens": 12}
OLLAMA = {"prompt_tokens": 26, "output_tokens": 298}
MISTRAL = {"prompt_tokens": 16, "output_tokens": 34}
TEXT = {"prompt_tokens": 5, "output_tokens": 7}
LOOK = "Let me look."

# name: output, finish reason, model, provider, tools called, thoughts, tokens
EXPECTED = {
    "anthropic": (LOOK, "tool_use", CLAUDE, "anthropic", 1, True, ANTHROPIC),
    "anthropic_helper": (LOOK, "tool_use", CLAUDE, "anthropic", 1, True, ANTHROPIC),
    "anthropic_stream": (LOOK, "tool_use", CLAUDE, "anthropic", 1, True, ANTHROPIC),
    "bedrock": (LOOK, "tool_use", None, "bedrock", 1, True, CACHED),
    "bedrock_stream": (LOOK, "tool_use", None, "bedrock", 1, True, CACHED),
    "cohere": (LOOK, "TOOL_CALL", None, "cohere", 1, True, COHERE),
    "cohere_stream": (LOOK, "TOOL_CALL", None, "cohere", 1, True, COHERE),
    "cohere_first": (LOOK, "COMPLETE", None, "cohere", 0, False, COHERE),
    "cohere_first_stream": (LOOK, "COMPLETE", None, "cohere", 0, False, COHERE),
    "gemini": (LOOK, "STOP", FLASH, "google", 1, True, GEMINI),
    "gemini_stream": (LOOK, "STOP", FLASH, "google", 1, True, GEMINI),
    "langchain_anthropic": (LOOK, "tool_use", CLAUDE, "anthropic", 1, True, ANTHROPIC),
    "langchain_anthropic_stream": (
        *(LOOK, "tool_use", CLAUDE, "anthropic", 1, True),
        LANGCHAIN,
    ),
    "groq": (LOOK, "tool_calls", GPT, "groq", 2, False, OPENAI),
    "groq_stream": (LOOK, "tool_calls", GPT, "groq", 2, False, OPENAI),
    "langchain_aws": (LOOK, "tool_use", REGIONAL, "bedrock", 1, True, CACHED),
    "langchain_aws_stream": (LOOK, "tool_use", REGIONAL, "bedrock", 1, True, CACHED),
    "langchain_google": (LOOK, "STOP", FLASH, "google", 1, True, GEMINI),
    "langchain_google_stream": (LOOK, "STOP", FLASH, "google", 1, True, GEMINI),
    "langchain_openai": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "langchain_openai_stream": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "litellm_anthropic": (LOOK, "tool_calls", CLAUDE, "anthropic", 1, True, ANTHROPIC),
    "litellm_anthropic_stream": (
        *(LOOK, "tool_calls", "claude-sonnet-4-5", "anthropic", 1, True),
        ANTHROPIC,
    ),
    "litellm_openai": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "litellm_openai_stream": (
        *(LOOK, "tool_calls", "gpt-5-mini", "openai", 2, False),
        OPENAI,
    ),
    "mistral": (
        "Rain.",
        "stop",
        "magistral-medium-latest",
        "mistral",
        0,
        True,
        MISTRAL,
    ),
    "mistral_stream": (
        *("Rain.", "stop", "magistral-medium-latest", "mistral", 0, True),
        MISTRAL,
    ),
    "ollama": (LOOK, "stop", "qwen3:4b", "ollama", 1, True, OLLAMA),
    "ollama_stream": (LOOK, "stop", "qwen3:4b", "ollama", 1, True, OLLAMA),
    "ollama_text": (LOOK, "stop", "qwen3:4b", "ollama", 0, True, OLLAMA),
    "ollama_text_stream": (LOOK, "stop", "qwen3:4b", "ollama", 0, True, OLLAMA),
    "openai_chat": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "openai_chat_helper": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "openai_chat_stream": (LOOK, "tool_calls", GPT, "openai", 2, False, OPENAI),
    "openai_message": (LOOK, None, None, None, 2, False, {}),
    "openai_responses": (LOOK, "completed", GPT, "openai", 1, True, RESPONSES),
    "openai_responses_helper": (LOOK, "completed", GPT, "openai", 1, True, RESPONSES),
    "openai_responses_stream": (LOOK, "completed", GPT, "openai", 1, True, RESPONSES),
    "openai_text": (
        *("This is a test", "length", "gpt-3.5-turbo-instruct", "openai", 0, False),
        TEXT,
    ),
    "openai_text_stream": (
        *("This is a test", "length", "gpt-3.5-turbo-instruct", "openai", 0, False),
        {},
    ),
}


def read(name, chunks=None):
    """Read a recording, whole or cut."""
    made = RECORDINGS[name]
    if "chunks" not in made:
        return interpret(made["response"], made["type_name"])
    chunks = made["chunks"] if chunks is None else chunks
    return interpret(join(chunks), made["type_name"])


def counts(facts):
    """Give the counts that are neither missing nor 0."""
    names = facts.usage.__struct_fields__ if facts.usage else ()
    found = {name: getattr(facts.usage, name) for name in names}
    found.pop("total_cost", None)
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_an_sdk_returns_is_read(name):
    """Text, reason, model, provider, tool calls and tokens of every SDK are read."""
    output, reason, model, provider, calls, thinks, tokens = EXPECTED[name]

    facts = read(name)

    assert facts.output == output
    assert facts.finish_reason == reason
    assert facts.model == model
    assert facts.provider == provider
    assert counts(facts) == tokens
    message = facts.output_message
    assert len(message.get("tool_calls", [])) == calls
    assert ("thinking" in message) == thinks
    if thinks:
        thoughts = [part["thinking"] for part in message["thinking"]]
        assert "".join(thoughts) == "Two cities."


@pytest.mark.parametrize("name", RECORDINGS)
def test_tool_calls_have_one_form(name):
    """Whatever the provider's form, a call has id, name and arguments as JSON."""
    calls = read(name).output_message.get("tool_calls", [])

    for call, expected in zip(
        calls, [("weather", {"city": "Paris"}), ("clock", {})], strict=False
    ):
        assert call["id"]
        assert call["type"] == "function"
        assert call["function"]["name"] == expected[0]
        assert json.loads(call["function"]["arguments"]) == expected[1]


def test_further_choices_are_kept():
    """Several answers to one request are all there, the first as the answer."""
    for name in ("openai_chat", "openai_chat_stream", "openai_chat_helper"):
        assert read(name).choices == [{"role": "assistant", "content": "Rain."}]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_anywhere_keeps_what_there_was(name):
    """A cut stream has a part of the text, and no reason or tokens of its own."""
    chunks = RECORDINGS[name]["chunks"]
    full = read(name)

    for end in range(1, len(chunks)):
        facts = read(name, chunks[:end])

        assert facts is not None
        assert full.output.startswith(facts.output or "")
        assert facts.finish_reason in (None, full.finish_reason)
        assert counts(facts).items() <= counts(full).items()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_cut_in_the_middle_has_no_finish_reason(name):
    """Nobody said why the answer ended: nothing is said in the log."""
    chunks = RECORDINGS[name]["chunks"]

    facts = read(name, chunks[: len(chunks) // 2])

    assert facts.finish_reason is None
    assert "output_tokens" not in counts(facts)


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_an_sdk_is_given_is_read(name):
    """The arguments of a call and the body that was sent name the same messages."""
    made = RECORDINGS[name]

    asked = read_request(made["request"])
    sent = read_request(made["body"])

    last = {"role": "user", "content": "Weather?"}
    if name.startswith("openai_text"):
        last["content"] = "Say it"
    assert sent.messages[-1] == last
    assert asked.messages == sent.messages
    brief = {"role": "system", "content": "Be brief."}
    assert sent.messages[:-1] in ([], [brief])


JUNK = st.sampled_from(
    [
        *(None, True, -1, 2**80, 0.5, float("nan"), 1e308, "", "x", "\ud800", b"\xff"),
        *([], {}, [None], ["x"], [[]], [{}], {"": 1}, {"type": "x"}),
        {"text": {"text": 1}},
    ]
)


@st.composite
def damaged(draw, value):
    """Replace some of a value's members, at any depth, by junk."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 4))):
        holder = value
        while True:
            places = list(holder) if isinstance(holder, dict) else range(len(holder))
            if not places:
                break
            place = draw(st.sampled_from(places))
            if not isinstance(holder[place], dict | list) or draw(st.booleans()):
                holder[place] = copy.deepcopy(draw(JUNK))
                break
            holder = holder[place]
    return value


def is_valid(message):
    """Say whether a message keeps the contract's ChatMessage."""
    assert message["role"] in {"user", "assistant", "system", "tool", "developer"}
    content = message.get("content")
    assert content is None or isinstance(content, str | list)
    for part in content if isinstance(content, list) else []:
        assert isinstance(part["type"], str)
        if part["type"] == "text":
            assert isinstance(part["text"], str)
        if part["type"] == "image_url":
            assert isinstance(part["image_url"]["url"], str)
    for call in message.get("tool_calls", []):
        assert isinstance(call["id"], str)
        assert call["type"] == "function"
        assert isinstance(call["function"]["name"], str)
        assert isinstance(call["function"].get("arguments", ""), str)
    for part in message.get("thinking", []):
        names = ["data"] if part["type"] == "redacted_thinking" else ["thinking"]
        names += ["signature"] if part["type"] == "thinking" else []
        assert all(isinstance(part[name], str) for name in names)
    for name in ("name", "tool_call_id", "refusal"):
        assert isinstance(message.get(name, ""), str)
    return True


@settings(max_examples=25)
@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_a_damaged_response_is_read_as_far_as_it_goes(name, data):
    """Junk anywhere in a response costs the fact it hits; the message stays valid."""
    made = RECORDINGS[name]

    facts = interpret(data.draw(damaged(made["response"])), made["type_name"])

    assert not facts or not facts.output_message or is_valid(facts.output_message)


@settings(max_examples=25)
@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_a_damaged_stream_is_read_as_far_as_it_goes(name, data):
    """Junk anywhere in a stream costs no exception, and changes no chunk."""
    chunks = data.draw(damaged(RECORDINGS[name]["chunks"]))
    before = repr(chunks)

    facts = interpret(join(chunks))

    assert repr(chunks) == before
    assert not facts or not facts.output_message or is_valid(facts.output_message)


@settings(max_examples=25)
@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_a_damaged_request_is_read_as_far_as_it_goes(name, data):
    """Junk anywhere in a request costs no exception."""
    for side in ("request", "body"):
        facts = read_request(data.draw(damaged(RECORDINGS[name][side])))
        assert all(map(is_valid, facts.messages or []))
