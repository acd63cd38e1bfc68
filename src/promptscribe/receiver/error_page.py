"""The error page: what went wrong, as a page where a browser asked for one.

Its law: status and headers are those of the answer that a client gets; only its body
is written in another way.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from promptscribe.receiver.template import Templates
    from promptscribe.schema import JSONValue

_FIRST_ERROR: Final = 400
_PHRASES: Final = {422: "Not understood"}  # where Pythons differ, and none is clear
_OF_THE_BODY: Final = frozenset({b"content-length", b"content-type"})


class ErrorPage:
    """ASGI middleware: people are told in a sentence what clients are in JSON.

    Args:
        app: What answers, as the contract says.
        templates: Renders the page.
    """

    def __init__(self, app: ASGIApp, templates: Templates) -> None:
        self._app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if not asked_by_browser(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def turned(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_error(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    page = await error_page(
                        self._templates, start["status"], body, start["headers"]
                    )
                    await page(scope, receive, send)

        await self._app(scope, receive, turned)


def asked_by_browser(scope: Scope) -> bool:
    """Say whether somebody went to an address.

    Clients ask for no page, but those of Java say that they take one, and post.
    """
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


async def error_page(
    templates: Templates, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> Response:
    """Return the page of an answer in JSON."""
    phrase = _PHRASES.get(status) or HTTPStatus(status).phrase.capitalize()
    said = _sentences(msgspec.json.decode(body)["detail"])
    page = await templates.page(
        "error.html",
        status,
        status=status,
        phrase=phrase,
        sentences=[sentence for sentence in said if sentence != phrase],
    )
    page.raw_headers += [each for each in headers if each[0] not in _OF_THE_BODY]
    return page


def _is_error(start: Message) -> bool:
    return (
        start["status"] >= _FIRST_ERROR
        and (b"content-type", b"application/json") in start["headers"]
    )


def _sentences(detail: JSONValue) -> list[str]:
    if isinstance(detail, str):
        return [detail]
    return [f"{' '.join(map(str, each['loc']))}: {each['msg']}" for each in detail]
