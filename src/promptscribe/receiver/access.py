"""Who may do what: keys that were configured, and keys in the store.

Its law: constant work for known and unknown keys alike; a revoked key is refused
with the next request, since the store is asked every time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from promptscribe.errors import ConfigurationError
from promptscribe.receiver.key import SCOPES, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptscribe.receiver.key import Scope
    from promptscribe.receiver.store import Store

Verdict: TypeAlias = Literal["pass", "unknown", "forbidden"]

# Routes that take logs in, or change logs: what a program that logs needs.
_INGEST: Final = re.compile(
    r"(/v5)?/((prompts|tools|flows)/log|prompts/logs"
    r"|(prompts|tools)/[^/]+/log/.+|flows/logs/.+|(import/otel/)?v1/traces)"
)
_READ_BY_POST: Final = re.compile(r"(/v5)?/files/retrieve-by-path")


def presented_key(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request carries, or None.

    ``X-API-KEY`` is the contract's, ``Authorization: Bearer`` what many clients
    send, and ``Basic`` (any user, the key as password) what a browser asks for.
    """
    key = headers.get("x-api-key")
    if key is not None:
        return key
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return pair.partition(":")[2]
    return None


def needed_scope(method: str, path: str) -> Scope:
    """Return what a key must be allowed for a request."""
    if method in {"GET", "HEAD", "OPTIONS"} or _READ_BY_POST.fullmatch(path):
        return "read"
    return "ingest" if _INGEST.fullmatch(path) else "manage"


class Access:
    """Decides whether a request may pass.

    Args:
        keys: Keys that were configured; they may do everything.
        store: Where keys that were made are kept; None knows of none.

    Raises:
        ConfigurationError: A key is none that a header can carry.
    """

    def __init__(self, keys: Iterable[str] = (), store: Store | None = None) -> None:
        self._digests = [digest(_legal(key)) for key in keys]
        self._store = store

    async def is_open(self) -> bool:
        """Return whether no key is needed: none is configured, none was ever made.

        A key that is revoked does not open the door again.
        """
        if self._digests:
            return False
        return self._store is None or not await self._store.has_keys()

    async def verdict(self, headers: Mapping[str, str], scope: Scope) -> Verdict:
        """Return whether a request with these headers may do this."""
        if await self.is_open():
            return "pass"
        presented = digest(presented_key(headers) or "")
        # All are compared, found or not: the time tells nothing.
        matches = [hmac.compare_digest(presented, known) for known in self._digests]
        scopes = set(SCOPES if any(matches) else ())
        if self._store is not None:
            # Looked up by the hash of what was presented: what a prefix of it
            # costs to compare tells nothing about any key.
            scopes.update(await self._store.key_scopes(presented))
        if not scopes:
            return "unknown"
        return "pass" if scope in scopes else "forbidden"


def _legal(key: str) -> str:
    # The empty one above all: whoever presents no key would have it.
    if not key.isascii() or not key.isprintable() or not key or key != key.strip():
        problem = "must be printable ASCII text, not empty, no blanks at its ends"
        raise ConfigurationError("api_keys", problem)
    return key
