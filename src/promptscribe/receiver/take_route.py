"""Routes that take logs in: one by one for each kind of file, Prompts also in bulk.

Its law: bytes in, bytes out; what a body means is said by `ingest`, what an answer
looks like by `record`. A 200 is sent only after the store has committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from promptscribe.receiver.answer import json_answer, refusal
from promptscribe.receiver.body import read_body
from promptscribe.receiver.bulk import take_lines
from promptscribe.receiver.ingest import decode_body, read_log
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.record import encode, receipt_record
from promptscribe.receiver.version import KINDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.version import FileKind


class TakeRoutes:
    """The routes that take logs into a store."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix, the busiest first."""
        return [
            *[
                Route(f"{prefix}/{kind}s/log", self._taker(kind), methods=["POST"])
                for kind in KINDS
            ],
            Route(f"{prefix}/prompts/logs", self.bulk, methods=["POST"]),
        ]

    def _taker(self, kind: FileKind) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            body = decode_body(await read_body(request))
            query = request.query_params
            draft = read_log(
                kind,
                body,
                self._now_us(),
                target_version=query.get("version_id"),
                target_environment=query.get("environment"),
            )
            (outcome,) = await self._store.add_logs([draft])
            if isinstance(outcome, Refused):
                self._metrics.count_log(kind, outcome.reason)
                return refusal(outcome)
            self._metrics.count_log(kind, "stored")
            return json_answer(encode(receipt_record(kind, outcome)))

        return take

    async def bulk(self, request: Request) -> Response:
        """Take many logs of Prompts: NDJSON in, a status object a line out."""
        body = await read_body(request)
        answer = await take_lines(self._store, body, self._now_us(), self._metrics)
        return Response(answer, media_type="application/x-ndjson")

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1000
