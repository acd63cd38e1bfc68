"""Servers that give their own ids: recognised, and served as they want it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from tests.environment import clean_environment
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import log_prompt

EXTRA = b'{"detail": [{"loc": ["body", "log_id"], "type": "extra_forbidden"}]}'


@log_prompt(path="test/child")
def child(mark):
    return mark


@log_prompt(path="test/parent")
def parent(mark):
    child(mark)
    return child(mark)


class SeedServer:
    """Answers as the first generation of the contract does."""

    def __init__(self, server, *, is_strict):
        self.server = server
        self.is_strict = is_strict
        self.logs = {}
        self._numbers = itertools.count()
        server.judge = self.take

    def take(self, seen):
        log = seen.log
        if self.is_strict and "log_id" in log:
            return Reply(422, body=EXTRA)
        given = f"own_{next(self._numbers)}"
        with self.server.changed:
            self.logs[given] = log
        return Reply(200, body=json.dumps({"id": given}).encode(), store=False)


@pytest.fixture(params=[True, False], ids=["refuses log_id", "ignores log_id"])
def seed(request):
    server = Server()
    yield SeedServer(server, is_strict=request.param)
    server.close()


def test_a_server_with_ids_of_its_own_gets_the_whole_tree(seed, tmp_path):
    """No log refused, parents before children, children under the server's ids."""
    promptscribe.configure(
        base_url=seed.server.url, journal_dir=tmp_path / "journal", export=True
    )
    child(0)
    promptscribe.force_flush(60)  # from here on it is known
    for mark in range(1, 6):
        parent(mark)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (16, 0, 0)
    roots = {i for i, log in seed.logs.items() if log["path"] == "test/parent"}
    kin = [log.get("trace_parent_id") for log in seed.logs.values()]
    assert sorted(p for p in kin if p) == sorted([*roots, *roots])


def test_the_very_first_tree_hangs_together_as_well(seed, tmp_path):
    """Nobody knows the server yet: a topmost log asks, alone."""
    promptscribe.configure(
        base_url=seed.server.url, journal_dir=tmp_path / "journal", export=True
    )
    for mark in range(5):
        parent(mark)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (15, 0, 0)
    roots = {i for i, log in seed.logs.items() if log["path"] == "test/parent"}
    kin = [log.get("trace_parent_id") for log in seed.logs.values()]
    assert sorted(p for p in kin if p) == sorted([*roots, *roots])


def test_no_child_waits_for_a_parent_that_was_refused(seed, tmp_path):
    """It is among the dead letters and never gets an id; children go without it."""
    take = seed.server.judge
    seed.server.judge = lambda seen: (
        Reply(413) if seen.log["path"] == "test/parent" else take(seen)
    )
    promptscribe.configure(
        base_url=seed.server.url, journal_dir=tmp_path / "journal", export=True
    )
    child(0)
    promptscribe.force_flush(60)  # from here on it is known
    parent(1)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (3, 1, 0)
    assert not any("trace_parent_id" in log for log in seed.logs.values())


def test_a_refusal_that_quotes_the_log_is_none_of_its_id(tmp_path):
    """As FastAPI's do; before, ids were given up for good over a word in a prompt."""
    server = Server()

    def take(seen):
        if "prompt" in seen.log:
            return Reply()
        fault = {"type": "missing", "loc": ["body", "prompt"], "msg": "Field required"}
        said = {"detail": [fault | {"input": seen.log}]}
        return Reply(422, body=json.dumps(said).encode())

    server.judge = take
    promptscribe.configure(base_url=server.url, journal_dir=tmp_path, export=True)
    promptscribe.record_log("test/refused", output="an unknown animal")
    for _ in range(5):
        promptscribe.record_log("test/taken", prompt={"model": "m"}, output="x")

    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.rejected) == (5, 1)
    assert all(log_id.startswith("log_") for log_id in server.stored)
    assert len(server.stored) == 5


def test_an_answer_that_has_all_of_the_log_tells_its_id_as_well(seed, tmp_path):
    """Some servers answer with what they have stored."""
    take = seed.server.judge

    def echo(seen):
        reply = take(seen)
        if reply.status == 200:
            said = {"inputs": "x" * 100_000, **json.loads(reply.body)}
            reply.body = json.dumps(said).encode()
        return reply

    seed.server.judge = echo
    promptscribe.configure(
        base_url=seed.server.url, journal_dir=tmp_path / "journal", export=True
    )
    child(0)
    promptscribe.force_flush(60)
    parent(1)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.pending) == (4, 0)
    (root,) = (i for i, log in seed.logs.items() if log["path"] == "test/parent")
    kin = [log.get("trace_parent_id") for log in seed.logs.values()]
    assert [p for p in kin if p] == [root, root]


def test_a_child_finds_its_parent_that_another_process_delivered(seed, tmp_path):
    """The map of ids lies in the journal."""
    folder = tmp_path / "journal"
    promptscribe.configure(base_url=seed.server.url, journal_dir=folder, export=True)
    child(0)
    promptscribe.force_flush(60)
    parent(1)
    promptscribe.force_flush(60)

    (root,) = folder.iterdir()
    lines = (root / "ids.tsv").read_text().splitlines()

    assert len(lines) >= 3
    assert all(line.split("\t")[1].startswith("own_") for line in lines)
    assert oct((root / "ids.tsv").stat().st_mode & 0o777) == "0o600"


ORPHAN = """
import os, signal, sys, threading
import promptscribe
from promptscribe import log_prompt

@log_prompt(path="test/child")
def child(mark):
    running.set()
    done.wait()

@log_prompt(path="test/parent")
def parent(mark):
    threading.Thread(target=promptscribe.propagate(child), args=(mark,)).start()
    running.wait()

running, done = threading.Event(), threading.Event()
log_prompt(path="test/first")(lambda: None)()
promptscribe.force_flush(60)  # from here on the server is known
parent(1)
print(promptscribe.force_flush(60).delivered, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_a_dead_process_left_hangs_under_what_it_had_delivered(seed, tmp_path):
    """The parent was delivered, the process died in the child; the next one knows."""
    environment = clean_environment() | {
        "PROMPTSCRIBE_BASE_URL": seed.server.url,
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
    }
    died = subprocess.run(
        [sys.executable, "-c", ORPHAN],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    drained = subprocess.run(
        [sys.executable, "-m", "promptscribe", "drain"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert died.stdout == "2\n", died.stderr
    assert "delivered 1, pending 0, rejected 0" in drained.stdout, drained.stderr
    ((parent_id, _),) = ((i, g) for i, g in seed.logs.items() if "parent" in g["path"])
    (left,) = (log for log in seed.logs.values() if log["path"] == "test/child")
    assert left["error"].startswith("Interrupted")
    assert left["trace_parent_id"] == parent_id
