"""The installation: our span processor at the application's own tracer provider.

Its law: a provider that is there is added to, never replaced; where there is none yet,
none is made, unless asked for.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from opentelemetry import trace

from promptscribe._capture import failure
from promptscribe._runtime.state import runtime
from promptscribe.errors import ConfigurationError
from promptscribe.otel.details import DetailsProcessor
from promptscribe.otel.processor import PromptscribeSpanProcessor

SWITCH: Final = "PROMPTSCRIBE_OTEL"
"""Environment variable; ``false`` keeps ``opentelemetry-instrument`` from it."""

_MARK: Final = "_promptscribe_installed"


def install(tracer_provider: Any = None) -> bool:
    """Log every call of a model that a tracer provider's spans tell of.

    Call it after the application has set up OpenTelemetry; a second time does nothing,
    unless the application has set it up anew (``logfire.configure``). Under
    ``opentelemetry-instrument`` there is no need to. What an instrumentation tells of
    a call by log records is taken along, if the application has a logger provider.
    Agents, tools and HTTP between two calls do not break the chain. Events that nobody
    can read are in ``metadata.otel.events``; a conversation that the SDK's limits have
    cut is marked ``metadata.truncated``. A span that is no call costs some 5 µs.

    Args:
        tracer_provider: An SDK's provider; the global one if None.

    Returns:
        Whether the provider has the processor now. False means that there is no
        provider to add it to, or one of another make (ddtrace's has no
        ``add_span_processor``).

    Raises:
        ConfigurationError: *tracer_provider* was given and takes no processors.

    Example:
        >>> from opentelemetry.sdk.trace import TracerProvider
        >>> from promptscribe.otel import install
        >>> install(TracerProvider())
        True
    """
    provider: Any = tracer_provider or trace.get_tracer_provider()
    # Logfire's stands for one that it changes: the processor goes with the inner one.
    provider = getattr(provider, "provider", provider)
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        if tracer_provider is not None:
            raise ConfigurationError(
                "tracer_provider", "takes no span processors: it is not the SDK's"
            )
        return False
    if not is_installed(provider):
        add(PromptscribeSpanProcessor())
        setattr(provider, _MARK, True)
    _install_details()
    return True


def is_installed(provider: Any) -> bool:
    """Say whether a provider has our processor already."""
    return getattr(provider, _MARK, False)


def _install_details() -> None:
    """Hear of what is told of a call by log records, where the application has any."""
    try:
        provider: Any = import_module("opentelemetry._logs").get_logger_provider()
        add = getattr(provider, "add_log_record_processor", None)
        if add is not None and not is_installed(provider):
            add(DetailsProcessor())
            setattr(provider, _MARK, True)
    except Exception as problem:  # noqa: BLE001 - it is experimental: it may be gone
        failure.note("otel_failed", problem)


def post_instrument() -> None:
    """Install at the end of ``opentelemetry-instrument``'s work; never raises."""
    try:
        if os.environ.get(SWITCH, "").strip().lower() in {"0", "false", "no", "off"}:
            return
        if runtime.settings.enabled and not install():
            failure.note("otel_not_installed", "there is no SDK tracer provider")
        if runtime.settings.emits():
            import_module("promptscribe.otel.emitter")  # not in the first call
    except Exception as problem:  # noqa: BLE001 - the application starts regardless
        failure.note("otel_failed", problem)
