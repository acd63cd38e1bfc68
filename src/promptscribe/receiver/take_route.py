"""Routes that take logs in: one by one for each kind of file, Prompts also in bulk.

Its law: bytes in, bytes out; what a body means is said by `ingest`, what an answer
looks like by `record`. A 200 is sent only after the store has committed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe import __version__
from promptscribe.receiver.answer import failure, json_answer, refusal
from promptscribe.receiver.body import read_body
from promptscribe.receiver.bulk import take_lines, take_records
from promptscribe.receiver.ingest import decode_body, read_log
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.record import encode, receipt_record
from promptscribe.receiver.version import KINDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe.receiver.bulk import RecordReader
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.version import FileKind


RECORDS: Final = "application/vnd.promptscribe.records"
"""How the media types of records begin, whatever their version."""


class TakeRoutes:
    """The routes that take logs into a store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        reader: RecordReader | None = None,
    ) -> None:
        self._reader = reader
        self._is_prepared = False
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
        """Take many logs of Prompts: NDJSON in, a status object a line out.

        A client of the same version may send its journal's records instead.
        """
        reader = self._reader
        kind = request.headers.get("content-type", "")
        is_packed = kind.startswith(RECORDS)
        if is_packed and (reader is None or kind != reader.media_type):
            return failure(415, f"Records are read only from version {__version__}")
        body = await read_body(request)
        if is_packed and reader is not None:
            if not self._is_prepared:  # beside the event loop, which others wait for
                await asyncio.to_thread(reader.prepare)
                self._is_prepared = True
            answer = await take_records(
                self._store, body, reader, self._now_us(), self._metrics
            )
        else:
            answer = await take_lines(self._store, body, self._now_us(), self._metrics)
        return Response(answer, media_type="application/x-ndjson")

    def _now_us(self) -> int:
        return self._clock.wall_ns() // 1000
