"""The control panel: settings, flushing and stopping, as users call them.

Its law: `configure` raises at once on a wrong value, before anything is recorded with
it; the others raise for a timeout that is none, and take no longer than they are given.
"""

from __future__ import annotations

import contextlib
import math
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

from promptscribe._delivery.ledger import FlushResult
from promptscribe._runtime.state import runtime
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from promptscribe._clock import Clock
    from promptscribe._config import Durability
    from promptscribe._delivery.transport import Transport

__all__ = ["FlushResult", "configure", "force_flush", "shutdown", "stats"]

_LONGEST: Final = 1e9  # seconds; a lock's timeout is 9.2e9 at most


def configure(
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    project: str | None = None,
    environment: str | None = None,
    source: str | None = None,
    journal_dir: str | os.PathLike[str] | None = None,
    journal_max_bytes: int | None = None,
    durability: Durability | None = None,
    export: bool | None = None,
    flush_timeout: float | None = None,
    enabled: bool | None = None,
    allow_insecure: bool | None = None,
    capture: Literal["all", "metadata", "none"] | None = None,
    redact: bool | Callable[[str], str] | None = None,
    sample_rate: float | None = None,
    otel_spans: bool | None = None,
    otel_context: bool | None = None,
    otel_metrics: bool | None = None,
    otlp_endpoint: str | None = None,
    propagate_threads: bool | None = None,
    transport: Transport | None = None,
    clock: Clock | None = None,
) -> None:
    """Set what differs from the defaults; may be called again, also after logs.

    Every setting but the last two can also be given as an environment variable
    (``PROMPTSCRIBE_BASE_URL``) and in pyproject.toml (``[tool.promptscribe]``);
    this function wins over both. None leaves a setting as it is.

    Args:
        base_url: The server, ``http://127.0.0.1:8420`` by default.
        api_key: Sent as ``X-API-KEY``. What was recorded with one key is not sent with
            another; but where the server refuses a key, the next one of the same
            program delivers what waits.
        project: Whose logs these are, where programs of several projects share a
            journal: they go with the key that the project has at the time, and with no
            other.
        environment: Label for every log, for example ``production``.
        source: Label for every log: what makes the calls.
        journal_dir: Folder of the journal.
        journal_max_bytes: Most bytes on disk that wait for one server and key.
        durability: What a log survives once its call has returned: ``"memory"``
            nothing, ``"process"`` (the default) the end of the process, ``"host"``
            also that of the machine but for the last half second, ``"sync"`` also
            that, at 0.1 ms to several ms a call.
        export: Whether this process delivers; False leaves it to others.
        flush_timeout: Seconds that the exit of the program may wait at most.
        enabled: False records nothing.
        allow_insecure: Allow plain http to a host that is not this machine.
        capture: ``metadata`` keeps tokens, cost and timing but no payload, ``none``
            logs nothing; a decorator's own word wins.
        redact: Takes secrets out of every text before it is written: True for
            API keys, bearer tokens, e-mail and card numbers and what stands under a
            name like ``password``, or a function that takes a text and returns one.
            What it fails on is not kept.
        sample_rate: Part of the traces that is kept, 0 to 1, decided by the trace's
            id; calls that raise are always kept. With *otel_spans* it is decided
            before the span has an id: `promptscribe.inject` tells other services.
        otel_spans: Whether each log is also a span of the application's own
            OpenTelemetry, if it has one; with content only where
            ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` allows it.
        otel_context: Whether OpenTelemetry's own instrumentations report a call
            inside a log to that log, instead of making a span. It needs no provider;
            of several calls inside one log the last one stays.
        otel_metrics: Whether each call's tokens and duration are metrics of the
            application's own OpenTelemetry, if it has a meter provider:
            ``gen_ai.client.token.usage`` and ``gen_ai.client.operation.duration``.
            With *otlp_endpoint* they go there instead, from the journal, and no
            meter provider is needed.
            What an instrumented client tells of, it measures itself; what
            *sample_rate* leaves out has neither a span nor a measurement.
        otlp_endpoint: A server that takes OTLP over HTTP, for example a collector's
            ``http://127.0.0.1:4318``: logs go there as spans. Instead of to
            *base_url* where that is the default, else beside: while one is down, the
            other waits with it.
        propagate_threads: Whether every ``threading.Thread`` that is started, and
            every task given to a ``ThreadPoolExecutor`` (``loop.run_in_executor``, too)
            or a ``multiprocessing.pool.ThreadPool``, takes the current log along, as
            `promptscribe.propagate` has one function do. It replaces these methods of
            the standard library; False puts them back.
        transport: Sends requests instead of HTTP, see `promptscribe.testing`.
        clock: Tells the time instead of the machine's clock.

    Raises:
        ConfigurationError: A value is wrong; nothing was changed.

    Example:
        >>> import promptscribe
        >>> promptscribe.configure(environment="staging", source="checkout")
    """
    code = {
        "base_url": base_url,
        "api_key": api_key,
        "project": project,
        "environment": environment,
        "source": source,
        "journal_dir": journal_dir,
        "journal_max_bytes": journal_max_bytes,
        "durability": durability,
        "export": export,
        "flush_timeout": flush_timeout,
        "enabled": enabled,
        "allow_insecure": allow_insecure,
        "capture": capture,
        "redact": redact,
        "sample_rate": sample_rate,
        "otel_spans": otel_spans,
        "otel_context": otel_context,
        "otel_metrics": otel_metrics,
        "otlp_endpoint": otlp_endpoint,
        "propagate_threads": propagate_threads,
    }
    runtime.configure(code, transport)
    if clock is not None:
        runtime.use_clock(clock)
    if runtime.settings.emits():
        _load_emitter()


def _load_emitter() -> None:
    """Load the plug-in here and not in the first call: it takes 50 ms."""
    with contextlib.suppress(Exception):  # the first call tells what is wrong
        import_module("promptscribe.otel.emitter")


def force_flush(timeout: float = 30.0) -> FlushResult:
    """Wait until every log so far is delivered, or the time is up.

    There is no need to call this at the end of a program: what was not delivered stays
    in the journal and is delivered by the next process, or by ``promptscribe drain``.

    Args:
        timeout: Seconds; ``math.inf`` waits for as long as it takes.

    Returns:
        What became of the logs of this process and of those that it took over from
        dead ones. It is true if nothing is pending and nothing was lost.

    Raises:
        ConfigurationError: The timeout is no number.

    Example:
        >>> import promptscribe
        >>> result = promptscribe.force_flush(timeout=5)
        >>> result.dropped
        0
    """
    return runtime.flush(_seconds(timeout))


def stats() -> FlushResult:
    """Return what became of the logs so far, without waiting for anything.

    Returns:
        See `force_flush`.

    Example:
        >>> import promptscribe
        >>> promptscribe.stats().dropped
        0
    """
    return runtime.result()


def shutdown(timeout: float = 30.0) -> FlushResult:
    """Flush, then stop the background thread.

    What is logged afterwards is kept in the journal for the next process.

    Args:
        timeout: Seconds.

    Returns:
        See `force_flush`.

    Raises:
        ConfigurationError: The timeout is no number.
    """
    return runtime.shutdown(_seconds(timeout), eager=True)


def _seconds(timeout: float) -> float:
    try:
        seconds = float(timeout)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds):
        problem = f"must be a number of seconds, not {timeout!r}"
        raise ConfigurationError("timeout", problem)
    return min(max(seconds, 0.0), _LONGEST)
