"""The route of OpenTelemetry: ``POST /v1/traces``, protobuf or JSON.

Its law: as OTLP says: the answer has the form of the request, what is good of an
upload is stored, and what is not is counted in the answer, with 200. SDKs throw away
what is answered with anything but 429, 502, 503 and 504: what may be better the next
time is a 503 here.
Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response".
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe._dialects import otlp, protobuf
from promptscribe.receiver.answer import RETRY_AFTER, json_answer
from promptscribe.receiver.body import BodyTooLarge, BodyTooSlow, read_body
from promptscribe.receiver.check import Problem
from promptscribe.receiver.ingest import BadRequest, decode_body, read_log
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.store import StoreUnavailable
from promptscribe.receiver.upload import Spans

if TYPE_CHECKING:
    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe._dialects.span import Span
    from promptscribe.receiver.log_entry import LogDraft
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store
    from promptscribe.schema import JSONObject

_PROTOBUF: Final = "application/x-protobuf"
_SMALL_BYTES: Final = 64 * 1024

MAX_PARTS: Final = 2_000_000
"""Members, objects and arrays of a JSON upload: each attribute of a span has five."""

_CODES: Final = {400: 3, 413: 8, 503: 14}
"""INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE (google.rpc.Code)."""


class OtlpRoutes:
    """OpenTelemetry's route over a store."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._spans = Spans()
        self._turn = asyncio.Lock()  # what is remembered is used by one at a time

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix."""
        return [Route(f"{prefix}/v1/traces", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Take spans in; those that are calls of models become logs of Prompts."""
        media_type = request.headers.get("content-type", "").partition(";")[0]
        is_protobuf = media_type.strip().lower() == _PROTOBUF
        try:
            content = await read_body(request)
            read = partial(_read, content, is_protobuf=is_protobuf)
            is_large = len(content) > _SMALL_BYTES
            # Beside the event loop, which others wait for: 512 calls take 0.2 s.
            spans = await asyncio.to_thread(read) if is_large else read()
            rejected, sentence = await self._take(spans, is_large=is_large)
        except BadRequest as wrong:
            told = "; ".join(problem.msg for problem in wrong.problems)
            return _failure(400, told, is_protobuf=is_protobuf)
        except BodyTooLarge as large:
            return _failure(413, str(large), is_protobuf=is_protobuf)
        except BodyTooSlow as slow:
            answer = _failure(503, str(slow), is_protobuf=is_protobuf)
            answer.headers["Connection"] = "close"  # the rest is not waited for
            return answer
        except StoreUnavailable as full:
            return _failure(503, str(full), is_protobuf=is_protobuf)
        return _answer(rejected, sentence, is_protobuf=is_protobuf)

    async def _take(self, spans: list[Span], *, is_large: bool) -> tuple[int, str]:
        async with self._turn:
            understand = partial(self._spans.read, spans)
            read = await asyncio.to_thread(understand) if is_large else understand()
        drafts: list[LogDraft] = []
        reasons: list[str] = []
        for body in read.logs:
            try:
                drafts.append(read_log("prompt", body, self._clock.wall_ns() // 1000))
            except BadRequest as wrong:
                reasons.append(str(wrong.problems[0]))
        for outcome in await self._store.add_upload(read.links, drafts):
            if isinstance(outcome, Refused):
                reasons.append(outcome.sentence)
                self._metrics.count_log("prompt", outcome.reason)
            elif outcome is not None:
                self._metrics.count_log("prompt", "stored")
        return len(reasons), reasons[0] if reasons else ""


def _read(content: bytes, *, is_protobuf: bool) -> list[Span]:
    if not is_protobuf:
        return list(otlp.read_upload(decode_body(content, MAX_PARTS)))
    try:
        upload = protobuf.decode(content)
    except ValueError as wrong:
        told = f"Not an OTLP upload: {wrong}"
        raise BadRequest([Problem(("body",), told, "protobuf_invalid")]) from None
    return list(otlp.read_upload(upload))


def _answer(rejected: int, sentence: str, *, is_protobuf: bool) -> Response:
    partial: JSONObject = {}
    if rejected:
        told = {"rejectedSpans": rejected, "errorMessage": sentence}
        partial = {"partialSuccess": told}
    if is_protobuf:
        content = protobuf.encode(partial, "TracesAnswer")
        return Response(content, media_type=_PROTOBUF)
    return json_answer(partial)


def _failure(status: int, sentence: str, *, is_protobuf: bool) -> Response:
    told: JSONObject = {"code": _CODES[status], "message": sentence}
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
    if is_protobuf:
        content = protobuf.encode(told, "Refusal")
        return Response(content, status, headers, media_type=_PROTOBUF)
    return json_answer({**told, "detail": sentence}, status, headers)
