"""Routes of logs that are stored: listing, reading, changing and deleting them.

Its law: what the query means is said by `filter`, what an answer looks like by
`record`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe.receiver.answer import failure, json_answer, refusal, unprocessable
from promptscribe.receiver.body import read_body
from promptscribe.receiver.check import Problem
from promptscribe.receiver.filter import log_id_of, log_query
from promptscribe.receiver.ingest import BadRequest, decode_body, read_change
from promptscribe.receiver.record import log_text, page_text
from promptscribe.receiver.trace import Tree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from promptscribe.receiver.file_entry import FileVersion
    from promptscribe.receiver.log_entry import LogPage, LogQuery, StoredLog
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.version import FileKind

MAX_TRACE_LOGS: Final = 10_000  # of one trace in one answer
# Says that there are more; `GET /logs?trace_id=` pages through all of them.
_CUT: Final = {"X-Trace-Cut": str(MAX_TRACE_LOGS)}
# With all that is below them, where traces are asked for: a chain of a thousand logs
# is half a million of them, if each log of it is on the page.
MAX_RECORDS: Final = 50_000


class LogRoutes:
    """The routes of logs over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix."""
        return [
            Route(f"{prefix}/logs", self.list, methods=["GET"]),
            Route(f"{prefix}/logs", self.delete, methods=["DELETE"]),
            Route(f"{prefix}/logs/{{id:path}}", self.read, methods=["GET"]),
            *[
                Route(
                    f"{prefix}/{kind}s/{{id}}/log/{{log_id:path}}",
                    self._updater(kind),
                    methods=["PATCH"],
                )
                for kind in ("prompt", "tool")
            ],
            Route(
                f"{prefix}/flows/logs/{{log_id:path}}",
                self._updater("flow"),
                methods=["PATCH"],
            ),
        ]

    def _updater(self, kind: FileKind) -> Callable[[Request], Awaitable[Response]]:
        async def update(request: Request) -> Response:
            names = request.path_params
            body = decode_body(await read_body(request))
            change = read_change(kind, names["log_id"], names.get("id"), body)
            refused = await self._store.update_log(change)
            if refused is not None:
                return refusal(refused)
            return await self._answer(change.log_id)

        return update

    async def list(self, request: Request) -> Response:
        """Answer one page of logs, newest first."""
        query = log_query(request.query_params)
        page = await self._store.find_logs(query)
        versions = await self._store.read_versions(
            list({log.version_id for log in page.logs})
        )
        wanted = request.query_params.get("include_trace_children", "")
        trees: dict[str, Tree[StoredLog]] = {}
        if wanted.lower() in {"true", "1"}:
            for log in page.logs:
                if log.trace_id not in trees:
                    trees[log.trace_id] = await self._tree(log)
                    versions |= await self._store.read_versions(
                        _version_ids(trees[log.trace_id])
                    )
        cut = any(len(tree.logs) >= MAX_TRACE_LOGS for tree in trees.values())
        text = await asyncio.to_thread(
            _page_text,
            page,
            [trees.get(log.trace_id) for log in page.logs],
            versions,
            query,
        )
        return json_answer(text, headers=_CUT if cut else None)

    async def read(self, request: Request) -> Response:
        """Answer one log with everything below it."""
        return await self._answer(log_id_of(request))

    async def _answer(self, log_id: str) -> Response:
        log = await self._store.read_log(log_id)
        if log is None:
            return failure(404, f"Log {log_id} not found")
        tree = await self._tree(log)
        versions = await self._store.read_versions(_version_ids(tree))
        text = await asyncio.to_thread(log_text, log, tree, versions)
        cut = len(tree.logs) >= MAX_TRACE_LOGS
        return json_answer(text, headers=_CUT if cut else None)

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


def _version_ids(tree: Tree[StoredLog]) -> list[str]:
    return list({each.version_id for each in tree.logs.values()})


def _page_text(
    page: LogPage,
    trees: Sequence[Tree[StoredLog] | None],
    versions: Mapping[str, FileVersion],
    query: LogQuery,
) -> bytes:
    """Return a page as JSON; called beside the event loop, which others wait for."""
    records: list[bytes] = []
    left = MAX_RECORDS
    for log, known in zip(page.logs, trees, strict=True):
        tree = Tree([log]) if known is None else known
        left -= sum(1 for _ in tree.walk(log.id)) if known is not None else 0
        if left < 0:
            message = f"More than {MAX_RECORDS} logs are below these: ask for fewer"
            raise BadRequest([Problem(("query", "size"), message, "too_long")])
        records.append(log_text(log, tree, versions))
    return page_text(records, query.page, query.size, page.total)
