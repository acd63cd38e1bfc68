"""The error page: what went wrong, as a page where a browser asked for one.

Its law: status and headers are those of the answer that a client gets; only its body
is written in another way.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from promptscribe.receiver.template import Templates
    from promptscribe.schema import JSONValue


def for_people(
    templates: Templates, handler: Callable[[Request, Exception], Response]
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return an exception handler whose answers people can read in a browser.

    Args:
        templates: Renders the page.
        handler: Answers as the contract says.
    """

    async def handle(request: Request, error: Exception) -> Response:
        answer = handler(request, error)
        # What browsers ask with when somebody goes to an address; clients do not.
        if "text/html" not in request.headers.get("accept", ""):
            return answer
        phrase = HTTPStatus(answer.status_code).phrase
        said = _sentences(msgspec.json.decode(answer.body)["detail"])
        page = await templates.page(
            "error.html",
            answer.status_code,
            phrase=phrase,
            sentences=[sentence for sentence in said if sentence != phrase],
        )
        for name in ("Retry-After", "Allow", "Connection"):
            if name in answer.headers:
                page.headers[name] = answer.headers[name]
        return page

    return handle


def _sentences(detail: JSONValue) -> list[str]:
    if isinstance(detail, str):
        return [detail]
    return [f"{' '.join(map(str, each['loc']))}: {each['msg']}" for each in detail]
