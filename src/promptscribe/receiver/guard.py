"""The gate that every request passes: host, origin, media type, key.

Its law: it decides by headers alone, before any body is read. A page on the
internet that a user has open must neither read nor write what is on 127.0.0.1:
not by a rebound name (Host), not by a form (media type), not by a script (Origin).
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from promptscribe.errors import ConfigurationError
from promptscribe.receiver.access import needed_scope, presented_key
from promptscribe.receiver.answer import failure, unavailable
from promptscribe.receiver.body import ENCODINGS
from promptscribe.receiver.key import digest
from promptscribe.receiver.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from promptscribe.receiver.access import Access
    from promptscribe.receiver.rate import Limits

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
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
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
_OPEN_PATHS: Final = frozenset({"/health", "/v5/health"})
# What every page looks like, that which asks for a key as well: part of the package.
_LOOKS: Final = "/static/"


def known_hosts(names: Iterable[str]) -> frozenset[str]:
    """Return the names that a receiver of the loopback answers to.

    Args:
        names: More than the loopback's: host names or addresses, in any case.

    Raises:
        ConfigurationError: One is none: a URL, a name with a port, one in letters
            that a browser writes in another way.
    """
    names = {name.lower() for name in names}
    for name in names:
        if not _is_host(name):
            problem = "must be a host name or an address, without scheme or port"
            raise ConfigurationError("hosts", f"{problem}, not {name!r}")
    return LOOPBACK | names


class Guard:
    """ASGI middleware: answers what may not pass, marks what leaves.

    Args:
        app: What is guarded.
        access: The keys.
        limits: How much each client may ask for.
        hosts: Names that the receiver answers to; None answers to any.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        limits: Limits,
        hosts: Collection[str] | None,
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        answer = self._stranger(scope) or await self._unwelcome(scope)
        await (answer or self._app)(scope, receive, marked)

    def _stranger(self, scope: Scope) -> Response | None:
        """Answer what comes from another page, or in another form."""
        headers = Headers(scope=scope)
        if not self._knows_host(headers.get("host", "")):
            return failure(403, "The receiver does not answer to this host name")
        if scope["method"] in _SAFE_METHODS:
            return None
        if not _is_own_origin(headers):
            return failure(403, "Cross-origin requests are refused")
        media_type = headers.get("content-type", "").partition(";")[0]
        # A header of our own is never sent across origins without asking, whatever
        # the media type; the hosted service's decorators name none, or a wrong one.
        simple = "x-api-key" not in headers
        if simple and media_type.strip().lower() in _SIMPLE_TYPES:
            return failure(415, "Send application/json")
        if headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
            return failure(415, "Send gzip, or no content encoding")
        return None

    async def _unwelcome(self, scope: Scope) -> Response | None:
        """Answer what has no key for what it wants, or wants too much."""
        if scope["path"] in _OPEN_PATHS or scope["path"].startswith(_LOOKS):
            return None
        headers = Headers(scope=scope)
        address = (scope.get("client") or ("", 0))[0]
        needed = needed_scope(scope["method"], scope["path"])
        try:
            verdict = await self._access.verdict(headers, needed)
        except StoreUnavailable as error:
            return unavailable(error)
        if verdict == "unknown":
            # Right keys pass whatever happens: others may share the address.
            wait = self._limits.wrong_keys.wait(address)
            if wait:
                return _too_many("Too many wrong keys", wait)
            # Browsers ask for a password on this; clients have the contract's 401.
            challenge = {"WWW-Authenticate": 'Basic realm="promptscribe"'}
            return failure(401, "Invalid API key", challenge)
        if verdict == "forbidden":
            return failure(403, f"This API key is not for: {needed}")
        if self._limits.requests is not None:
            client = digest(presented_key(headers) or address)
            wait = self._limits.requests.wait(client)
            if wait:
                return _too_many("Too many requests", wait)
        return None

    def _knows_host(self, host: str) -> bool:
        if self._hosts is None:
            return True
        try:
            # Of what else an address may have, a header has the port alone.
            parts = urlsplit(f"//{host}")
            known = parts.hostname in self._hosts
        except ValueError:
            return False
        return known and parts.netloc == host and "@" not in host


def _too_many(sentence: str, wait: float) -> Response:
    return failure(429, sentence, {"Retry-After": str(math.ceil(wait))})


def _is_own_origin(headers: Headers) -> bool:
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _is_host(name: str) -> bool:
    if _HOST_NAME.fullmatch(name):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
