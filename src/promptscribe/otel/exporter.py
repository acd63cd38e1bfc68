"""The span exporter: ``OTEL_TRACES_EXPORTER=promptscribe``.

Its law: exporting is journaling; it waits for nobody and fails for nobody. What an SDK
holds in its own batch is lost with the process all the same: where that matters, the
span processor is the door.
"""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from promptscribe._capture import failure
from promptscribe._runtime.state import runtime
from promptscribe.errors import ConfigurationError
from promptscribe.otel.installation import is_installed
from promptscribe.otel.intake import intake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class PromptscribeSpanExporter(SpanExporter):
    """Logs the calls of models among the spans that an SDK exports.

    Made without arguments by ``OTEL_TRACES_EXPORTER``, and with those of the file by
    ``OTEL_CONFIG_FILE``: each is a setting of `promptscribe.configure`.

    Args:
        base_url: The server.
        api_key: Its key.
        environment: Label for every log.
        source: Label for every log.
        **others: Settings of later versions; unknown ones are told and passed over.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        environment: str | None = None,
        source: str | None = None,
        **others: Any,
    ) -> None:
        self._is_shut_down = False
        intake.is_exporting = True
        given = {
            "base_url": base_url,
            "api_key": api_key,
            "environment": environment,
            "source": source,
            **others,
        }
        # One at a time: a wrong value must not cost the other settings, nor raise and
        # cost the application all of its telemetry.
        for name, value in given.items():
            if value is not None:
                try:
                    runtime.configure({name: value}, None)
                except ConfigurationError as wrong:
                    failure.note("bad_setting", str(wrong))
        if sys.version_info[:2] == (3, 12):
            # Only 3.12 starts no thread once the main one has ended, which is when the
            # SDK exports what a short program did: start ours now.
            runtime.flush(0)
            atexit.register(_export_the_last)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Journal the calls among the spans; fail if one could not be kept."""
        if self._is_shut_down:
            return SpanExportResult.FAILURE
        for span in spans:
            intake.observe(span)  # parents end after their children
        kept = [intake.end(span) for span in spans]
        return SpanExportResult.SUCCESS if all(kept) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Take no more, and give what was exported a moment to be delivered.

        The SDK exports its last batch when the program exits, too late for us to
        register an exit handler. What is not delivered by then stays in the journal.
        """
        if not self._is_shut_down:
            self._is_shut_down = True
            runtime.flush(runtime.settings.flush_timeout)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until every log is delivered; false if the time was too short."""
        return runtime.flush(max(timeout_millis, 0) / 1000).pending == 0


def _export_the_last() -> None:
    """Have the SDK export before our own exit handler waits for the delivery."""
    try:
        provider: Any = trace.get_tracer_provider()
        # What the processor saw is in the journal: there is nothing to wait for.
        if hasattr(provider, "force_flush") and not is_installed(provider):
            provider.force_flush(round(runtime.settings.flush_timeout * 1000))
    except Exception as problem:  # noqa: BLE001 - the SDK says what became of it
        failure.note("otel_failed", problem)
