"""The two ways from a record to a log: the short one onto the wire, and an object."""

from __future__ import annotations

import itertools
import json
from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promptscribe
from promptscribe import _clock, log_prompt
from promptscribe._runtime import render
from promptscribe._wire import body, record

KEY = 1 << 63 | 5
BEGAN = 1_700_000_000_123_456_789
CHAT = {
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [{"message": {"role": "assistant", "content": "yes"}}],
    "usage": {"prompt_tokens": 500, "completion_tokens": 20},
}
CHUNK = {
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"content": "a"}}],
}


def as_model(value):
    """Return a value as the journal keeps a pydantic model."""
    kind = b"openai.types.chat.chat_completion.ChatCompletion"
    text = kind + b"\0" + msgspec.json.encode(value)
    return msgspec.msgpack.Ext(record.EXT_MODEL, text)


def as_chunks(chunks):
    """Return the chunks of a stream as the journal keeps them."""
    return msgspec.msgpack.Ext(
        record.EXT_CHUNKS, msgspec.msgpack.encode(["openai.Chunk", chunks])
    )


BIG = msgspec.msgpack.Ext(record.EXT_BIG_INT, b"123456789012345678901234567890")
atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary(max_size=3)
    | st.just(BIG)
    | st.just(as_model({"x": [1]}))
)
keys = st.sampled_from(["a", "role", "content", 1, None, True])
values = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=6,
)
message = st.sampled_from([{"role": "user", "content": "hi"}, {"content": "no role"}])
layers = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "path": st.just("a/b"),
        "prompt": st.just({"model": "gpt-4o-mini", "temperature": 0.2}) | values,
        "metadata": st.dictionaries(st.text(), values, max_size=2) | values,
        "save": st.booleans(),
        "messages": st.lists(message) | values,
        "inputs": values,
        "output": values,
        "prompt_tokens": values,
        "user": values,
        "start_time": st.just("2026-03-01T00:00:00Z") | values,
        "version_environment": st.just("prod"),
        "run_id": st.just("r"),
    },
)
results = values | st.sampled_from(
    [CHAT, as_model(CHAT), as_chunks([CHUNK]), as_chunks([as_model(CHUNK), {}]), "text"]
)
updates = st.none() | st.lists(
    st.builds(
        lambda layer, response: {**(layer or {}), **response},
        layers,
        st.just({}) | st.builds(lambda r: {record.RESPONSE: r}, results),
    ),
    max_size=2,
)
omitted = st.sampled_from(
    [{record.MARK: "not recorded", "type": "openai.Omit"}, "~?~unset~?~sentinel~?~"]
)
inputs = st.none() | st.dictionaries(
    st.sampled_from(["q", "messages"]), values | omitted
)


@st.composite
def frames(draw):
    """Draw the two frames of a call."""
    said_before = [draw(strategy) for strategy in (layers, layers, inputs, layers)]
    result, said = draw(results), draw(updates)
    first = (KEY, bytes(range(16)), None, BEGAN, *said_before)
    last = (KEY, BEGAN + 5, True, result, None, said, None)
    return msgspec.msgpack.encode(first), msgspec.msgpack.encode(last)


@settings(max_examples=100)
@given(frames())
def test_both_ways_say_the_same(call):
    """Whatever was recorded: what is sent is what a reader of the journal sees."""
    start, end = call
    log = render.read_log(start, end)
    there = {n: v for n, v in msgspec.structs.asdict(log).items() if v is not None}

    _, query, content = render.write_log(start, end)

    expected_query, expected = body.write(there)
    assert query == expected_query
    assert json.loads(content) == json.loads(expected)


DETAILS = {"prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 0}}
TOOLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
ANSWER = {"role": "assistant", "content": "yes"}
DECLARED = [
    None,
    {"path": "a/b", "prompt": {"model": "gpt-4o-mini", "provider": "openai"}},
    {"path": "a", "prompt": "---\nmodel: m\n---\nhi", "version_environment": "prod"},
    {"metadata": {"reasoning_tokens": "mine", "tags": [1.5, None]}, "run_id": "r"},
]
ANSWERS = [
    "text",
    CHAT,
    as_model(CHAT),
    CHAT | {"model": "gemini-2.5-flash", "service_tier": ""},
    CHAT | {"model": "deepseek-chat", "id": None, "system_fingerprint": {True: 1}},
    CHAT | {"usage": CHAT["usage"] | DETAILS},
    CHAT | {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
    CHAT | {"usage": {"prompt_tokens": "5", "completion_tokens": 2.0}},
    CHAT | {"prompt_filter_results": []},
    CHAT | {"choices": [{"message": ANSWER | {"reasoning_content": None}}]},
    CHAT | {"choices": [{"message": ANSWER | {"reasoning_content": "hm"}}]},
    CHAT | {"choices": [{"message": ANSWER | {"refusal": "", "annotations": [1]}}]},
    CHAT | {"choices": CHAT["choices"] * 2},
    CHAT | {"choices": [{"message": {"content": "", "tool_calls": TOOLS}}]},
    {"type": "message", "model": "claude-x", "content": [], "usage": {}},
    {"type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    | {"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
    | {"usage": {"input_tokens": 5, "output_tokens": 2}},
    CHAT | {"model": "no/such", "usage": CHAT["usage"] | {"cost": 0.25}},
    CHAT | {"error": {"code": 502, "message": "gone"}},
    {"object": "response", "status": "failed", "model": "gpt-5", "output": []}
    | {"usage": {"input_tokens": 5, "output_tokens": 2}, "error": {"code": "a"}},
    {"object": "list", "model": "text-embedding-3-small"}
    | {"data": [{"embedding": [0.5]}], "usage": {"prompt_tokens": 8}},
    {"created": 1, "data": [{"url": "https://example.org"}]}
    | {"usage": {"input_tokens": 5, "output_tokens": 2}},
    {"text": "hi", "usage": {"type": "duration", "seconds": 9}},
]
PARENTS = [None, KEY + 1, "log_of_another"]
LATE = [0, 5_000, -123_456_789]
INPUTS = [None, {}, {"q": 1, "messages": []}, {"messages": [{"role": "user"}], 1: 2}]


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_usual_log_says_the_same(declared, answer):
    """What is read the short way is what is read by asking for everything."""
    for parent, asked, late in itertools.product(PARENTS, INPUTS, LATE):
        first = (KEY, bytes(range(16)), parent, BEGAN, declared, None, asked, None)
        last = (KEY, BEGAN + late, True, answer, None, None, None)
        start, end = map(msgspec.msgpack.encode, (first, last))
        log = render.read_log(start, end)
        there = {n: v for n, v in msgspec.structs.asdict(log).items() if v is not None}

        _, query, content = render.write_log(start, end)

        expected_query, expected = body.write(there)
        assert query == expected_query
        assert json.loads(content) == json.loads(expected)


def test_one_log_does_not_change_the_next():
    """What decorator and context say is read once for many logs; each has its own."""
    declared = {"path": "a", "metadata": {"otel": {"attributes": {"a": 1}}}}
    first = (KEY, bytes(16), None, BEGAN, declared, None, {"q": 1}, None)
    last = (KEY, BEGAN, True, CHAT, None, [{"metadata": {"b": 2}, "save": False}], None)
    plain = (KEY, BEGAN, True, "text", None, None, None)
    start = msgspec.msgpack.encode(first)

    before = render.write_log(start, msgspec.msgpack.encode(plain))
    render.write_log(start, msgspec.msgpack.encode(last))

    assert render.write_log(start, msgspec.msgpack.encode(plain)) == before


def test_a_log_is_sent_though_somebody_has_put_another_class_for_times(
    server, monkeypatch
):
    """As freezegun does in every module; before, each was dropped as unreadable."""

    class FakeDatetime(datetime):
        pass

    @log_prompt(path="frozen/answer")
    def answer(mark):
        return mark

    monkeypatch.setattr(_clock, "datetime", FakeDatetime)
    answer(1)
    result = promptscribe.force_flush(60)

    assert (result.delivered, result.dropped) == (1, 0)
    assert server.bodies[0]["start_time"] == server.bodies[0]["created_at"]
