"""Never loses a log: the promise, row by row, with real processes that really die."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys

import pytest
from tests.promises.faults import ROWS, Lab, audit, measure
from tests.promises.faults_server import MANY, RECORDS, Reply

from promptscribe._journal import faultpoint

CALLS = 400
LONGEST_EXIT = 2.0 + 1.0
"""Seconds: those that are configured, and the interpreter's own."""
TRIES = 3
"""Runs of a row whose exit was late: a busy machine may take its time, now and then."""
TRIALS = int(os.environ.get("CRASH_TRIALS", "500"))

pytestmark = pytest.mark.slow


@pytest.fixture(params=[None, MANY, RECORDS], ids=["single", "bulk", "records"])
def lab(request, tmp_path):
    """A server, a journal and programs that are started and killed."""
    lab = Lab(tmp_path, CALLS, offer=request.param)
    yield lab
    lab.close()


@pytest.mark.parametrize("offer", [MANY, RECORDS], ids=["bulk", "records"])
@pytest.mark.parametrize("name", ROWS)
def test_the_fault_table_holds(name, offer):
    """No log lost, none stored twice, no late exit, and the numbers add up."""
    exits = []
    while len(exits) < TRIES and min(exits, default=LONGEST_EXIT) >= LONGEST_EXIT:
        outcome = measure(name, CALLS, offer=offer)
        exits.append(outcome.exit_seconds or 0.0)

        assert (outcome.lost, outcome.twice) == (0, 0)
        assert outcome.wrong == []

    assert min(exits) < LONGEST_EXIT


def test_kill_9_after_the_last_call_loses_nothing(lab):
    """One log per request as well as in bulk: the next start delivers them."""
    code = lab.run("sigkill")
    lab.restart()
    outcome = lab.count()

    assert code == -signal.SIGKILL
    assert (outcome.lost, outcome.twice) == (0, 0)


def test_kill_9_in_the_middle_of_a_call_keeps_its_inputs(lab):
    """The log says what was asked, and that the process ended before the answer."""
    lab.run("in_a_call")
    lab.restart()

    log = lab.count().logs[CALLS - 1]
    assert log["inputs"] == {"mark": CALLS - 1}
    assert log["error"].startswith("Interrupted")
    assert "output" not in log


def test_a_server_that_is_down_delays_no_exit(lab):
    """Once that is known, the program ends, however long it may wait."""
    lab.down()
    lab.run("plain", PROMPTSCRIBE_FLUSH_TIMEOUT="60")
    exit_seconds = lab.exit_seconds
    lab.up()
    lab.restart()

    assert exit_seconds < LONGEST_EXIT
    assert lab.count().lost == 0


def test_what_ends_with_the_process_is_counted_even_if_delivery_hangs(lab):
    """Another process never lets go of the folder where a refused log has to go."""
    lab.server.judge = lambda _seen: Reply(422)
    lab.run("plain", 1)  # makes the folder
    folder = os.open(lab.root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    lab.run("plain", PROMPTSCRIBE_DURABILITY="memory")
    os.close(folder)
    told = lab.reports[-1]

    assert (told["recorded"], told["dropped"], told["pending"]) == (CALLS, CALLS, 0)
    assert told["reasons"]["memory_only"] == CALLS
    assert lab.errors.count("memory_only") == 1


@pytest.mark.parametrize("point", faultpoint.NAMES)
def test_a_process_that_dies_there_loses_nothing(point, lab):
    """Every step of journal and delivery, one after the other."""
    lab.server.judge = lambda seen: Reply(
        422 if point == "buried" and seen.log["inputs"]["mark"] == 3 else 200
    )
    died = lab.run("told", PROMPTSCRIBE_FAULT_POINT=f"{point}:1")
    told = {int(word) for word in lab.said if word.isdigit()}
    if died == 0:  # a step of those who come after a process that died
        lab.run("told", PROMPTSCRIBE_FAULT_POINT="append-committed:700")
        heir = lab.start("flush", 0, PROMPTSCRIBE_FAULT_POINT=point)
        died = lab.finish(heir)
    lab.restart()
    outcome = lab.count(told - ({3} if point == "buried" else set()))
    lab.made = None  # the last call may be written, and not told

    assert died == -signal.SIGKILL
    assert outcome.lost == 0
    if point != "buried":  # that one dies between burying and counting
        assert audit(lab) == []
    assert list(lab.root.glob("[0-9]*")) == []


@pytest.mark.parametrize("point", ["segment-mapped", "acknowledged", "unlinked"])
@pytest.mark.parametrize("times", [2, 3])
def test_nor_one_that_dies_there_later(point, times, lab):
    """The second and third time are not like the first."""
    lab.calls = 2000
    lab.run("told", PROMPTSCRIBE_FAULT_POINT=f"{point}:{times}")
    told = {int(word) for word in lab.said if word.isdigit()}
    lab.restart()

    assert lab.count(told).lost == 0


@pytest.mark.parametrize("point", ["segment-mapped:1!", "sealing:1!", "sealed:1!"])
def test_an_agent_goes_on_behind_a_segment_that_ctrl_c_left(point, tmp_path):
    """The writer made it, or filled it, and was interrupted before it could say so."""
    lab = Lab(tmp_path, 3000, offer={"bulk": True})
    agent = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", "agent"],
        env=lab.environment,
        cwd=lab.folder,
        stdout=subprocess.DEVNULL,
    )
    program = lab.start(
        "interrupted", PROMPTSCRIBE_FAULT_POINT=point, PROMPTSCRIBE_EXPORT="false"
    )
    told = set()
    while (word := program.stdout.readline().strip()) != "done":
        told.add(int(word))
    try:  # while the program lives: it may do so for days
        lab.server.wait(lambda: len(lab.server.stored) >= len(told))
        assert len(told) == lab.calls - 1
        assert lab.count(told).lost == 0
    finally:
        for process in (program, agent):
            process.kill()
            process.communicate()
        lab.close()


@pytest.mark.parametrize("point", ["segment-mapped:1!", "sealing:1!", "sealed:1!"])
def test_nor_does_it_hold_up_the_process_itself(point, lab):
    """Nor the next one, which finds what is left."""
    lab.calls = 3000
    lab.run("interrupted", PROMPTSCRIBE_FAULT_POINT=point)
    told = {int(word) for word in lab.said if word.isdigit()}
    lab.restart()

    assert len(told) == lab.calls - 1
    assert lab.count(told).lost == 0
    assert list(lab.root.glob("[0-9]*")) == []


def test_kill_9_at_random_moments_loses_nothing(lab):
    """500 times in all; set ``CRASH_TRIALS`` to another number."""
    lab.run("victims", -(-TRIALS // 3), FAULTS_SEED=str(lab.server.offer))
    lab.restart()
    told = [line.split() for line in lab.said if line.count(" ") == 1][:TRIALS]
    expected = {
        int(number) * 1_000_000 + mark
        for number, returned in told
        if number.isdigit()
        for mark in range(int(returned))
    }
    outcome = lab.count(expected)

    lab.made = None  # the last call of each may be written, and not told

    assert len(expected) > TRIALS
    assert (outcome.lost, outcome.twice) == (0, 0)
    assert audit(lab) == []
