"""Between here and the server: proxies, redirects, the tracing of others."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import socket
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from opentelemetry import trace
from opentelemetry.instrumentation.utils import (
    is_http_instrumentation_enabled,
    is_instrumentation_enabled,
)
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery import retry

KEY = "psk_canary_77"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
ELSEWHERE = "http://logs.invalid:8420"


@log_prompt(path="network/call")
def answer(mark):
    return mark


@pytest.fixture
def proxies(monkeypatch):
    """Name proxies in the environment, and nothing else there."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def name_them(**named):
        for name, value in named.items():
            monkeypatch.setenv(name, value)

    return name_them


@pytest.fixture
def deliver(tmp_path):
    """Log some calls to an address, and say what became of them."""

    def flush(url, calls=5, timeout=5.0, **settings):
        promptscribe.configure(
            base_url=url,
            api_key=KEY,
            journal_dir=tmp_path / "journal",
            export=True,
            allow_insecure=True,
            **settings,
        )
        for mark in range(calls):
            answer(mark)
        return promptscribe.force_flush(timeout)

    return flush


@pytest.fixture
def proxy(sink):
    """Have the server be a proxy: what it is asked for is a whole URL."""
    answer_to, asked = sink.answer, []

    def take(seen):
        parts = urlsplit(seen.path)
        asked.append(f"{parts.scheme}://{parts.netloc}")
        return answer_to(dataclasses.replace(seen, path=parts.path))

    sink.answer = take
    sink.asked = asked
    return sink


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_logs_go_through_the_proxy_that_the_environment_names(
    proxy, deliver, proxies, name
):
    """Where a company lets nothing else out: with the bulk route, and one by one."""
    proxies(**{name: proxy.url})

    result = deliver(ELSEWHERE)

    assert (result.delivered, result.pending) == (5, 0)
    assert set(proxy.asked) == {ELSEWHERE}
    assert {seen.headers["host"] for seen in proxy.requests} == {"logs.invalid:8420"}


def test_no_authority_is_read_for_a_server_without_tls(sink, deliver, monkeypatch):
    """Before, each process did, and for each key: 20 ms of a processor."""
    read = []

    def note(*where, **_):
        read.append(where)

    for name in ("load_verify_locations", "load_default_certs"):
        monkeypatch.setattr(ssl.SSLContext, name, note)
    result = deliver(sink.url, timeout=60)

    assert result.delivered == 5
    assert read == []


@pytest.mark.parametrize("named", ["logs.invalid", ".invalid", "*", "x,logs.invalid"])
def test_a_host_that_no_proxy_names_is_reached_without(sink, deliver, proxies, named):
    """The proxy sees neither log nor key."""
    proxies(HTTP_PROXY=sink.url, NO_PROXY=named)

    result = deliver(ELSEWHERE, timeout=0.5)

    assert (result.delivered, result.pending) == (0, 5)
    assert sink.requests == []


def test_a_server_on_this_machine_is_reached_without(sink, deliver, proxies):
    """No proxy can reach it: the machine's own is another one there."""
    with Server() as proxy:
        proxies(HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url)
        result = deliver(sink.url)
        proxy.close()

    assert (result.delivered, result.pending) == (5, 0)
    assert proxy.requests == []


class Tunnel:
    """A proxy that is asked to CONNECT; it sees what goes through."""

    def __init__(self, port):
        self.port = port
        self.asked = []
        self.seen = b""
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                threading.Thread(target=self.open, args=(client,), daemon=True).start()

    def open(self, client):
        server = socket.create_connection(("127.0.0.1", self.port))
        with client, server, contextlib.suppress(OSError):
            self.asked.append(client.recv(1 << 16))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self.pump, args=(server, client))
            back.start()
            self.pump(client, server)
            back.join()

    def pump(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self.seen += data
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_proxy_for_https_sees_neither_log_nor_key(
    deliver, proxies, tmp_path, monkeypatch
):
    """It is told where to, and nothing else; the certificate is the server's own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("logs.invalid").configure_cert(context)
    server = Server(offer={"bulk": True})
    server.socket = context.wrap_socket(server.socket, server_side=True)
    tunnel = Tunnel(server.port)
    proxies(HTTPS_PROXY=tunnel.url)

    result = deliver("https://logs.invalid")
    server.close()
    tunnel.listening.close()

    assert (result.delivered, result.pending) == (5, 0)
    assert {seen.headers["x-api-key"] for seen in server.requests} == {KEY}
    assert all(asked.startswith(b"CONNECT logs.invalid:443") for asked in tunnel.asked)
    for canary in (KEY.encode(), b"network/call"):
        assert canary not in tunnel.seen + b"".join(tunnel.asked)


@pytest.mark.parametrize("whose", ["another port", "another host"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("way", ["direct", "by a proxy"])
def test_no_redirect_is_followed(request, sink, status, whose, way):
    """Neither log nor key goes where a server points, nor what it is asked before."""
    deliver, proxies = map(request.getfixturevalue, ("deliver", "proxies"))
    with Server(offer={"bulk": True}) as other:
        host = "127.0.0.1" if whose == "another port" else "localhost"
        to = {"Location": f"http://{host}:{other.port}/prompts/log"}
        sink.judge = lambda seen: Reply(status, to, whole=True)
        answer_to = sink.answer
        sink.answer = lambda seen: (
            Reply(status, to) if "health" in seen.path else answer_to(seen)
        )
        if way == "by a proxy":
            proxies(HTTP_PROXY=sink.url)
        result = deliver(sink.url if way == "direct" else ELSEWHERE, timeout=60)
        other.close()

    assert result.pending == 5
    assert result.reasons[f"hold_http_{status}"] > 0
    assert other.requests == []


def test_while_a_server_is_not_well_one_request_at_a_time_asks(sink, deliver):
    """Not all that went together before: it would go down again under them."""
    together, when_well, when_ill = set(), [], []
    is_ill, is_well_again = threading.Event(), threading.Event()
    guard = threading.Lock()

    def judge(_seen):
        with guard:
            together.add(threading.get_ident())
            if not is_well_again.is_set():
                (when_ill if is_ill.is_set() else when_well).append(len(together))
        time.sleep(0.02 if not sink.offer else 0.002)  # as long as answers take here
        with guard:
            together.discard(threading.get_ident())
        is_refused = is_ill.is_set() and not is_well_again.is_set()
        return Reply(503, whole=True) if is_refused else Reply()

    sink.judge = judge
    deliver(sink.url, calls=300, timeout=60)
    is_ill.set()
    for mark in range(300, 1500):
        answer(mark)
    promptscribe.force_flush(0)  # asks at once
    # Before come those that were on their way as it began.
    sink.wait(lambda: max(when_ill[-3:], default=2) == 1)
    result = promptscribe.stats()
    is_well_again.set()
    after = promptscribe.force_flush(60)

    assert result.pending > 1000
    assert max(when_well) > 1 or sink.offer  # of a bulk request one is judged at a time
    assert after.delivered == 1500


def test_what_fails_together_is_one_failure(sink, deliver, monkeypatch):
    """A proxy that blinks while many requests are on their way costs no long pause.

    After one failure it is 0.2 s at most; after twelve, 204 s at least.
    """
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.2)
    monkeypatch.setattr(retry, "LONGEST_DELAY", 1e6)
    is_ill, is_well_again, refused = threading.Event(), threading.Event(), []
    crowd = threading.Barrier(1 if sink.offer else 12)

    def judge(_seen):
        if is_ill.is_set() and not is_well_again.is_set():
            refused.append(None)
            with contextlib.suppress(threading.BrokenBarrierError):
                crowd.wait(60)
                crowd.abort()  # who comes later is not waited for
                threading.Timer(0.3, is_well_again.set).start()
            return Reply(502, whole=True)
        time.sleep(0.02 if not sink.offer else 0.0001)  # as long as answers take here
        return Reply()

    sink.judge = judge
    deliver(sink.url, calls=900, timeout=0)
    sink.wait(lambda: len(sink.stored) > 300)
    is_ill.set()
    assert is_well_again.wait(60)
    sink.wait(lambda: len(sink.stored) == 900)

    assert len(refused) >= crowd.parties


@pytest.mark.parametrize("status", [401, 302])
def test_a_server_that_lets_nobody_in_is_asked_now_and_then(
    sink, deliver, monkeypatch, status
):
    """After the time for that, not before; for as long as it takes."""
    monkeypatch.setattr(retry, "HOLD_DELAY", 0.3)
    times, is_right = [], threading.Event()

    def judge(_seen):
        times.append(time.monotonic())
        if len(times) == 4:
            is_right.set()
        return Reply() if is_right.is_set() else Reply(status, whole=True)

    sink.judge = judge
    deliver(sink.url, timeout=0.01)
    sink.wait(lambda: len(sink.stored) == 5)

    waits = [after - before for before, after in itertools.pairwise(times[1:4])]
    assert min(waits) > 0.25  # but for the first: a flush asks at once


@pytest.mark.parametrize("status", [500, 503, 429, None])
def test_there_is_no_last_attempt(sink, deliver, monkeypatch, status):
    """Forty times in vain: it is no poison either, as nothing else passes."""
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.02)
    monkeypatch.setattr(retry, "LONGEST_DELAY_REFUSED", 0.02)
    left = iter(range(40))
    sink.judge = lambda seen: (
        Reply() if next(left, None) is None else Reply(status, whole=True)
    )
    result = deliver(sink.url, calls=1, timeout=60)

    assert (result.delivered, result.rejected, result.retried) == (1, 0, 40)


@pytest.mark.parametrize("timeout", [0.0, 0.3, 1.0])
def test_a_flush_takes_no_longer_than_it_may(sink, deliver, timeout):
    """With a server that takes logs and says nothing: what is pending is told."""
    is_over = threading.Event()
    sink.judge = lambda seen: (is_over.wait(90) and Reply()) or Reply()
    deliver(sink.url, timeout=0.1)  # whatever is loaded once, is
    took = math.inf
    for _ in range(20):  # a busy machine may make one late, or many, but not all
        begun = time.perf_counter()
        result = promptscribe.force_flush(timeout)
        took = min(took, time.perf_counter() - begun)
        if took < timeout + 0.25:
            break
    is_over.set()

    assert result.pending == 5
    assert not result
    # It ends earlier by what it was woken late, beside busy threads.
    assert timeout * 0.5 <= took < timeout + 0.25


def test_tracing_of_http_does_not_see_our_requests(sink, deliver, monkeypatch):
    """As OpenTelemetry's instrumentations of httpx do it: they ask before each one."""
    seen, traced = [], []

    def instrumented(send):
        def handle(self, request):
            seen.append(str(request.url))
            if is_instrumentation_enabled() and is_http_instrumentation_enabled():
                traced.append(str(request.url))
            return send(self, request)

        return handle

    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            module = sys.modules.get(name) or __import__(name)
            kind = module.HTTPTransport
            monkeypatch.setattr(
                kind, "handle_request", instrumented(kind.handle_request)
            )
    with trace.get_tracer("test").start_as_current_span("the user's"):
        assert deliver(sink.url).delivered == 5
    httpx.get(f"{sink.url}/health")

    assert len(seen) > 1
    assert traced == [f"{sink.url}/health"]
