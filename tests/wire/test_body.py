"""The body: what goes over the wire for a log."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from promptscribe._wire import body
from promptscribe.schema import SEED_MEMBERS

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_only_members_of_the_seed_and_the_log_id_are_sent():
    """A strict server of the seed's generation refuses any other."""
    log = {
        "path": "a",
        "log_id": "l",
        "run_id": "r",
        "reasoning_tokens": 3,
        "log_status": "complete",
        "version_id": "v",
        "version_environment": "e",
        "environment": "label",
    }

    query, content = body.write(log)

    assert query == {"version_id": "v", "environment": "e"}
    assert json.loads(content) == {"path": "a", "log_id": "l", "environment": "label"}
    assert set(json.loads(content)) <= SEED_MEMBERS | {"log_id"}


def test_times_are_utc_with_a_zone():
    """RFC 3339, microseconds kept."""
    moment = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    _, content = body.write({"start_time": moment})

    assert json.loads(content) == {"start_time": "2025-01-02T03:04:05.678901Z"}


def test_what_json_has_no_word_for_is_sent_as_text():
    """Null would hide that there was a value."""
    log = {"inputs": {"a": [math.nan, math.inf, -math.inf]}}

    assert json.loads(body.write(log)[1])["inputs"]["a"] == [
        "NaN",
        "Infinity",
        "-Infinity",
    ]


def test_text_arrives_as_written():
    """CJK, NUL, emoji and big integers, byte for byte."""
    log = {"inputs": {"text": "日本\x00😀", "number": 2**63 + 1}}

    content = body.write(log)[1]

    assert "日本".encode() in content
    assert json.loads(content)["inputs"] == {"text": "日本\x00😀", "number": 2**63 + 1}


@given(st.dictionaries(st.text(), values))
def test_any_inputs_make_strict_json(inputs):
    """No value makes a body that a strict parser refuses."""

    def refuse(word):
        raise AssertionError(word)

    json.loads(body.write({"inputs": inputs})[1], parse_constant=refuse)
