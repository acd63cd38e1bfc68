"""A key that is renewed every hour: what the keys before it leave behind is nothing.

Each key has a pipeline of its own: a thread, connections, a lane and its locks. None
of it stays once all logs under the key are delivered, and whoever still has a call of
that time gets it back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.promises.faults_server import RECORDS, Reply, Server

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery import exporter

pytestmark = pytest.mark.slow

PATIENCE = 60.0
LEAVES = """
from promptscribe import record_log

record_log("renewal", inputs={"mark": "left"})
"""


@log_prompt(path="renewal")
def answer(mark):
    return "answer"


@log_prompt(path="renewal")
def stream(mark):
    yield "an"
    yield "swer"


class Keys:
    """A server that remembers with which key each mark came."""

    def __init__(self, offer=RECORDS):
        self.came = []
        self.server = Server(offer=offer)
        self.server.judge = self.look

    def look(self, seen):
        self.came.append((seen.log["inputs"]["mark"], seen.headers.get("x-api-key")))
        return Reply()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(exporter, "_IDLE_AFTER", 0.0)


@pytest.fixture
def keys():
    keys = Keys()
    yield keys
    keys.server.close()


@pytest.fixture
def renew(keys, tmp_path):
    """Have promptscribe use another key from now on."""

    def configure(key):
        promptscribe.configure(
            base_url=keys.server.url,
            api_key=key,
            journal_dir=tmp_path,
            export=True,
        )

    return configure


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("promptscribe-")]


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, [t.name for t in threads()]
        threading.Event().wait(0.001)


def lanes(folder):
    return [p for p in folder.glob("*/*") if p.is_dir()]


def test_a_hundred_keys_one_after_the_other_cost_no_more_than_one(
    keys, renew, tmp_path
):
    """Before, the program was at its limit of 1,024 descriptors after 200 hours."""
    others = len(threads())
    renew("key-0")
    answer(0)
    promptscribe.force_flush(PATIENCE)
    before = descriptors()

    for hour in range(1, 100):
        renew(f"key-{hour}")
        answer(hour)
        wait_until(lambda: len(threads()) - others <= 8)
    result = promptscribe.force_flush(PATIENCE)
    wait_until(lambda: len(threads()) - others <= 2)
    wait_until(lambda: len(lanes(tmp_path)) == 1)

    assert sorted(keys.came) == [(hour, f"key-{hour}") for hour in range(100)]
    assert (result.recorded, result.delivered, result.pending) == (100, 100, 0)
    wait_until(lambda: descriptors() <= before + 8)  # the server's ends close as well
    assert promptscribe.shutdown(PATIENCE) == result


def test_a_stream_that_began_under_a_key_is_sent_under_it(keys, renew, tmp_path):
    """However late it ends: before and after its pipeline had nothing left to do."""
    renew("key-a")
    pieces = stream("open")
    next(pieces)
    answer("early")
    renew("key-b")
    answer("between")
    promptscribe.force_flush(PATIENCE)
    open_lanes = len(lanes(tmp_path))
    rest = list(pieces)
    result = promptscribe.force_flush(PATIENCE)
    wait_until(lambda: len(lanes(tmp_path)) == 1)

    assert rest == ["swer"]
    assert open_lanes == 2
    assert sorted(keys.came) == [
        ("between", "key-b"),
        ("early", "key-a"),
        ("open", "key-a"),
    ]
    assert (result.recorded, result.delivered, result.pending) == (3, 3, 0)


def test_a_key_that_comes_back_finds_all_it_needs(keys, renew, tmp_path):
    """Its pipeline starts again, and its counts go on."""
    for turn in range(10):
        renew("key-a" if turn % 2 else "key-b")
        answer(turn)
        wait_until(lambda: len(lanes(tmp_path)) == 1)
    result = promptscribe.force_flush(PATIENCE)

    assert sorted(keys.came) == [(t, "key-a" if t % 2 else "key-b") for t in range(10)]
    assert (result.recorded, result.delivered, result.pending) == (10, 10, 0)


def test_threads_that_log_while_keys_change_lose_nothing(keys, renew):
    """Each log is sent once, and the numbers add up."""
    stop = threading.Event()
    counts = []

    def work(name):
        count = 0
        while not stop.is_set():
            answer(f"{name}-{count}")
            count += 1
        counts.append(count)

    renew("key-0")
    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for hour in range(1, 30):
        renew(f"key-{hour % 7}")
        threading.Event().wait(0.005)
    stop.set()
    for worker in workers:
        worker.join()
    result = promptscribe.force_flush(PATIENCE)

    marks = [mark for mark, _ in keys.came]
    assert len(marks) == len(set(marks)) == sum(counts)
    assert (result.recorded, result.delivered) == (sum(counts), sum(counts))
    assert (result.pending, result.dropped) == (0, 0)


def test_what_waits_under_a_key_that_was_replaced_is_delivered_later(renew, keys):
    """A server that is down keeps its pipeline up, and nothing of it is given away."""
    server, port = keys.server, keys.server.port
    server.close()
    renew("key-a")
    answer("a")
    renew("key-b")
    answer("b")
    while promptscribe.force_flush(0.2).reasons.get("retry_unreachable", 0) < 2:
        pass  # until both have asked in vain
    waiting = promptscribe.stats().pending
    again = Server(port, offer=RECORDS)
    again.judge = keys.look
    result = promptscribe.force_flush(PATIENCE)
    again.close()

    assert waiting == 2
    assert sorted(keys.came) == [("a", "key-a"), ("b", "key-b")]
    assert result.pending == 0


def test_a_forked_child_logs_under_a_key_that_has_rested(keys, renew, tmp_path):
    """And it starts no thread for the keys that it does not use."""
    for key in ("key-a", "key-b", "key-c"):
        renew(key)
        answer(key)
        promptscribe.force_flush(PATIENCE)
        wait_until(lambda: len(lanes(tmp_path)) == 1)
    pid = os.fork()
    if not pid:
        code = 1
        try:
            promptscribe.force_flush(PATIENCE)
            names = [t.name for t in threads() if "exporter" in t.name]
            renew("key-a")
            answer("child")
            result = promptscribe.force_flush(PATIENCE)
            code = 0 if (result.delivered, len(names)) == (1, 1) else 2
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert ended == 0
    assert ("child", "key-a") in keys.came


def test_a_key_that_comes_back_delivers_what_dead_processes_left(keys, renew, tmp_path):
    """Without a log of its own, as any key that is used for the first time."""
    for key in ("key-a", "key-b"):
        renew(key)
        answer(key)
        promptscribe.force_flush(PATIENCE)
        wait_until(lambda: len(lanes(tmp_path)) == 1)
    subprocess.run(
        [sys.executable, "-c", LEAVES],
        env=os.environ
        | {
            "PROMPTSCRIBE_BASE_URL": keys.server.url,
            "PROMPTSCRIBE_API_KEY": "key-a",
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
            "PROMPTSCRIBE_EXPORT": "false",
        },
        check=True,
    )
    renew("key-a")
    promptscribe.force_flush(PATIENCE)

    assert ("left", "key-a") in keys.came


def test_a_key_that_was_replaced_sleeps_though_it_cannot_rest(keys, renew, tmp_path):
    """What a later version wrote waits under it; nobody looks at it all the time."""
    renew("key-a")
    answer("a")
    (lane,) = lanes(tmp_path)
    copy = shutil.copytree(lane, lane.with_name("copy"))
    for path in copy.glob("*.seg"):
        before = path.read_bytes()
        path.write_bytes(before[:8] + b"\xff" + before[9:])
    later = copy.rename(lane.with_name(f"{1:020d}-1"))
    promptscribe.force_flush(PATIENCE)
    renew("key-b")
    answer("b")
    promptscribe.force_flush(PATIENCE)
    wait_until(lambda: looks(0.5) <= 4)  # before, ten for one of them

    assert later.is_dir()


def looks(seconds):
    """Return how often exporters wake up in a while."""
    exporters = [t.native_id for t in threads() if "exporter" in t.name]
    assert len(exporters) == 2
    before = sum(map(waits, exporters))
    threading.Event().wait(seconds)
    return sum(map(waits, exporters)) - before


def waits(thread):
    told = Path(f"/proc/self/task/{thread}/status").read_text("utf-8")
    return int(told.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_the_folders_of_other_keys_are_looked_through_once(renew, tmp_path):
    """There may be thousands: every five seconds, each was opened, and written to."""
    renew("key-a")
    answer("a")
    promptscribe.force_flush(PATIENCE)
    (folder,) = tmp_path.glob("http*")
    renew("key-b")
    answer("b")
    promptscribe.force_flush(PATIENCE)
    wait_until(lambda: len(lanes(tmp_path)) == 1)
    os.utime(folder, (1000, 1000))
    promptscribe.force_flush(PATIENCE)

    assert folder.stat().st_mtime == 1000
