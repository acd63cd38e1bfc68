"""Where each setting comes from.

Its law: code beats environment beats ``[tool.promptscribe]`` in pyproject.toml beats
default, one setting at a time. Nothing is read before it is needed.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from promptscribe._config.setting import ENVIRONMENT_NAMES, Settings
from promptscribe._config.value import convert, is_loopback
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIX: Final = "PROMPTSCRIBE_"
_KNOWN: Final = frozenset(
    {name for names in ENVIRONMENT_NAMES.values() for name in names}
    | {"PROMPTSCRIBE_OTEL", "PROMPTSCRIBE_FAULT_POINT"}  # of the plug-in, and of tests
)


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
            passed over. For when a decorated function is already being called. If
            None, variables that are no settings are told on the logger.

    Raises:
        ConfigurationError: A value is wrong; names setting or variable.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    spellings: dict[str, str] = {}
    asked = "base_url" in code or "export" in code
    candidates = [
        *(
            (name, f"[tool.promptscribe] {name}", value)
            for name, value in _from_pyproject(complain)
        ),
        *_from_environment(environ),
        *((name, name, value) for name, value in code.items() if value is not None),
    ]
    for name, spelled, value in candidates:
        try:
            values[name] = convert(name, spelled, value)
            spellings[name] = spelled
        except ConfigurationError as wrong:
            if complain is None:
                raise
            complain(wrong)
    for strange in _strangers(environ):
        (complain or _warn)(strange)
    asked = asked or "PROMPTSCRIBE_EXPORT" in environ
    settings = Settings(**values, keep=asked or not is_under_pytest(environ))
    try:
        _check_insecure(settings, spellings)
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


def _strangers(environ: Mapping[str, str]) -> list[ConfigurationError]:
    """Return what is to be said of variables that look like ours and are none.

    They are no reason to raise: another version may know them.
    """
    found = [name for name in environ if name.startswith(_PREFIX) and environ[name]]
    strange = [name for name in found if name not in _KNOWN]
    if not strange:
        return []
    from difflib import get_close_matches

    problems = []
    for name in strange:
        near = get_close_matches(name, _KNOWN, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problem = f"there is no such setting{hint}"
        problems.append(ConfigurationError(name, problem))
    return problems


def _warn(strange: ConfigurationError) -> None:
    _tell(str(strange))


@cache  # once
def _tell(strange: str) -> None:
    import logging  # not before there is something to say

    logger = logging.getLogger("promptscribe")
    logger.warning("promptscribe: setting passed over: %s", strange)


def _from_pyproject(
    complain: Callable[[ConfigurationError], None] | None,
) -> list[tuple[str, object]]:
    try:
        here = Path.cwd()
    except OSError:
        return []  # it was removed: no reason to record nothing
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        if b"tool.promptscribe" not in raw:
            return []
        try:
            return list(_table(path, raw).items())
        except ConfigurationError as wrong:
            if complain is None:
                raise
            complain(wrong)
            return []
    return []


def _table(path: Path, raw: bytes) -> dict[str, object]:
    import tomllib

    try:
        found: object = tomllib.loads(raw.decode())
    except ValueError as problem:  # not TOML, or not UTF-8
        raise ConfigurationError(str(path), f"is not TOML: {problem}") from problem
    for name in ("tool", "promptscribe"):
        found = found.get(name, {}) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ConfigurationError(str(path), "tool.promptscribe is not a table")
    return found


def _like(name: str, spelled: str) -> str:
    """Return a setting's name as who spelled another so would spell it."""
    return f"{_PREFIX}{name.upper()}" if spelled.isupper() else name


def _check_insecure(settings: Settings, spellings: Mapping[str, str]) -> None:
    for name in ("base_url", "otlp_endpoint"):
        url: str | None = getattr(settings, name)
        if url is None or settings.allow_insecure or is_loopback(url):
            continue
        if url.lower().startswith("http://"):
            raise ConfigurationError(
                spellings[name],
                "sends prompts and the key in plain text to another machine: "
                f"use https, or set {_like('allow_insecure', spellings[name])} to true "
                "if the network is yours",
            )
