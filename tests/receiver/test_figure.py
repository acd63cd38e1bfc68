"""Figures as people read them."""

import pytest

from promptscribe.receiver.figure import (
    count,
    dollars,
    duration,
    full_moment,
    moment,
    pretty,
)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (None, "\u2013"),
        (0, "0 µs"),
        (999, "999 µs"),
        (1_500, "1.5 ms"),
        (820_000, "820 ms"),
        (999_600, "1.00 s"),
        (4_250_000, "4.25 s"),
        (125_000_000, "2 min 5 s"),
        (7_260_000_000, "2 h 1 min"),
    ],
)
def test_durations(microseconds, text):
    """The unit grows with the span, and three digits are enough."""
    assert duration(microseconds) == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, "\u2013"),
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.5, "$0.50"),
        (0.0012, "$0.0012"),
        (0.000097, "$0.000097"),
        (1.5e-9, "$1.5e-09"),
    ],
)
def test_costs(cost, text):
    """Small amounts keep the digits that tell them apart."""
    assert dollars(cost) == text


def test_counts_times_and_json():
    """Thousands apart, UTC, and integers of any size."""
    assert count(1234567) == "1,234,567"
    assert count(None) == "\u2013"
    assert moment(None) == "\u2013"
    assert moment(0) == "1970-01-01 00:00:00"
    assert full_moment(1_500_000) == "1970-01-01 00:00:01.500 UTC"
    assert pretty({"n": 2**70}) == '{\n  "n": 1180591620717411303424\n}'
