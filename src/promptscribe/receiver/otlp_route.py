"""The route of OpenTelemetry: ``POST /v1/traces``, protobuf or JSON.

Its law: as OTLP says: the answer has the form of the request, what is good of an
upload is stored, and what is not is counted in the answer, with 200.
Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe._dialects import otlp, protobuf
from promptscribe.receiver.answer import failure, json_answer
from promptscribe.receiver.body import read_body
from promptscribe.receiver.ingest import BadRequest, decode_body, read_log
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.upload import Spans

if TYPE_CHECKING:
    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store
    from promptscribe.schema import JSONObject

_PROTOBUF: Final = "application/x-protobuf"


class OtlpRoutes:
    """OpenTelemetry's route over a store."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._spans = Spans()

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix."""
        return [Route(f"{prefix}/v1/traces", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Take spans in; those that are calls of models become logs of Prompts."""
        content = await read_body(request)
        media_type = request.headers.get("content-type", "").partition(";")[0]
        is_protobuf = media_type.strip().lower() == _PROTOBUF
        if is_protobuf:
            try:
                upload = protobuf.decode(content)
            except ValueError as wrong:
                return failure(400, f"Not an OTLP upload: {wrong}")
        else:
            upload = decode_body(content)
        spans = list(otlp.read_upload(upload))
        strange = self._spans.strange(spans)
        if strange:
            self._spans.learn(strange, await self._store.read_spans(strange))
        read = self._spans.read(spans)
        # Spans first: logs are placed by them. Both in one commit, as a rule.
        _, (rejected, sentence) = await asyncio.gather(
            self._store.keep_spans(read.links), self._keep(read.logs)
        )
        return _answer(rejected, sentence, is_protobuf=is_protobuf)

    async def _keep(self, bodies: list[JSONObject]) -> tuple[int, str]:
        """Store what can be; return how many cannot, and why the first one."""
        drafts: list[LogDraft] = []
        reasons: list[str] = []
        for body in bodies:
            try:
                drafts.append(read_log("prompt", body, self._clock.wall_ns() // 1000))
            except BadRequest as wrong:
                reasons.append(str(wrong.problems[0]))
        outcomes = await self._store.add_logs(drafts) if drafts else []
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                reasons.append(outcome.sentence)
                self._metrics.count_log("prompt", outcome.reason)
            else:
                self._metrics.count_log("prompt", "stored")
        return len(reasons), reasons[0] if reasons else ""


def _answer(rejected: int, sentence: str, *, is_protobuf: bool) -> Response:
    partial: JSONObject = {}
    if rejected:
        told = {"rejectedSpans": rejected, "errorMessage": sentence}
        partial = {"partialSuccess": told}
    if is_protobuf:
        content = protobuf.encode(partial, "TracesAnswer")
        return Response(content, media_type=_PROTOBUF)
    return json_answer(partial)
