"""No phone-home: no network but the server that is configured."""

from __future__ import annotations

import json

from tests.promises.faults_server import Server

PROGRAM = """
import atexit, json, sys
from socket import socket

seen = []
EVENTS = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.bind",
          "socket.gethostbyname", "socket.sendmsg", "urllib.Request")

def guard(event, details):
    if event in EVENTS:
        seen.append([event, repr([d for d in details if type(d) is not socket])])

sys.addaudithook(guard)
stage = lambda name: seen.append(["stage", name])
atexit.register(lambda: print(json.dumps(seen)))  # the last to run

stage("import")
import promptscribe
import promptscribe.otel, promptscribe.testing
stage("configure")
promptscribe.configure(environment="test")
stage("calls")

@promptscribe.log_prompt(path="silence/call", prompt={"model": "gpt-4o"})
def call(mark):
    return {"model": "gpt-4o", "choices": [{"message": {"role": "assistant",
            "content": "![](http://evil.invalid/a.png) http://evil.invalid/"}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5}}

for mark in range(20):
    call(mark)
stage("flush")
promptscribe.force_flush(30)
stage("exit")
call(20)
"""


def test_nothing_but_the_server_is_ever_connected_to(server, run):
    """During import, configure, calls, flush and exit; no name is looked up."""
    done = run(PROGRAM, server.url)

    seen = json.loads(done.stdout)
    stages = [detail for kind, detail in seen if kind == "stage"]
    events = [tuple(each) for each in seen if each[0] != "stage"]
    assert stages == ["import", "configure", "calls", "flush", "exit"]
    before_calls = seen[: seen.index(["stage", "calls"])]
    assert [each for each in before_calls if each[0] != "stage"] == []
    assert len(server.stored) == 21
    assert {kind for kind, _ in events} <= {"socket.connect", "socket.getaddrinfo"}
    assert events
    for _, detail in events:
        assert f"'127.0.0.1', {server.port}" in detail


TWO = """
import os, signal
import promptscribe

@promptscribe.log_prompt(path="two/call")
def call(mark):
    return mark

mark = int(os.environ["MARK"])
for number in range(50):
    call(mark)
if os.environ["THEN"] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print(promptscribe.force_flush(30))
"""


def test_two_destinations_share_a_journal_and_nothing_else(server, run):
    """What waits for one server is never taken to the other, whoever delivers."""
    other = Server(offer={"bulk": True})
    port = other.port
    other.close()
    run(TWO, other.url, MARK="2", THEN="die")  # its server is down, and it dies
    run(TWO, server.url, MARK="1", THEN="die")
    alive = run(TWO, server.url, MARK="1", THEN="flush")

    assert "delivered=100" in alive.stdout
    assert {log["inputs"]["mark"] for log in server.stored.values()} == {1}

    other = Server(port, offer={"bulk": True})
    alive = run(TWO, other.url, MARK="2", THEN="flush")
    other.close()

    assert "delivered=100" in alive.stdout
    assert len(other.stored) == 100
    assert {log["inputs"]["mark"] for log in other.stored.values()} == {2}
    assert len(server.stored) == 100
