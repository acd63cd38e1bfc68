"""The goal: what somebody waits for at the end, and what not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from promptscribe._delivery import goal as goals
from promptscribe._delivery.goal import Goal
from promptscribe._delivery.ledger import Ledger


class Books:
    """A ledger, and the logs of a process."""

    def __init__(self, recorded):
        self.ledger = Ledger()
        self.recorded = recorded

    def result(self):
        return self.ledger.result(self.recorded)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now = 0.0

    # In that module alone: the machine's clock is everybody's.
    monkeypatch.setattr(goals, "time", SimpleNamespace(monotonic=lambda: Clock.now))
    return Clock


@pytest.mark.parametrize("with_adopted", [False, True], ids=["exit", "flush"])
def test_threads_that_log_for_ever_hold_nobody_up(with_adopted):
    """What was there when the waiting began is enough."""
    books = Books(10)
    goal = Goal(books.result, with_adopted=with_adopted)
    books.recorded = 1_000_000
    before = goal.is_reached()
    books.ledger.add("delivered", None, 9)
    books.ledger.add("rejected", None, 1)

    assert (before, goal.is_reached()) == (False, True)


def test_a_flush_waits_for_what_dead_processes_left_as_well():
    """It is found while the flush waits; what is recorded meanwhile counts for none."""
    books = Books(0)
    goal = Goal(books.result, with_adopted=True)
    books.recorded = 5
    books.ledger.add("adopted", None, 10)
    books.ledger.add("delivered", None, 9)
    before = goal.is_reached()
    books.ledger.add("delivered", None, 1)

    assert (before, goal.is_reached()) == (False, True)


def test_what_cannot_be_done_in_time_is_not_begun(clock):
    """A hundred of a million in half a second: two seconds will not do."""
    books = Books(1_000_000)
    goal = Goal(books.result)
    clock.now = 1.0  # loads modules; a slow server has said nothing yet
    at_first = goal.is_out_of_reach(3)
    books.ledger.add("delivered", None, 100)
    then = goal.is_out_of_reach(3)
    clock.now = 1.5
    books.ledger.add("delivered", None, 100)

    assert (at_first, then) == (False, False)
    assert goal.is_out_of_reach(2)


def test_what_would_be_lost_is_waited_for_in_any_case(clock):
    """Logs in memory, because the disk fails."""
    books = Books(1_000_000)
    goal = Goal(books.result, is_vital=True)
    for clock.now in (1.0, 1.5):
        books.ledger.add("delivered", None, 100)
        assert not goal.is_out_of_reach(2)


def test_what_can_be_done_in_time_is_waited_for(clock):
    """Half of it in the first half second."""
    books = Books(1000)
    goal = Goal(books.result)
    for clock.now in (0.5, 1.0):
        books.ledger.add("delivered", None, 400)
        assert not goal.is_out_of_reach(1)
