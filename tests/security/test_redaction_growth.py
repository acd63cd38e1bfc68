"""The redaction's time: it grows with the text, whatever the text is made of."""

from __future__ import annotations

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
    begun = time.perf_counter()
    built_in(text)
    return time.perf_counter() - begun


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_the_time_grows_with_the_text_and_no_faster(unit):
    """A megabyte takes about four times as long as a quarter: sixteen is a square."""
    small, large = (unit * (size // len(unit)) for size in (1 << 18, 1 << 20))
    for _ in range(5):  # a busy machine may slow down either
        ratio = measure(large) / measure(small)
        if ratio < 8:
            return

    assert ratio < 8


def test_names_that_are_the_same_without_their_secrets_cost_no_more_each():
    """A dict by addresses: of nine thousand it took seven seconds."""
    rows = {f"a{n}@b.com": n for n in range(9_000)}
    for _ in range(5):  # a busy machine may slow down either
        begun = time.perf_counter()
        redact(rows, lambda text: "x")
        once = time.perf_counter() - begun
        if once < 1:
            return

    assert once < 1


WORDS = "the model said that a token is no secret and the key point is how it is told "


def test_it_takes_no_longer_than_to_find_all_words_a_few_times():
    """64 KB of prose: some 4 times as long as one pattern for words; it was over 30."""
    text = (WORDS * 1_000)[: 1 << 16]
    words = re.compile(r"\w+")
    for _ in range(5):  # a busy machine may slow down either
        begun = time.perf_counter()
        words.findall(text)
        once = time.perf_counter() - begun
        if measure(text) < 12 * once:
            return

    assert measure(text) < 12 * once
