"""The examples of how to run it: in worker processes, behind gunicorn, elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import nbformat
import pytest
from nbclient import NotebookClient
from tests.environment import clean_environment
from tests.promises.faults_server import Server

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def server():
    """A real server that stores what it is sent."""
    server = Server(offer={"bulk": True})
    yield server
    server.close()


@pytest.fixture
def environment(server, tmp_path):
    """What a program's environment says of where its logs go."""
    return clean_environment() | {
        "PROMPTSCRIBE_BASE_URL": server.url,
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        "PYTHONPATH": str(EXAMPLES),
        "QUEUE": str(tmp_path / "queue"),
    }


@pytest.fixture
def start(environment, tmp_path):
    """Start programs; those that still run at the end are ended."""
    started = []

    def program(*command):
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield program
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def drain(start):
    """Deliver what dead processes left, as a person does."""

    def drained():
        process = start("-m", "promptscribe", "drain")
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said

    return drained


def read_until(process, pattern, times=1):
    """Read what a program says until *pattern* came so often."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        times -= bool(re.search(pattern, line))
        if not times:
            return lines
    raise AssertionError("".join(lines))


def questions_at(server):
    return sorted(log["inputs"]["question"] for log in server.stored.values())


QUESTIONS = [f"question {number}" for number in range(10)]


def work_off_the_queue(start):
    """Queue ten tasks, and have a worker do them, each in a process of its own."""
    queued = start(EXAMPLES / "celery_tasks.py")
    assert queued.communicate(timeout=60)[0] == "10 queued\n"
    worker = start(
        *("-W", "ignore", "-m", "celery", "-A", "celery_tasks", "worker"),
        *("--max-tasks-per-child", "1", "--concurrency", "2", "--loglevel", "info"),
    )
    said = read_until(worker, r"Task celery_tasks\.answer\S+ succeeded", times=10)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    return said


def test_celery_tasks(start, drain, server):
    """Each task ends its process, without exit handlers; every log arrives, once."""
    said = work_off_the_queue(start)
    drain()

    workers = set(re.findall(r"ForkPoolWorker-\d+", "".join(said)))
    assert len(workers) == 10
    assert questions_at(server) == QUESTIONS
    assert all("error" not in log for log in server.stored.values())


def test_celery_tasks_while_the_server_is_down(start, drain, server):
    """The logs wait in the journals of processes that are gone, until it is up."""
    port = server.port
    server.close()
    work_off_the_queue(start)

    later = Server(port, offer={"bulk": True})
    try:
        drain()
        assert questions_at(later) == QUESTIONS
    finally:
        later.close()


def start_gunicorn(start):
    """Start four workers of a preloaded application; return the process and its URL."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    web = start(
        *("-m", "gunicorn", "--preload", "--workers", "4", "--bind", address),
        *("--no-control-socket", "gunicorn_app:app"),
    )
    read_until(web, "Booting worker", times=4)
    return web, f"http://{address}"


def ask(url, count):
    """Ask so many questions, several at a time; return the answers."""
    with ThreadPoolExecutor(8) as pool, httpx.Client(base_url=url, timeout=30) as web:
        return list(
            pool.map(lambda n: web.get("/", params={"q": f"{n:03}"}).text, range(count))
        )


ASKED = [f"{number:03}" for number in range(200)]
AT_START = "at start, before the workers are forked"


def test_gunicorn_app(start, server, drain):
    """Master and workers log, and end in the ordinary way."""
    web, url = start_gunicorn(start)
    answers = ask(url, 200)
    web.send_signal(signal.SIGTERM)
    web.communicate(timeout=60)
    drain()

    assert sorted(answers) == [f"You asked: {asked}" for asked in ASKED]
    assert questions_at(server) == [*ASKED, AT_START]


def test_gunicorn_app_that_is_killed(start, server, drain):
    """SIGKILL for the master and each of its workers: no log is lost."""
    web, url = start_gunicorn(start)
    children = Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text().split()
    ask(url, 200)
    for pid in (web.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    web.communicate(timeout=60)
    drain()

    assert len(children) == 4
    assert questions_at(server) == [*ASKED, AT_START]


INSTANCE = """
import json, sys, types, aws_lambda
context = types.SimpleNamespace(function_name="example")
for line in sys.stdin:
    print(json.dumps(aws_lambda.handler(json.loads(line), context)), flush=True)
"""


def test_aws_lambda(start, server, environment):
    """When the handler has returned its log is delivered: then all is frozen."""
    environment["PROMPTSCRIBE_FLUSH_TIMEOUT"] = "30"  # a busy machine's cold start
    instance = start("-c", INSTANCE)
    for number in range(3):
        instance.stdin.write(json.dumps({"question": f"{number}"}) + "\n")
        instance.stdin.flush()
        said = json.loads(instance.stdout.readline())
        instance.send_signal(signal.SIGSTOP)  # as Lambda does

        assert said["body"] == f"You asked: {number}"
        assert len(server.stored) == 2 * (number + 1)
        assert str(number) in {
            log["inputs"].get("question") for log in server.stored.values()
        }
        instance.send_signal(signal.SIGCONT)


def test_notebook(server, environment, monkeypatch, tmp_path):
    """A real kernel runs it; the loop of the notebook itself awaits the call."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()

    *_, asked, flushed = notebook.cells
    assert asked.outputs[0].data["text/plain"] == "'You asked: What is a log?'"
    assert flushed.outputs[0].text == "1 delivered, 0 pending\n"
    assert questions_at(server) == ["What is a log?"]


UWSGI = """
import ctypes, os, sys, threading, types

master = os.getpid()
sys.modules["uwsgi"] = types.SimpleNamespace(masterpid=lambda: master)
import promptscribe

answer = promptscribe.log_prompt(path="uwsgi/answer")(lambda question: question)
answer("at start, before the workers are forked")
print([thread.name for thread in threading.enumerate()], flush=True)
worker = ctypes.CDLL(None).fork()  # as uWSGI does it: without the interpreter lock
if worker == 0:
    answer("in a worker")
    promptscribe.force_flush(20)
    os._exit(0)
os.waitpid(worker, 0)
"""


def test_uwsgi_s_workers_do_not_wait_for_a_thread_of_its_master_s(server, start, drain):
    """One that is forked while that has the interpreter lock would never begin."""
    said, _ = start("-c", UWSGI).communicate(timeout=60)
    before = [log["inputs"]["question"] for log in server.stored.values()]
    drain()

    assert said.splitlines() == ["['MainThread']"]
    assert before == ["in a worker"]
    assert len(server.stored) == 2
