"""The commands that deliver from outside, and what people see of a journal."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from tests.promises.faults import PATIENCE, Lab
from tests.promises.faults_server import Reply

from promptscribe._journal import deadletter, frame

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """A server, a journal and programs."""
    lab = Lab(tmp_path, 100, offer={"bulk": True, "gzip": True})
    yield lab
    lab.close()


@pytest.fixture
def command(lab):
    """Run a command of the command line; return its exit code and what it prints."""

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "promptscribe", *words],
            env=lab.environment,
            cwd=lab.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_drain_delivers_what_dead_processes_left(lab, command):
    """And says so, in one line."""
    lab.down()
    lab.run("sigkill")
    lab.up()

    code, said = command("drain")

    assert (code, lab.count().lost) == (0, 0)
    assert "delivered 100, pending 0" in said


def test_a_second_drain_says_that_another_one_is_at_it(lab, command):
    """Before, it said that there was nothing to be delivered."""
    is_asked, may_go_on = threading.Event(), threading.Event()

    def judge(_seen):
        is_asked.set()
        may_go_on.wait(PATIENCE)
        return Reply()

    lab.down()
    lab.run("sigkill")
    lab.up()
    lab.server.judge = judge
    first = threading.Thread(target=command, args=("drain",))
    first.start()
    assert is_asked.wait(PATIENCE)
    code, said = command("drain")
    may_go_on.set()
    first.join()

    assert (code, lab.count().lost) == (0, 0)
    assert "delivered 0, pending 0" in said
    assert "100 logs wait that another process is delivering" in said


def test_drain_shows_a_person_how_far_it_is(lab):
    """A bar on the terminal, to its end; what a program reads is the sentence alone."""
    lab.down()
    lab.run("sigkill", 3000)
    lab.up()
    terminal, end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "promptscribe", "drain"],
        env=lab.environment,
        cwd=lab.folder,
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(end)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)

    assert done.stdout == "delivered 3000, pending 0, rejected 0, dropped 0\n"
    assert shown.startswith("\r[")
    assert shown.rstrip().endswith(f"[{'#' * 30}] 3000 of 3000")


def test_drain_says_when_it_could_not(lab, command):
    """The server is down: exit code 1, everything still there."""
    lab.down()
    lab.run("sigkill")

    code, said = command("drain", "--timeout", "0.5")
    lab.up()
    lab.restart()

    assert code == 1
    assert "pending 100" in said
    assert lab.count().lost == 0


def test_drain_leaves_a_server_alone_that_asks_for_it(lab, command):
    """It looks every fifth of a second; that is no reason to ask as often."""
    asked = []

    def judge(seen):
        asked.append(seen)
        return Reply(429, {"Retry-After": "3600"}, whole=True)

    lab.down()
    lab.run("sigkill")
    lab.up()
    lab.server.judge = judge
    code, said = command("drain", "--timeout", "8")
    lab.server.judge = lambda _seen: Reply()
    lab.restart()

    assert code == 1
    assert "pending 100" in said
    assert len(asked) <= 1
    assert lab.count().lost == 0


def test_drain_does_not_ask_at_each_look(lab, command):
    """A server that is not well, and does not say until when: before, five a second."""
    asked = []

    def judge(seen):
        asked.append(seen)
        return Reply(503, whole=True)

    lab.down()
    lab.run("sigkill")
    lab.up()
    lab.server.judge = judge
    code, said = command("drain", "--timeout", "8")
    lab.server.judge = lambda _seen: Reply()
    lab.restart()

    assert code == 1
    assert "pending 100" in said
    assert 1 < len(asked) <= 14
    assert lab.count().lost == 0


def test_drain_does_not_take_what_it_has_not_counted_for_nothing(lab, command):
    """Neither where the time is too short, nor where there is much to be counted."""
    lab.down()
    lab.run("sigkill", 60_000)
    lab.up()

    early, _ = command("drain", "--timeout", "0")
    late, said = command("drain")

    assert (early, late, lab.count().lost) == (1, 0, 0)
    assert "delivered 60000, pending 0" in said


@pytest.mark.parametrize("timeout", ["-1", "nan", "inf", "a minute"])
def test_a_timeout_that_is_none_is_refused(command, timeout):
    """And not taken for one that is over already, or never."""
    code, said = command("drain", f"--timeout={timeout}")

    assert code == 2
    assert f"not a number of seconds, from 0: {timeout}" in said


@pytest.mark.parametrize("word", ["drain", "agent"])
def test_a_wrong_setting_is_told_before_anything_else(lab, command, word):
    """One sentence, which names it as it was spelled."""
    lab.environment["PROMPTSCRIBE_BASE_URL"] = "ftp://a.example"

    code, said = command(word)

    sentence = "PROMPTSCRIBE_BASE_URL: must begin with http:// or https://"
    assert (code, said.startswith(f"promptscribe: {sentence}")) == (1, True)


def test_an_agent_delivers_for_a_process_that_does_not(lab):
    """With export=False a living program spends nothing on delivery."""
    agent = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", "agent"],
        env=lab.environment,
        cwd=lab.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    program = lab.start("killed", PROMPTSCRIBE_EXPORT="false")
    lab.server.wait(lambda: len(lab.server.stored) == 100)
    alive = program.poll() is None
    program.kill()
    program.communicate()
    agent.send_signal(signal.SIGTERM)
    said, _ = agent.communicate(timeout=PATIENCE)

    assert alive
    assert (lab.count().lost, lab.count().twice) == (0, 0)
    assert agent.returncode == 0
    assert said.splitlines()[0].endswith(f"this user's programs to {lab.server.url}")
    assert "delivered 100" in said


@pytest.mark.parametrize("calls", [100, 3000])
def test_a_process_knows_what_an_agent_has_done_for_it(lab, calls):
    """With export=False nothing is pending any more once others have delivered it."""
    agent = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", "agent"],
        env=lab.environment,
        cwd=lab.folder,
        stdout=subprocess.DEVNULL,
    )
    program = lab.start("asked", calls, PROMPTSCRIBE_EXPORT="false")
    lab.server.wait(lambda: len(lab.server.stored) == calls)
    agent.send_signal(signal.SIGTERM)  # it acknowledges what is on its way, and ends
    agent.wait(timeout=PATIENCE)
    lab.finish(program)

    assert f"before the end {calls} 0" in lab.said
    (report,) = lab.reports
    assert (report["delivered"], report["pending"]) == (calls, 0)
    assert report["reasons"]["by_others"] == calls


def test_nor_does_it_think_so_when_nobody_has(lab):
    """Then all of it is pending, also after the end."""
    lab.run("plain", 3000, PROMPTSCRIBE_EXPORT="false")

    (report,) = lab.reports
    assert (report["delivered"], report["pending"]) == (0, 3000)


def test_the_journal_can_be_looked_at(lab, command):
    """How many wait, what they say, and whether they are sound; nothing changes."""
    lab.down()
    lab.run("in_a_call")

    _, listed = command("journal", "ls")
    _, shown = command("journal", "show")
    code, verified = command("journal", "verify")
    lab.up()
    lab.restart()

    assert "100 logs wait, 0 refused" in listed
    logs = [json.loads(line) for line in shown.splitlines()]
    assert sorted(log["inputs"]["mark"] for log in logs) == list(range(100))
    assert logs[-1]["error"].startswith("Interrupted")
    assert (code, "1 of 1 lanes are sound" in verified) == (0, True)
    assert lab.count().lost == 0


def test_what_waits_for_another_server_is_told(lab, command):
    """The program's own configure() said which; the command line cannot know it."""
    lab.down()
    lab.run("sigkill")
    lab.environment["PROMPTSCRIBE_BASE_URL"] = "http://127.0.0.1:9"

    code, drained = command("drain")
    _, listed = command("journal", "ls")

    for said in (drained, listed):
        assert "100 logs wait for another server: http-127.0.0.1-" in said
    assert code == 0


def test_what_a_drain_would_deliver_is_what_is_shown(lab, command):
    """Without a key also what was recorded with one: it can reach no other project."""
    lab.down()
    lab.run("sigkill", PROMPTSCRIBE_API_KEY="old")

    _, listed = command("journal", "ls")
    _, shown = command("journal", "show")
    _, drained = command("drain", "--timeout", "2")

    assert "  100 logs wait, 0 refused" in listed
    assert len(shown.splitlines()) == 100
    assert "pending 100" in drained


def test_damage_is_told(lab, command):
    """Exit code 1, and how much."""
    lab.down()
    lab.run("sigkill")
    (segment, *_) = sorted(lab.root.glob("*/*.seg"))
    content = bytearray(segment.read_bytes())
    content[200:240] = b"\xff" * 40
    segment.write_bytes(content)

    code, said = command("journal", "verify")

    assert code == 1
    assert "bytes are damaged" in said


def test_what_damage_has_cost_is_counted_and_told(lab, command):
    """Once: by who would have delivered it."""
    lab.down()
    lab.run("sigkill")
    (segment, *_) = sorted(lab.root.glob("*/*.seg"))
    content = bytearray(segment.read_bytes())
    places = [found.offset for found in frame.frames(bytes(content))]
    for offset in places[:2] + places[20:22]:  # two calls, each with start and end
        content[offset + 60] ^= 0xFF
    segment.write_bytes(content)
    lab.up()

    code, said = command("drain")
    again, nothing = command("drain")

    assert (code, lab.count().lost) == (1, 2)
    assert "delivered 98, pending 0, rejected 0, dropped 2" in said
    assert "not everything was delivered (2 damaged)" in said
    assert said.count("logs are being dropped: damaged") == 1
    assert (again, "dropped 0" in nothing) == (0, True)


def test_what_a_later_version_has_left_is_told(lab, command):
    """By whoever looks at it, or would deliver it; it stays as it is."""
    lab.down()
    lab.run("sigkill")
    lab.up()
    (segment, *_) = sorted(lab.root.glob("*/*.seg"))
    content = segment.read_bytes()
    segment.write_bytes(content[:8] + b"\2" + content[9:])
    told = f"{segment.name}: a later version of promptscribe wrote it, in format 2"
    looks = [command("journal", verb) for verb in ("ls", "verify")]
    code, said = command("drain")
    segment.write_bytes(content)
    lab.restart()

    assert [code for code, _ in looks] == [0, 1]
    assert all(told in said for _, said in looks)
    assert code == 1
    assert told in said
    assert "not everything was delivered (1 segment_unopened)" in said
    assert lab.count().lost == 0


def test_a_lane_that_cannot_be_locked_is_told(lab, command):
    """Somebody restored the folder, and its locks became links to nowhere."""
    lab.down()
    lab.run("sigkill")
    lab.up()
    (reader,) = lab.root.glob("*/reader")
    reader.unlink()
    reader.symlink_to("nowhere")

    code, said = command("drain")
    reader.unlink()
    lab.restart()

    assert code == 1
    assert said.count("what a process left cannot be taken over, it waits") == 1
    assert str(reader) in said
    assert "not everything was delivered (1 lane_unopened)" in said
    assert lab.count().lost == 0


def test_of_many_lanes_a_few_are_taken_over_at_a_time(lab, command):
    """Else they would take all files that may be open, and none be left to send by."""
    lab.run("plain", 1, PROMPTSCRIBE_EXPORT="0")
    (lane,) = (path.parent for path in lab.root.glob("*/*.seg"))
    for number in range(99):
        shutil.copytree(lane, lab.root / f"{number:020d}-1")

    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$0" -m promptscribe drain', sys.executable],
        env=lab.environment,
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert "delivered 100, pending 0, rejected 0, dropped 0" in done.stdout
    assert done.returncode == 0
    assert list(lab.root.glob("*/*.seg")) == []


def test_living_programs_give_way_to_others(lab, command):
    """Who has delivered what one of them recorded so far leaves it for another."""
    programs = [lab.start("asked", 20, PROMPTSCRIBE_EXPORT="0") for _ in range(6)]
    for program in programs:
        assert program.stdout.readline() == "done\n"

    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 24; exec "$0" -m promptscribe drain', sys.executable],
        env=lab.environment,
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    alive = [program.poll() is None for program in programs]
    for program in programs:
        program.kill()
        program.communicate()

    assert alive == [True] * 6
    assert "delivered 120, pending 0, rejected 0, dropped 0" in done.stdout
    assert done.returncode == 0


def test_lanes_that_nobody_can_read_give_way_to_others(lab, command):
    """A later version has left more of them than are taken over at a time."""
    lab.run("plain", 1, PROMPTSCRIBE_EXPORT="0")
    (file,) = lab.root.glob("*/*.seg")
    content = file.read_bytes()
    later = content[:8] + b"\2" + content[9:]
    for number in range(20):
        copy = shutil.copytree(file.parent, lab.root / f"{number:020d}-1")
        (copy / file.name).write_bytes(later)

    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$0" -m promptscribe drain', sys.executable],
        env=lab.environment,
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    left = [path.read_bytes() for path in lab.root.glob("*/*.seg")]

    assert "delivered 1, pending 0, rejected 0, dropped 0" in done.stdout
    assert "not everything was delivered (20 segment_unopened)" in done.stderr
    assert left == [later] * 20


def test_so_do_programs_in_the_middle_of_a_call(lab, command):
    """A call may take hours; what it returns is delivered by who comes back."""
    programs = [lab.start("holding", 20, PROMPTSCRIBE_EXPORT="0") for _ in range(6)]
    for program in programs:
        assert program.stdout.readline() == "done\n"
    drain = 'ulimit -n 24; exec "$0" -m promptscribe drain'
    said = []
    for _ in range(2):
        done = subprocess.run(
            ["sh", "-c", drain, sys.executable],
            env=lab.environment,
            cwd=lab.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        said.append(done.stdout)
        for program in programs:
            if program.poll() is None:
                program.communicate("\n")

    assert "delivered 120, pending 0, rejected 0, dropped 0" in said[0]
    assert "delivered 6, pending 0, rejected 0, dropped 0" in said[1]
    assert list(lab.root.glob("*/*.seg")) == []


def test_what_is_no_file_holds_nobody_up(lab, command):
    """Whatever somebody has put there: a pipe without a writer, an endless link."""
    lab.down()
    lab.run("sigkill")
    lane = next(lab.root.glob("*/*.seg")).parent
    os.mkfifo(lane / "00000090.seg")
    (lane / "00000091.seg").symlink_to("/dev/zero")
    (lane / "00000092.seg").mkdir()

    code, said = command("journal", "ls")

    assert code == 0
    assert "100 logs wait" in said
    assert said.count("cannot be read, it waits: 0000009") == 3


def test_what_was_refused_can_be_sent_again(lab, command):
    """After the server was mended: delivered, and gone from the dead-letter file."""
    lab.server.judge = lambda seen: Reply(422)
    lab.run("flush")
    refused = len(list(deadletter.read(lab.root)))
    lab.server.judge = lambda seen: Reply()

    code, said = command("journal", "replay")

    assert refused == 100
    assert (code, said.strip()) == (0, "100 delivered, 0 refused again")
    assert list(deadletter.read(lab.root)) == []
    assert lab.count().lost == 0


def test_what_of_the_refused_cannot_be_read_is_told(lab, command):
    """The disk damaged a line, or a person did: it is kept beside."""
    lab.server.judge = lambda seen: Reply(422)
    lab.run("flush", 10)
    lab.server.judge = lambda seen: Reply()
    path = lab.root / deadletter.NAME
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first[:40] + b"\n", *others]))

    code, said = command("journal", "replay")

    assert code == 1
    assert "9 delivered, 0 refused again" in said
    assert f"1 cannot be read, kept in {deadletter.UNREADABLE}" in said
    assert (lab.root / deadletter.UNREADABLE).read_bytes() == first[:40] + b"\n"


def test_what_a_stranger_refuses_stays(lab, command):
    """A page says nothing of a log: it is about the address, and told."""
    lab.server.judge = lambda seen: Reply(422)
    lab.run("flush", 10)
    lab.server.judge = lambda seen: Reply(
        404, {"Content-Type": "text/html"}, b"<html>", whole=True
    )

    code, said = command("journal", "replay")

    assert code == 1
    assert "promptscribe: the server answers 404" in said
    assert {entry["status"] for entry in deadletter.read(lab.root)} == {422}


def test_what_is_refused_again_stays(lab, command):
    """Nothing is lost by trying."""
    lab.server.judge = lambda seen: Reply(422)
    lab.run("flush", 10)

    code, said = command("journal", "replay")

    assert code == 1
    assert "10 refused again" in said
    assert len(list(deadletter.read(lab.root))) == 10
