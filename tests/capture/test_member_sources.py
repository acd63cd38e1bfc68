"""Every member of the seed document, from each of the places it can be set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from promptscribe import (
    current_log,
    log_context,
    log_prompt,
    record_log,
    schema,
    start_log,
)
from promptscribe.testing import FixedClock, captured_logs

MOMENT = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

VALUES = {
    "path": "folder/name",
    "id": "pr_1",
    "version_id": "prv_1",
    "version_environment": "production",
    "prompt": {"model": "gpt-4o", "temperature": 0.2},
    "inputs": {"question": "why"},
    "messages": [{"role": "user", "content": "hi"}],
    "output": "because",
    "output_message": {"role": "assistant", "content": "because"},
    "finish_reason": "stop",
    "prompt_tokens": 12,
    "output_tokens": 3,
    "prompt_cost": 0.00125,
    "output_cost": 0.5,
    "tool_choice": "auto",
    "start_time": MOMENT,
    "end_time": MOMENT,
    "created_at": MOMENT,
    "provider_latency": 0.25,
    "error": "it broke",
    "stdout": "printed",
    "provider_request": {"model": "gpt-4o"},
    "provider_response": {"id": "x"},
    "source": "checkout",
    "metadata": {"release": "1.4"},
    "source_datapoint_id": "dp_1",
    "trace_parent_id": "log_parent",
    "batch_id": "batch_1",
    "evaluation_id": "evr_1",
    "user": "user-7",
    "environment": "staging",
    "save": True,
    "log_id": "my-own-id",
}


def test_the_table_covers_every_member_that_is_sent():
    """The seed's members, the two of the query, and ``log_id``."""
    assert set(VALUES) == schema.SEED_MEMBERS | set(schema.QUERY_MEMBERS) | {"log_id"}


def from_decorator(**members):
    log_prompt(**members)(lambda: None)()


def from_block(**members):
    with log_prompt(**members):
        pass


def from_context(**members):
    with log_context(**members):
        log_prompt(**({} if "path" in members else {"path": "p"}))(lambda: None)()


def from_update(**members):
    log_prompt(lambda: current_log().update(**members))()


def from_started(**members):
    start_log(members.pop("path", "p"), **members).end()


def from_record(**members):
    record_log(**members)


SOURCES = [from_decorator, from_block, from_update, from_started, from_record]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_member_can_be_set_from_every_place(source, name):
    """Decorator, block, `current_log`, `start_log` and `record_log`."""
    with captured_logs() as logs:
        source(**{name: VALUES[name]})

    value = getattr(logs[0], name)
    if name == "metadata":
        assert value["release"] == "1.4"
    else:
        assert value == VALUES[name]


@pytest.mark.parametrize("name", [n for n in VALUES if n != "path"])
def test_every_member_can_be_set_for_all_logs_inside_a_context(name):
    """`log_context` takes the same members."""
    with captured_logs() as logs:
        from_context(**{name: VALUES[name]})

    assert getattr(logs[0], name) == VALUES[name]


def test_times_and_latency_are_captured():
    """Start, end, creation and duration come from the clocks, UTC and aware."""
    clock = FixedClock(MOMENT)

    with captured_logs(clock=clock) as logs:
        log_prompt(lambda: clock.advance(1.5))()

    log = logs[0]
    assert log.start_time == log.created_at == MOMENT
    assert (log.end_time - MOMENT).total_seconds() == 1.5
    assert log.provider_latency == 1.5


def test_times_in_a_trace_survive_a_clock_that_steps_back():
    """The wall clock is read once a trace; order and durations are monotonic."""
    clock = FixedClock(MOMENT)

    @log_prompt
    def child():
        clock.advance(1)

    @log_prompt
    def parent():
        clock.advance(1)
        clock._wall -= 3600 * 10**9  # the machine's clock is set back an hour
        child()

    with captured_logs(clock=clock) as logs:
        parent()

    inner, outer = logs
    assert outer.start_time < inner.start_time < inner.end_time <= outer.end_time
    assert outer.provider_latency == 2.0


def test_what_is_set_wins_over_what_is_captured():
    """Explicit members stay, whatever the response says."""
    response = {
        "model": "m",
        "choices": [
            {
                "message": {"role": "assistant", "content": "theirs"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }

    @log_prompt
    def call():
        current_log().update(output="mine", prompt_tokens=99)
        return response

    with captured_logs() as logs:
        call()

    log = logs[0]
    assert (log.output, log.prompt_tokens) == ("mine", 99)
    assert (log.output_tokens, log.finish_reason) == (2, "stop")


def test_an_unknown_name_in_an_update_is_told_and_passed_over(caplog):
    """During calls nothing is raised: the rest is kept, one line says so."""

    @log_prompt
    def call():
        current_log().update(usr="u", user="u")

    with captured_logs() as logs:
        call()

    assert logs[0].user == "u"
    assert "usr" in caplog.text


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("user", 42, "42"),
        ("prompt_tokens", "7", 7),
        ("prompt_cost", "0.5", 0.5),
        ("start_time", 1735787045.678901, MOMENT),
        ("created_at", "2025-01-02T03:04:05.678901", MOMENT),
        ("output_message", "hi", {"role": "assistant", "content": "hi"}),
        ("messages", {"role": "user"}, [{"role": "user"}]),
        ("inputs", {1: 2}, {"1": 2}),
        ("output", {"answer": [1]}, '{"answer":[1]}'),
        ("output", [1, "ü"], '[1,"ü"]'),
        ("error", ValueError("no"), "ValueError: no"),
        ("error", KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_value_that_can_be_understood_is_taken_as_meant(name, given, kept):
    """In calls, a number as text or a time as a number is no reason to lose a log."""
    with captured_logs() as logs:
        from_update(**{name: given})

    assert getattr(logs[0], name) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [("user", ["a"]), ("prompt_tokens", -3), ("metadata", "x"), ("start_time", "soon")],
)
def test_a_value_that_cannot_be_understood_is_named_in_metadata(name, given):
    """The log is kept without it, and says what is missing."""
    with captured_logs() as logs:
        from_update(**{name: given})

    log = logs[0]
    assert name in log.metadata["not_recorded"]


def test_save_false_keeps_no_payload():
    """Configuration, tokens and timing stay; content does not."""

    @log_prompt(save=False, prompt={"model": "m"})
    def call(question):
        current_log().update(prompt_tokens=3, stdout="secret", metadata={"kept": 1})
        raise ValueError(question)

    with captured_logs() as logs, pytest.raises(ValueError, match="secret"):
        call("secret")

    log = logs[0]
    assert log.prompt_tokens == 3
    assert log.prompt == {"model": "m"}
    assert log.metadata == {"kept": 1}
    assert "secret" not in repr(log)


def test_a_past_call_took_as_long_as_its_times_say():
    """Not as long as it took to record it; without times nothing is claimed."""
    with captured_logs() as logs:
        record_log("a", start_time=MOMENT, end_time=MOMENT + timedelta(seconds=2))
        record_log("a", output="x")

    assert logs[0].provider_latency == 2.0
    assert logs[1].provider_latency is None
    assert logs[1].end_time is None


def test_a_request_is_recorded_without_who_makes_it():
    """Messages, details and parameters; no key and no header."""
    request = {
        "model": "gpt-4o",
        "temperature": 0.1,
        "messages": [{"role": "user", "content": "hi"}],
        "tool_choice": "auto",
        "api_key": "canary",
        "extra_headers": {"Authorization": "canary"},
    }

    with captured_logs() as logs, log_prompt("a") as log:
        log.record_request(request)

    found = logs[0]
    assert found.messages == request["messages"]
    assert found.tool_choice == "auto"
    assert found.prompt["model"] == "gpt-4o"
    assert found.provider_request["temperature"] == 0.1
    assert "canary" not in repr(found)
