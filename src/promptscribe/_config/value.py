"""What is a legal value of each setting, and what is made of it.

Its law: pure. A wrong value is refused by the name that the user spelled; the value
itself is shown only where it cannot be a secret.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from promptscribe._config.setting import DEFAULT_BASE_URL, NAMES
from promptscribe._secret import Secret
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST_BYTES: Final = 64 << 10
"""Four segments of 16 KiB: in less there is room for a log or two."""


def convert(name: str, spelled: str, value: object) -> object:
    """Return a setting's value, made of what was given for it.

    Args:
        name: The setting.
        spelled: What the user wrote: the setting's name, or a variable's.
        value: What was given.

    Raises:
        ConfigurationError: There is no such setting, or the value is wrong.
    """
    if name not in NAMES:
        raise ConfigurationError(
            spelled, f"there is no such setting; there are: {', '.join(NAMES)}"
        )
    return _CONVERTERS[name](spelled, value)


def _text(spelled: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(spelled, f"must be text, not {value!r}")
    return value


def _name(spelled: str, value: object) -> str:
    text = _text(spelled, value)
    if not text.strip():
        raise ConfigurationError(spelled, "must be a name, not blank")
    return text


def _url(spelled: str, value: object) -> str:
    text = _text(spelled, value).strip()
    problem = None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise ConfigurationError(spelled, f"is no URL: {wrong}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problem = "must begin with http:// or https:// and name a host, for example "
        problem += DEFAULT_BASE_URL
    elif parts.username is not None or parts.password is not None:
        problem = "must not hold a user name or password; use api_key"
    elif parts.query or parts.fragment or not text.isprintable() or " " in text:
        problem = "must be scheme, host, port and path only"
    elif port == 0:
        problem = "port 0 is no port"
    if problem is not None:
        raise ConfigurationError(spelled, problem)
    return text.rstrip("/")


def _server(spelled: str, value: object) -> str:
    return _url(spelled, value).removesuffix("/prompts/log")


def _endpoint(spelled: str, value: object) -> str:
    return _url(spelled, value).removesuffix("/v1/traces")


def _key(spelled: str, value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    key = value if isinstance(value, str) else ""
    if not key.isascii() or not key.isprintable() or not key or key != key.strip():
        problem = "must be printable ASCII text, not empty, no blanks at its ends"
        raise ConfigurationError(spelled, problem)
    return Secret(key)


def _path(spelled: str, value: object) -> Path:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigurationError(spelled, f"must be a path, not {value!r}")
    try:  # what it means now is meant also once the program has gone elsewhere
        return Path(os.fspath(value)).expanduser().absolute()
    except (OSError, RuntimeError) as problem:
        raise ConfigurationError(spelled, "leads nowhere from here") from problem


def _flag(spelled: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(spelled, f"must be true or false, not {value!r}")


def _number(
    spelled: str, value: object, wanted: str, most: float = 1e18, least: float = 0
) -> float:
    number = -1.0
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
    if not least <= number <= most:
        raise ConfigurationError(spelled, f"must be {wanted}, not {value!r}")
    return number


def _seconds(spelled: str, value: object) -> float:
    return _number(spelled, value, "a number of seconds, from 0", 1e9)


def _rate(spelled: str, value: object) -> float:
    return _number(spelled, value, "a number from 0 to 1", 1.0)


def _capture(spelled: str, value: object) -> str:
    if value not in ("all", "metadata", "none"):
        raise ConfigurationError(
            spelled, f"must be all, metadata or none, not {value!r}"
        )
    return str(value)


def _redact(spelled: str, value: object) -> object:
    if callable(value):
        return value
    try:
        return _flag(spelled, value)
    except ConfigurationError:
        problem = f"must be true, false or a function of text, not {value!r}"
        raise ConfigurationError(spelled, problem) from None


def _bytes(spelled: str, value: object) -> int:
    wanted = f"a number of bytes, from {_LEAST_BYTES}"
    return int(_number(spelled, value, wanted, least=_LEAST_BYTES))


def _durability(spelled: str, value: object) -> str:
    if value not in ("memory", "process", "host", "sync"):
        raise ConfigurationError(
            spelled, f"must be memory, process, host or sync, not {value!r}"
        )
    return str(value)


_CONVERTERS: Final[dict[str, Callable[[str, object], object]]] = {
    "base_url": _server,
    "api_key": _key,
    "project": _name,
    "environment": _text,
    "source": _text,
    "journal_dir": _path,
    "journal_max_bytes": _bytes,
    "durability": _durability,
    "export": _flag,
    "flush_timeout": _seconds,
    "enabled": _flag,
    "allow_insecure": _flag,
    "capture": _capture,
    "redact": _redact,
    "sample_rate": _rate,
    "otel_spans": _flag,
    "otel_context": _flag,
    "otel_metrics": _flag,
    "otlp_endpoint": _endpoint,
    "propagate_threads": _flag,
}


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine's loopback."""
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
