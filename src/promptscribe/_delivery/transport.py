"""The transport: one request to a server, one answer; the only place with httpx.

Its law: the key is in one header of the requests and nowhere else: no repr, log line,
exception or URL shows it. Redirects are never followed (httpx drops ``Authorization``
on the way to another host, but not ``X-API-KEY``), ``~/.netrc`` is never read.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import sys
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from promptscribe._delivery import environment, patience, unseen
from promptscribe._delivery.sockets import Sockets
from promptscribe._fork import ForkLock
from promptscribe.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._secret import Secret

_ANSWER_BYTES: Final = 256 << 10
"""What is read of an answer, whatever is wanted of it: an end that is near gives the
connection back, one that is not takes no memory."""

_STORED_ID: Final = re.compile(
    rb'\A\{(?!"status":(?!200,))[^\n]*?"id"\s*:\s*"(log_[0-9a-f]{48})"'
)
"""What an answer, or the first line of one to many logs, calls a log that was stored,
if by an id of our make."""

_importing = ForkLock()
"""Held while httpx is imported, and by whoever forks: a child that is forked in the
middle of an import waits for the import lock of a thread that it does not have."""


class Request(NamedTuple):
    """A log, ready to be sent.

    Attributes:
        path: Path below the server's base URL.
        query: Query parameters.
        body: JSON.
        headers: Header fields besides the usual ones.
        answer_bytes: How much of the answer is of interest.
        is_echoed: Whether the answer names logs as the body does.
    """

    path: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    answer_bytes: int = _ANSWER_BYTES
    is_echoed: bool = False


class Answer(NamedTuple):
    """What the server said.

    Attributes:
        status: HTTP status.
        headers: Header fields, names in lower case; of a plain 200 nobody asks them.
        body: As much of it as the request wanted.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Unanswered(Unreachable):
    """The server was reached, and gave no answer that could be used."""


class Offer(NamedTuple):
    """What a server has besides the contract.

    Attributes:
        bulk: Whether it takes many logs in one request.
        gzip: Whether it takes bodies that are compressed.
        records: Which version of this package reads the journal's records there;
            None where none does.
    """

    bulk: bool = False
    gzip: bool = False
    records: str | None = None


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

    It connects at the first request, in the thread that sends.

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
    _line: _Line | None = field(default=None, repr=False)

    def send(self, request: Request) -> Answer:
        """Send one request; see `Transport.send`.

        A page is no answer: whoever wants a log-in before the network can be used, or
        has another server at the address, would acknowledge what nobody has stored.
        """
        response, body = self._exchange("POST", request)
        status = response.status_code
        if 200 <= status < 300 and _is_page(response, body):
            raise Unreachable("the answer is a page: is this the right address?")
        said = {} if status == 200 else response.headers  # most answers, by far
        return Answer(
            status,
            {name.lower(): value for name, value in said.items()},
            body[: request.answer_bytes],
        )

    def offer(self) -> Offer:
        """Ask what the server has besides the contract.

        Raises:
            Unreachable: There was no answer.
            Unanswered: None to this, at least: to logs there may be.
        """
        response, body = self._exchange("GET", Request("/health", {}, b""))
        if response.status_code >= 500:
            raise Unanswered(f"the server answers {response.status_code}")
        try:
            said = json.loads(body) if response.status_code == 200 else {}
        except (ValueError, RecursionError):
            said = {}
        if not isinstance(said, dict):
            said = {}
        version = said.get("version") if said.get("records") is True else None
        # On this machine compressing costs more than it saves.
        return Offer(
            bulk=said.get("bulk") is True,
            gzip=said.get("gzip") is True and self.use_proxy,
            records=version if type(version) is str else None,
        )

    def _exchange(self, method: str, asked: Request) -> tuple[Any, bytes]:
        with _importing.mutex:
            if (line := self._line) is not None and line.sockets.are_gone():
                self.close()
            line = self._line or self._connect()
        httpx = line.httpx
        waits = patience.waits(self.timeout)
        try:
            url = line.urls.get(asked.path)
            if url is None:
                url = httpx.URL(self.base_url.rstrip("/") + asked.path)
                line.urls[asked.path] = url
            request = httpx.Request(
                method,
                url.copy_with(params=asked.query) if asked.query else url,
                headers={**line.headers, **asked.headers},
                content=asked.body or None,
                extensions={"timeout": waits},
            )
            with unseen.uninstrumented():
                response = line.send(request)
                is_of_socket = line.sockets.note(response)
                if is_of_socket and not waits["read"].has_begun:
                    response.close()  # and its connection with it: it is not read
                    raise Unanswered("the answer was there before the question")
                body = patience.read_body(
                    response, max(asked.answer_bytes, _ANSWER_BYTES)
                )
            if asked.is_echoed and _is_to_another(asked, body):
                line.sockets.cut(response)
                raise Unanswered("the answer is to another request")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as problem:
            raise Unreachable(_describe(problem, line.urls[asked.path])) from None
        except httpx.TransportError as problem:
            raise Unanswered(_describe(problem, line.urls[asked.path])) from None
        except httpx.InvalidURL as problem:
            raise Unreachable(f"unusable URL: {type(problem).__name__}") from None
        return response, body

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        line, self._line = self._line, None
        if line is not None:
            line.sockets.let_go()
            with contextlib.suppress(Exception):
                line.close()

    def _connect(self) -> _Line:
        httpx = _import_httpx()
        headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # answers are short, and read as they come
            "Content-Type": "application/json",
            "User-Agent": "promptscribe",
        }
        if self.api_key is not None:
            headers["X-API-KEY"] = self.api_key.reveal()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        # Always verified; an authority of one's own is named by ``SSL_CERT_FILE``.
        secure = self.base_url.lower().startswith("https")
        with environment.naming(*environment.AUTHORITIES):
            verify = httpx.create_ssl_context() if secure else True
        if (self.use_proxy and environment.has_proxy()) or "@" in self.base_url:
            with environment.naming(*environment.PROXIES):
                client = httpx.Client(
                    verify=verify, trust_env=self.use_proxy, limits=limits
                )
            send, close = functools.partial(client.send, stream=True), client.close
        else:
            # A client without its extras: 160 µs a request, not 250.
            transport = httpx.HTTPTransport(
                verify=verify if secure else _trust_nobody(),
                trust_env=self.use_proxy,
                limits=limits,
            )
            send, close = transport.handle_request, transport.close
        unseen.keep_quiet()
        self._line = _Line(httpx, send, close, headers, {}, Sockets())
        return self._line


@dataclass(slots=True, repr=False)  # it has the key
class _Line:
    """What a transport keeps between two requests.

    Attributes:
        httpx: The module.
        send: Takes a request, returns its response.
        close: Closes the connections.
        headers: Header fields of every request.
        urls: Those used so far, by their path: reading one takes 20 µs.
        sockets: Those it has open.
    """

    httpx: Any
    send: Callable[[Any], Any]
    close: Callable[[], None]
    headers: dict[str, str]
    urls: dict[str, Any]
    sockets: Sockets


def _is_to_another(asked: Request, body: bytes) -> bool:
    """Say whether an answer names a log that was not in the request.

    Who answers one request twice is an answer ahead from then on.
    """
    named = _STORED_ID.search(body)
    return named is not None and b'"log_id":"%s"' % named[1] not in asked.body


def _is_page(response: Any, body: bytes) -> bool:
    if body[:1] == b"{":
        return False
    kind = response.headers.get("content-type", "")
    return "html" in kind.lower() or body.lstrip()[:1] == b"<"


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


def _trust_nobody() -> Any:
    """Return what is asked of TLS where there is none: authorities take 20 ms."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _describe(problem: Exception, url: Any) -> str:
    # Neither a header nor the path, which may hold a token.
    return f"{url.copy_with(raw_path=b'')}: {type(problem).__name__}: {problem}"[:300]
