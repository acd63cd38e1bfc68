"""A server that takes everything and keeps nothing, in a process of its own.

``sink.py`` takes one log per request, ``sink.py bulk`` says that it takes many, and
``sink.py records`` that it reads those of the journal, too, as our receiver does; a
number is the port to listen at.
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
from typing import Any

from promptscribe import __version__

_OFFERS = {
    "bulk": {"bulk": True},
    "records": {"bulk": True, "records": True, "version": __version__},
}
_OFFER = next((_OFFERS[word] for word in sys.argv[1:] if word in _OFFERS), {})
_LOG_ID = re.compile(rb'"log_id":"([^"]*)"')
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class _Handler(socketserver.StreamRequestHandler):
    """Answers every request with 200, one after the other on each connection."""

    def handle(self) -> None:
        while True:
            length = 0
            line = first = self.rfile.readline()
            if not line:
                return
            while line not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                line = self.rfile.readline()
            body = self.rfile.read(length)
            named = _LOG_ID.search(body)
            answer = b'{"id":"%s"}' % named[1] if named else b"{}"
            if first.startswith(b"GET /health"):
                answer = json.dumps(_OFFER).encode()
            elif first.startswith(b"POST /prompts/logs "):
                lines = _count(body)
                answer = b"\n".join([b'{"status":200,"created":true}'] * lines)
            self.wfile.write(_HEAD % len(answer) + answer)


def _count(body: bytes) -> int:
    """Return how many logs there are: lines, or members of a MessagePack array."""
    if body[:1] == b"{":
        return body.count(b"\n") + 1
    if body[0] == 0xDC:
        return int.from_bytes(body[1:3], "big")
    return body[0] & 0x0F


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a subject that ends and leaves its connection open."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    port = next((int(word) for word in sys.argv[1:] if word.isdigit()), 0)
    with _Server(("127.0.0.1", port), _Handler) as server:
        print(server.server_address[1], flush=True)
        sys.stdin.close()
        server.serve_forever()
