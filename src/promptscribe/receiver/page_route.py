"""The pages: traces and logs, the waterfall of a trace, one log in full.

Its law: rendered here, escaped by the templates; all works without script. Nothing that
a log contains is ever fetched, run or trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from promptscribe.receiver.conversation import conversation
from promptscribe.receiver.filter import EQUAL, log_id_of, log_query
from promptscribe.receiver.template import HERE
from promptscribe.receiver.trace import Tree, cost_of, total
from promptscribe.receiver.waterfall import waterfall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from promptscribe.receiver.log_entry import LogOutline, LogQuery, StoredLog
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.template import Templates
    from promptscribe.receiver.trace import Totals
    from promptscribe.schema import JSONObject, JSONValue

PAGE_SIZE: Final = 50
_MAX_OUTLINES: Final = 20_000  # of all traces on a page: bounds memory and time
# Logs with a text that a page looks at: found in 60 ms, and nobody reads as many.
_MOST_FOUND: Final = 50_000
_MORE_FILTERS: Final = (
    "user",
    "environment",
    "source",
    "metadata_search",
    "start_date",
    "end_date",
)
# Those that a link sets, and no field of the form.
_OTHER_FILTERS: Final = (
    *(name for name in EQUAL if name not in _MORE_FILTERS),
    "file_id",
    "version_id",
    "in_trace_filter",
)
# Those that a log inside a trace may fit, and its top may not.
_SEARCHES: Final = (
    "search",
    "metadata_search",
    "failed",
    "path",
    "file_id",
    "version_id",
    "ids",
    "equal",
)
_LAST_US: Final = 2**62  # later than every log
# Where clients put the traceback of an error, ours first.
_TRACEBACKS: Final = ("traceback", "exception.stacktrace", "stacktrace", "stack")


class LogLine(msgspec.Struct):
    """One line of a list: a log, and the trace below it where it is the top.

    Attributes:
        log: What the line shows.
        totals: What it adds up to, with all below it.
        hits: What was found of its trace, where something was looked for.
    """

    log: LogOutline
    totals: Totals
    hits: list[LogOutline] = []


class PageRoutes:
    """The pages over a store."""

    def __init__(self, store: Store, templates: Templates) -> None:
        self._store = store
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the pages and of their style sheet."""
        return [
            Route("/", self.list, methods=["GET"]),
            Route("/trace/{id:path}", self.trace, methods=["GET"]),
            Route("/log/{id:path}", self.log, methods=["GET"]),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ]

    async def list(self, request: Request) -> Response:
        """Show traces, or with ``?view=logs`` every log, newest first."""
        params = request.query_params
        flat = params.get("view") == "logs"
        query = log_query(params, PAGE_SIZE)
        # What is looked for may be below a top: every log is asked, and what is found
        # is shown in its trace.
        searched = any(getattr(query, name) for name in _SEARCHES)
        roots = not flat and not searched
        query = msgspec.structs.replace(
            query,
            roots=roots,
            most=_MOST_FOUND,
            bare=True,
            size=query.size or PAGE_SIZE,
        )
        after = params.get("after", "")
        # Only for the page's own script: by itself what it gets is no page.
        is_asked = "hx-request" in request.headers
        if is_asked and after.isascii() and after.isdecimal():
            return await self._news(params, query)
        page = await self._store.find_logs(query)
        # A trace is added up as a whole; in a list of logs each stands for itself.
        traces = [] if flat else list({log.trace_id for log in page.logs})
        own = [log.id for log in page.logs]
        outlines = await self._store.read_outlines(traces, _MAX_OUTLINES, own)
        return await self._templates.page(
            "list.html",
            lines=_lines(page.logs, outlines, flat=flat, searched=searched),
            cut=len(outlines) >= _MAX_OUTLINES,
            total=page.total,
            more=page.partial or (bool(query.search) and page.total >= _MOST_FOUND),
            partial=page.partial,
            query=query,
            flat=flat,
            searched=searched,
            pages=max(-(-page.total // query.size), 1),
            params=_kept(params),
            others=_others(params),
            more_filters=any(params.get(name) for name in _MORE_FILTERS),
            filtered=any(params[name] for name in params.keys() - {"view", "page"}),
            # What is newer is told on the first page; a text is not looked for again
            # and again.
            after=page.logs[0].created_us
            if page.logs and query.page == 1 and not query.search
            else None,
            news=0,
        )

    async def _news(self, params: QueryParams, query: LogQuery) -> Response:
        """Say how many logs there are that are newer than those on a page."""
        after = min(int(params["after"][:20]), _LAST_US)
        newer = msgspec.structs.replace(
            query, start_us=max(after + 1, query.start_us or 0), page=1, size=0
        )
        found = await self._store.find_logs(newer)
        return await self._templates.page(
            "news.html", after=after, news=found.total, params=_kept(params)
        )

    async def trace(self, request: Request) -> Response:
        """Show the whole trace of any of its logs."""
        log = await self._store.read_log(log_id_of(request))
        if log is None:
            return await self._missing(request)
        outlines = await self._store.read_outlines(
            [log.trace_id], _MAX_OUTLINES, [log.id]
        )
        picture = waterfall(outlines, log.id)
        return await self._templates.page(
            "trace.html",
            chosen=log,
            picture=picture,
            cut=len(outlines) >= _MAX_OUTLINES,
            costs={outline.id: cost_of(outline) for outline in outlines},
        )

    async def log(self, request: Request) -> Response:
        """Show one log in full."""
        log = await self._store.read_log(log_id_of(request))
        if log is None:
            return await self._missing(request)
        versions = await self._store.read_versions([log.version_id])
        own = [log.id, *([log.trace_parent_id] if log.trace_parent_id else [])]
        outlines = await self._store.read_outlines([log.trace_id], _MAX_OUTLINES, own)
        by_id = {outline.id: outline for outline in outlines}
        metadata = dict(log.members.get("metadata") or {})
        outline = by_id.get(log.id)
        tree = Tree(outlines)
        before, after = _neighbours(tree, log.id)
        return await self._templates.page(
            "log.html",
            log=log,
            members=log.members,
            version=versions[log.version_id],
            cost=None if outline is None else cost_of(outline),
            answer=_answer_text(log.members),
            parent=by_id.get(log.trace_parent_id or ""),
            before=before,
            after=after,
            children=tree.children.get(log.id, []),
            turns=conversation(log.members),
            traceback=_take_traceback(metadata),
            metadata=metadata,
        )

    async def _missing(self, request: Request) -> Response:
        return await self._templates.page(
            "missing.html", 404, what="log", name=log_id_of(request)
        )


def _neighbours(
    tree: Tree[LogOutline], log_id: str
) -> tuple[LogOutline | None, LogOutline | None]:
    """Return the logs above and below one in the picture of its trace."""
    before: LogOutline | None = None
    walk = (log for log, _ in tree.walk())
    for log in walk:
        if log.id == log_id:
            return before, next(walk, None)
        before = log
    return None, None


def _kept(params: QueryParams) -> dict[str, str]:
    """Return what of a query string stays the same on another page of its list."""
    return {name: params[name] for name in params if name not in {"page", "after"}}


def _others(params: QueryParams) -> list[tuple[str, str, dict[str, str]]]:
    """Return what else a list is filtered by, each with the query that is without."""
    kept = _kept(params)
    return [
        (name, params[name], {each: kept[each] for each in kept if each != name})
        for name in _OTHER_FILTERS
        if params.get(name)
    ]


def _lines(
    logs: Sequence[StoredLog],
    outlines: Sequence[LogOutline],
    *,
    flat: bool,
    searched: bool,
) -> list[LogLine]:
    by_id = {outline.id: outline for outline in outlines}
    traces: dict[str, list[LogOutline]] = {}
    for outline in outlines:
        traces.setdefault(outline.trace_id, []).append(outline)
    lines: dict[str, LogLine] = {}
    for log in logs:
        own = by_id.get(log.id)
        if own is None:
            continue
        below = [own] if flat else traces[own.trace_id]
        together = searched and not flat  # all that was found of a trace: one line
        key = own.trace_id if together else own.id
        if key not in lines:
            first = Tree(below).tops[0] if together else own
            lines[key] = LogLine(first, total(below))
        if together:
            lines[key].hits.append(own)
    return list(lines.values())


def _take_traceback(metadata: dict[str, JSONValue]) -> str | None:
    for name in _TRACEBACKS:
        if isinstance(metadata.get(name), str):
            return str(metadata.pop(name))
    return None


def _answer_text(members: JSONObject) -> JSONValue:
    """Return the text that the conversation shows already as its last turn."""
    message = members.get("output_message")
    return message.get("content") if isinstance(message, dict) else None
