"""Who may talk to the receiver: API keys, compared in constant time.

Its law: a key is known by its SHA-256 alone; the key itself is never kept. (It
has 256 random bits, so there is nothing that a slow hash would protect.)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def digest(key: str) -> str:
    """Return what a key is known by: its SHA-256, hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


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


class Access:
    """Decides whether a request may pass.

    Args:
        keys: Keys that were configured; while there are none, all may pass.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [digest(key) for key in keys]

    @property
    def is_open(self) -> bool:
        """Whether no key is needed, since none exists."""
        return not self._digests

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request with these headers may pass."""
        if self.is_open:
            return True
        presented = digest(presented_key(headers) or "")
        # All are compared, found or not: the time tells nothing.
        matches = [hmac.compare_digest(presented, known) for known in self._digests]
        return any(matches)
