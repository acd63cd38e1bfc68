"""The redaction's promise, put to the test with values that nobody thought of."""

from __future__ import annotations

import base64
import contextlib
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptscribe import log_prompt
from promptscribe._capture.redaction import built_in
from promptscribe._runtime.state import runtime
from promptscribe.testing import captured_logs

MARK = st.text("abcdefghijkmnpqrstuvwxyz", min_size=6, max_size=12).map(
    lambda word: f"Zq7{word}9X"
)
"""What is looked for: a word that nothing else has in it."""

SHAPES = [
    "sk-proj-aB3dE5{}gH7jK9mN",
    "sk-ant-api03-aB3dE5{}gH7jK9mN",
    "ghp_aB3dE5gH7jK9mN{}",
    "xoxb-123456789012-{}",
    "hf_aB3dE5gH7jK9mN{}",
    "gsk_aB3dE5gH7jK9mN{}",
    "AIzaSyA1b2C3d4E5f6G7h8I9j0K1{}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{}.c2lnbmF0dXJl",
    "Bearer {}",
    "{}@example.org",
    "ada@{}.example.org",
    "postgres://ada:{}@db.example.org/app",
    "https://example.org/?api_key={}&q=1",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
]
"""What is known by itself."""

NAMES = [
    "password", "api_key", "apiKey", "X-Api-Key", "authorization", "Authorization",
    "client_secret", "OPENAI_API_KEY", "access_token", "refreshToken", "Cookie",
    "aws_secret_access_key", "db_password", "private_key", "credentials", "token",
]  # fmt: skip

LINES = [
    "{name}={mark}",
    "{name}: {mark}",
    "export {name}={mark}",
    '{{"{name}": "{mark}", "n": 1}}',
    "{{'{name}': '{mark}'}}",
    "x = {{\"a\": {{'{name}': b'{mark}'}}}}",
    "curl -H '{name}: {mark}' https://example.org",
    "tool --{name} {mark}",
    "https://example.org/?{name}={mark}",
]
"""What is known by its name, as texts have it."""


def _within_a_text(secret, before, after):
    return f"{before} {secret} {after}"


def _deep_json(secret, levels):
    for _ in range(levels):
        secret = json.dumps({"arguments": secret, "n": 1})
    return secret


words = st.text(max_size=20)
shaped = st.builds(
    lambda shape, mark: (shape.format(mark), mark), st.sampled_from(SHAPES), MARK
)
lined = st.builds(
    lambda line, name, mark: (line.format(name=name, mark=mark), mark),
    st.sampled_from(LINES),
    st.sampled_from(NAMES),
    MARK,
)
texts = st.one_of(
    shaped,
    st.builds(lambda s, a, b: (_within_a_text(s[0], a, b), s[1]), shaped, words, words),
    lined,
    st.builds(lambda s, a, b: (f"{a}\n{s[0]}\n{b}", s[1]), lined, words, words),
    st.builds(
        lambda s, n: (_deep_json(s[0], n), s[1]), shaped | lined, st.integers(1, 4)
    ),
)
"""Texts with a secret in them, and its mark."""

hidden = st.one_of(
    texts,
    texts.map(lambda t: (t[0].encode(), t[1])),
    texts.map(lambda t: (bytearray(t[0].encode()), t[1])),
    shaped.map(lambda t: ({t[0]: 1}, t[1])),
    shaped.map(lambda t: ({t[0].encode(): 1}, t[1])),
    st.builds(lambda n, m: ({n: m}, m), st.sampled_from(NAMES), MARK),
    st.builds(lambda n, m: ({n.encode(): m.encode()}, m), st.sampled_from(NAMES), MARK),
    st.builds(lambda n, m: ({n: {"a": [m]}}, m), st.sampled_from(NAMES), MARK),
    st.builds(lambda n, m: ([(n, m), ("a", "b")], m), st.sampled_from(NAMES), MARK),
    st.builds(lambda n, m: ({"name": n, "value": m}, m), st.sampled_from(NAMES), MARK),
)
"""Values with a secret in them, and its mark."""

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def values(draw):
    """Draw a value with a secret somewhere in it, and the secret's mark."""
    value, mark = draw(hidden)
    for _ in range(draw(st.integers(0, 4))):
        beside = draw(plain)
        if draw(st.booleans()):
            value = draw(st.permutations([value, beside, draw(plain)]))
        else:
            value = {draw(st.text(max_size=8)): beside, draw(words): value}
    return value, mark


@settings(max_examples=400)
@given(values())
@example((["x", ("token", "Zq7abcdef9X")], "Zq7abcdef9X"))
def test_a_secret_anywhere_in_a_value_never_reaches_the_journal(drawn):
    """Whatever it looks like, whatever is around it, in every field of a log."""
    value, mark = drawn
    frames = []

    @log_prompt(redact=True, path="a", metadata={"m": value}, prompt=lambda v: {"p": v})
    def call(v):
        return v

    @log_prompt(redact=True)
    def fail(v):
        raise ValueError(v)

    def append(_kind, payload):
        frames.append(payload)
        return True

    with runtime.lend(append):
        call(value)
        with contextlib.suppress(ValueError):
            fail(value)

    written = b"".join(frames)
    assert len(frames) == 4
    assert b"redaction failed" not in written
    assert mark.encode() not in written


@settings(max_examples=300)
@given(texts)
def test_what_was_redacted_once_stays_so(drawn):
    """A second time changes nothing: cuts and JSON are redacted twice."""
    once = built_in(drawn[0])

    assert built_in(once) == once


@settings(max_examples=300)
@given(plain, words, lined)
def test_json_that_holds_a_secret_is_json_afterwards(value, name, line):
    """With all that is no secret at its place."""
    text = json.dumps({"value": value, name: line[0]}, default=repr)

    kept = json.loads(built_in(text))

    assert "value" in kept
    assert line[1] not in str(kept)


@settings(max_examples=150)
@given(
    shaped | lined,
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.sampled_from(["text", "bytes", "unknown", "recorded"]),
)
def test_a_secret_in_chunks_of_any_size_never_reaches_the_journal(line, sizes, kind):
    """Wherever it is split, and whatever the chunks look like."""
    text, mark = f"first\n{line[0]}\nlast", line[1]
    parts, at = [], 0
    while at < len(text):
        size = sizes[len(parts) % len(sizes)]
        parts.append(text[at : at + size])
        at += size
    if kind == "bytes":
        parts = [part.encode() for part in parts]
    if kind == "unknown":
        parts = [{"n": n, "said": [{"more": p}]} for n, p in enumerate(parts)]

    @log_prompt(redact=True, path="a")
    def stream():
        yield from parts

    with captured_logs() as logs:
        if kind == "recorded":
            with log_prompt("a", redact=True) as log:
                list(log.record(part for part in parts))
        else:
            list(stream())

    said = _joined(kind, logs[0].output)
    assert "[redacted]" in said
    assert mark not in said
    assert mark[2:8] not in said


def _joined(kind, output):
    """Return what the chunks of an output say together."""
    if kind == "bytes":
        return b"".join(map(base64.b64decode, json.loads(output))).decode()
    if kind == "unknown":
        return "".join(chunk["said"][0]["more"] for chunk in json.loads(output))
    return output
