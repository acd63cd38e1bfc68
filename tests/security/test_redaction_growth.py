"""The redaction's time: it grows with the text, whatever the text is made of."""

from __future__ import annotations

import time

import pytest

from promptscribe._capture.redaction import built_in

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
