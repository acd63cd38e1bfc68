"""Routes of logs: taking them in, listing, reading and deleting them.

Its law: bytes in, bytes out; what a body means is said by `ingest`, what an
answer looks like by `record`. A 200 is sent only after the store has committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe.receiver.answer import failure, json_answer, refusal, unprocessable
from promptscribe.receiver.body import read_body
from promptscribe.receiver.check import Problem
from promptscribe.receiver.filter import log_query
from promptscribe.receiver.ingest import decode_body, read_log
from promptscribe.receiver.record import encode, log_text, page_text, receipt_record
from promptscribe.receiver.store import Refused
from promptscribe.receiver.trace import Tree
from promptscribe.receiver.version import KINDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe.receiver.store import Store, StoredLog
    from promptscribe.receiver.version import FileKind

MAX_TRACE_LOGS: Final = 10_000  # in one answer or on one page


class LogRoutes:
    """The routes of logs over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix, the busiest first."""
        return [
            *[
                Route(f"{prefix}/{kind}s/log", self._taker(kind), methods=["POST"])
                for kind in KINDS
            ],
            Route(f"{prefix}/logs", self.list, methods=["GET"]),
            Route(f"{prefix}/logs", self.delete, methods=["DELETE"]),
            Route(f"{prefix}/logs/{{id:path}}", self.read, methods=["GET"]),
        ]

    def _taker(self, kind: FileKind) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            body = decode_body(await read_body(request))
            draft = read_log(
                kind,
                body,
                self._clock.wall_ns() // 1000,
                target_version=request.query_params.get("version_id"),
                target_environment=request.query_params.get("environment"),
            )
            (outcome,) = await self._store.add_logs([draft])
            if isinstance(outcome, Refused):
                return refusal(outcome)
            return json_answer(encode(receipt_record(kind, outcome)))

        return take

    async def list(self, request: Request) -> Response:
        """Answer one page of logs, newest first."""
        query = log_query(request.query_params)
        page = await self._store.find_logs(query)
        versions = await self._store.read_versions(
            list({log.version_id for log in page.logs})
        )
        with_children = request.query_params.get("include_trace_children") == "true"
        records: list[bytes] = []
        for log in page.logs:
            tree = await self._tree(log) if with_children else Tree([log])
            if with_children:
                versions |= await self._store.read_versions(
                    list({each.version_id for each in tree.logs.values()})
                )
            records.append(log_text(log, tree, versions))
        return json_answer(page_text(records, query.page, query.size, page.total))

    async def read(self, request: Request) -> Response:
        """Answer one log with everything below it."""
        log_id = request.path_params["id"]
        log = await self._store.read_log(log_id)
        if log is None:
            return failure(404, f"Log {log_id} not found")
        tree = await self._tree(log)
        versions = await self._store.read_versions(
            list({each.version_id for each in tree.logs.values()})
        )
        return json_answer(log_text(log, tree, versions))

    async def _tree(self, log: StoredLog) -> Tree[StoredLog]:
        logs = await self._store.read_trace(log.trace_id, MAX_TRACE_LOGS)
        known = {each.id: each for each in [log, *logs]}
        return Tree(known.values())

    async def delete(self, request: Request) -> Response:
        """Delete the logs that the query names."""
        ids = request.query_params.getlist("id")
        if not ids:
            return unprocessable(
                [Problem(("query", "id"), "Field required", "missing")]
            )
        await self._store.delete_logs(ids)
        return Response(status_code=204)
