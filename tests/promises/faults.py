"""The fault table: ``python -m tests.promises.faults [calls] [row …]``.

Each row runs a real program (`faults_program`) against a real server
(`faults_server`), lets something go wrong, starts another process as a restart would,
and counts: calls whose log never reached the server's store, and calls that are in it
twice. ``test_never_loses`` asserts what this prints.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.promises.faults_network import Network
from tests.promises.faults_server import Reply, Server

from promptscribe._journal import deadletter, survey

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 2000
PATIENCE = 500
"""Seconds that a program gets to end: it is busy machines that need them."""
MOST_GROWTH = 10_000_000
"""Bytes that 50,000 waiting logs may take in memory: they are in the journal."""
PROGRAM = "tests.promises.faults_program"
HERE = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What a row came to.

    Attributes:
        lost: Calls that returned, and whose log is not in the store.
        twice: Calls that are in the store under two ids.
        exit_seconds: From the last call to the end of the process; None if it was
            killed.
        note: What else is worth telling.
        expected: Marks that had to arrive.
        logs: What did, by mark.
        wrong: Sums of the processes' own numbers that do not come out, see `audit`.
    """

    lost: int
    twice: int
    exit_seconds: float | None
    note: str = ""
    expected: set[int] = field(default_factory=set)
    logs: dict[int, dict] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Lab:
    """A server, a journal and programs, for one row."""

    def __init__(self, folder, calls=CALLS, *, offer=None):
        self.folder = Path(folder)
        self.calls = calls
        self.server = Server(offer=offer, keep=False)
        self.port = self.server.port
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PROMPTSCRIBE")},
            "PROMPTSCRIBE_BASE_URL": self.server.url,
            "PROMPTSCRIBE_JOURNAL_DIR": str(self.folder / "journal"),
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path[1:]]),
        }
        self.exit_seconds = None
        self.said = []
        self.errors = ""
        self.reports = []
        self.made = calls

    @property
    def root(self):
        """The journal of the one server."""
        return next((self.folder / "journal").iterdir())

    @property
    def roots(self):
        """The same, or nothing where there is none."""
        journal = self.folder / "journal"
        return list(journal.iterdir()) if journal.is_dir() else []

    def start(self, what, calls=None, **environment):
        """Start the program."""
        count = self.calls if calls is None else calls
        return subprocess.Popen(
            [sys.executable, "-m", PROGRAM, what, str(count)],
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process, timeout=PATIENCE):
        """Wait until a program has ended; return its exit code."""
        try:
            said, self.errors = process.communicate(timeout=timeout)
        finally:
            process.kill()  # or it would go on sending to whoever has the port next
        ended = time.monotonic()
        self.said = self.hear(said)
        worked = [w for w in self.said if w.startswith("worked ")]
        if worked:
            self.exit_seconds = ended - float(worked[-1].split()[1])
        return process.returncode

    def hear(self, said):
        """Keep what a process told of its own numbers; return its other lines."""
        lines = said.splitlines()
        for line in lines:
            if line.startswith("stats "):
                self.reports.append(json.loads(line.removeprefix("stats ")))
        return [line for line in lines if not line.startswith("stats ")]

    def run(self, what, calls=None, **environment):
        """Run the program to its end."""
        return self.finish(self.start(what, calls, **environment))

    def restart(self):
        """Deliver what is left, as the next process of the same user does."""
        self.hear(self.start("flush", 0).communicate(timeout=PATIENCE)[0])

    def down(self):
        """Have nothing listen at the server's address."""
        self.server.close()

    def up(self):
        """Have the server listen again, at the same address, with what it stored."""
        before, self.server = self.server, None
        self.server = Server(self.port, offer=before.offer, keep=False)
        self.server.stored, self.server.arrivals = before.stored, before.arrivals
        self.server.judge = before.judge

    def count(self, expected=None, note=""):
        """Compare what had to arrive with what did."""
        expected = set(range(self.calls)) if expected is None else set(expected)
        arrived = Counter(log["inputs"]["mark"] for log in self.server.stored.values())
        return Outcome(
            lost=len(expected - set(arrived)),
            twice=sum(times - 1 for times in arrived.values()),
            exit_seconds=self.exit_seconds,
            note=note,
            expected=expected,
            logs={log["inputs"]["mark"]: log for log in self.server.stored.values()},
        )

    def close(self):
        with contextlib.suppress(OSError):
            self.server.close()


ROWS: dict[str, Callable[[Lab], Outcome]] = {}


def row(name):
    """Put a function into the table."""

    def add(function):
        ROWS[name] = function
        return function

    return add


def dies(name, what, **environment):
    """Add a row: the program ends in some way, and is started again."""

    def fault(lab):
        lab.run(what, **environment)
        lab.restart()
        return lab.count()

    ROWS[name] = fault


dies("normal exit, no flush", "plain")
dies("os._exit after the last call", "os_exit")
dies("SIGKILL after the last call", "sigkill")
dies("SIGTERM, no handler", "sigterm")
dies("unhandled exception", "unhandled")
dies("os.fork, parent and child log", "fork")
dies("fork in another thread's first call", "fork_in_first_call")
dies("fork in C, no hooks called", "fork_in_c")
dies("prefork, workers killed (gunicorn)", "prefork")
for method in ("fork", "spawn", "forkserver"):
    dies(f"multiprocessing, {method}", "multi", FAULTS_METHOD=method)
dies("16 threads", "threads")
dies("asyncio.gather of 200", "gather")
dies("calls in atexit and __del__", "at_exit")
dies("calls in a signal handler in calls", "handler")
dies("clock set back by an hour", "clock_back")
dies("journal deleted while running", "folder_deleted")
dies("durability host", "sigkill", PROMPTSCRIBE_DURABILITY="host")
dies("durability sync", "sigkill", PROMPTSCRIBE_DURABILITY="sync")


@row("SIGKILL in the middle of a call")
def killed_in_a_call(lab):
    lab.run("in_a_call")
    lab.restart()
    outcome = lab.count()
    error = outcome.logs.get(lab.calls - 1, {}).get("error", "nothing")
    outcome.note = f"the call says: {error}"
    return outcome


@row("SIGKILL at a random moment")
def killed_at_random(lab):
    process = lab.start("killed")
    last = int(lab.calls * 0.6)
    done = -1
    for line in process.stdout:
        done = int(line)
        if done >= last:
            break
    process.kill()
    rest = process.stdout.read().split()
    process.communicate()
    lab.made = None  # one more may be written that had not returned
    done = int(rest[-1]) if rest and rest[-1].isdigit() else done
    lab.restart()
    return lab.count(range(done + 1), note=f"killed after {done + 1} calls")


@row("server down for the whole run")
def down_for_the_run(lab):
    lab.down()
    lab.run("plain")
    lab.up()
    lab.restart()
    return lab.count()


@row("server down for a while in mid-run")
def down_in_mid_run(lab):
    process = lab.start("paced", FAULTS_SECONDS="6")
    lab.server.wait(lambda: len(lab.server.stored) > lab.calls // 10)
    lab.down()
    time.sleep(3)
    lab.up()
    lab.finish(process)
    lab.restart()
    return lab.count()


def answers_for_a_while(name, reply, seconds=3.0):
    """Add a row: the server answers something else for some seconds."""

    def fault(lab):
        begun = []

        def judge(_seen):
            begun.append(time.monotonic())
            return reply() if begun[-1] - begun[0] < seconds else Reply()

        lab.server.judge = judge
        lab.run("paced", FAULTS_SECONDS=str(seconds + 1))
        lab.restart()
        return lab.count()

    ROWS[name] = fault


answers_for_a_while("HTTP 500 for a while", lambda: Reply(500, whole=True))
answers_for_a_while(
    "429 with Retry-After", lambda: Reply(429, {"Retry-After": "1"}, whole=True)
)


@row("401 for the whole run, key fixed later")
def wrong_key(lab):
    lab.server.judge = lambda seen: (
        Reply() if seen.headers.get("x-api-key") == "right" else Reply(401, whole=True)
    )
    # Long enough to hear of it on a busy machine: what no server has refused yet is
    # for its own key, or for ``drain --any-key``.
    refused = {"PROMPTSCRIBE_API_KEY": "wrong", "PROMPTSCRIBE_FLUSH_TIMEOUT": "300"}
    lab.run("plain", **refused)
    lab.environment["PROMPTSCRIBE_API_KEY"] = "right"
    lab.restart()
    return lab.count(note="no log sent anywhere else")


def refuses_some(name, status):
    """Add a row: the server refuses every hundredth log for good."""

    def fault(lab):
        lab.server.judge = lambda seen: Reply(
            status if seen.log["inputs"]["mark"] % 100 == 7 else 200
        )
        lab.run("flush")
        lab.restart()
        dead = {e["body"]["inputs"]["mark"] for e in deadletter.read(lab.root)}
        outcome = lab.count(set(range(lab.calls)) - dead)
        outcome.note = f"{len(dead)} in the dead-letter file"
        return outcome

    ROWS[name] = fault


refuses_some("413 for some logs", 413)
refuses_some("422 for some logs", 422)


@row("server accepts and hangs")
def hangs(lab):
    lab.server.judge = lambda _seen: time.sleep(30) or Reply(None)
    lab.run("plain")
    lab.down()
    lab.up()
    lab.server.judge = lambda _seen: Reply()
    lab.restart()
    return lab.count()


@row("answers lost after storing")
def answers_lost(lab):
    left = iter(range(5))
    lab.server.judge = lambda _seen: (
        Reply() if next(left, None) is None else Reply(None, store=True)
    )
    lab.run("flush")
    lab.restart()
    again = sum(n - 1 for n in lab.server.arrivals.values())
    return lab.count(note=f"{again} sent again, under the same id")


@row("a network that cuts, stalls and repeats at random")
def bad_network(lab):
    network = Network(lab.port, seed=lab.calls)
    lab.environment["PROMPTSCRIBE_BASE_URL"] = f"http://127.0.0.1:{network.port}"
    lab.run("paced", FAULTS_SECONDS="4")
    network.is_fine.set()
    lab.restart()
    network.close()
    times = sum(network.happened.values())
    return lab.count(note=f"{times} times, {len(network.happened)} ways")


@row("exit while daemon threads log")
def daemon_threads(lab):
    lab.run("daemon_threads")
    lab.restart()
    told = [int(word) for word in lab.said if word.isdigit()]
    lab.made = None
    tracebacks = len(re.findall("Traceback", lab.errors))
    return lab.count(told, note=f"{len(told)} calls, {tracebacks} tracebacks")


@row("journal directory unwritable")
def unwritable(lab):
    (lab.folder / "journal").write_text("a file where the folder should be")
    lab.run("flush")
    lab.restart()
    return lab.count(note="kept in memory, and said so")


@row("no journal, and the server down")
def nowhere_to_keep(lab):
    (lab.folder / "journal").write_text("a file where the folder should be")
    lab.down()
    lab.run("plain")
    lab.up()
    lab.restart()
    return _forgive_dropped(lab, "in memory")


def _forgive_dropped(lab, note):
    """Count as lost only what nobody told: memory ends with its process."""
    gone = sum(report["dropped"] for report in lab.reports)
    outcome = lab.count(note=f"{note}: {gone:,} dropped, and counted")
    outcome.lost = max(outcome.lost - gone, 0)
    return outcome


@row("disk full")
def disk_full(lab):
    """On a file system of 3 MB of its own, where that may be mounted."""
    place = lab.folder / "journal"
    place.mkdir(mode=0o700)
    libc = ctypes.CDLL(None, use_errno=True)
    mounted = libc.mount(b"none", bytes(place), b"tmpfs", 0, b"size=3m,mode=700")
    if mounted:
        return Outcome(0, 0, None, note="not tried: mounting needs root")
    try:
        lab.calls = lab.made = max(lab.calls, 20_000)
        lab.down()
        lab.run("plain")
        lab.up()
        lab.restart()
        return _forgive_dropped(lab, "3 MB, server down")
    finally:
        libc.umount2(bytes(place), 2)


@row("two programs share a directory")
def two_programs(lab):
    half = lab.calls // 2
    one = lab.start("plain", half)
    other = lab.start("threads", half)
    lab.finish(one)
    lab.finish(other)
    lab.restart()
    logs = [log["inputs"]["mark"] for log in lab.server.stored.values()]
    outcome = lab.count(range(half))
    threads_wrote = (half // 16) * 16
    lab.made = half + threads_wrote
    outcome.lost += half + threads_wrote - len(logs)
    outcome.twice = 0
    return outcome


@row("export=False, an agent reads along")
def an_agent(lab):
    lab.calls = lab.made = 5000  # several segments, of which one is always in use
    agent = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", "agent"],
        env=lab.environment,
        cwd=lab.folder,
        stdout=subprocess.DEVNULL,
    )
    lab.run("paced", PROMPTSCRIBE_EXPORT="false", FAULTS_SECONDS="3")
    with contextlib.suppress(TimeoutError):
        lab.server.wait(lambda: len(lab.server.stored) >= lab.calls)
    agent.send_signal(signal.SIGTERM)
    agent.wait(timeout=60)
    by_agent = len(lab.server.stored)
    lab.restart()
    outcome = lab.count(note=f"{by_agent:,} by the agent")
    if by_agent < lab.calls:
        outcome.wrong.append(outcome.note)
    return outcome


@row("two processes race to adopt")
def adopters_race(lab):
    lab.down()
    lab.run("sigkill")
    lab.up()
    racers = [lab.start("flush", 0) for _ in range(4)]
    for racer in racers:
        lab.hear(racer.communicate(timeout=PATIENCE)[0])
    again = sum(n - 1 for n in lab.server.arrivals.values())
    return lab.count(note=f"4 adopters, {again} sent twice")


@row("the adopter is killed as well")
def adopter_killed(lab):
    lab.down()
    lab.run("sigkill")
    lab.up()
    for share in (1, 2, 3):
        adopter = lab.start("flush", 0)
        with contextlib.suppress(TimeoutError):
            lab.server.wait(
                lambda enough=share * lab.calls // 5: len(lab.server.stored) > enough,
                timeout=10,
            )
        adopter.send_signal(signal.SIGKILL)
        adopter.communicate()
    lab.restart()
    again = sum(n - 1 for n in lab.server.arrivals.values())
    return lab.count(note=f"3 adopters killed, {again} sent again, same id")


@row("burst of 50,000, slow server")
def burst(lab):
    lab.calls = 50_000
    lab.made = lab.calls + 100
    process = lab.start("burst")
    process.stdout.readline()
    lab.server.judge = lambda _seen: time.sleep(2) or Reply()
    process.stdin.write("\n")
    process.stdin.flush()
    lab.finish(process)
    took, grown = lab.said[0].split()
    lab.server.judge = lambda _seen: Reply()
    for _ in range(3):
        lab.restart()
    expected = {*range(lab.calls), *range(10_000_000, 10_000_100)}
    note = f"calls took {took} s, memory grew by {int(grown) / 1e6:.1f} MB"
    outcome = lab.count(expected, note=note)
    if int(grown) > MOST_GROWTH:
        outcome.wrong.append(note)
    return outcome


KEPT_ELSEWHERE = ("http_", "poison")
"""How the reasons begin for which a log is rejected."""
GIVEN_UP = (
    "journal_cap",
    "journal_age",
    "journal_full",
    "memory_only",
    "orphan",
    "segment_deleted",
    "unreadable",
)
"""The reasons for which a log is dropped."""


def audit(lab):
    """Compare the processes' own numbers with each other and with the server's.

    A process that is killed tells no numbers. What it had recorded and not delivered
    is *adopted* by the next one, an interrupted call too: that makes its books.

    Returns:
        The sums that do not come out, in words.
    """
    wrong = [problem for report in lab.reports for problem in _balance(report)]
    recorded, adopted, delivered, pending, rejected, dropped = (
        sum(report[name] for report in lab.reports)
        for name in (
            "recorded",
            "adopted",
            "delivered",
            "pending",
            "rejected",
            "dropped",
        )
    )
    stored, arrived = len(lab.server.stored), sum(lab.server.arrivals.values())
    left = sum(lane.waiting for root in lab.roots for lane in survey.report(root))
    buried = sum(len(list(deadletter.read(root))) for root in lab.roots)
    made = lab.made
    if made is None:
        made = stored + rejected + dropped + left
    if made != stored + rejected + dropped + left:
        wrong.append(
            f"{made} made, but {stored} stored, {rejected} rejected, "
            f"{dropped} dropped, {left} left"
        )
    if buried != rejected:
        wrong.append(f"{rejected} rejected, but {buried} in the dead-letter file")
    # What those have delivered who told nothing: all that they recorded, but for what
    # others have taken over from them.
    silent = made - recorded - (adopted - (pending - left))
    again = arrived - stored
    if not arrived - delivered - again <= silent <= arrived - delivered:
        wrong.append(
            f"{arrived} arrived, {again} of them again, but {delivered} delivered; "
            f"{made} made, {recorded} recorded, {adopted} adopted, {pending} pending"
        )
    return wrong


def _balance(report):
    """Return what is wrong with the numbers of one process."""
    incoming = report["recorded"] + report["adopted"]
    fates = ("delivered", "pending", "rejected", "dropped")
    if incoming != sum(report[fate] for fate in fates):
        yield f"does not add up: {report}"
    reasons = report["reasons"].items()
    for fate, names in (("rejected", KEPT_ELSEWHERE), ("dropped", GIVEN_UP)):
        if report[fate] != sum(n for name, n in reasons if name.startswith(names)):
            yield f"{fate} without a reason: {report}"


def measure(name, calls=CALLS, *, offer=None):
    """Run one row in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lab = Lab(folder, calls, offer=offer)
        try:
            outcome = ROWS[name](lab)
            outcome.wrong += audit(lab)
            return outcome
        finally:
            lab.close()


def main(words):
    calls = int(words.pop(0)) if words and words[0].isdigit() else CALLS
    names = words or list(ROWS)
    print(f"| fault ({calls:,} calls) | lost | twice | exit | |")
    print("|---|---|---|---|---|")
    failed = 0
    for name in names:
        outcome = measure(name, calls, offer={"bulk": True, "gzip": True})
        seconds = outcome.exit_seconds
        took = "killed" if seconds is None else f"{seconds:.2f} s"
        print(
            f"| {name} | {outcome.lost} | {outcome.twice} | {took} | {outcome.note} |",
            flush=True,
        )
        for problem in outcome.wrong:
            print(f"{name}: {problem}", file=sys.stderr, flush=True)
        failed += outcome.lost + outcome.twice + len(outcome.wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
