"""Where no thread can be started any more, and where sockets are not Python's own."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from tests.environment import clean_environment
from tests.promises.faults_server import BULK, Reply, Server

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery import desk, patience

SHORT = """
import promptscribe

@promptscribe.log_prompt(path="short/program")
def answer(mark):
    return "answer"

for mark in range(20):
    answer(mark)
"""

GREEN = """
from gevent import monkey
monkey.patch_all()
import promptscribe
from promptscribe import log_prompt

@log_prompt(path="green")
def answer(mark):
    return "answer"

answer(1)
print(promptscribe.force_flush(60).delivered)
"""

PRELOADED = """
import os
import signal
import sys
import promptscribe
from promptscribe import log_prompt

@log_prompt(path="preloaded")
def answer(mark):
    return "answer"

answer(0)
promptscribe.force_flush(60)
worker = os.fork()
if worker:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))

from gevent import monkey, sleep
monkey.patch_all()
signal.setitimer(signal.ITIMER_REAL, 10)  # a worker that does not answer is killed
for mark in range(20):
    answer(mark + 1)
    sleep(0.01)
signal.setitimer(signal.ITIMER_REAL, 0)
print(promptscribe.force_flush(60).delivered)
"""


@pytest.fixture
def no_senders(monkeypatch):
    """As Python 3.12 is once the main thread has ended, or a machine at its limit."""
    start = threading.Thread.start

    def refuse(thread):
        if thread.name.startswith("promptscribe-sender"):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("no_senders")
def test_logs_are_delivered_where_no_thread_can_be_started(sink, deliver):
    """By the one that is there already."""

    @log_prompt(path="alone")
    def answer(mark):
        return "answer"

    deliver()
    for mark in range(50):
        answer(mark)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.pending) == (50, 0)
    assert set(sink.arrivals.values()) == {1}


@pytest.mark.usefixtures("no_senders")
def test_what_a_server_offers_is_asked_though_no_thread_was_free_for_it(
    deliver, monkeypatch, sink
):
    """The only one was bringing a log there when it was time to ask."""

    @log_prompt(path="alone")
    def answer(mark):
        return "answer"

    def judge(seen):
        if not seen.path.endswith(BULK):
            threading.Event().wait(0.15)
        return Reply()

    def answer_to(seen):
        is_ill = seen.path == "/health" and next(ill, None) is not None
        return Reply(503, body=b"{}") if is_ill else take(seen)

    monkeypatch.setattr(desk, "_ASK_AGAIN", 0.05)
    take, ill = sink.answer, iter(range(2))
    sink.offer, sink.judge, sink.answer = {"bulk": True}, judge, answer_to
    deliver()
    mark = 0
    while not any(seen.path == BULK for seen in sink.requests) and mark < 300:
        for _ in range(10):
            answer(mark)
            mark += 1
        promptscribe.force_flush(60)

    assert mark < 300
    assert promptscribe.force_flush(60).pending == 0
    assert len(sink.stored) == mark


def test_a_limit_of_threads_that_is_reached_for_a_moment_stops_no_delivery(
    sink, deliver, caplog
):
    """A machine that is crowded at a program's first call is so for a while."""

    @log_prompt(path="crowded")
    def answer(mark):
        return "answer"

    deliver()
    before = threading.stack_size(1 << 48)  # more than any machine has to give
    try:
        answer(1)
    finally:
        threading.stack_size(before)
    answer(2)
    sink.wait(lambda: len(sink.stored) == 2, 20)

    assert promptscribe.force_flush(60).pending == 0
    assert "no thread can be started, logs wait: can't start new" in caplog.text


def run(program, folder, server):
    settings = {
        "PROMPTSCRIBE_BASE_URL": server.url,
        "PROMPTSCRIBE_JOURNAL_DIR": str(folder),
        "PROMPTSCRIBE_FLUSH_TIMEOUT": "20",
    }
    return subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=clean_environment() | settings,
    ).stdout


@pytest.mark.parametrize("sink", [None], indirect=True)
def test_a_flush_waits_though_another_thread_is_just_starting_delivery(
    sink, deliver, monkeypatch
):
    """It takes a while beside busy threads; before, who came meanwhile was sent off."""

    @log_prompt(path="first/calls")
    def answer(mark):
        return "answer"

    def call_and_flush():
        answer("second")
        results.append(promptscribe.force_flush(60))

    def start_slowly(thread):
        if thread.name == "promptscribe-exporter" and not others:
            others.append(threading.Thread(target=call_and_flush))
            others[0].start()
            others[0].join(0.5)  # it ends at once, or not before this is over
        start(thread)

    others, results, start = [], [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start_slowly)
    deliver()
    answer("first")
    others[0].join()

    assert "second" in [log["inputs"]["mark"] for log in sink.stored.values()]
    assert results[0].delivered >= 1


@pytest.mark.slow
def test_a_program_of_a_few_milliseconds_delivers_as_it_ends(tmp_path):
    """It ends before anything but the first thread has begun."""
    with Server() as server:
        run(SHORT, tmp_path, server)

        assert len(server.stored) == 20


def test_a_timeout_is_a_number_to_every_kind_of_socket():
    """Python's own take a whole one; gevent's look for the method, and call that."""
    for left in patience.waits(5.0).values():
        assert 0 < left.__float__() <= 5


@pytest.mark.slow
def test_logs_are_delivered_by_gevents_sockets(tmp_path):
    """They take no timeout but a float."""
    with Server() as server:
        assert run(GREEN, tmp_path, server).split() == ["1"]


@pytest.mark.slow
def test_a_worker_that_becomes_green_after_the_fork_is_not_held_up(tmp_path):
    """``gunicorn --preload -k gevent``, where the application calls as it is loaded."""
    with Server() as server:
        assert run(PRELOADED, tmp_path, server).split() == ["20"]
        assert len(server.stored) == 21


PRICED = """
from promptscribe import log_prompt

@log_prompt(path="priced")
def answer():
    message = {"role": "assistant", "content": "Ho"}
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    choices = [{"message": message, "finish_reason": "stop"}]
    return {"choices": choices, "model": "gpt-4o-mini", "usage": usage}

answer()
"""

PLUGIN = """
from concurrent.futures import ThreadPoolExecutor

ThreadPoolExecutor().submit(print, end="").result()
"""


@pytest.mark.slow
def test_a_plug_in_that_starts_threads_as_the_price_list_is_loaded_costs_no_log(
    tmp_path, monkeypatch
):
    """Logfire, as a plug-in of pydantic's: at the end of a program none is started."""
    pytest.importorskip("genai_prices")
    about = tmp_path / "plugin-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pydantic]\nplugin = threaded_plugin\n")
    (tmp_path / "threaded_plugin.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with Server() as server:
        run(PRICED, tmp_path / "journal", server)

        assert len(server.stored) == 1
