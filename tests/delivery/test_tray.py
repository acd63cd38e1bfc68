"""What is read of the journal before its turn: little, as long as a server is down."""

from __future__ import annotations

import gc
import resource
import sys
import threading
import time

import pytest
from tests.descriptors import open_files
from tests.promises.faults_server import Reply

import promptscribe
from promptscribe import record_log
from promptscribe._delivery import retry, tray
from promptscribe._delivery.parcel import Parcel


def parcels():
    return [thing for thing in gc.get_objects() if type(thing) is Parcel]


@pytest.mark.parametrize("sink", [None], indirect=True)
def test_a_server_that_refuses_all_has_no_backlog_read_into_memory(sink, deliver):
    """Each time it is asked, a log without a parent is looked for: there is none."""
    sink.judge = lambda _seen: Reply(401, whole=True)
    deliver(api_key="revoked")
    before = set(map(id, parcels()))
    for mark in range(2000):
        record_log(path="tray/child", output=str(mark), trace_parent_id="log_elsewhere")
    for _ in range(60):
        promptscribe.force_flush(2)

    held = set(map(id, parcels())) - before

    assert len(sink.requests) >= 40
    assert 0 < len(held) < 700


@pytest.mark.parametrize("sink", [None], indirect=True)
def test_a_server_that_fails_for_long_has_few_logs_in_memory(
    sink, deliver, monkeypatch
):
    """Each time it is asked, another log is tried; after many, one of these again."""
    monkeypatch.setattr(tray, "_MOST_TRIED", 40)
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.01)
    deliver()
    record_log(path="tray/first", output="x")
    promptscribe.force_flush(60)
    sink.judge = lambda _seen: Reply(503)
    before = set(map(id, parcels()))
    for mark in range(400):
        record_log(path="tray/more", output=str(mark))
    sink.wait(lambda: len(sink.requests) >= 200)

    held = set(map(id, parcels())) - before

    assert 0 < len(held) < 100
    sink.judge = lambda _seen: Reply()
    sink.wait(lambda: len(sink.stored) == 401)


def segments_open():
    """Return how many files of segments this process has open."""
    return sum(".seg" in name for name in open_files())


@pytest.mark.parametrize("sink", [None], indirect=True)
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_backlog_leaves_the_program_its_files(sink, deliver):
    """Of 128 that it may open: what is read next is not all kept open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    deliver()
    record_log(path="tray/first", output="x")
    promptscribe.force_flush(60)
    may_go_on = threading.Event()
    sink.judge = lambda _seen: Reply() if may_go_on.wait(90) else None
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        for _ in range(30_000):
            record_log(path="tray/backlog", output="x" * 900)
        until = time.monotonic() + 60
        while (held := segments_open()) > 16 and time.monotonic() < until:
            threading.Event().wait(0.05)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        may_go_on.set()

    assert held <= 16
