"""The environment: what it says of the way to a server, and when that is no good.

Its law: variables are named, and what they say is not told: a proxy's may have a
password.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTHORITIES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@contextlib.contextmanager
def naming(*names: str) -> Iterator[None]:
    """Have a problem name the variables that it may come from: these that are set.

    Raises:
        Unreachable: There was one.
    """
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - any of ssl's, httpx's, a codec's
        why = type(problem).__name__
        if isinstance(problem, OSError | ImportError):  # no URL is in these
            why = f"{why}: {problem}"[:300]
        known = [name for name in os.environ if name.upper() in names]
        place = ", ".join(known) or "a setting of the system"
        raise Unreachable(f"{place} cannot be used: {why}") from None


def has_proxy() -> bool:
    """Say whether the environment, or the system, names a proxy."""
    from urllib.request import getproxies  # httpx has loaded it

    return bool(getproxies())
