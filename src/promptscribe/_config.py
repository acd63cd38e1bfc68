"""The settings: where each comes from, and what is a legal value.

Its law: code beats environment beats ``[tool.promptscribe]`` in pyproject.toml beats
default, one setting at a time. Nothing is read before it is needed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from promptscribe._secret import Secret
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Durability: TypeAlias = Literal["memory", "process", "host", "sync"]

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8420"
DEFAULT_JOURNAL_MAX_BYTES: Final = 256 << 20
DEFAULT_FLUSH_TIMEOUT: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        base_url: The server; ``/prompts/log`` is added to it.
        api_key: Sent as ``X-API-KEY``.
        environment: Label for every log, for example ``production``.
        source: Label for every log: what makes the calls.
        journal_dir: Folder of the journal; one folder a server is made in it.
        journal_max_bytes: Most bytes on disk that wait for one server.
        durability: What a log survives once its call has returned: ``memory``
            nothing, ``process`` the end of the process, ``host`` also that of the
            machine but for the last half second, ``sync`` also that, at 0.1 ms to
            several ms a call.
        export: Whether this process delivers; if not, the journal is left to
            ``promptscribe drain`` or to another process.
        flush_timeout: Seconds that the exit of the program may wait at most.
        enabled: False records nothing at all.
        allow_insecure: Allow plain http to a host that is not this machine.
        capture: ``all``; ``metadata`` keeps no payload; ``none`` logs nothing.
        redact: True for the built-in patterns, or a function from text to text.
        sample_rate: Part of the traces that is kept, 0 to 1; errors always are.
    """

    base_url: str = DEFAULT_BASE_URL
    api_key: Secret | None = None
    environment: str | None = None
    source: str | None = None
    journal_dir: Path | None = None
    journal_max_bytes: int = DEFAULT_JOURNAL_MAX_BYTES
    durability: Durability = "process"
    export: bool = True
    flush_timeout: float = DEFAULT_FLUSH_TIMEOUT
    enabled: bool = True
    allow_insecure: bool = False
    capture: Literal["all", "metadata", "none"] = "all"
    redact: bool | Callable[[str], str] = False
    sample_rate: float = 1.0
    keep: bool = True
    """Whether logs are kept at all: not under pytest, unless asked for."""

    def is_limiting(self) -> bool:
        """Say whether a call has to look at these settings before it is recorded."""
        return self.capture != "all" or bool(self.redact) or self.sample_rate < 1

    def journal_root(self) -> Path:
        """Return the folder for this server's lanes, made by nobody yet."""
        parts = urlsplit(self.base_url)
        path = parts.path.strip("/").replace("/", "-")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        name = f"{parts.scheme}-{parts.hostname}-{port}{'-' + path if path else ''}"
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
        return (self.journal_dir or default_journal_dir()) / safe[:200]


NAMES: Final = tuple(f.name for f in fields(Settings) if f.name != "keep")

ENVIRONMENT_NAMES: Final = {
    name: (f"PROMPTSCRIBE_{name.upper()}",) for name in NAMES
} | {
    # What the hosted service's own SDK reads: moving in takes no new variable.
    "base_url": ("PROMPTSCRIBE_BASE_URL", "HUMANLOOP_BASE_URL"),
    "api_key": ("PROMPTSCRIBE_API_KEY", "HUMANLOOP_API_KEY"),
}


def resolve(
    code: Mapping[str, object],
    *,
    environ: Mapping[str, str] | None = None,
    complain: Callable[[ConfigurationError], None] | None = None,
) -> Settings:
    """Return the settings in force.

    Args:
        code: What was given to `promptscribe.configure`.
        environ: Environment variables; those of the process if None.
        complain: Called for each wrong value instead of raising; the value is then
            passed over. For when a decorated function is already being called.

    Raises:
        ConfigurationError: A value is wrong; names setting or variable.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    asked = "base_url" in code or "export" in code
    candidates = [
        *((name, name, value) for name, value in _from_pyproject(complain)),
        *_from_environment(environ),
        *((name, name, value) for name, value in code.items() if value is not None),
    ]
    for name, spelled, value in candidates:
        try:
            values[name] = _convert(name, spelled, value)
        except ConfigurationError as wrong:
            if complain is None:
                raise
            complain(wrong)
    asked = asked or "PROMPTSCRIBE_EXPORT" in environ
    settings = Settings(**values, keep=asked or not is_under_pytest(environ))
    try:
        _check_insecure(settings)
    except ConfigurationError as wrong:
        if complain is None:
            raise
        complain(wrong)
        values["export"] = False
        return Settings(**values, keep=settings.keep)
    return settings


def is_under_pytest(environ: Mapping[str, str]) -> bool:
    """Say whether this very process is a test run.

    A program that a test starts is not: it is the real thing.
    """
    return "pytest" in sys.modules and (
        "PYTEST_VERSION" in environ or "PYTEST_CURRENT_TEST" in environ
    )


def default_journal_dir() -> Path:
    """Return the journal's folder in this user's state directory."""
    import platformdirs

    return platformdirs.user_state_path("promptscribe") / "journal"


def _from_environment(
    environ: Mapping[str, str],
) -> list[tuple[str, str, object]]:
    found: list[tuple[str, str, object]] = []
    for name, variables in ENVIRONMENT_NAMES.items():
        for variable in variables:
            if environ.get(variable):
                found.append((name, variable, environ[variable]))
                break
    return found


def _from_pyproject(
    complain: Callable[[ConfigurationError], None] | None,
) -> list[tuple[str, object]]:
    import tomllib

    for folder in (Path.cwd(), *Path.cwd().parents):
        path = folder / "pyproject.toml"
        try:
            text = path.read_text("utf-8")
        except OSError:
            continue
        if "tool.promptscribe" not in text:
            return []
        try:
            table = tomllib.loads(text).get("tool", {}).get("promptscribe", {})
        except tomllib.TOMLDecodeError as problem:
            wrong = ConfigurationError(str(path), f"is not TOML: {problem}")
            if complain is None:
                raise wrong from problem
            complain(wrong)
            return []
        return list(table.items())
    return []


def _convert(name: str, spelled: str, value: object) -> object:
    if name not in NAMES:
        raise ConfigurationError(
            spelled, f"there is no such setting; there are: {', '.join(NAMES)}"
        )
    return _CONVERTERS[name](spelled, value)


def _text(spelled: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(spelled, f"must be text, not {value!r}")
    return value


def _url(spelled: str, value: object) -> str:
    text = _text(spelled, value).strip()
    problem = None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise ConfigurationError(spelled, f"is no URL: {wrong}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problem = "must begin with http:// or https:// and name a host"
    elif parts.username is not None or parts.password is not None:
        problem = "must not hold a user name or password; use api_key"
    elif parts.query or parts.fragment or not text.isprintable() or " " in text:
        problem = "must be scheme, host, port and path only"
    elif port == 0:
        problem = "port 0 is no port"
    if problem is not None:
        raise ConfigurationError(spelled, problem)
    return text.rstrip("/")


def _key(spelled: str, value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value or not value.isascii():
        raise ConfigurationError(spelled, "must be printable ASCII text")
    if not value.isprintable() or value != value.strip():
        raise ConfigurationError(spelled, "must be printable ASCII text, no blanks")
    return Secret(value)


def _path(spelled: str, value: object) -> Path:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigurationError(spelled, f"must be a path, not {value!r}")
    return Path(os.fspath(value)).expanduser()


def _flag(spelled: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(spelled, f"must be true or false, not {value!r}")


def _number(spelled: str, value: object) -> float:
    number = -1.0
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            number = float(value)
    if not 0 <= number < 1e18:
        raise ConfigurationError(spelled, f"must be a number from 0, not {value!r}")
    return number


def _rate(spelled: str, value: object) -> float:
    number = _number(spelled, value)
    if number > 1:
        raise ConfigurationError(spelled, f"must be from 0 to 1, not {value!r}")
    return number


def _capture(spelled: str, value: object) -> str:
    if value not in {"all", "metadata", "none"}:
        raise ConfigurationError(
            spelled, f"must be all, metadata or none, not {value!r}"
        )
    return str(value)


def _redact(spelled: str, value: object) -> object:
    return value if callable(value) else _flag(spelled, value)


def _bytes(spelled: str, value: object) -> int:
    return int(_number(spelled, value))


def _durability(spelled: str, value: object) -> str:
    if value not in {"memory", "process", "host", "sync"}:
        raise ConfigurationError(
            spelled, f"must be memory, process, host or sync, not {value!r}"
        )
    return str(value)


_CONVERTERS: Final[dict[str, Callable[[str, object], object]]] = {
    "base_url": _url,
    "api_key": _key,
    "environment": _text,
    "source": _text,
    "journal_dir": _path,
    "journal_max_bytes": _bytes,
    "durability": _durability,
    "export": _flag,
    "flush_timeout": _number,
    "enabled": _flag,
    "allow_insecure": _flag,
    "capture": _capture,
    "redact": _redact,
    "sample_rate": _rate,
}


def is_loopback(url: str) -> bool:
    """Say whether a URL's host is this machine's loopback."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_insecure(settings: Settings) -> None:
    plain = settings.base_url.lower().startswith("http://")
    if plain and not settings.allow_insecure and not is_loopback(settings.base_url):
        raise ConfigurationError(
            "base_url",
            "sends prompts and the key in plain text to another machine: "
            "use https, or set allow_insecure=True if the network is yours",
        )
