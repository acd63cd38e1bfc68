"""The redaction's time: it grows with the text, whatever the text is made of."""

from __future__ import annotations

import base64
import random
import re
import time

import pytest

from promptscribe._capture.redaction import built_in, redact

UNITS = [
    "a@a.",
    '"a"@',
    "%40a",
    "\u4f60@",
    "4 1",
    "4111111111111111 ",
    "0123456789abcdef",
    "://a:b",
    "sk-a-",
    "eyJaaaaaaaa.",
    "SG.aaaaaaaaaaaaaaaa.",
    "-----BEGIN RSA PRIVATE KEY-----",
    "QUJD\n-----END PRIVATE KEY-----",
    "password='",
    'password="\\"',
    '"password": {"a":',
    '"name": "password", "value":',
    "password=(;(;",
    "authorization: digest ",
    "--password ",
    '{"a":',
    "token token: ",
]
"""What a pattern could be tried on again and again, from each of its letters."""


def measure(text):
    return timed(built_in, text)


def timed(function, *arguments):
    """Return the CPU seconds of a call: other threads and programs take none of it."""
    begun = time.thread_time()
    function(*arguments)
    return time.thread_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_the_time_grows_with_the_text_and_no_faster(unit):
    """A megabyte takes about four times as long as a quarter: sixteen is a square."""
    small, large = (unit * (size // len(unit)) for size in (1 << 18, 1 << 20))

    ratio = min(measure(large) / measure(small) for _ in range(3))

    assert ratio < 8


def test_names_that_are_the_same_without_their_secrets_cost_no_more_each():
    """A dict by addresses: of nine thousand it took seven seconds."""
    few, many = ({f"a{n}@b.com": n for n in range(most)} for most in (1_500, 9_000))

    once = min(timed(redact, few, lambda text: "x") for _ in range(3))
    ratio = min(timed(redact, many, lambda text: "x") for _ in range(3)) / once

    assert ratio < 18  # six times as many; by a square it would be 36


FIND_WORDS = re.compile(r"\w+").findall
WORDS = "the model said that a token is no secret and the key point is how it is told "


def test_it_takes_no_longer_than_to_find_all_words_a_few_times():
    """64 KB of prose: some 4 times as long as one pattern for words; it was over 30."""
    text = (WORDS * 1_000)[: 1 << 16]

    once = min(timed(FIND_WORDS, text) for _ in range(5))

    assert min(measure(text) for _ in range(5)) < 12 * once


RANDOM = random.Random(1).randbytes(200_000)  # noqa: S311 - no secret
TEXTS = {
    "table": "".join(
        f"{n},0.{n * 7919 % 10**6:06},0.{n * 104729 % 10**6:06},name{n}\n"
        for n in range(9_000)
    ),
    "log lines": "".join(
        f"2026-01-01T12:{n % 60:02}:{n % 59:02}Z INFO server[{n}]: id={n:08x} "
        f"path=/api/v1/items?page={n} took=12ms\n"
        for n in range(3_000)
    ),
    "base64": f"see {base64.b64encode(RANDOM).decode()}",
    "base64 in lines": base64.encodebytes(RANDOM).decode(),
}
"""What is large in earnest, and has no secret in it."""


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_looks_like_a_secret_in_part_takes_little_more_than_prose(text):
    """Digits, queries, letters without end: it was two to four times as long."""
    text = text[: 1 << 18]
    words = (WORDS * 4_000)[: 1 << 18]

    once = min(timed(FIND_WORDS, words) for _ in range(5))

    assert min(measure(text) for _ in range(5)) < 2 * once
