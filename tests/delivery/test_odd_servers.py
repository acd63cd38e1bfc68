"""Servers that speak HTTP in ways of their own: no log is lost or taken for stored."""

from __future__ import annotations

import contextlib
import email.utils
import json
import socket
import threading
import time

import pytest
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import log_prompt, record_log
from promptscribe._delivery import patience
from promptscribe._delivery import transport as transports
from promptscribe._delivery.retry import LONGEST_RETRY_AFTER, read_retry_after
from promptscribe._runtime import pipeline
from promptscribe._runtime.state import runtime
from promptscribe.receiver.server import start_in_thread


@log_prompt(path="odd/call")
def answer(mark):
    return mark


class OddServer:
    """Reads requests, and answers as a function says: with bytes, as they are.

    Attributes:
        stored: The bodies it was sent, by log id.
        requests: How many there were.
        has_stored: Set when there is a first one.
    """

    def __init__(self, reply, family=socket.AF_INET):
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.listening = socket.create_server((host, 0), family=family)
        self.port = self.listening.getsockname()[1]
        self.reply = reply
        self.stored = {}
        self.has_stored = threading.Event()
        self.requests = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(
                    target=self.serve, args=(connection,), daemon=True
                ).start()

    def serve(self, connection):
        with contextlib.suppress(OSError, ValueError), connection:
            incoming = connection.makefile("rb")
            while line := incoming.readline():
                length = 0
                while (header := incoming.readline().strip()) != b"":
                    name, _, value = header.lower().partition(b":")
                    if name == b"content-length":
                        length = int(value)
                body = incoming.read(length)
                self.requests += 1
                if not self.reply(self, connection, line.split()[1].decode(), body):
                    return

    def store(self, body):
        log = json.loads(body)
        self.stored[log["log_id"]] = log
        self.has_stored.set()
        return json.dumps({"id": log["log_id"]}).encode()

    def close(self):
        self.listening.close()


@pytest.fixture
def odd(tmp_path):
    """Start an odd server, and have promptscribe deliver to it."""
    servers = []

    def start(reply, family=socket.AF_INET, **settings):
        server = OddServer(reply, family)
        servers.append(server)
        host = "[::1]" if family == socket.AF_INET6 else "127.0.0.1"
        promptscribe.configure(
            base_url=f"http://{host}:{server.port}",
            journal_dir=tmp_path / "journal",
            export=True,
            **settings,
        )
        return server

    yield start
    for server in servers:
        server.close()


def ok(body, version="1.1", extra=""):
    head = f"HTTP/{version} 200 OK\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def deliver(count):
    for mark in range(count):
        answer(mark)
    return promptscribe.force_flush(60)


def marks(server):
    return sorted(log["inputs"]["mark"] for log in server.stored.values())


def chunked(server, connection, path, body):
    if path == "/health":
        connection.sendall(ok(b"{}"))
        return True
    said = server.store(body)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for byte in said:
        connection.sendall(b"1\r\n%c\r\n" % byte)
    connection.sendall(b"0\r\n\r\n")
    return True


def old_http(server, connection, path, body):
    """HTTP/1.0: the end of the connection is the end of the answer."""
    said = b"{}" if path == "/health" else server.store(body)
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + said)
    return False


def closing(server, connection, path, body):
    """Says nothing of it, and closes after each answer."""
    connection.sendall(ok(b"{}" if path == "/health" else server.store(body)))
    return False


def dripping(server, connection, path, body):
    """One byte at a time, header and all."""
    for byte in ok(b"{}" if path == "/health" else server.store(body)):
        connection.sendall(bytes([byte]))
    return True


def created(server, connection, path, body):
    said = b"{}" if path == "/health" else server.store(body)
    connection.sendall(ok(said).replace(b"200 OK", b"201 Created"))
    return True


def storing(answer):
    """Return one that stores what it gets, and always says the same."""

    def reply(server, connection, path, body):
        if path != "/health":
            server.store(body)
        connection.sendall(answer)
        return True

    return reply


EVER_THE_SAME = {
    "empty": ok(b""),
    "no_content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "fine": ok(b"ok", extra="Content-Type: text/plain\r\n"),
    # Some program or other that says of everything that it is well.
    "foreign": ok(b'{"status": 200, "id": null, "detail": "fine"}'),
    "deep": ok(b'{"":' + b"[" * 3000),  # more brackets than anybody can read
}


def echoing(server, connection, path, body):
    """One that shows what it was sent, as those do that are there to try things out."""
    if path != "/health":
        server.store(body)
    connection.sendall(ok(b'{"json": %s}' % (body or b"{}")))
    return True


@pytest.mark.parametrize("reply", [chunked, old_http, closing, dripping, created])
def test_each_log_arrives(odd, reply):
    """However the answer is put into bytes."""
    server = odd(reply)

    result = deliver(20)

    assert (result.delivered, result.pending) == (20, 0)
    assert "unconfirmed" not in result.reasons
    assert marks(server) == list(range(20))


@pytest.mark.parametrize(
    "reply",
    [*map(storing, EVER_THE_SAME.values()), echoing],
    ids=[*EVER_THE_SAME, "echoing"],
)
def test_a_server_that_names_no_log_is_believed_and_told_of(odd, reply, caplog):
    """One of one's own may leave the id out; but so does who says 200 to anything."""
    server = odd(reply)

    result = deliver(20)

    assert (result.delivered, result.pending) == (20, 0)
    assert result.reasons["unconfirmed"] == 20
    assert ["without naming them" in r.getMessage() for r in caplog.records] == [True]
    assert marks(server) == list(range(20))


def cutting(server, connection, path, body):
    """A proxy that cuts what it does not know: nginx, ``return 444``."""
    return False if path == "/health" else closing(server, connection, path, body)


def failing(server, connection, path, body):
    """One that says what is not so."""
    if path == "/health":
        connection.sendall(ok(b"").replace(b"200 OK", b"503 Unavailable"))
        return True
    return closing(server, connection, path, body)


@pytest.mark.parametrize("reply", [cutting, failing])
def test_where_only_the_question_has_no_answer_logs_arrive(odd, reply):
    """What a server has besides the contract is not worth waiting for."""
    server = odd(reply)

    result = deliver(20)

    assert (result.delivered, result.pending) == (20, 0)
    assert marks(server) == list(range(20))


def test_an_address_of_version_6(odd):
    """With brackets in the URL."""
    server = odd(closing, socket.AF_INET6)

    assert deliver(3).delivered == 3
    assert marks(server) == [0, 1, 2]


PAGE = b"<!doctype html><title>Welcome to the hotel</title>"


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (PAGE, ""),
        (b"\n " + PAGE, ""),
        (b"Please log in", "Content-Type: text/html\r\n"),
    ],
)
def test_a_page_is_no_acknowledgement(odd, page, kind):
    """A network that wants a log-in answers 200 to everything, until one has."""
    is_in = threading.Event()

    def portal(server, connection, path, body):
        if is_in.is_set():
            return closing(server, connection, path, body)
        connection.sendall(ok(page, extra=kind))
        return True

    server = odd(portal)
    for mark in range(5):
        answer(mark)
    before = promptscribe.force_flush(1)
    is_in.set()
    after = promptscribe.force_flush(60)

    assert (before.delivered, before.pending) == (0, 5)
    assert (after.delivered, after.pending) == (5, 0)
    assert marks(server) == list(range(5))


def test_an_answer_without_end_takes_no_memory(odd):
    """What is wanted of it is read; the rest is cut off."""
    sent = []

    def endless(server, connection, path, body):
        if path == "/health":
            connection.sendall(ok(b"{}"))
            return True
        said = server.store(body)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + said)
        while True:  # until it is cut
            connection.sendall(b" " * 65_536)
            sent.append(65_536)

    server = odd(endless)

    assert deliver(3).delivered == 3
    assert marks(server) == [0, 1, 2]
    assert sum(sent) < 100 << 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
        b"",
    ],
    ids=["body", "header", "status line"],
)
def test_an_answer_that_drips_for_ever_is_given_up(odd, monkeypatch, begun):
    """Each byte comes in time; the whole does not."""
    monkeypatch.setattr(patience, "_ANSWER_SECONDS", 0.2)
    is_over = threading.Event()

    def drip(server, connection, path, body):
        if path == "/health" or is_over.is_set():
            return closing(server, connection, path, body)
        connection.sendall(begun)
        while not is_over.wait(0.01):
            connection.sendall(b"x")
        return False

    server = odd(drip)
    answer(0)
    while not (before := promptscribe.force_flush(0.5)).retried:
        pass  # until it was given up, once
    is_over.set()
    after = promptscribe.force_flush(60)

    assert before.pending == 1
    assert before.reasons["retry_unreachable"] > 0
    assert after.delivered == 1
    assert marks(server) == [0]


@pytest.mark.slow
def test_a_server_that_hardly_reads_is_given_up(odd, monkeypatch):
    """Each send gets rid of some bytes in time; the request does not end."""
    monkeypatch.setattr(patience, "_REQUEST_SECONDS", 0.2)
    is_over = threading.Event()
    server = odd(closing)
    server.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    serve = server.serve

    def reads_slowly(connection):
        if is_over.is_set():
            serve(connection)
        with connection, contextlib.suppress(OSError):
            while b"GET" in connection.recv(40_000):
                connection.sendall(ok(b"{}"))
            while not is_over.wait(0.05) and connection.recv(40_000):
                pass

    server.serve = reads_slowly
    answer(["x" * 900_000] * 7)  # more than the system buffers
    while not (before := promptscribe.force_flush(0.5)).retried:
        pass  # until it was given up, once
    is_over.set()
    after = promptscribe.force_flush(60)

    assert before.pending == 1
    assert before.reasons["retry_unreachable"] > 0
    assert after.delivered == 1


@pytest.mark.slow
def test_retry_after_may_be_a_date(odd):
    """As an HTTP date: nothing is sent before it."""
    times = []

    def busy(server, connection, path, body):
        if path == "/health":
            connection.sendall(ok(b"{}"))
            return True
        times.append(time.time())
        if len(times) == 1:
            date = email.utils.formatdate(times[0] + 2.5, usegmt=True)
            connection.sendall(
                f"HTTP/1.1 429 X\r\nRetry-After: {date}\r\n"
                "Content-Length: 0\r\n\r\n".encode()
            )
            return True
        connection.sendall(ok(server.store(body)))
        return True

    server = odd(busy)
    answer(0)

    assert server.has_stored.wait(60)
    assert marks(server) == [0]
    assert times[1] - times[0] > 1.4  # dates have whole seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1e9", None),
        ("-1", None),
        ("99999999999999999999", LONGEST_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("soon", None),
        ("٣", 3.0),
    ],
)
def test_no_retry_after_stops_delivery_for_good(value, seconds):
    """An hour at most, whatever a server says."""
    assert read_retry_after({"retry-after": value}, now=time.time()) == seconds


def test_a_server_that_refuses_compressed_bodies_gets_plain_ones(tmp_path):
    """It had offered to take them, and a proxy in front of it does not."""
    with Server(offer={"bulk": True, "gzip": True}) as server:
        seen = []

        def answer_to(one):
            seen.append(one.headers.get("content-encoding"))
            if one.headers.get("content-encoding") == "gzip":
                return Reply(415, body=b"{}", store=False, whole=True)
            return Reply()

        server.judge = answer_to
        http = transports.HttpTransport(server.url, use_proxy=True)
        promptscribe.configure(
            transport=http, journal_dir=tmp_path / "journal", export=True
        )
        result = deliver(20)
        server.close()

    assert (result.delivered, result.rejected) == (20, 0)
    assert seen[0] == "gzip"
    assert set(seen[1:]) == {None}


@pytest.mark.parametrize("door", ["transport", "otlp_endpoint"])
def test_a_log_that_shrinks_like_a_bomb_goes_as_it_is(tmp_path, door):
    """Five million dashes are a log all the same, and the receiver takes them."""
    running = start_in_thread(db=tmp_path / "logs.db")
    http = transports.HttpTransport(running.url, use_proxy=True)  # compresses
    doors = {"transport": http, "otlp_endpoint": running.url}
    promptscribe.configure(
        **{door: doors[door]}, journal_dir=tmp_path / "journal", export=True
    )
    lines = [{"role": "user", "content": "-" * 900_000}] * 6
    record_log("odd/dashes", prompt={"model": "m"}, messages=lines, output="yes")
    result = promptscribe.force_flush(60)
    running.stop()

    assert (result.delivered, result.rejected) == (1, 0)


MANY = b'{"status": "ok", "bulk": true}'


def answering(head, body=b""):
    """Return what takes many logs in a request, and answers to all of them alike."""

    def reply(server, connection, path, sent):
        if path == "/health":
            respond(connection, b"200 OK", MANY)
            return True
        server.sent = [
            *getattr(server, "sent", []),
            *map(json.loads, sent.split(b"\n")),
        ]
        respond(connection, head, body)
        return True

    return reply


def respond(connection, head, body):
    length = b"" if head.startswith(b"204") else b"Content-Length: %d\r\n" % len(body)
    connection.sendall(b"HTTP/1.1 " + head + b"\r\n" + length + b"\r\n" + body)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"202 Accepted", b"ok"),
        (b"204 No Content", b""),
        (b"201 Created", b"all of them"),
    ],
)
def test_what_is_said_of_a_whole_request_is_said_of_each_log(head, body, tmp_path):
    """Before, each log was sent four times and more, in ever smaller requests."""
    server = OddServer(answering(head, body))
    promptscribe.configure(
        base_url=f"http://127.0.0.1:{server.port}", journal_dir=tmp_path, export=True
    )
    for mark in range(8):
        answer(mark)

    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.pending, result.retried) == (8, 0, 0)
    assert result.reasons["unconfirmed"] == 8
    assert sorted(log["inputs"]["mark"] for log in server.sent) == list(range(8))


def test_a_status_for_each_log_is_one_for_each_log_behind_207_too(tmp_path):
    """Multi-Status, as WebDAV calls it: one of them was refused."""

    def reply(server, connection, path, sent):
        if path == "/health":
            respond(connection, b"200 OK", MANY)
            return True
        marks = [json.loads(line)["inputs"]["mark"] for line in sent.split(b"\n")]
        lines = [b'{"status": 422}' if m == 3 else b'{"status": 200}' for m in marks]
        respond(connection, b"207 Multi-Status", b"\n".join(lines))
        return True

    server = OddServer(reply)
    promptscribe.configure(
        base_url=f"http://127.0.0.1:{server.port}", journal_dir=tmp_path, export=True
    )
    for mark in range(8):
        answer(mark)
    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.rejected, result.pending) == (7, 1, 0)


def test_a_line_too_deep_to_be_read_is_no_answer_for_its_log_alone(tmp_path):
    """The others of the same request are delivered."""
    deep = b"[" * 200_000
    stored = []

    def reply(server, connection, path, sent):
        if path == "/health":
            respond(connection, b"200 OK", MANY)
            return True
        if not path.endswith("/logs"):
            return False  # asked before it has said what it offers
        lines = []
        for log in map(json.loads, sent.split(b"\n")):
            is_odd = log["inputs"]["mark"] == 3 and 3 not in stored
            stored.append(log["inputs"]["mark"])
            lines.append(deep if is_odd else b'{"status": 200}')
        respond(connection, b"200 OK", b"\n".join(lines))
        return True

    server = OddServer(reply)
    promptscribe.configure(
        base_url=f"http://127.0.0.1:{server.port}", journal_dir=tmp_path, export=True
    )
    for mark in range(8):
        answer(mark)
    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.pending) == (8, 0)
    assert sorted(stored) == [0, 1, 2, 3, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (("SSL_CERT_FILE", "/nowhere/ca.pem"), "FileNotFoundError"),
        (("HTTPS_PROXY", "gopher://me:secret@proxy:1"), "ValueError"),
    ],
)
def test_a_setting_of_the_environment_that_cannot_be_used_is_named(
    setting, told, tmp_path, monkeypatch, caplog
):
    """But not what it says, which may have a password."""
    monkeypatch.setenv(*setting)
    promptscribe.configure(
        base_url="https://logs.invalid", journal_dir=tmp_path, export=True
    )
    answer(1)
    while "cannot be used" not in caplog.text:
        promptscribe.force_flush(0.5)

    assert promptscribe.stats().pending == 1
    assert f"{setting[0]} cannot be used: {told}" in caplog.text
    assert "secret" not in caplog.text


def test_answers_are_asked_for_as_they_are(deliver, sink):
    """One that came compressed would not be read."""
    deliver()
    answer(1)
    promptscribe.force_flush(60)

    assert {seen.headers["accept-encoding"] for seen in sink.requests} == {"identity"}


class Mute(Server):
    """Takes logs, and keeps who asks what it offers waiting.

    Attributes:
        said: Set when it may answer.
    """

    def __init__(self):
        super().__init__(offer={"bulk": True})
        self.said = threading.Event()

    def answer(self, seen):
        if seen.path == "/health":
            self.said.wait(60)
        return super().answer(seen)


def test_a_server_that_does_not_say_what_it_offers_gets_logs_meanwhile(tmp_path):
    """Before, after twice ten seconds; and once it has said, many in a request."""
    server = Mute()
    promptscribe.configure(
        base_url=server.url, journal_dir=tmp_path, export=True, flush_timeout=60
    )
    for mark in range(20):
        answer(mark)
    meanwhile = promptscribe.force_flush(8)
    paths = {seen.path for seen in server.requests}
    server.said.set()
    marks = 20
    while "/prompts/logs" not in {seen.path for seen in server.requests}:
        answer(marks)
        marks += 1
        assert promptscribe.force_flush(60)
        assert marks < 2000
    server.close()

    assert (meanwhile.delivered, meanwhile.pending) == (20, 0)
    assert paths == {"/prompts/log"}
    assert set(server.arrivals.values()) == {1}
    assert len(server.arrivals) == marks


def test_a_key_that_changes_while_a_server_keeps_silent_costs_no_time(tmp_path):
    """It has not said what it offers, nor whether it takes a log with the old key."""
    server = Mute()
    asked, again, changed = [], threading.Event(), threading.Event()
    spent = []

    def judge(seen):
        if seen.headers["x-api-key"] == "new":
            return Reply()
        asked.append(None)
        if len(asked) == 2:
            again.set()
            changed.wait(60)
            before = time.process_time()
            threading.Event().wait(1.0)
            spent.append(time.process_time() - before)
        return Reply(403)

    def use(key):
        promptscribe.configure(
            base_url=server.url, api_key=key, journal_dir=tmp_path, export=True
        )

    server.judge = judge
    use("old")
    answer(1)
    promptscribe.force_flush(60)
    waiting = threading.Thread(target=promptscribe.force_flush, args=(60,))
    waiting.start()
    assert again.wait(60)
    use("new")
    changed.set()
    waiting.join()
    server.said.set()
    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.pending) == (1, 0)
    assert spent[0] < 0.25  # before, all that it was given


def test_an_exit_does_not_wait_for_a_server_that_is_not_well(tmp_path, monkeypatch):
    """It cut a log off, and takes its time over the same one now."""
    posted = []
    is_asked_again, may_answer = threading.Event(), threading.Event()

    def judge(seen):
        posted.append(seen)
        if len(posted) > 1:
            is_asked_again.set()
            may_answer.wait(60)
        return Reply(None)

    monkeypatch.setattr(pipeline, "_LONGEST_STOP", 600.0)  # it would wait so long
    server = Server()
    server.judge = judge
    promptscribe.configure(base_url=server.url, journal_dir=tmp_path, export=True)
    answer(1)
    assert is_asked_again.wait(60)
    result = runtime.shutdown(600.0, eager=False)
    may_answer.set()
    server.close()

    assert result.pending == 1
    assert result.retried == 1  # one more where it waits until it gives the other up


class AnswerAhead:
    """Answers the first log of a connection twice, and the next ones not at all.

    What is asked on a later connection is stored, and answered once.

    Attributes:
        is_late: Whether the second answer comes after the next question.
        is_named: Whether answers name the log.
    """

    def __init__(self, *, is_late, is_named):
        self.is_late = is_late
        self.is_named = is_named
        self.first = None
        self.ahead = b""

    def __call__(self, server, connection, path, body):
        if path == "/health":
            connection.sendall(ok(b"{}"))
            return False
        if connection is self.first:
            connection.sendall(self.ahead)
            return False
        said = server.store(body)
        said = ok(said if self.is_named else b"{}")
        if self.first is None:
            self.first = connection
            self.ahead = said if self.is_late else b""
            said += b"" if self.is_late else said
        connection.sendall(said)
        return True


@pytest.mark.parametrize(
    ("is_late", "is_named"), [(False, True), (False, False), (True, True)]
)
def test_an_answer_that_comes_twice_is_that_of_no_other_log(odd, is_late, is_named):
    """Before, the next log counted as delivered, and was stored nowhere."""
    server = odd(AnswerAhead(is_late=is_late, is_named=is_named))

    result = deliver(3)

    assert marks(server) == [0, 1, 2]
    assert result.delivered == 3


def test_answers_of_many_logs_are_told_by_their_ids(tmp_path):
    """In whatever order: before, the neighbour of what was refused took its place."""

    def reply(server, connection, path, sent):
        if path == "/health":
            respond(connection, b"200 OK", MANY)
            return True
        if not path.endswith("/logs"):
            return False  # asked before it has said what it offers
        lines = []
        for log in map(json.loads, sent.split(b"\n")):
            status = 422 if log["inputs"]["mark"] == 3 else 200
            lines.append(json.dumps({"status": status, "id": log["log_id"]}).encode())
        respond(connection, b"200 OK", b"\n".join(reversed(lines)))
        return True

    server = OddServer(reply)
    promptscribe.configure(
        base_url=f"http://127.0.0.1:{server.port}", journal_dir=tmp_path, export=True
    )
    for mark in range(8):
        answer(mark)
    result = promptscribe.force_flush(60)
    server.close()

    assert (result.delivered, result.rejected, result.pending) == (7, 1, 0)
    (dead,) = tmp_path.rglob("dead-letter*")
    refused = [json.loads(line) for line in dead.read_bytes().splitlines()]
    assert [entry["body"]["inputs"] for entry in refused] == [{"mark": 3}]
