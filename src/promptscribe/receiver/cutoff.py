"""The HTTP/1.1 protocol with limits on how long a client may take, and how many.

Its law: a connection whose request headers are not complete in time is closed, as is
one that does not read its answer; and where there are too many, the one that has
waited longest goes first. What is between has limits elsewhere: bodies in `body`, idle
connections in uvicorn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
from msgspec import json
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

# Below the 1024 open files that most systems give a process: beyond them not even
# the store could open its own.
MAX_CONNECTIONS: Final = 900
MAX_HEADER_BYTES: Final = 16 * 1024  # what h11 waits for
HEADER_TIMEOUT: Final = 5.0  # nginx and Apache wait 60 and 20; a page takes 0.1
# An answer of megabytes waits in memory for its client. The system takes the next part
# of it when a third of what it holds itself (4 MB on Linux) has gone: whoever reads
# 25 KB a second is not cut off.
READ_TIMEOUT: Final = 60.0
LEAST_READ_BYTES: Final = 64 * 1024  # in that time


class CutoffProtocol(H11Protocol):
    """An HTTP/1.1 connection that waits neither for slow headers nor slow readers."""

    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._watch_headers()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see whether they complete the headers."""
        super().data_received(data)
        self._watch_headers()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or has no end to its headers; then close."""
        waiting, _ = self.conn.trailing_data
        status = 431 if len(waiting) > MAX_HEADER_BYTES else 400
        body = json.encode({"detail": msg})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._stop()
        self._stop_reading()

    def pause_writing(self) -> None:
        """Wait for the client to read, since much of an answer is unread."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """Stop waiting: what is unread is little."""
        super().resume_writing()
        self._stop_reading()

    def _watch_reading(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_TIMEOUT, self._require_progress)

    def _require_progress(self) -> None:
        unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_bytes - unread_bytes < LEAST_READ_BYTES:
            self.transport.abort()  # closing would wait for the client again
        else:
            self._watch_reading()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _make_room(self) -> None:
        """Cut the connection that has asked for nothing for the longest time."""
        waiting = {
            each._timer.when(): each
            for each in self.connections
            if isinstance(each, CutoffProtocol) and each._timer is not None
        }
        waiting[min(waiting)]._cut()

    def _watch_headers(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_TIMEOUT, self._cut)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        self._stop()
        if not self.transport.is_closing():
            self.transport.close()
