"""The reception: the receiver that the demo logs to, found or started.

Its law: a receiver that runs already is used, never fought for its port; anything else
on the port is left alone, and the next port is taken. The ports are tried in order,
not at random: what a killed demo left in its journal is kept for that address, and
the next demo comes to the same one.
"""

from __future__ import annotations

import errno
import http.client
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from promptscribe._config import is_loopback
from promptscribe.demo.fetch import fetch
from promptscribe.demo.trouble import Trouble, missing_package
from promptscribe.errors import PromptscribeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe.receiver.server import Receiver

_PORTS: Final = 10
"""Ports that are tried, from the one that was asked for."""
_LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Reception:
    """Where the demo logs to.

    Attributes:
        url: The receiver's address.
        note: Who runs it and where logs are kept, for the person who watches.
        receiver: The receiver, if the demo runs it; None if it was there already.
    """

    url: str
    note: str
    receiver: Receiver | None


def open_reception(
    host: str,
    port: int,
    db: Path | None,
    api_key: str | None,
    say: Callable[[str], None],
) -> Reception:
    """Return a receiver that listens.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes any that is free.
        db: SQLite file of a receiver that is started; None for the default one.
        api_key: Key for a receiver that runs already.
        say: Called with a sentence for every port that is not to be had.

    Raises:
        Trouble: No receiver can be had, and why.
    """
    if not 0 <= port <= _LAST_PORT:
        raise Trouble(f"{port} is no port; one lies between 0 and {_LAST_PORT}.")
    name = f"[{host}]" if ":" in host else host
    if not is_loopback(f"http://{name}"):
        raise Trouble(
            f"{host or 'Each address'} is reachable from outside, and the demo's"
            " receiver is for this machine: leave --host out."
        )
    end = min(port + _PORTS, _LAST_PORT + 1) if port else 1
    for candidate in range(port, end):
        receiver = _start(host, candidate, db)
        if receiver is not None:
            return Reception(receiver.url, f"started here, {_place(db)}", receiver)
        url = f"http://{name}:{candidate}"
        if _is_receiver(url):
            _knock(url, api_key)
            return Reception(url, "it was running already", None)
        say(f"Port {candidate} belongs to another program; trying the next.")
    raise Trouble(f"Ports {port} to {end - 1} are all in use; name another one.")


def _start(host: str, port: int, db: Path | None) -> Receiver | None:
    """Start a receiver; None if the port is in use."""
    try:
        from promptscribe._runtime import packed
        from promptscribe.receiver.server import start_in_thread
    except ImportError as missing:
        raise missing_package(missing) from None
    try:
        return start_in_thread(host, port, db, reader=packed.reader())
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return None
        raise Trouble(f"The receiver cannot start on {host}: {problem}") from None
    except sqlite3.Error as problem:
        raise Trouble(
            f"The database cannot be opened ({_place(db)}): {problem}"
        ) from None
    except PromptscribeError as problem:
        raise Trouble(f"The receiver cannot start: {problem}") from None


def _is_receiver(url: str) -> bool:
    """Say whether a promptscribe receiver answers; only ours says ``bulk``."""
    try:
        status, health = fetch(url, "/health")
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and isinstance(health, dict) and "bulk" in health


def _knock(url: str, api_key: str | None) -> None:
    """Find out now, not after the agent ran, whether the receiver lets us in."""
    status, _ = fetch(url, "/logs?size=1", api_key)
    if status == 401:
        raise Trouble(
            f"The receiver at {url} asks for an API key: set PROMPTSCRIBE_API_KEY."
        )


def _place(db: Path | None) -> str:
    from promptscribe.receiver.server import default_db

    path = (db or default_db()).absolute()
    home = Path.home()
    if path.is_relative_to(home):
        return f"logs in ~/{path.relative_to(home)}"
    return f"logs in {path}"
