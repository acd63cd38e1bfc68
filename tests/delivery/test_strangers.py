"""Somebody else answers at the address: what it says is not said of a log."""

from __future__ import annotations

import threading

import pytest
from tests.promises.faults_server import Reply

import promptscribe
from promptscribe import log_prompt
from promptscribe._journal import deadletter

HTML = {"Content-Type": "text/html"}
PAGE = b"\r\n<html><title>The plain HTTP request was sent to HTTPS port</title></html>"
STRANGERS = {  # name: status, header, body
    **{f"page {s}": (s, HTML, PAGE) for s in (400, 404, 405, 407, 410, 415, 451)},
    "untyped": (404, {}, PAGE),
    "text": (404, {"Content-Type": "text/plain; charset=utf-8"}, b"404 page not found"),
    "nothing": (404, {}, b""),
    "starlette": (404, {}, b'{"detail":"Not Found"}'),
    "starlette, method": (405, {}, b'{"detail":"Method Not Allowed"}'),
    "spring": (404, {}, b'{"status":404,"error":"Not Found","path":"/prompts/log"}'),
    "kong": (404, {}, b'{"message":"no Route matched with those values"}'),
    "nested": (404, {}, b'{"error": {"code": 404, "message": "not_found"}}'),
    "tls": (400, {}, b"Client sent an HTTP request to an HTTPS server.\n"),
    "xml": (405, {"Content-Type": "application/xml"}, b'<?xml version="1.0"?><Error/>'),
}


@log_prompt(path="stranger/call")
def answer(mark):
    return mark


def call(count, start=0):
    for mark in range(start, start + count):
        answer(mark)


def marks(sink):
    return sorted(log["inputs"]["mark"] for log in sink.stored.values())


def mark_of(seen):
    return seen.log["inputs"]["mark"]


@pytest.mark.parametrize("who", STRANGERS)
def test_what_a_stranger_refuses_is_kept(sink, deliver, who):
    """Before, sixteen of a program's logs were taken for refused, each time it ran."""
    status, header, body = STRANGERS[who]
    is_right = threading.Event()
    sink.judge = lambda _seen: (
        Reply() if is_right.is_set() else Reply(status, header, body, whole=True)
    )
    deliver()
    call(30)
    sink.wait(lambda: promptscribe.stats().reasons.get("retry_unreachable", 0) >= 3)
    held = promptscribe.stats()
    is_right.set()

    result = promptscribe.force_flush(60)

    assert (held.delivered, held.rejected, held.pending) == (0, 0, 30)
    assert (result.delivered, result.rejected, result.pending) == (30, 0, 0)
    assert marks(sink) == list(range(30))


def test_where_nobody_answers_is_told(tmp_path, caplog):
    """With host and port, and not with the path: it may hold a token."""
    promptscribe.configure(
        base_url="http://127.0.0.1:1/token", journal_dir=tmp_path / "j"
    )
    call(1)
    while "the server cannot be reached" not in caplog.text:
        promptscribe.force_flush(1)

    assert "http://127.0.0.1:1: ConnectError" in caplog.text
    assert "token" not in caplog.text


def test_who_it_may_be_is_told(sink, deliver, caplog):
    """With the status, and what is wrong so often; but not what the page says."""
    sink.judge = lambda _seen: Reply(400, HTML, PAGE, whole=True)
    deliver()
    call(1)
    sink.wait(lambda: "is this the right address" in caplog.text)

    assert "status 400" in caplog.text
    assert "http or https" in caplog.text
    assert "logs are kept" in caplog.text
    assert "plain HTTP request" not in caplog.text


def test_a_page_for_one_log_alone_holds_up_no_other(sink, deliver):
    """A server of one's own that has pages for errors: at last that log is poison."""
    sink.judge = lambda seen: (
        Reply(404, HTML, PAGE, whole=True) if mark_of(seen) == 7 else Reply()
    )
    folder = deliver()
    call(20)
    sink.wait(lambda: len(sink.stored) == 19)
    count = 20
    while not promptscribe.force_flush(0.1).rejected and count < 1000:
        call(1, count)
        count += 1

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.reasons["poison"]) == (count - 1, 1)
    assert marks(sink) == [m for m in range(count) if m != 7]
    (root,) = folder.iterdir()
    assert [entry["status"] for entry in deadletter.read(root)] == [404]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("header", "body"),
    [(HTML, PAGE), ({"Content-Type": "text/plain"}, b"no"), ({}, b"")],
    ids=["page", "text", "nothing"],
)
def test_a_server_that_takes_logs_may_refuse_one_in_any_words(
    sink, deliver, status, header, body
):
    """Of one's own, say, whose framework has a page for each status."""
    sink.judge = lambda seen: (
        Reply(status, header, body, whole=True) if mark_of(seen) == 7 else Reply()
    )
    deliver()
    call(20)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (19, 1, 0)
    assert result.reasons[f"http_{status}"] == 1
    assert marks(sink) == [m for m in range(20) if m != 7]


def test_a_route_that_a_proxy_does_not_know_is_done_without(sink, deliver):
    """It passes the contract's on, and has a page for whatever else."""
    sink.judge = lambda seen: (
        Reply(404, HTML, PAGE, whole=True) if seen.path.endswith("logs") else Reply()
    )
    deliver()
    call(50)

    assert promptscribe.force_flush(60).delivered == 50
    assert marks(sink) == list(range(50))


def test_a_page_about_a_body_s_size_is_about_the_log(sink, deliver):
    """nginx: ``client_max_body_size``. Smaller ones go on."""
    sink.judge = lambda seen: (
        Reply(413, HTML, PAGE, whole=True) if len(seen.body) > 9000 else Reply()
    )
    deliver()
    call(20)
    answer("x" * 9000)
    call(20, 20)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (40, 1, 0)
    assert result.reasons["http_413"] == 1
    assert marks(sink) == list(range(40))
