"""The key and the logs: nobody sees them but the server that they are for."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
import traceback

import httpx
import pytest
from tests.promises.faults_server import Reply

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery.transport import HttpTransport, Request
from promptscribe._runtime.state import runtime
from promptscribe._secret import Secret
from promptscribe.errors import Unreachable
from promptscribe.testing import MemoryTransport, isolated

CANARY = "psk_canary_5f1e0c"


@log_prompt(path="test/secret")
def answer(mark):
    return mark


@pytest.mark.parametrize("status", [200, 401, 422, 500, 302])
def test_the_key_is_in_one_header_and_nowhere_else(
    sink, deliver, status, caplog, capfd
):
    """Not in a log line, a file of the journal, stderr or the result."""
    sink.judge = lambda seen: Reply(status, whole=status != 422)
    folder = deliver(api_key=CANARY)
    with caplog.at_level(logging.DEBUG):
        answer(1)
        sink.wait(lambda: sink.requests)
        result = promptscribe.force_flush(0.5)

    assert sink.requests[-1].headers["x-api-key"] == CANARY
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())
    assert CANARY not in repr(result) + repr(runtime.settings)
    for path in folder.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()
    for request in sink.requests:
        assert CANARY not in request.path + request.query
        assert CANARY.encode() not in request.body


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://name.invalid"]
)
def test_a_failure_to_connect_does_not_show_the_key(url):
    """Neither the exception, nor its cause, nor what a debugger prints of them."""
    transport = HttpTransport(url, Secret(CANARY))

    with pytest.raises(Unreachable) as raised:
        transport.send(Request("/prompts/log", {}, b"{}"))
    transport.close()

    shown = traceback.TracebackException.from_exception(raised.value)
    assert CANARY not in "".join(shown.format()) + repr(transport)
    assert raised.value.__cause__ is None


def test_netrc_is_not_read(sink, deliver, monkeypatch, tmp_path):
    """A password for the server's host stays where it is."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    deliver(api_key=CANARY)
    answer(1)
    promptscribe.force_flush(5)

    assert all("authorization" not in seen.headers for seen in sink.requests)


def test_own_log_lines_hold_no_payload(sink, deliver, caplog):
    """What a prompt says, control characters and all, does not get into a log."""
    sink.judge = lambda seen: Reply(422)
    deliver()
    with caplog.at_level(logging.DEBUG, "promptscribe"):
        answer("canary text\n\x1b[2J forged line")
        promptscribe.force_flush(5)

    assert "canary text" not in caplog.text
    assert "\x1b" not in caplog.text


EVIL = "canary text\n\x1b[2J\x9bforged line\r"


def log_lines(caplog):
    """What promptscribe said, each line as a handler would write it."""
    return [r.getMessage() for r in caplog.records if r.name == "promptscribe"]


@pytest.mark.parametrize("status", [None, 302, 401, 404, 413, 429, 500])
def test_no_answer_makes_a_log_line_hold_payload(sink, deliver, status, caplog):
    """Whatever the server says of a log, and echoes of it."""
    sink.judge = lambda seen: Reply(status, body=EVIL.encode(), whole=status != 413)
    deliver()
    with caplog.at_level(logging.DEBUG, "promptscribe"):
        answer(EVIL)
        while not log_lines(caplog):
            promptscribe.force_flush(0.5)

    assert all(line.isprintable() for line in log_lines(caplog))
    assert not any("canary" in line for line in log_lines(caplog))


def test_what_others_say_is_written_in_one_line(caplog, tmp_path):
    """The name of a folder, and the words of an answer that is no HTTP."""
    folder = tmp_path / "a\n\x1b[2Jb"
    folder.write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_say, args=(listening, b"\x1b[2J\n\r\n")).start()
        port = listening.getsockname()[1]
        promptscribe.configure(
            base_url=f"http://127.0.0.1:{port}", journal_dir=folder, export=True
        )
        with caplog.at_level(logging.DEBUG, "promptscribe"):
            answer("x")
            while len(log_lines(caplog)) < 2:
                promptscribe.force_flush(0.5)

    assert any("\\x1b[2Jb" in line for line in log_lines(caplog))
    assert all(line.isprintable() for line in log_lines(caplog))


def _say(listening, words):
    with contextlib.suppress(OSError):
        connection, _ = listening.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(words)


class Complaining(MemoryTransport):
    """One of a user's, which says what it has seen when it is closed."""

    def __init__(self):
        super().__init__()
        self.closers = queue.SimpleQueue()

    def close(self):
        self.closers.put(threading.current_thread())
        raise ValueError(*self.bodies)


def test_an_error_of_a_transport_s_does_not_quote_the_prompt(tmp_path, caplog, capfd):
    """Of an exception only the type is told, wherever it was raised."""
    transport = Complaining()
    with caplog.at_level(logging.DEBUG, "promptscribe"):
        with isolated():
            promptscribe.configure(
                transport=transport, journal_dir=tmp_path, export=True
            )
            answer(EVIL)
            promptscribe.force_flush(5)
        transport.closers.get(timeout=10).join()

    assert transport.bodies[0]["output"] == EVIL
    (line,) = log_lines(caplog)
    assert line == "promptscribe: the transport was not closed: ValueError"
    assert "canary" not in "".join(capfd.readouterr())


def test_our_requests_do_not_show_in_httpx_log(sink, deliver, caplog):
    """An application that logs at INFO sees its own requests there, and only those."""
    for name in ("httpx", "httpx2"):  # some SDKs turn them down
        caplog.set_level(logging.INFO, logger=name)
    deliver()

    promptscribe.log_prompt(lambda: None)()
    assert promptscribe.force_flush(5).delivered == 1
    httpx.get(f"{sink.url}/health")

    lines = [r for r in caplog.records if r.name in {"httpx", "httpx2"}]
    assert [r.threadName for r in lines] == ["MainThread"]


@pytest.mark.parametrize("use_proxy", [True, False])
def test_a_proxy_is_used_where_it_may_be(sink, monkeypatch, use_proxy):
    """For servers elsewhere the environment's proxy; never for one on this machine."""
    monkeypatch.setenv("HTTP_PROXY", sink.url)
    monkeypatch.setenv("http_proxy", sink.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    transport = HttpTransport(
        "http://name.invalid/v5", Secret(CANARY), use_proxy=use_proxy
    )
    request = Request("/prompts/log", {"environment": "a b"}, b'{"log_id": "l"}')
    try:
        status = transport.send(request).status
    except Unreachable:
        status = None
    transport.close()

    assert status == (200 if use_proxy else None)
    assert len(sink.requests) == use_proxy
    for seen in sink.requests:
        assert seen.headers["host"] == "name.invalid"
        assert seen.headers["x-api-key"] == CANARY
        assert "environment=a" in seen.query


def test_a_password_in_the_address_is_sent_as_one(sink):
    """As Basic authentication, for a server behind a gate; never as text."""
    place = sink.url.removeprefix("http://")
    transport = HttpTransport(f"http://me:{CANARY}@{place}", use_proxy=False)

    answer = transport.send(Request("/prompts/log", {}, b'{"log_id": "l"}'))
    transport.close()

    (seen,) = sink.requests
    assert answer.status == 200
    assert seen.headers["authorization"].startswith("Basic ")
    assert CANARY not in seen.path + str(seen.headers)
