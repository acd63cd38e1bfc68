"""Where something is cut, nothing of a secret stays, wherever the secret stands."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys

import pytest

from promptscribe import log_context, log_prompt
from promptscribe._capture import account, cut, failure, redaction, room, sink
from promptscribe.testing import captured_logs

KEY = "sk-proj-aB3dE5gH7jK9mN1pQ4rS6tU8"
SECRETS = {
    "key": KEY,
    "address": "ada.lovelace@example.org",
    "card": "4111 1111 1111 1111",
    "header": "Authorization: Bearer aB3dE5gH7jK9mN1p",
    "quoted": 'password="correct horse battery staple"',
    "URL": "postgres://ada:aB3dE5gH7jK9@db.example.org/app",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMQ",
    "PEM": (
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f\n"
        "OTQvK5xnZBrPoAoGCCqGSM49AwEHoUQDQgAEJ7fM\n-----END EC PRIVATE KEY-----"
    ),
}
CONFIDENTIAL = {
    "key": KEY[8:],
    "address": "ada.lovelace",
    "card": "4111 1111 1111 1111",
    "header": "aB3dE5gH7jK9mN1p",
    "quoted": "correct horse battery staple",
    "URL": "aB3dE5gH7jK9",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMQ",
    "PEM": "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f",
}
"""Of these, no four letters may be found."""


def leaks(text, name):
    secret = CONFIDENTIAL[name]
    return [
        secret[at : at + 5]
        for at in range(len(secret) - 4)
        if secret[at : at + 5] in text
    ]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("apart", [" ", "\n", ","])
def test_a_secret_at_any_place_around_a_cut_is_not_kept_in_part(name, apart):
    """The beginning, the end and the middle of a text; each place around the cut."""
    secret = apart + SECRETS[name] + apart
    clean = redaction.built_in
    for shift in range(-3, len(secret) + 3):
        before, after = 500 - shift, 500 - len(secret) + shift
        text = f"{'words ' * 200}"[:before] + secret + f"{'words ' * 200}"[:after]
        for kept in (
            cut.head(text, 500, clean),
            cut.tail(text, 500, clean),
            cut.middle(text, 1_000 - 2, clean),
        ):
            assert not leaks(clean(kept), name), (shift, kept)


@pytest.mark.parametrize("name", SECRETS)
def test_an_error_is_cut_around_secrets(name):
    """Of a long message and of its traceback, at each place around both cuts."""
    secret = SECRETS[name]
    half = account.LONGEST_MESSAGE // 2

    @log_prompt(redact=True)
    def fail(message):
        raise ValueError(message)

    with captured_logs() as logs:
        for shift in range(-2, len(secret) + 2, 3):
            for before in (half - shift, 3 * half - shift):
                text = ("words " * 2_000)[:before] + f" {secret} "
                text += "words " * 700
                with contextlib.suppress(ValueError):
                    fail(text + "x" * max(4 * half - len(text), 0))
            long = ("words " * 9_000)[: failure.LONGEST_TRACEBACK // 2 - 250 - shift]
            with contextlib.suppress(ValueError):
                fail(f"{long} {secret} {'words ' * 3_000}")

    assert len(logs) > 10
    for log in logs:
        assert "characters cut" in log.error
        assert not leaks(repr(log.error) + repr(log.metadata), name)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("how", ["pieces", "whole"])
def test_what_is_printed_is_cut_around_secrets(name, how):
    """At each place around both cuts, printed at once or letter by letter."""
    secret = SECRETS[name]
    half = sink.LONGEST_OUTPUT // 2

    @log_prompt(redact=True, capture_stdout=True)
    def call(parts):
        for part in parts:
            sys.stdout.write(part)

    with captured_logs() as logs, contextlib.redirect_stdout(io.StringIO()):
        for shift in range(-2, len(secret) + 2, 7):
            words = "words " * 20_000
            text = (
                f"{words[: half - shift]} {secret} {words[:half]}"
                f"{words[: half + shift - len(secret)]} {secret} "
            )
            text += words[: half - shift]
            call([text] if how == "whole" else [text[:-999], *text[-999:]])

    for log in logs:
        assert "characters cut" in log.stdout
        assert len(log.stdout) < sink.LONGEST_OUTPUT + 100
        assert not leaks(log.stdout, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SECRETS)
def test_long_texts_are_cut_around_secrets(name):
    """Arguments, those of generators too, results and what a context says."""
    secret = SECRETS[name]
    longest = room.LONGEST_TEXT
    words = "words " * (longest // 6 + 100)

    @log_prompt(redact=True)
    def call(text):
        return text

    @log_prompt(redact=True)
    def stream(text):
        yield text

    with captured_logs() as logs:
        for shift in (-1, 1, len(secret) // 2, len(secret) - 1, len(secret)):
            text = f"{words[: longest - 1 - shift]} {secret} {words[:5_000]}"
            with log_context(metadata={"text": text}):
                call(text)
            list(stream(text))

    assert len(logs) == 10
    for log in logs:
        assert "characters cut" in log.inputs["text"]
        assert not leaks(log.inputs["text"][-300:], name)
        assert not leaks(log.output[-20_000:], name)
        if log.metadata and "text" in log.metadata:
            assert not leaks(log.metadata["text"][-300:], name)


@pytest.mark.parametrize("name", ["key", "address", "card", "header", "URL", "JWT"])
@pytest.mark.parametrize("kind", [str, str.encode], ids=["text", "bytes"])
def test_what_an_exception_carries_is_cut_around_secrets(name, kind):
    """The message of one with very much in it tells the beginning of each part."""
    secret = f" {SECRETS[name]} "

    @log_prompt(redact=True)
    def call(text):
        raise ValueError([0] * 3_000, kind(text))

    with captured_logs() as logs:
        for shift in range(0, len(secret), 3):
            for place in (500, 1_000):
                with contextlib.suppress(ValueError):
                    call("x " * ((place - shift) // 2) + secret + "y " * 1_000)

    assert [leak for log in logs for leak in leaks(str(log), name)] == []
    assert all("x x" in log.error for log in logs)


def test_a_hook_of_ones_own_is_not_cut_through_either():
    """Whatever it takes for a secret: the cut knows only what it gives back."""
    name = "Ada King, Countess of Lovelace"

    @log_prompt(redact=lambda text: text.replace(name, "A."))
    def fail(message):
        raise ValueError(message)

    half = account.LONGEST_MESSAGE // 2
    with captured_logs() as logs:
        for shift in range(-1, len(name) + 1):
            text = ("words " * 900)[: half - shift] + name + "words " * 900
            with contextlib.suppress(ValueError):
                fail(text)

    for log in logs:
        for part in ("Ada", "King", "Countess", "Lovelace"):
            assert part not in repr(log)


def test_what_is_not_redacted_is_cut_as_before():
    """To the letter, with the number of those that are missing."""
    text = "a" * 5_000 + KEY + "b" * 5_000

    @log_prompt
    def fail():
        raise ValueError(text)

    with captured_logs() as logs, contextlib.suppress(ValueError):
        fail()

    assert logs[0].error == (
        f"ValueError: {'a' * 4_096}\n… [{len(text) - 8_192} characters cut]\n"
        f"{'b' * 4_096}"
    )


def _openai(text):
    choice = {"index": 0, "delta": {"content": text}}
    return {"object": "chat.completion.chunk", "model": "m", "choices": [choice]}


CHUNKS = {
    "text": lambda text: text,
    "bytes": str.encode,
    "OpenAI": _openai,
    "unknown": lambda text: {"n": 1, "said": [{"more": text}], "kind": "piece"},
}
USAGE = {
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7},
}


def read(output):
    """Return the text of an output, that of bytes as well."""
    if not output.startswith('["'):
        return output
    chunks = [chunk for chunk in json.loads(output) if type(chunk) is str]
    assert len(chunks) > 9  # and what there is no time for is counted
    return b"".join(map(base64.b64decode, chunks)).decode("utf-8", "replace")


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHUNKS)
@pytest.mark.parametrize("size", [991, 61_001])
def test_a_stream_that_is_too_long_is_cut_around_secrets(kind, size):
    """It has one at each place; of none of them a part is kept where it was cut."""
    text = f"{KEY} {SECRETS['address']}, " * (9 * (1 << 20) // 60)
    chunks = [CHUNKS[kind](text[at : at + size]) for at in range(0, len(text), size)]

    @log_prompt(redact=True)
    def stream():
        yield from chunks
        if kind == "OpenAI":
            yield USAGE

    with captured_logs() as logs:
        for _ in stream():
            pass

    (log,) = logs
    assert log.metadata["chunks_cut"] > 0
    if kind != "bytes":
        assert "[redacted]" in log.output
    for name in ("key", "address"):
        assert not leaks(repr(log), name)
        assert not leaks(read(log.output), name)
    if kind == "OpenAI":
        assert (log.finish_reason, log.output_tokens) == ("stop", 7)
    if kind == "unknown":
        assert log.output.count("piece") > 9
