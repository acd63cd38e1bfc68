"""The route that the hosted service's decorators post their spans to.

Its law: what is good of an upload is stored; the answer is exactly 200 with the ids
of the logs, since one other status stops the uploads of those SDKs for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from promptscribe.receiver.answer import json_answer, refusal, unprocessable
from promptscribe.receiver.body import read_body
from promptscribe.receiver.ingest import BadRequest, decode_body, read_change, read_log
from promptscribe.receiver.log_entry import LogReceipt, Refused
from promptscribe.receiver.span import read_spans

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from promptscribe._clock import Clock
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.span import SpanLog
    from promptscribe.receiver.store import Store


class SpanRoutes:
    """The OTLP route over a store."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix."""
        return [Route(f"{prefix}/import/otel/v1/traces", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Take spans in and answer the ids of their logs."""
        upload = decode_body(await read_body(request))
        ids: list[str] = []
        failures: list[Refused | BadRequest] = []
        for log in read_spans(upload):
            try:
                outcome = await self._keep(log)
            except BadRequest as error:
                failures.append(error)
                continue
            if isinstance(outcome, Refused):
                failures.append(outcome)
            else:
                self._metrics.count_log(log.kind, "stored")
                ids.append(outcome)
        if failures and not ids:
            first = failures[0]
            if isinstance(first, BadRequest):
                return unprocessable(first.problems)
            return refusal(first)
        return json_answer({"records": ids})

    async def _keep(self, log: SpanLog) -> str | Refused:
        if log.ends:
            # The decorator posted the log when the call began; this is its end.
            change = read_change(log.kind, log.body["log_id"], None, log.body)
            refused = await self._store.update_log(change)
            if refused is None or refused.reason != "missing":
                return refused or change.log_id
        draft = read_log(log.kind, log.body, self._clock.wall_ns() // 1000)
        (outcome,) = await self._store.add_logs([draft])
        return outcome.log_id if isinstance(outcome, LogReceipt) else outcome
