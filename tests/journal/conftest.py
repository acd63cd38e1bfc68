"""What journal tests share: payloads as the journal sees them, and who listens."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import threading

import msgspec
import pytest

from promptscribe._journal import frame
from promptscribe._journal.writer import Writer

TOP_BIT = 1 << 63
ALONE = "TEST_IS_ALONE"


class Witness:
    """Hears what a writer tells, and keeps it."""

    def __init__(self):
        self.failures = []
        self.lost = collections.Counter()
        self.forks = 0
        self.woken = threading.Event()

    def journal_failed(self, reason, problem):
        self.failures.append(reason)

    def dropped(self, reason, logs):
        self.lost[reason] += logs

    def wake(self):
        self.woken.set()

    def forked(self):
        self.forks += 1


class Calls:
    """Writes calls as the capture does, and reads them back by number."""

    @staticmethod
    def payload(number, text=""):
        return msgspec.msgpack.encode((TOP_BIT | number, text))

    def write(self, writer, *numbers, text="x"):
        for number in numbers:
            writer.append(frame.START, self.payload(number, text))
            writer.append(frame.END, self.payload(number, "end"))

    @staticmethod
    def numbers(records):
        return [msgspec.msgpack.decode(r.end or r.start)[0] & ~TOP_BIT for r in records]

    def drain(self, reader, limit=1000):
        """Take everything, acknowledge it, and return its numbers."""
        taken = []
        for _ in range(
            3
        ):  # a dead lane hands out interrupted calls in a round of its own
            records = reader.take(limit)
            for record in records:
                record.acknowledge()
            taken += self.numbers(records)
            reader.clean()
        return taken


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def root(tmp_path):
    return tmp_path / "journal" / "server"


@pytest.fixture
def writer(root, witness):
    """A writer with small segments, so that tests see it change them."""
    writer = Writer(root, witness, segment_bytes=4096)
    yield writer
    writer.close()


@pytest.hookimpl(tryfirst=True)  # coroutines as well, which anyio runs first
def pytest_pyfunc_call(pyfuncitem):
    """Run what is to be *alone* in a process without the threads of other tests.

    Where Python's hooks do not run, a child that is forked while another thread waits
    for the interpreter lock waits for that thread (``ceval_gil.h``).
    """
    if pyfuncitem.get_closest_marker("alone") is None or ALONE in os.environ:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, pyfuncitem.nodeid],
        env=os.environ | {ALONE: "1", "PYTEST_ADDOPTS": ""},
        cwd=pyfuncitem.config.rootpath,
        check=False,
        capture_output=True,
        text=True,
    )
    is_passed = run.returncode == 0 and "1 passed" in run.stdout  # nor skipped
    assert is_passed, run.stdout + run.stderr
    return True
