"""A server that stores what it is sent, and does wrong what it is told to.

It speaks just enough HTTP/1.1, over kept connections, to be fast: the fault table
sends it tens of thousands of logs.
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import json
import socket
import socketserver
import threading
from dataclasses import dataclass, field

import promptscribe
from promptscribe._runtime import packed

BULK = "/prompts/logs"
MANY = {"bulk": True, "gzip": True}
"""What a server offers that takes many logs in a request, as lines of JSON."""
RECORDS = {**MANY, "records": True, "version": promptscribe.__version__}
"""The same, of one that reads the journal's records too, as our receiver does."""


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def log(self):
        """The log in it."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer, and whether to do what was asked.

    Attributes:
        status: HTTP status; None closes the connection without a word.
        headers: More header fields.
        body: JSON; None takes what fits the request.
        store: Whether the log is stored; None: where the status is 200.
        whole: Whether a bulk request is answered as a whole by this, too.
    """

    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    store: bool | None = None
    whole: bool = False


class Server(socketserver.ThreadingTCPServer):
    """Stores logs by their ids, as a receiver of ours would.

    Attributes:
        requests: What came in, the newest last, when *keep* is set.
        stored: Bodies by log id.
        arrivals: How often each log id was sent and stored.
        packed: Logs that came as the journal's records.
        judge: Says what to answer to a request for one log; replace it at any time.
        offer: What ``GET /health`` says; None is a server without it.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port=0, *, offer=None, keep=True):
        super().__init__(("127.0.0.1", port), _Connection)
        self.requests = []
        self.keep = keep
        self.stored = {}
        self.arrivals = collections.Counter()
        self.packed = 0
        self.judge = lambda seen: Reply()
        self.offer = offer
        self.changed = threading.Condition()
        self.connections = set()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        """Stop listening and cut every connection."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self.connections):
            connection.cut()

    def wait(self, condition, timeout=120.0):
        """Wait until *condition* holds; raise if it does not in time."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise TimeoutError(f"{len(self.stored)} stored, not what was expected")

    def handle_error(self, request, client_address):
        """Say nothing: a connection that breaks is what this server is for."""

    def answer(self, seen):
        """Return what to send back."""
        if seen.path == "/health":
            if self.offer is None:
                return Reply(404, body=b"{}")
            return Reply(body=json.dumps({"status": "ok", **self.offer}).encode())
        if seen.path.endswith(BULK):
            reply = self._take_lines(seen)
        else:
            reply = self.judge(seen)
            if reply.body is None:
                log_id = seen.log.get("log_id", "")
                reply.body = json.dumps({"id": log_id}).encode()
            if reply.store if reply.store is not None else reply.status == 200:
                self._store(seen.body)
        with self.changed:
            if self.keep:
                self.requests.append(seen)
            self.changed.notify_all()
        return reply

    def _take_lines(self, seen):
        if not (self.offer or {}).get("bulk"):
            return Reply(405, body=b"{}")
        body = seen.body
        if seen.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.splitlines()
        if seen.headers["content-type"] == packed.MEDIA_TYPE:
            if not self.offer.get("records"):
                return Reply(415, body=b"{}")
            reader = packed.Reader()
            lines = [reader.write_line(record) for record in reader.read(body)]
            self.packed += len(lines)
        answers = []
        for line in lines:
            one = self.judge(Seen("POST", seen.path, "", seen.headers, line))
            if one.store if one.store is not None else one.status == 200:
                self._store(line)
            if one.status is None or one.whole:
                return one
            said = json.loads(one.body) if (one.body or b"").startswith(b"{") else {}
            answers.append(json.dumps({"status": one.status, **said}))
        return Reply(body="\n".join(answers).encode() + b"\n")

    def _store(self, body):
        log = json.loads(body)
        with self.changed:
            self.arrivals[log["log_id"]] += 1
            self.stored.setdefault(log["log_id"], log)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def cut(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def handle(self):
        self.server.connections.add(self)
        with contextlib.suppress(OSError):
            while self._serve_one():
                pass
        self.server.connections.discard(self)

    def _serve_one(self):
        first = self.rfile.readline().decode("latin-1").split()
        if len(first) != 3:
            return False
        headers = {}
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path, _, query = first[1].partition("?")
        reply = self.server.answer(Seen(first[0], path, query, headers, body))
        if reply.status is None:
            return False
        content = reply.body or b""
        head = f"HTTP/1.1 {reply.status} X\r\nContent-Length: {len(content)}\r\n"
        for name, value in reply.headers.items():
            head += f"{name}: {value}\r\n"
        self.wfile.write(head.encode() + b"\r\n" + content)
        return True
