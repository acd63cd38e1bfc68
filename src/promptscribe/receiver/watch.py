"""The outermost layer: every request is counted, and logged in one line.

Its law: it sees methods, paths, statuses and times; never headers, queries, bodies.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from promptscribe._clock import Clock
    from promptscribe.receiver.metrics import Metrics

ACCESS: Final = logging.getLogger("promptscribe.receiver.access")
_METHODS: Final = frozenset(
    {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
)


class Watch:
    """ASGI middleware: counts and logs requests.

    Args:
        app: What is watched.
        metrics: Where requests are counted.
        clock: Source of time.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = self._clock.monotonic_ns()
        status = 500  # where the application raised before it answered

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = (self._clock.monotonic_ns() - began_ns) / 1e9
            # A method of the client's own making must not become a label.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count_request(method, status, seconds)
            if ACCESS.isEnabledFor(logging.INFO):
                line = {
                    "method": method,
                    "path": scope["path"],
                    "status": status,
                    "seconds": round(seconds, 6),
                }
                # JSON: what a client put into the path stays inside its string.
                ACCESS.info("%s", msgspec.json.encode(line).decode())
