"""What can be set, with its defaults and the names of its environment variables.

Its law: values only; where they come from is another file's matter.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from promptscribe._secret import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptscribe._secret import Secret

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
        project: Whose logs these are, where one journal serves several projects: they
            go with the key that the project has at the time, and with no other. None
            is told from the key.
        environment: Label for every log, for example ``production``.
        source: Label for every log: what makes the calls.
        journal_dir: Folder of the journal; one folder for each server and key is made
            in it.
        journal_max_bytes: Most bytes on disk that wait for one server and key.
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
        otel_spans: Whether logs are spans of the application's OpenTelemetry, too.
        otel_context: Whether OpenTelemetry's own instrumentations report the calls
            inside a log to it, instead of making spans.
        otel_metrics: Whether calls are measured: by the application's OpenTelemetry,
            or with *otlp_endpoint* by who delivers there.
        otlp_endpoint: A server that takes OTLP over HTTP; ``/v1/traces`` is added to
            it. Logs go there as spans: instead of to *base_url* where that is the
            default, else beside.
        propagate_threads: Whether new threads, and the tasks of thread pools, take the
            current log along.
    """

    base_url: str = DEFAULT_BASE_URL
    api_key: Secret | None = None
    project: str | None = None
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
    otel_spans: bool = False
    otel_context: bool = False
    otel_metrics: bool = False
    otlp_endpoint: str | None = None
    propagate_threads: bool = False
    keep: bool = True
    """Whether logs are kept at all: not under pytest, unless asked for."""

    def is_limiting(self) -> bool:
        """Say whether a call has to look at these settings before it is recorded."""
        return (
            self.capture != "all"
            or bool(self.redact)
            or self.sample_rate < 1
            or self.emits()
        )

    def emits(self) -> bool:
        """Say whether OpenTelemetry hears of each call."""
        # With an endpoint, metrics are made of what is delivered there.
        is_measured = self.otel_metrics and self.otlp_endpoint is None
        return self.otel_spans or self.otel_context or is_measured

    def journal_root(self) -> Path:
        """Return the folder for this server's and key's lanes, made by nobody yet.

        What is in front of ``~`` names the server, what is behind it project or key:
        see the journal's estate.
        """
        parts = urlsplit(self.base_url)
        path = parts.path.strip("/").replace("/", "-")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        name = f"{parts.scheme}-{parts.hostname}-{port}{'-' + path if path else ''}"
        if self.otlp_endpoint is not None:
            # What waits for it must not be taken over by who does not deliver there.
            other = urlsplit(self.otlp_endpoint)
            name += f"-otlp-{other.hostname}-{other.port or other.scheme}"
        safe = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
        if safe != name or len(safe) > 150 or "-" in path.strip("-"):
            # Of two addresses that are written alike: /a/b and /a-b, or very long ones.
            safe = f"{safe[:150]}-{mark_of(self.base_url)}"
        return (self.journal_dir or default_journal_dir()) / (safe + self._mark())

    def _mark(self) -> str:
        if self.project is not None:
            plain = "".join(
                c if c.isalnum() and c.isascii() else "-" for c in self.project
            )
            return f"~project-{plain[:30]}-{mark_of(self.project)}"
        return "" if self.api_key is None else f"~key-{self.api_key.mark()}"


NAMES: Final = tuple(f.name for f in fields(Settings) if f.name != "keep")

ENVIRONMENT_NAMES: Final = {
    name: (f"PROMPTSCRIBE_{name.upper()}",) for name in NAMES
} | {
    # What the hosted service's own SDK reads: moving in takes no new variable.
    "base_url": ("PROMPTSCRIBE_BASE_URL", "HUMANLOOP_BASE_URL"),
    "api_key": ("PROMPTSCRIBE_API_KEY", "HUMANLOOP_API_KEY"),
}


def default_journal_dir() -> Path:
    """Return the journal's folder in this user's state directory.

    Where nobody knows that, one that cannot be made: logs live in memory then, and why
    is told.
    """
    import pathlib

    import platformdirs

    # No HOME, and no entry for the user: it raises, or (before 4.14) says "~".
    with contextlib.suppress(RuntimeError):
        folder = platformdirs.user_state_path("promptscribe")
        if folder.is_absolute():
            return folder / "journal"
    return pathlib.Path("/dev/null/no-home-folder")
