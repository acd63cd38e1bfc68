"""Carriers: the header fields of a request, in whatever a framework keeps them in."""

from __future__ import annotations

import email.message
import itertools
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

import promptscribe
from promptscribe import extract, inject, log_context, log_prompt
from promptscribe.testing import captured_logs


def sent(headers, **members):
    """Return the id of a log, after what is sent inside of it was told so."""
    with captured_logs(), log_context(**members), log_prompt("a/sender") as log:
        inject(headers)
    return log.id


def received(headers):
    """Return the log of a call that handles a request with these headers."""
    with captured_logs() as logs, extract(headers), log_prompt("a/handler"):
        pass
    return logs[0]


def written(headers, name):
    """Return the values of a field, by a reading of our own."""
    entries = headers if isinstance(headers, list) else headers.items()
    return [value for field, value in entries if plain(field).lower() == name]


def plain(value):
    return value.decode() if isinstance(value, bytes) else value


def environ(headers):
    """Return what a WSGI server makes of headers."""
    return {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http"} | {
        f"HTTP_{name.upper()}": value for name, value in headers.items()
    }


def of(module, name, *, given=lambda headers: headers):
    """Build the headers of a framework that may not be installed."""

    def make(headers):
        made = getattr(pytest.importorskip(module), name)
        return made(given(headers))

    return make


def in_proxy(headers):
    multidict = pytest.importorskip("multidict")
    fields = [(multidict.istr(n.title()), v) for n, v in headers.items()]
    return multidict.CIMultiDictProxy(multidict.CIMultiDict(fields))


READ = {
    "ASGI": lambda h: [(n.encode(), v.encode()) for n, v in h.items()],
    "ASGI, lists": lambda h: [[n.encode(), v.encode()] for n, v in h.items()],
    "text": lambda h: list(h.items()),
    "an iterator": lambda h: iter(h.items()),
    "a tuple": lambda h: tuple(h.items()),
    "Kafka": lambda h: [("x", None), *((n, v.encode()) for n, v in h.items())],
    "WSGI": environ,
    "several values": lambda h: {n: [v] for n, v in h.items()},
    "Twisted": lambda h: [(n.encode(), [v.encode()]) for n, v in h.items()],
    "environment": lambda h: {n.upper(): v for n, v in h.items()},
    "werkzeug": of("werkzeug.datastructures", "Headers"),
    "flask": of("werkzeug.datastructures", "EnvironHeaders", given=environ),
    "starlette": of("starlette.datastructures", "Headers"),
    "django": of("django.http.request", "HttpHeaders", given=environ),
    "aiohttp": in_proxy,
    "httpx": of("httpx", "Headers"),
    "httpx, raw": lambda h: pytest.importorskip("httpx").Headers(h).raw,
    "requests": of("requests.structures", "CaseInsensitiveDict"),
    "tornado": of("tornado.httputil", "HTTPHeaders"),
}


@pytest.mark.parametrize("make", READ.values(), ids=list(READ))
def test_the_headers_of_any_framework_are_read(make):
    """Mappings, WSGI environments, pairs; text, bytes, several values; any case."""
    headers = {}
    log_id = sent(headers, user="Ada")

    log = received(make(headers))

    assert (log.trace_parent_id, log.user) == (log_id, "Ada")


def in_message(headers):
    made = email.message.Message()
    for name, value in headers.items():
        made[name] = value
    return made


WRITTEN = {
    "dict": dict,
    "text": lambda h: list(h.items()),
    "bytes": lambda h: [(n.encode(), v.encode()) for n, v in h.items()],
    "lists": lambda h: [[n.encode(), v.encode()] for n, v in h.items()],
    "Kafka": lambda h: [(n, v.encode()) for n, v in h.items()],
    "dict of bytes": lambda h: {n.encode(): v.encode() for n, v in h.items()},
    "werkzeug": of("werkzeug.datastructures", "Headers"),
    "starlette": of("starlette.datastructures", "MutableHeaders"),
    "aiohttp": of("multidict", "CIMultiDict"),
    "httpx": of("httpx", "Headers"),
    "requests": of("requests.structures", "CaseInsensitiveDict"),
    "tornado": of("tornado.httputil", "HTTPHeaders"),
    "http.client": in_message,
}


@pytest.mark.parametrize("make", WRITTEN.values(), ids=list(WRITTEN))
def test_headers_are_written_as_what_is_there_is(make):
    """Once each, for a second request too; text stays text, bytes stay bytes."""
    headers = make({"accept": "*/*"})
    kind = type(written(headers, "accept")[0])

    sent(headers)
    log_id = sent(headers)

    assert len(written(headers, "accept")) == 1
    (parent,) = written(headers, "traceparent")
    (baggage,) = written(headers, "baggage")
    assert type(parent) is type(baggage) is kind
    assert plain(parent) == f"00-{log_id[4:36]}-{log_id[36:]}-01"
    assert plain(baggage) == f"promptscribe.parent={log_id}"
    assert received(headers).trace_parent_id == log_id


def test_an_empty_list_takes_what_kafka_takes():
    """Text and bytes; kafka-python and aiokafka refuse anything else."""
    headers = []

    log_id = sent(headers)

    assert [type(value) for value in headers[0]] == [str, bytes]
    assert received(headers).trace_parent_id == log_id


@pytest.mark.parametrize(
    "make",
    [
        list,
        of("werkzeug.datastructures", "Headers"),
        of("multidict", "CIMultiDict"),
        of("httpx", "Headers"),
        lambda pairs: {"Baggage": pairs[0][1], "baggage": pairs[1][1]},
        lambda pairs: {"baggage": [value for _, value in pairs]},
    ],
    ids=["list", "werkzeug", "aiohttp", "httpx", "two spellings", "several values"],
)
def test_baggage_of_others_in_two_fields_is_all_kept(make):
    """Where one field may come twice, setting it takes both away."""
    headers = make([("baggage", "a=1"), ("baggage", "b=2;ttl=3")])

    log_id = sent(headers)

    (baggage,) = written(headers, "baggage")
    if isinstance(baggage, list):
        (baggage,) = baggage
    assert [entry.strip() for entry in baggage.split(",")] == [
        "a=1",
        "b=2;ttl=3",
        f"promptscribe.parent={log_id}",
    ]


def test_a_traceparent_in_a_list_is_left_alone():
    """OpenTelemetry's stays, as in a dict."""
    foreign = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = [(b"Traceparent", foreign)]

    log_id = sent(headers)

    assert written(headers, "traceparent") == [foreign]
    assert received(headers).trace_parent_id == log_id


def test_two_traceparents_are_none():
    """As W3C says; also where one of them came from elsewhere than the other."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert received([("traceparent", parent)] * 2).trace_parent_id is None
    assert received({"traceparent": [parent, parent]}).trace_parent_id is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("traceparent: 00", "no headers in an object of type str"),
        (5, "no headers in an object of type int"),
        (dict, "no headers in an object of type type"),
        (["traceparent: 00"], "no pairs in an object of type list"),
    ],
    ids=str,
)
def test_what_is_no_headers_is_said_and_disturbs_nobody(given, said, caplog):
    """The call goes on, with a log of its own trace; the logger says why."""
    with caplog.at_level(logging.WARNING, "promptscribe"):
        log = received(given)

    assert log.trace_parent_id is None
    assert said in caplog.text
    assert promptscribe.stats().reasons["propagation_failed"] == 1


@pytest.mark.parametrize("given", [(), None, "x", 5], ids=str)
def test_what_takes_no_headers_is_said_and_disturbs_nobody(given, caplog):
    """A tuple of pairs, as gRPC has it, cannot be added to: use a list."""
    with caplog.at_level(logging.WARNING, "promptscribe"):
        sent(given)

    assert f"object of type {type(given).__name__}" in caplog.text


def test_headers_without_end_are_read_for_a_while():
    """The request goes first."""
    assert received(itertools.repeat((b"a", b"b"))).trace_parent_id is None


def test_none_is_no_headers():
    """API gateways say so of a request that has none."""
    assert received(None).trace_parent_id is None
    assert "propagation_failed" not in promptscribe.stats().reasons


anything = st.none() | st.integers() | st.text() | st.binary() | st.lists(st.text())


@given(
    st.lists(st.tuples(anything, anything) | anything)
    | st.dictionaries(st.text() | st.binary() | st.integers(), anything)
)
def test_nothing_that_is_given_disturbs(headers):
    """Whatever stands where headers should be: calls are made and logged."""
    assert received(headers).error is None
    sent(headers)


def test_starlette_s_scope_is_enough():
    """A handler that has nothing but the ASGI scope continues the trace."""
    testing = pytest.importorskip("starlette.testclient")
    headers = {}
    log_id = sent(headers, user="Ada")
    found = []

    async def app(scope, receive, send):
        found.append(received(scope["headers"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    testing.TestClient(app).get("/", headers=headers)

    assert [(log.trace_parent_id, log.user) for log in found] == [(log_id, "Ada")]
