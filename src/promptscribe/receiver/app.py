"""The receiver as an ASGI application: its routes, its gate, its errors.

Its law: it wires; every decision is made elsewhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from promptscribe import __version__
from promptscribe._clock import SystemClock
from promptscribe.receiver.access import Access
from promptscribe.receiver.answer import (
    failure,
    json_answer,
    unavailable,
    unprocessable,
)
from promptscribe.receiver.body import MIN_RATE, BodyTooLarge, BodyTooSlow
from promptscribe.receiver.check import Problem
from promptscribe.receiver.document import document
from promptscribe.receiver.error_page import ErrorPage, asked_by_browser, error_page
from promptscribe.receiver.file_page import FilePages
from promptscribe.receiver.file_route import FileRoutes
from promptscribe.receiver.guard import LOOPBACK, Guard
from promptscribe.receiver.ingest import BadRequest
from promptscribe.receiver.log_route import LogRoutes
from promptscribe.receiver.metrics import CONTENT_TYPE, Metrics
from promptscribe.receiver.otlp_route import OtlpRoutes
from promptscribe.receiver.page_route import PageRoutes
from promptscribe.receiver.rate import Limits
from promptscribe.receiver.span_route import SpanRoutes
from promptscribe.receiver.store import AnswerTooLarge, StoreUnavailable
from promptscribe.receiver.take_route import TakeRoutes
from promptscribe.receiver.template import Templates
from promptscribe.receiver.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from starlette.requests import Request

    from promptscribe._clock import Clock
    from promptscribe.receiver.bulk import RecordReader
    from promptscribe.receiver.store import Store


def create_app(
    store: Store,
    *,
    access: Access | None = None,
    hosts: Collection[str] | None = LOOPBACK,
    rate_limit: float | None = None,
    min_rate: float = MIN_RATE,
    metrics: Metrics | None = None,
    reader: RecordReader | None = None,
) -> Starlette:
    """Return the application over a store, which the caller closes.

    Args:
        store: Where logs are kept.
        access: The keys; None asks for those in the store, if there are any.
        hosts: Host names that are answered to; None answers to any.
        rate_limit: Requests a second for each key; None sets no limit.
        min_rate: Bytes a second that a request's body has to come with at least.
        metrics: What is counted; None begins at nothing.
        reader: Reads records, for clients that send these; None takes JSON only.

    Returns:
        The contract's routes, bare and under ``/v5``, and the pages.
    """
    clock, metrics, templates = SystemClock(), metrics or Metrics(), Templates()
    app = Starlette(
        routes=[
            *_contract(store, clock, metrics, reader),
            Route("/metrics", partial(_metrics, metrics), methods=["GET"]),
            *PageRoutes(store, templates).routes(),
            *FilePages(store, templates).routes(),
        ],
        middleware=[
            Middleware(Watch, metrics=metrics, clock=clock),
            Middleware(ErrorPage, templates=templates),
            Middleware(
                Guard,
                access=access or Access(store=store),
                limits=Limits(rate_limit, clock),
                hosts=hosts,
            ),
        ],
        exception_handlers={
            BadRequest: _bad_request,
            BodyTooLarge: _too_large,
            BodyTooSlow: _too_slow,
            StoreUnavailable: _unavailable,
            AnswerTooLarge: _too_much,
            ClientDisconnect: _gone,
            HTTPException: _http_error,
            500: partial(_internal_error, templates),
        },
    )
    app.state.min_rate = min_rate
    return app


def _contract(
    store: Store, clock: Clock, metrics: Metrics, reader: RecordReader | None
) -> Iterator[Route]:
    """Give the contract's routes, bare and under ``/v5``."""
    groups = (
        TakeRoutes(store, clock, metrics, reader),
        LogRoutes(store),
        FileRoutes(store),
        SpanRoutes(store, clock, metrics),
        OtlpRoutes(store, clock, metrics),
    )
    health = partial(_health, reader is not None)
    for prefix in ("/v5", ""):
        for group in groups:
            yield from group.routes(prefix)
        yield Route(f"{prefix}/health", health, methods=["GET"])
        yield Route(f"{prefix}/openapi.json", _document, methods=["GET"])


async def _health(reads_records: bool, _request: Request) -> Response:
    # What else there is than the contract, for clients that can use it.
    product = {"server": "promptscribe", "version": __version__}
    more = {"bulk": True, "gzip": True, "records": reads_records}
    return json_answer({"status": "ok", **product, **more})


async def _document(_request: Request) -> Response:
    return json_answer(document())


async def _metrics(metrics: Metrics, _request: Request) -> Response:
    return Response(metrics.text(), media_type=CONTENT_TYPE)


def _bad_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)  # noqa: S101 - for the type checkers
    return unprocessable(error.problems)


def _too_large(_request: Request, error: Exception) -> Response:
    return failure(413, str(error))


def _too_slow(_request: Request, error: Exception) -> Response:
    return failure(408, str(error), {"Connection": "close"})


def _too_much(_request: Request, _error: Exception) -> Response:
    message = "These logs are too much for one answer: ask for fewer"
    return unprocessable([Problem(("query", "size"), message, "too_long")])


def _unavailable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailable)  # noqa: S101 - for the type checkers
    return unavailable(error)


def _gone(_request: Request, _error: Exception) -> Response:
    return failure(400, "The client went away")


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checkers
    return failure(error.status_code, error.detail.capitalize(), error.headers)


async def _internal_error(
    templates: Templates, request: Request, _error: Exception
) -> Response:
    # What went wrong is in the receiver's own log, and not for strangers.
    # The server hangs up after it, as it does whenever an application raises.
    answer = failure(500, "Internal error", {"Connection": "close"})
    if asked_by_browser(request.scope):  # no middleware sees this answer
        return await error_page(templates, 500, bytes(answer.body), answer.raw_headers)
    return answer
