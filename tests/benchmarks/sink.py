"""A server that takes everything and keeps nothing, in a process of its own.

``sink.py`` takes one log per request, ``sink.py bulk`` says that it takes many; a
number is the port to listen at.
"""

from __future__ import annotations

import socketserver
import sys

_BULK = "bulk" in sys.argv[1:]
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
            answer = b"{}"
            if first.startswith(b"GET /health") and _BULK:
                answer = b'{"bulk":true}'
            elif first.startswith(b"POST /prompts/logs "):
                lines = body.count(b"\n") + 1
                answer = b"\n".join([b'{"status":200,"created":true}'] * lines)
            self.wfile.write(_HEAD % len(answer) + answer)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    port = next((int(word) for word in sys.argv[1:] if word.isdigit()), 0)
    with _Server(("127.0.0.1", port), _Handler) as server:
        print(server.server_address[1], flush=True)
        sys.stdin.close()
        server.serve_forever()
