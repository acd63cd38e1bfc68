"""API keys: what one looks like, what it may do, and what is kept of it.

Its law: a key is shown once, when it is made; what is kept of it is its SHA-256.
(It has 256 random bits, so there is nothing that a slow hash would protect.)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from promptscribe.errors import ConfigurationError
from promptscribe.receiver.version import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "psk_"  # lets secret scanners know one when they see it
_RANDOM_BYTES: Final = 32

Scope: TypeAlias = Literal["ingest", "read", "manage"]
"""What a key may do: send logs, read, and change or delete everything else."""

SCOPES: Final[tuple[Scope, ...]] = ("ingest", "read", "manage")


class KeyEntry(msgspec.Struct, kw_only=True, frozen=True):
    """What is kept of a key.

    Attributes:
        id: Id, by which it is revoked.
        name: What its maker called it.
        digest: SHA-256 of the key, hexadecimal.
        hint: The last four characters, to tell keys apart in a list.
        scopes: What it may do.
        created_us: When it was made, µs since 1970.
        revoked_us: When it was revoked, µs since 1970, or None.
    """

    id: str
    name: str
    digest: str
    hint: str
    scopes: tuple[Scope, ...]
    created_us: int
    revoked_us: int | None = None


def digest(key: str) -> str:
    """Return what a key is known by: its SHA-256, hexadecimal."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def make_key(
    name: str, scopes: Sequence[str] = SCOPES, now_us: int = 0
) -> tuple[str, KeyEntry]:
    """Return a new key, and what is to be kept of it.

    Args:
        name: What to call it.
        scopes: What it may do; all of it unless told.
        now_us: The present, µs since 1970.

    Raises:
        ConfigurationError: A scope that there is not, or none at all.
    """
    wanted = set(scopes)
    known: tuple[Scope, ...] = tuple([each for each in SCOPES if {each} <= wanted])
    if not known or len(known) != len(wanted):
        raise ConfigurationError("scopes", f"choose from {', '.join(SCOPES)}")
    secret = base64.urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES))
    key = PREFIX + secret.rstrip(b"=").decode()
    entry = KeyEntry(
        id=new_id("key"),
        name=name,
        digest=digest(key),
        hint=key[-4:],
        scopes=known,
        created_us=now_us,
    )
    return key, entry
