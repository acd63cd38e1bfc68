"""The OTLP transport: the exporter's requests as ``POST /v1/traces``.

Its law: a transport like the other one: the exporter's patience, the journal's safety
and the dead letters are the same. Beside another transport, a log is delivered when
both have it; who already had it knows it by its id.
"""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

from promptscribe._delivery.retry import KEY_REFUSED, is_repeat
from promptscribe._delivery.route import BOMB_RATIO, BULK_PATH
from promptscribe._delivery.transport import Answer, Offer, Request
from promptscribe._dialects.logspan import to_span
from promptscribe._dialects.otlp import read_refusal, write_upload
from promptscribe._dialects.protobuf import encode
from promptscribe._dialects.span import OURS
from promptscribe._runtime.otlp_metrics import MetricsSender
from promptscribe.errors import Unreachable
from promptscribe.schema import PromptLog

if TYPE_CHECKING:
    from promptscribe._delivery.ledger import Ledger
    from promptscribe._delivery.transport import Transport
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject

PATH: Final = "/v1/traces"
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_{}_HEADERS")
"""The standard's own variables for keys of its servers; the second one wins."""
_ANSWER_BYTES: Final = 65_536
"""Of an answer: what a server says of spans that it refuses is read in full."""

_STORED: Final = b'{"status":200,"otlp":true}'

_decode: Final = msgspec.json.Decoder(PromptLog).decode


class OtlpTransport:
    """Sends logs as spans.

    Args:
        http: Sends requests to the server.
        service: ``service.name`` of the spans.
        heard_by: Hears of spans that are refused among others that are taken.
        measured_by: Hears of metrics that are refused; None sends none.
    """

    def __init__(
        self,
        http: Transport,
        service: str | None = None,
        *,
        heard_by: Ledger | None = None,
        measured_by: Ledger | None = None,
    ) -> None:
        self._http = http
        self._ledger = heard_by
        self._service = service or os.environ.get("OTEL_SERVICE_NAME") or _program()
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            **_read_headers("TRACES"),
        }
        self._metrics: MetricsSender | None = None
        if measured_by is not None:
            headers = {**self._headers, **_read_headers("METRICS")}
            self._metrics = MetricsSender(http, self._service, headers, measured_by)

    def offer(self) -> Offer:
        """Say that many logs can travel at once: OTLP has no other way."""
        return Offer(bulk=True)

    def send(self, request: Request) -> Answer:
        """Send one log, or the lines of a bulk request.

        Raises:
            Unreachable: There was no answer, or nobody there who takes OTLP.
        """
        is_bulk = request.path == BULK_PATH
        content = request.body
        if request.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        lines = content.split(b"\n") if is_bulk else [content]
        logs = [log for line in lines if (log := _read(line)) is not None]
        answer = self._http.send(self._request(logs))
        if answer.status in {404, 405}:
            # To the exporter that would say that this log is refused.
            raise Unreachable(f"nobody takes OTLP there: status {answer.status}")
        if not 200 <= answer.status < 300:
            return answer
        refused, why = read_refusal(answer.body)
        if refused >= len(logs) > 0:
            return Answer(400, answer.headers, why.encode())  # what it amounts to
        if refused > 0:
            self._note_refusal(refused, len(logs), why)
        if self._metrics is not None:
            self._metrics.send(logs)
        if is_bulk or not logs:
            return Answer(200, answer.headers, b"\n".join([_STORED] * len(lines)))
        named = msgspec.json.encode({"id": logs[0].log_id})
        return Answer(200, answer.headers, named)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _note_refusal(self, refused: int, sent: int, why: str) -> None:
        # Which ones, the standard has no word for; and none of them may be sent again.
        if self._ledger is not None:
            self._ledger.note("otlp_refused", refused)
            self._ledger.warn(
                "otlp_refused",
                "the OTLP endpoint refused %d of %d spans: %s",
                refused,
                sent,
                why or "it does not say why",
            )

    def _request(self, logs: list[PromptLog]) -> Request:
        groups: dict[str | None, list[Span]] = {}
        for log in logs:
            groups.setdefault(log.environment, []).append(to_span(log))
        upload: JSONObject = {"resourceSpans": []}
        for environment, spans in groups.items():
            resource: JSONObject = {"service.name": self._service}
            if environment is not None:
                resource["deployment.environment.name"] = environment
            written = write_upload(resource, OURS, spans)
            upload["resourceSpans"] += written["resourceSpans"]
        body = encode(upload)
        packed = gzip.compress(body, 1, mtime=0)
        if len(body) < BOMB_RATIO * len(packed):
            return Request(PATH, {}, packed, self._headers, _ANSWER_BYTES)
        headers = {k: v for k, v in self._headers.items() if k != "Content-Encoding"}
        return Request(PATH, {}, body, headers, _ANSWER_BYTES)


class BothTransports:
    """Sends each log to its server and as a span; delivered is what both took."""

    def __init__(self, first: Transport, second: Transport) -> None:
        self._first = first
        self._second = second

    def offer(self) -> Offer:
        """Say what the first one's server offers."""
        ask = getattr(self._first, "offer", None)
        said: Offer = Offer() if ask is None else ask()
        return Offer(bulk=said.bulk)

    def send(self, request: Request) -> Answer:
        """Send a request both ways; the answer is the first one's, if both agree.

        One that the first has from before, when the second failed, goes to the second.

        Raises:
            Unreachable: One of them did not answer, or the second lets nobody in.
        """
        answer = self._first.send(request)
        if not 200 <= answer.status < 300 and not _has_it(answer, request):
            return answer
        other = self._second.send(request)
        if other.status in KEY_REFUSED:
            # Not an answer of the server whose key this is: logs that one refuses may
            # be inherited by who has the next key.
            raise Unreachable(f"the OTLP endpoint refuses: status {other.status}")
        return answer if 200 <= other.status < 300 else other

    def close(self) -> None:
        """Close the connections."""
        self._first.close()
        self._second.close()


def _has_it(answer: Answer, request: Request) -> bool:
    log = _read(request.body)
    return log is not None and is_repeat(answer, log.log_id)


def _read(line: bytes) -> PromptLog | None:
    try:
        return _decode(line)
    except ValueError:
        return None  # ours, and unreadable: there is nothing to wait for


def _read_headers(signal: str) -> dict[str, str]:
    """Read ``key=value,key=value``, percent-encoded as in W3C baggage."""
    found: dict[str, str] = {}
    for variable in _HEADERS:
        for entry in os.environ.get(variable.format(signal), "").split(","):
            name, equals, value = entry.partition("=")
            if equals and name.strip():
                found[unquote(name.strip())] = unquote(value.strip())
    return found


def _program() -> str:
    return Path(sys.argv[0] or "python").stem or "python"
