"""The transport: one request to a server, one answer; the only place with httpx.

Its law: the key is in one header of one client and nowhere else: no repr, log line,
exception or URL shows it. Redirects are never followed (httpx drops ``Authorization``
on the way to another host, but not ``X-API-KEY``), ``~/.netrc`` is never read.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptscribe._secret import Secret

_importing = threading.Lock()
"""Held while httpx is imported, and by whoever forks: a child that is forked in the
middle of an import waits for the import lock of a thread that it does not have."""

os.register_at_fork(
    before=_importing.acquire,
    after_in_parent=_importing.release,
    after_in_child=_importing.release,
)


@dataclass(frozen=True, slots=True)
class Request:
    """A log, ready to be sent.

    Attributes:
        path: Path below the server's base URL.
        query: Query parameters.
        body: JSON.
    """

    path: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: HTTP status.
        headers: Header fields, names in lower case.
        body: At most the first 2,000 bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Transport(Protocol):
    """Sends requests; an in-memory one is `promptscribe.testing.MemoryTransport`."""

    def send(self, request: Request) -> Answer:
        """Send one request.

        Raises:
            Unreachable: There was no answer.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(slots=True)
class HttpTransport:
    """Posts to a server over HTTP/1.1 with keep-alive.

    The client is made at the first request, in the thread that sends.

    Attributes:
        base_url: Where the server is, ``/v5`` included if it has one.
        api_key: Sent as ``X-API-KEY``; None sends none.
        timeout: Seconds for connecting and for each wait for bytes.
        use_proxy: Whether to honour ``HTTP_PROXY`` and its like; not for a server
            on this machine, which no proxy can reach.
    """

    base_url: str
    api_key: Secret | None = None
    timeout: float = 10.0
    use_proxy: bool = True
    _client: Any = field(default=None, repr=False)

    def send(self, request: Request) -> Answer:
        """Send one request; see `Transport.send`."""
        client, transport_error, invalid = self._open()
        try:
            with _uninstrumented():
                response = client.post(
                    self.base_url.rstrip("/") + request.path,
                    params=dict(request.query),
                    content=request.body,
                )
        except transport_error as problem:
            raise Unreachable(_describe(problem)) from None
        except invalid as problem:
            raise Unreachable(f"unusable URL: {type(problem).__name__}") from None
        return Answer(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            response.content[:2000],
        )

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client[0].close()

    def _open(self) -> tuple[Any, type[Exception], type[Exception]]:
        if self._client is None:
            httpx = _import_httpx()
            headers = {"Content-Type": "application/json"}
            if self.api_key is not None:
                headers["X-API-KEY"] = self.api_key.reveal()
            client = httpx.Client(
                headers=headers,
                timeout=self.timeout,
                follow_redirects=False,
                trust_env=self.use_proxy,
            )
            self._client = (client, httpx.TransportError, httpx.InvalidURL)
        opened: tuple[Any, type[Exception], type[Exception]] = self._client
        return opened


def _import_httpx() -> Any:
    with _importing:
        try:
            import httpx
        except ImportError:
            # The maintained fork, same API; all that newer SDKs bring along.
            import httpx2 as httpx
    return httpx


def _describe(problem: Exception) -> str:
    # The text of a transport error names host and port at most, never a header.
    return f"{type(problem).__name__}: {problem}"[:300]


@contextlib.contextmanager
def _uninstrumented() -> Iterator[None]:
    """Keep the application's OpenTelemetry from tracing our own requests.

    The keys are the ones that the SDK's own exporters set (opentelemetry-api,
    ``context/__init__.py``). Nothing is imported for it: without the module
    there is nobody who would trace.
    """
    context = sys.modules.get("opentelemetry.context")
    current = context and context.get_current()
    for name in ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY"):
        key = getattr(context, name, None)
        if context is not None and key is not None:
            current = context.set_value(key, True, current)  # noqa: FBT003
    token = context and context.attach(current)
    try:
        yield
    finally:
        if context is not None:
            context.detach(token)
