"""The transport: one request to a server, one answer; the only place with httpx.

Its law: the key is in one header of one client and nowhere else: no repr, log line,
exception or URL shows it. Redirects are never followed (httpx drops ``Authorization``
on the way to another host, but not ``X-API-KEY``), ``~/.netrc`` is never read.
"""

from __future__ import annotations

import contextlib
import json
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
        headers: Header fields besides the usual ones.
        answer_bytes: How much of the answer is of interest.
    """

    path: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_bytes: int = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: HTTP status.
        headers: Header fields, names in lower case.
        body: As much of it as the request wanted.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server has besides the contract.

    Attributes:
        bulk: Whether it takes many logs in one request.
        gzip: Whether it takes bodies that are compressed.
    """

    bulk: bool = False
    gzip: bool = False


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
        response = self._exchange(
            "POST",
            request.path,
            params=dict(request.query) or None,
            content=request.body,
            headers={"Content-Type": "application/json", **request.headers},
        )
        return Answer(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            response.content[: request.answer_bytes],
        )

    def offer(self) -> Offer:
        """Ask what the server has besides the contract.

        Raises:
            Unreachable: There was no answer.
        """
        response = self._exchange("GET", "/health")
        try:
            said = json.loads(response.content) if response.status_code == 200 else {}
        except ValueError:
            said = {}
        if not isinstance(said, dict):
            said = {}
        # On this machine compressing costs more than it saves.
        return Offer(
            bulk=said.get("bulk") is True,
            gzip=said.get("gzip") is True and self.use_proxy,
        )

    def _exchange(self, method: str, path: str, **options: Any) -> Any:
        client, transport_error, invalid = self._open()
        try:
            with _uninstrumented():
                return client.request(
                    method, self.base_url.rstrip("/") + path, **options
                )
        except transport_error as problem:
            raise Unreachable(_describe(problem)) from None
        except invalid as problem:
            raise Unreachable(f"unusable URL: {type(problem).__name__}") from None

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client[0].close()

    def _open(self) -> tuple[Any, type[Exception], type[Exception]]:
        with _importing:
            return self._client or self._make_client()

    def _make_client(self) -> tuple[Any, type[Exception], type[Exception]]:
        httpx = _import_httpx()
        headers = {"User-Agent": "promptscribe"}
        if self.api_key is not None:
            headers["X-API-KEY"] = self.api_key.reveal()
        client = httpx.Client(
            headers=headers,
            timeout=self.timeout,
            follow_redirects=False,
            trust_env=self.use_proxy,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )
        _keep_quiet()
        opened = (client, httpx.TransportError, httpx.InvalidURL)
        self._client = opened
        return opened


def _keep_quiet() -> None:
    """Keep our own requests out of httpx's log: it writes a line at INFO for each.

    The filter lets through whatever is not of our threads.
    """
    import logging

    for name in ("httpx", "httpx2"):
        logger = logging.getLogger(name)
        if _is_not_ours not in logger.filters:
            logger.addFilter(_is_not_ours)


def _is_not_ours(record: Any) -> bool:
    return not str(record.threadName).startswith("promptscribe-")


def _import_httpx() -> Any:
    """Return httpx, or its maintained fork with the same API, for who holds the lock.

    What is loaded already is taken as it is. Else the fork comes first: SDKs that need
    it (openai 3, ``_httpx2.py``) look into ``sys.modules`` for ``httpx`` at each
    request, and would find a module that this thread is still in the middle of
    importing. Where the fork is not installed, nobody looks.
    """
    # getaddrinfo() imports it on its first call, and that may be in two threads.
    import encodings.idna  # noqa: F401

    for name in ("httpx2", "httpx"):
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if module is not None and not getattr(spec, "_initializing", False):
            return module
    try:
        import httpx2
    except ImportError:
        import httpx

        return httpx
    return httpx2


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
            current = context.set_value(key, True, current)
    token = context and context.attach(current)
    try:
        yield
    finally:
        if context is not None:
            context.detach(token)
