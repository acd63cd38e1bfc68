"""Spans that nobody should have made, through each door: a log, and no exception."""

from __future__ import annotations

import json
import random
import threading

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext
from tests.otel.test_dialects import ATTRIBUTES

from promptscribe._dialects import otlp, protobuf
from promptscribe._dialects.span import Span
from promptscribe.otel import PromptscribeSpanExporter, PromptscribeSpanProcessor
from promptscribe.receiver.ingest import read_log
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.upload import Spans
from promptscribe.testing import captured_logs

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
SAID = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
HEARD = [{"role": "user", "content": "Hi"}]
INPUT = "gen_ai.input.messages"


def sdk(span):
    """Give a span as the SDK hands it over: its arrays are tuples."""
    attributes = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in span.attributes.items()
    }
    own, parent = int(span.span_id, 16), int(span.parent_id or "0", 16)
    trace = int(span.trace_id, 16)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace, own, is_remote=False),
        parent=SpanContext(trace, parent, is_remote=True) if parent else None,
        resource=Resource(span.resource),
        attributes=attributes,
        start_time=span.began,
        end_time=span.ended,
        instrumentation_scope=InstrumentationScope(span.scope),
    )


def plain(log):
    return {
        name: value
        for name, value in msgspec.to_builtins(log).items()
        if value is not None
    }


def export(span):
    with captured_logs() as logs:
        assert PromptscribeSpanExporter().export([sdk(span)]).name == "SUCCESS"
    return [plain(log) for log in logs]


def process(span):
    processor = PromptscribeSpanProcessor()
    with captured_logs() as logs:
        processor.on_start(sdk(span))
        processor.on_end(sdk(span))
    return [plain(log) for log in logs]


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    running = start_in_thread(db=tmp_path_factory.mktemp("db") / "logs.db")
    yield running
    threading.Thread(target=running.stop).start()


@pytest.fixture(params=["exporter", "processor", "protobuf", "json"])
def log_of(request):
    """Send a span through one of the doors, and give the log that it became."""

    def upload(span):
        url = request.getfixturevalue("receiver").url
        http = request.getfixturevalue("http")
        body = otlp.write_upload(span.resource, span.scope, [span])
        is_json = request.param == "json"
        content = json.dumps(body).encode() if is_json else protobuf.encode(body)
        kind = "application/json" if is_json else "application/x-protobuf"
        seen = http.get(f"{url}/logs").json()["total"]
        answer = http.post(
            f"{url}/v1/traces", content=content, headers={"content-type": kind}
        )
        assert answer.status_code == 200
        assert answer.content in {b"", b"{}"}, answer.content
        found = http.get(f"{url}/logs").json()
        logs = found["records"][: found["total"] - seen]
        return [http.get(f"{url}/logs/{log['id']}").json() for log in logs]

    send = {"exporter": export, "processor": process}.get(request.param, upload)
    number = iter(range(1, 100))

    def log(attributes, **changes):
        given = {
            "trace_id": f"{random.getrandbits(127) + 1:032x}",
            "span_id": f"{next(number):016x}",
            "name": "chat m",
            "began": 1_700_000_000_000_000_000,
            "ended": 1_700_000_001_000_000_000,
        }
        (found,) = send(Span(attributes={**CHAT, **attributes}, **(given | changes)))
        return found

    return log


def raw(log):
    return log["metadata"]["otel"].get("attributes")


def test_json_that_a_limit_has_cut_is_kept_as_it_came(log_of):
    """No messages, but what there is of them; tokens and model are read."""
    cut = json.dumps(SAID)[:-9]

    log = log_of({INPUT: cut, "gen_ai.usage.input_tokens": 5})

    assert raw(log) == {INPUT: cut}
    assert log.get("messages") is None
    assert (log["prompt_tokens"], log["prompt"]["model"]) == (5, "m")


@pytest.mark.parametrize(
    "said",
    [SAID, json.dumps(SAID), [json.dumps(SAID[0])]],
    ids=["structured", "text", "texts"],
)
def test_values_are_read_structured_and_as_text(log_of, said):
    """SDKs of today take objects and arrays, those of yesterday only text."""
    log = log_of({INPUT: said, "gen_ai.usage.input_tokens": "5"})

    assert log["messages"] == HEARD
    assert log["prompt_tokens"] == 5


def test_a_parent_that_never_comes_is_named(log_of):
    """The log is there; should the parent come after all, they find each other."""
    log = log_of({}, parent_id="00000000000000ff")

    assert log["trace_parent_id"][-16:] == "00000000000000ff"
    assert log["metadata"]["otel"]["parent_span_id"] == "00000000000000ff"


@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": "0" * 32, "span_id": "0" * 16},
        {"trace_id": "0" * 32},
        {"span_id": "0" * 16},
    ],
    ids=["both", "trace", "span"],
)
def test_zero_ids_name_nothing(log_of, ids):
    """The log gets an id of its own, and no parent."""
    log = log_of({}, **ids, parent_id="0" * 16)

    found = log.get("log_id") or log["id"]
    assert found not in {f"log_{'0' * 48}", None}
    assert "0" * 16 not in found
    assert log.get("trace_parent_id") is None


def test_ten_thousand_attributes_are_all_there(log_of):
    """The known ones read, the others in the metadata."""
    many = {f"x.{n}": n for n in range(10_000)}

    log = log_of({**many, "gen_ai.usage.output_tokens": 7})

    assert raw(log) == many
    assert log["output_tokens"] == 7


def test_values_of_the_wrong_type_cost_their_member_only(log_of):
    """They stay in the metadata, as they came."""
    wrong = {
        "gen_ai.request.temperature": "hot",
        "gen_ai.request.max_tokens": [1],
        "gen_ai.request.stop_sequences": 3,
        "gen_ai.usage.input_tokens": -4,
        INPUT: 7,
        "gen_ai.tool.definitions": "no tools",
        "user.id": True,
    }

    log = log_of({**wrong, "gen_ai.usage.output_tokens": 7})

    assert raw(log) == wrong
    assert (log["prompt"]["model"], log["output_tokens"]) == ("m", 7)
    assert log.get("prompt_tokens") is None
    assert log.get("user") is None


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("a//b/", "a/b"),
        ("a/%2e%2e/b", "a/-2e-2e/b"),  # as a web server reads it, a way out
        ("a\\b\x00c", "a/b c"),
        ("..", "log"),
        ("é" * 9_000, "é" * 512),
        ("shop/ünïcode 1.2", "shop/ünïcode 1.2"),
    ],
)
def test_a_name_that_is_no_path_becomes_one(log_of, said, path):
    """No server refuses the log for it; the name is kept."""
    log = log_of({"gen_ai.prompt.name": said})

    found = log["path"] if "path" in log else log["prompt"]["path"]
    assert found == path
    assert log["metadata"].get("path", said) == said


@settings(max_examples=200)
@given(attributes=ATTRIBUTES, began=st.integers(0, 2**63 - 1))
def test_no_span_is_refused_by_the_receiver(attributes, began):
    """Whatever is read of it keeps to the contract."""
    try:
        json.dumps(attributes, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # no upload can carry lone surrogates
    span = Span(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes={**CHAT, **attributes, "gen_ai.operation.name": "chat"},
        began=began,
    )

    for body in Spans().read([span]).logs:
        read_log("prompt", body, 0)
