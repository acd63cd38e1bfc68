"""What the receiver says about itself, and how long it waits for others."""

import contextlib
import json
import logging
import re
import socket
import threading

import pytest

from promptscribe.receiver import body, cutoff


def test_requests_and_logs_are_counted(client, post):
    """In the format that Prometheus scrapes."""
    post(path="a")
    client.post("/prompts/log", json={"id": "pr_x"})
    client.post("/prompts/logs", content=b'{"path":"a"}\n{}')
    client.request("BREW", "/logs")

    answer = client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'promptscribe_logs_total{kind="prompt",outcome="stored"} 2',
        'promptscribe_logs_total{kind="prompt",outcome="missing"} 1',
        'promptscribe_logs_total{kind="prompt",outcome="invalid"} 1',
        'promptscribe_requests_total{method="POST",status="200"} 2',
        'promptscribe_requests_total{method="POST",status="404"} 1',
        'promptscribe_requests_total{method="other",status="405"} 1',
        'promptscribe_request_seconds_bucket{le="+Inf"} 4',
    ):
        assert line in answer.text.splitlines()
    sample = re.compile(r"[a-z_]+(\{[^{}]*\})? [\d.e+-]+")
    for line in answer.text.splitlines():
        assert line.startswith("# ") or sample.fullmatch(line)


def test_the_access_log_is_one_line_of_json(client, caplog):
    """Nothing that a client puts into a path can forge a line."""
    caplog.set_level(logging.INFO, logger="promptscribe.receiver.access")

    client.get("/logs/a%0A%1B[2Jforged?secret=1")
    client.get("/health")  # by now the first is logged

    lines = [r.getMessage() for r in caplog.records if r.name.endswith("access")]
    line = lines[0]
    assert "\n" not in line
    assert "\x1b" not in line
    assert "secret" not in line
    assert json.loads(line)["status"] == 404


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: local"])
def test_a_client_that_does_not_finish_its_headers_is_cut_off(
    receiver, client, monkeypatch, sent
):
    """A thousand such connections would else be held for ever."""
    monkeypatch.setattr(cutoff, "HEADER_TIMEOUT", 0.05)
    port = int(receiver.url.rpartition(":")[2])

    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        rest = connection.recv(1000)

    assert rest == b""
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/prompts/log", 408), ("/v1/traces", 503)]
)
def test_a_body_that_does_not_come_is_not_waited_for(
    receiver, client, monkeypatch, path, status
):
    """A client that sends its body a byte at a time does not hold a place for ever."""
    monkeypatch.setattr(body, "BODY_TIMEOUT", 0.05)
    port = int(receiver.url.rpartition(":")[2])
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n"
    head += "Content-Type: application/json\r\n\r\n"

    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head.encode() + b'{"path"')
        answer = connection.recv(1000)
        rest = b"x"
        while rest:
            rest = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert client.get("/logs").json()["total"] == 0


@pytest.mark.slow
def test_a_client_that_does_not_read_its_answer_is_cut_off(
    receiver, client, post, monkeypatch
):
    """Else each would keep an answer of megabytes in memory; a slow one may go on."""
    monkeypatch.setattr(cutoff, "READ_TIMEOUT", 0.5)
    monkeypatch.setattr(cutoff, "LEAST_READ_BYTES", 1024)
    post(path="p", log_id="big", output="x" * 9_000_000)
    port = int(receiver.url.rpartition(":")[2])
    ask = b"GET /logs/big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = {}
    waiting = threading.Event()

    for name, pause in (("stuck", 0.4), ("slow", 0.02)):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.sendall(ask)
            received[name] = 0
            with contextlib.suppress(ConnectionError):
                for number in range(10_000):
                    if number < 5 or name == "slow":
                        waiting.wait(pause)
                    chunk = connection.recv(262_144)
                    received[name] += len(chunk)
                    if not chunk:
                        break

    assert received["stuck"] < 9_000_000
    assert received["slow"] > 9_000_000
    assert client.get("/health").status_code == 200


def test_idle_connections_never_keep_a_client_out(receiver, client, monkeypatch):
    """Where there are too many, those go that have asked for nothing longest."""
    monkeypatch.setattr(cutoff, "MAX_CONNECTIONS", 20)
    monkeypatch.setattr(cutoff, "HEADER_TIMEOUT", 3600)
    port = int(receiver.url.rpartition(":")[2])
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]

    answer = client.get("/health")

    assert answer.status_code == 200
    idle[0].settimeout(60)
    assert idle[0].recv(1) == b""
    for each in idle:
        each.close()
