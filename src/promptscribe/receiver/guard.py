"""The gate that every request passes: host, origin, media type, key.

Its law: it decides by headers alone, before any body is read. A page on the
internet that a user has open must neither read nor write what is on 127.0.0.1:
not by a rebound name (Host), not by a form (media type), not by a script (Origin).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from promptscribe.receiver.answer import failure
from promptscribe.receiver.body import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from promptscribe.receiver.access import Access

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser sends across origins without asking first (fetch.spec.whatwg.org,
# "CORS-safelisted request-header"); a JSON client has no use for them.
_SIMPLE_TYPES: Final = frozenset(
    {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
)
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_OPEN_PATHS: Final = frozenset({"/health", "/v5/health"})


class Guard:
    """ASGI middleware: answers what may not pass, marks what leaves.

    Args:
        app: What is guarded.
        access: The keys.
        hosts: Names that the receiver answers to; None answers to any.
    """

    def __init__(
        self, app: ASGIApp, access: Access, hosts: Collection[str] | None = LOOPBACK
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, marked)

    def _answer(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._knows_host(headers.get("host", "")):
            return failure(403, "The receiver does not answer to this host name")
        if scope["method"] not in _SAFE_METHODS:
            if not _is_own_origin(headers):
                return failure(403, "Cross-origin requests are refused")
            media_type = headers.get("content-type", "").partition(";")[0]
            if media_type.strip().lower() in _SIMPLE_TYPES:
                return failure(415, "Send application/json")
            if headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
                return failure(415, "Send gzip, or no content encoding")
        if scope["path"] not in _OPEN_PATHS and not self._access.allows(headers):
            # Browsers ask for a password on this; clients have the contract's 401.
            challenge = {"WWW-Authenticate": 'Basic realm="promptscribe"'}
            return failure(401, "Invalid API key", challenge)
        return None

    def _knows_host(self, host: str) -> bool:
        if self._hosts is None:
            return True
        try:
            return urlsplit(f"//{host}").hostname in self._hosts
        except ValueError:
            return False


def _is_own_origin(headers: Headers) -> bool:
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")
