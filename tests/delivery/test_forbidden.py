"""403: said of the key by one server, of one prompt by a firewall before another."""

from __future__ import annotations

import threading

import pytest
from tests.promises.faults_server import Reply

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery import retry
from promptscribe.receiver.server import start_in_thread

FORBIDDEN = Reply(403, whole=True)


@pytest.fixture(autouse=True)
def _no_second_try(monkeypatch):
    """What waits for another key waits for longer than any test."""
    monkeypatch.setattr(retry, "HOLD_DELAY", 1e6)


@log_prompt(path="forbidden/call")
def answer(mark):
    return mark


def call(*marks):
    for mark in marks:
        answer(mark)


def marks(sink):
    return sorted(log["inputs"]["mark"] for log in sink.stored.values())


class Firewall:
    """One that takes every negative number for an attack.

    Attributes:
        stopped: Those that it has stopped.
    """

    def __init__(self):
        self.stopped = set()

    def __call__(self, seen):
        mark = seen.log["inputs"]["mark"]
        if mark >= 0:
            return Reply()
        self.stopped.add(mark)
        return FORBIDDEN


def test_a_first_log_that_a_firewall_stops_does_not_stand_for_all(sink, deliver):
    """A short program would end in the pause, and the next one begin with that log."""
    sink.judge = Firewall()
    deliver()
    call(-1, *range(20))
    sink.wait(lambda: len(sink.stored) == 20)

    assert marks(sink) == list(range(20))
    assert promptscribe.stats().rejected == 0


def test_many_that_a_firewall_stopped_hold_up_none_that_comes_later(sink, deliver):
    """They gather where the journal begins, and are what each program begins with."""
    sink.judge = Firewall()
    deliver()
    call(*range(-6, 20))
    sink.wait(lambda: len(sink.stored) == 20)

    assert marks(sink) == list(range(20))


def test_each_that_a_firewall_stops_holds_up_none_that_follows(sink, deliver):
    """Before, whatever came next waited half a minute, each time."""
    sink.judge = firewall = Firewall()
    deliver()
    for mark in range(20):
        call(-1 - mark)
        sink.wait(lambda: len(firewall.stopped) == mark + 1)  # noqa: B023 - at once
        call(mark)
        sink.wait(lambda: len(sink.stored) == mark + 1)  # noqa: B023 - likewise

    assert marks(sink) == list(range(20))
    assert promptscribe.stats().rejected == 0


def test_a_key_that_is_refused_with_it_is_not_tried_with_every_log(sink, deliver):
    """A few times in a row, and it is the key; then all waits for another one."""
    sink.judge = lambda _seen: FORBIDDEN
    deliver(api_key="wrong")
    call(*range(200))
    while "hold_http_403" not in promptscribe.stats().reasons:
        threading.Event().wait(0.01)
    held = promptscribe.force_flush(0)
    asked = len(sink.requests)
    sink.judge = lambda _seen: Reply()
    promptscribe.configure(api_key="right")

    result = promptscribe.force_flush(60)

    assert (held.pending, held.rejected) == (200, 0)
    assert asked <= 32  # in halves down to one, and some of these
    assert (result.delivered, result.pending) == (200, 0)
    assert marks(sink) == list(range(200))


def test_a_single_log_tells_of_the_key(sink, deliver):
    """Nothing else is there that could show it: a flush does not wait for nothing."""
    sink.judge = lambda _seen: FORBIDDEN
    deliver(api_key="wrong")
    call(1)

    result = promptscribe.force_flush(60)

    assert result.pending == 1
    assert result.reasons["hold_http_403"] == 1


def test_a_receiver_that_does_not_know_its_name_says_what_to_do(
    tmp_path, monkeypatch, caplog
):
    """It was started for this machine, and is asked for by another name."""
    monkeypatch.setenv("NO_PROXY", "*")
    running = start_in_thread(db=tmp_path / "logs.db")
    promptscribe.configure(
        base_url=running.url.replace("127.0.0.1", "127.1"),
        allow_insecure=True,
        journal_dir=tmp_path / "journal",
        export=True,
    )
    call(1)
    result = promptscribe.force_flush(60)
    running.stop()

    assert result.pending == 1
    assert "--allow-host" in caplog.text
