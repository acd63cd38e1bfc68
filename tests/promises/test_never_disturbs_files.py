"""Never disturbs: what a program opens after it closed everything is its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.environment import clean_environment
from tests.promises.faults_server import Server

PROGRAM = """
import json, os, socket, sys
import promptscribe
from promptscribe._journal import supply

what, kind, url = sys.argv[1:]
if kind == "appended":
    supply.is_mappable = lambda _folder: False
promptscribe.configure(base_url=url, flush_timeout=30)

@promptscribe.log_prompt(path="files/call")
def call(mark, text="x" * 3000):
    return "answer"

def work(start):
    for mark in range(start, start + 1000):
        call(mark)

work(0)
promptscribe.force_flush(30)
os.closerange(3, 4096)  # as python-daemon's DaemonContext does, also without a fork
mine, peers = {}, []
for number in range(40):
    if what == "socket":
        one, peer = socket.socketpair()
        os.set_inheritable(one.fileno(), True)
        peer.setblocking(False)
        peers.append(peer)
        fd = one.detach()
    else:
        fd = os.open(f"mine-{number}", os.O_RDWR | os.O_CREAT)
        os.write(fd, b"mine")
    mine[fd] = os.fstat(fd).st_ino
work(1000)
promptscribe.force_flush(30)
work(2000)
told = promptscribe.shutdown(30)

wrong = []
for fd, inode in mine.items():
    try:
        if os.fstat(fd).st_ino != inode:
            wrong.append(f"{fd} is another")
        elif what == "file" and os.pread(fd, 100, 0) != b"mine":
            wrong.append(f"{fd} was written to")
    except OSError:
        wrong.append(f"{fd} was closed")
for peer in peers:
    try:
        wrong.append(f"{peer.fileno()} got {peer.recv(100)}")
    except BlockingIOError:
        pass
lost = [told.recorded - told.delivered, told.dropped]
print(json.dumps([wrong, lost]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mapped", "appended"])
@pytest.mark.parametrize("what", ["file", "socket"])
def test_what_gets_the_numbers_of_ours_is_neither_closed_nor_written_to(
    what, kind, tmp_path
):
    """A daemon closes all it has open; where it need not fork, our threads go on."""
    server = Server(offer={"bulk": True})
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, kind, server.url],
        env={
            **clean_environment(),
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    server.close()

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [[], [0, 0]], ended.stderr
    assert len(server.stored) == 3000


FORKS = """
import os, sys
import promptscribe
from promptscribe._runtime.state import runtime

promptscribe.configure(base_url=sys.argv[1])
promptscribe.log_prompt(len)("x")
promptscribe.force_flush(30)
exporter = runtime._pipelines[0]._exporter
with exporter._progress:  # until it has asked what is offered
    assert exporter._progress.wait_for(lambda: not exporter.desk.is_busy, 60)
if child := os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with os.scandir("/proc/self/fd") as numbers:
    files = [os.readlink(number.path) for number in numbers if int(number.name) > 2]
os._exit(any(file.startswith("socket:") for file in files))
"""


@pytest.mark.slow
def test_a_forked_child_has_no_connection_of_its_parents(tmp_path):
    """The server would not see it end; and a daemon's own file may get its number."""
    server = Server(offer={"bulk": True})
    ended = subprocess.run(
        [sys.executable, "-c", FORKS, server.url],
        env=clean_environment() | {"PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "j")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    server.close()

    assert ended.returncode == 0, ended.stderr
    assert len(server.stored) == 1


WITHOUT = """
import os, resource
from promptscribe import log_prompt

upper = log_prompt(str.upper)
free = os.dup(0)
os.close(free)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
said = upper("as without a log")
import promptscribe
told = promptscribe.stats()
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
print(said, dict(told.reasons))
"""


@pytest.mark.slow
def test_where_no_file_can_be_opened_that_is_told(tmp_path):
    """A first call needs files of ours; the program's own goes on, and is counted."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={
            **clean_environment(),
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
            "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    told = {"recording_failed": 1, "not_begun": 1}
    assert ended.stdout == f"AS WITHOUT A LOG {told}\n", ended.stderr
