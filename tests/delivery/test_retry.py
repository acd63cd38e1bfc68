"""What an answer means: the table, in both directions."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from promptscribe._delivery import retry
from promptscribe._delivery.transport import Answer
from promptscribe.errors import Unreachable

FATES = {
    "delivered": [200, 201, 202, 204, 299],
    "hold": [300, 301, 302, 303, 307, 308, 401, 403],
    "again": [400, 402, 404, 405, 407, 408, 410, 411, 415, 418, 429, 431, 500, 507],
    "rejected": [409, 413, 422],
}


@pytest.mark.parametrize(
    ("status", "fate"), [(s, fate) for fate, all_ in FATES.items() for s in all_]
)
def test_each_status_means_one_thing(status, fate):
    """2xx is delivered, auth and redirects wait for a person, 5xx comes again."""
    assert retry.judge(status, {}, now=0.0).fate == fate


@given(st.integers(100, 999))
def test_no_status_is_without_a_meaning(status):
    """Whatever a server says, a log is delivered, kept or buried, never forgotten."""
    verdict = retry.judge(status, {}, now=0.0)

    assert verdict.fate in FATES
    assert verdict.reason == f"http_{status}"


SUBJECTS = {  # who is spoken of: the server, what was sent, this or all, one of many
    "key": (retry.is_about_key, {401, 403}),
    "server": (retry.is_about_server, {408, 425, 429, 503, 507}),
    "content": (retry.is_about_content, {400, 409, 413, 415, 422}),
    "doubt": (retry.is_in_doubt, {400, 402, 404, 405, 407, 410, 411, 415, 418, 431}),
    "one": (retry.is_of_one, {402, 404, 405, 407, 410, 411, 418, 431, 500, 502}),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_an_answer_speaks_of_is_told_apart(subject):
    """Of all the statuses of the table above, and an address where nobody listens."""
    speaks, meant = SUBJECTS[subject]
    statuses = {s for all_ in FATES.values() for s in all_} | {502, 503, 425}

    assert {s for s in statuses if speaks(Answer(s, {}, b""))} == meant
    assert not speaks(Unreachable("nobody listens"))


def test_who_asks_for_a_pause_is_not_asked_at_once_for_less():
    """A request that failed as a whole is halved, but not against the server's word."""
    assert not retry.is_of_one(Answer(500, {"retry-after": "5"}, b""))


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("0", None),
        (" 120 ", 120.0),
        ("999999999999", retry.LONGEST_RETRY_AFTER),
        (format_datetime(datetime.fromtimestamp(NOW + 60, UTC)), 60.0),
        (format_datetime(datetime.fromtimestamp(NOW - 60, UTC)), None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_read_as_the_standard_has_it(header, seconds):
    """Seconds or a date (RFC 9110, 10.2.3), an hour at most, nonsense is none."""
    wait = retry.read_retry_after({"retry-after": header}, now=NOW)

    assert wait == (None if seconds is None else pytest.approx(seconds, abs=1.0))


@given(st.integers(0, 10_000))
def test_waits_grow_to_a_bound_and_are_spread(failures):
    """Exponential with jitter: a fleet does not come back in step."""
    shortest = retry.delay(failures, uniform=lambda low, _high: low)
    longest = retry.delay(failures, uniform=lambda _low, high: high)

    assert 0 < shortest < longest <= retry.LONGEST_DELAY
    assert longest == min(
        retry.LONGEST_DELAY, retry.FIRST_DELAY * 2.0 ** min(failures, 16)
    )
