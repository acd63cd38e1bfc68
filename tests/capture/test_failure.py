"""Our own failures: they never reach the code that is recorded."""

from __future__ import annotations

import pytest

from promptscribe import current_log, log_prompt, record_log, start_log
from promptscribe.testing import FixedClock, captured_logs


class BrokenClock(FixedClock):
    """A clock that fails from some reading on."""

    def __init__(self, readings):
        super().__init__()
        self.left = readings

    def monotonic_ns(self):
        self.left -= 1
        if self.left < 0:
            raise OSError("no time")
        return super().monotonic_ns()

    wall_ns = monotonic_ns


@pytest.mark.parametrize("readings", range(6))
def test_no_way_of_recording_lets_a_failure_of_ours_through(readings):
    """Function, block, started and recorded log: the code around goes on."""
    ways = [
        log_prompt(lambda: "kept"),
        lambda: start_log("a").end("done"),
        lambda: record_log("a", output="x"),
        block,
    ]
    for way in ways:
        with captured_logs(clock=BrokenClock(readings)):
            way()
        assert not current_log()


def block():
    with log_prompt("a") as log:
        log.update(user="u")


def test_a_block_that_captures_nothing_logs_nothing():
    """As the decorator of that name; what is inside hangs under what is around."""
    with (
        captured_logs() as logs,
        log_prompt("outer") as outer,
        log_prompt("inner", capture="none") as log,
    ):
        assert not log
        start_log("leaf").end()

    assert [log.path for log in logs] == ["leaf", "outer"]
    assert logs[0].trace_parent_id == outer.id


def test_a_request_that_is_none_is_told_and_passed_over():
    """During a call nothing is raised, whatever was handed over."""
    with captured_logs() as logs, log_prompt("a") as log:
        log.record_request(None)

    assert logs[0].provider_request is None
