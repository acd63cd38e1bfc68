"""The GenAI metrics of delivered logs, as ``POST /v1/metrics``.

Its law: metrics never hold up a log. What one request missed the next one has, since
the sums go on, unless the standard's variable asks for differences; those are kept
until a request is taken. A server that takes no metrics is not asked again.
"""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, Final

from promptscribe._clock import SystemClock
from promptscribe._delivery.retry import KEY_REFUSED
from promptscribe._delivery.transport import Request
from promptscribe._dialects import measurement, protobuf
from promptscribe._dialects.span import OURS
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Transport
    from promptscribe.schema import JSONObject, PromptLog

PATH: Final = "/v1/metrics"
PREFERENCE: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REST_NS: Final = 30_000_000_000
"""After an attempt that had no answer, and may have taken ten seconds."""


class MetricsSender:
    """Adds up what logs say, and sends it.

    Args:
        http: Sends requests to the server.
        service: ``service.name``.
        headers: Header fields of each request.
        ledger: Hears of a server that takes no metrics.
    """

    def __init__(
        self,
        http: Transport,
        service: str,
        headers: Mapping[str, str],
        ledger: Ledger,
    ) -> None:
        self._ledger = ledger
        self._http = http
        self._headers = headers
        # Every process has its own sums: together they are those of the service.
        self._resource: JSONObject = {
            "service.name": service,
            "service.instance.id": os.urandom(8).hex(),
        }
        asked = os.environ.get(PREFERENCE, "").strip().lower()
        self._is_delta = asked in {"delta", "lowmemory"}
        self._histograms = measurement.Histograms(SystemClock.wall_ns())
        self._is_refused = False
        self._rested_ns = 0

    def send(self, logs: Iterable[PromptLog]) -> None:
        """Add logs that were delivered, and send what there is; never raises."""
        if self._is_refused:
            return
        measured = [value for log in logs for value in measurement.measure(log)]
        self._histograms.add(measured)
        is_new = bool(measured) or (self._is_delta and bool(self._histograms))
        if is_new and SystemClock.monotonic_ns() >= self._rested_ns:
            self._post()

    def _post(self) -> None:
        now = SystemClock.wall_ns()
        temporality = measurement.DELTA if self._is_delta else measurement.CUMULATIVE
        upload = self._histograms.write(self._resource, OURS, now, temporality)
        body = gzip.compress(protobuf.encode(upload, "Metrics"), 1, mtime=0)
        try:
            answer = self._http.send(Request(PATH, {}, body, headers=self._headers))
        except Unreachable:
            self._rested_ns = SystemClock.monotonic_ns() + _REST_NS
            return
        if 200 <= answer.status < 300:
            if self._is_delta:
                self._histograms = measurement.Histograms(now)
        elif answer.status not in _LATER | KEY_REFUSED:
            self._is_refused = True
            self._ledger.note("metrics_refused")
            self._ledger.warn(
                "metrics_refused",
                "the OTLP endpoint takes no metrics (status %s): none are sent",
                answer.status,
            )
