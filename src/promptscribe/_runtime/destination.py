"""The destination: where a pipeline's logs go, and when settings mean another one.

Its law: it reads settings and connects nothing; the first request does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._config import DEFAULT_BASE_URL, is_loopback
from promptscribe._delivery.transport import HttpTransport

if TYPE_CHECKING:
    from promptscribe._config import Settings
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Transport

_DECISIVE: Final = (
    "base_url",
    "api_key",
    "project",
    "journal_dir",
    "journal_max_bytes",
    "durability",
    "export",
    "allow_insecure",
    "otlp_endpoint",
)


def is_same(one: Settings, other: Settings) -> bool:
    """Say whether one pipeline can serve both."""
    if one.otlp_endpoint is not None and one.otel_metrics != other.otel_metrics:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in _DECISIVE)


def addresses(settings: Settings) -> list[str]:
    """Return the servers that logs are brought to."""
    endpoint = settings.otlp_endpoint
    if endpoint is None:
        return [settings.base_url]
    is_default = settings.base_url == DEFAULT_BASE_URL
    return [endpoint] if is_default else [settings.base_url, endpoint]


def make_transport(
    settings: Settings, given: Transport | None, ledger: Ledger
) -> Transport | None:
    """Return what brings logs to where the settings say; None leaves it to others.

    Args:
        settings: Where to, and with which key.
        given: Sends requests instead of HTTP.
        ledger: Hears of what the answers to logs do not tell.
    """
    if not settings.export:
        return None
    first = given or HttpTransport(
        settings.base_url,
        settings.api_key,
        use_proxy=not is_loopback(settings.base_url),
    )
    endpoint = settings.otlp_endpoint
    if endpoint is None:
        return first
    from promptscribe._runtime.otlp import BothTransports, OtlpTransport

    http = HttpTransport(endpoint, use_proxy=not is_loopback(endpoint))
    measured_by = ledger if settings.otel_metrics else None
    spans = OtlpTransport(
        http, settings.source, heard_by=ledger, measured_by=measured_by
    )
    asked = given or len(addresses(settings)) > 1
    return BothTransports(first, spans) if asked else spans
