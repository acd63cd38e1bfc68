"""Logs as OTLP, and OTLP as spans: bytes, JSON, and a server that takes them."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promptscribe
from promptscribe import log_prompt, record_log
from promptscribe._config import resolve
from promptscribe._delivery.ledger import Ledger
from promptscribe._delivery.route import BULK_PATH
from promptscribe._delivery.transport import HttpTransport, Request
from promptscribe._dialects import measurement, otlp, protobuf, translation
from promptscribe._dialects.logspan import to_span
from promptscribe._dialects.span import KINDS, STATUSES, Event, Span
from promptscribe._runtime.otlp import OtlpTransport
from promptscribe.errors import ConfigurationError
from promptscribe.schema import PromptLog

HEX = "0123456789abcdef"
IDS = st.text(HEX, min_size=16, max_size=16)
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(
    st.text("abc.", min_size=1, max_size=5), VALUES, max_size=4
)
SPANS = st.builds(
    Span,
    trace_id=st.text(HEX, min_size=32, max_size=32),
    span_id=IDS,
    parent_id=st.none() | IDS.filter(lambda i: i.strip("0")),
    name=st.text("xyz", max_size=5),
    kind=st.sampled_from(KINDS),
    began=st.integers(0, 2**63 - 1),
    ended=st.integers(0, 2**63 - 1),
    status=st.sampled_from(STATUSES),
    status_message=st.none() | st.text("xyz", min_size=1, max_size=5),
    attributes=ATTRIBUTES,
    events=st.lists(
        st.builds(Event, name=st.text("xy"), time=st.just(5), attributes=ATTRIBUTES),
        max_size=2,
    ),
    scope=st.just("app"),
)


@settings(max_examples=150, deadline=None)
@given(spans=st.lists(SPANS, max_size=3))
def test_spans_survive_the_wire(spans):
    """To protobuf and back, and to JSON text and back, nothing changes."""
    upload = otlp.write_upload({"service.name": "s"}, "app", spans)

    for back in (
        protobuf.decode(protobuf.encode(upload)),
        json.loads(json.dumps(upload)),
    ):
        found = list(otlp.read_upload(back))
        assert [span.as_plain() | {"resource": {}} for span in found] == [
            span.as_plain() for span in spans
        ]


@settings(max_examples=100, deadline=None)
@given(spans=st.lists(SPANS, max_size=2))
def test_the_official_reader_reads_what_is_written(spans):
    """opentelemetry-proto understands every byte, and writes what we understand."""
    service = pytest.importorskip(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
    )
    upload = otlp.write_upload({"service.name": "s"}, "app", spans)
    request = service.ExportTraceServiceRequest.FromString(protobuf.encode(upload))

    official = request.resource_spans[0].scope_spans[0].spans
    assert [span.trace_id.hex() for span in official] == [s.trace_id for s in spans]
    assert [len(span.attributes) for span in official] == [
        len(span.attributes) for span in spans
    ]
    again = protobuf.decode(request.SerializeToString())
    assert [span.as_plain() | {"resource": {}} for span in otlp.read_upload(again)] == [
        span.as_plain() for span in spans
    ]


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused(data):
    """Whatever comes over the wire: a message, or ``ValueError``."""
    try:
        upload = protobuf.decode(data)
    except ValueError:
        return
    list(otlp.read_upload(upload))


def test_messages_without_end_are_refused():
    """Nesting is bounded: a stack is no place for an attack."""
    inner = {"stringValue": "x"}
    for _ in range(200):
        inner = {"arrayValue": {"values": [inner]}}
    data = protobuf.encode(inner, "AnyValue")

    with pytest.raises(ValueError, match="without end"):
        protobuf.decode(data, "AnyValue")


NAMES = sorted(
    {name for fields in protobuf.MESSAGES.values() for name, _ in fields.values()}
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(upload=JUNK, span=JUNK)
def test_any_upload_is_read(upload, span):
    """What is malformed is left out; nothing is raised."""
    list(otlp.read_upload(upload))
    wrapped = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    for read in otlp.read_upload(wrapped):
        assert len(read.trace_id) == 32
        translation.read_call(read)


def test_a_log_comes_back_from_its_span(recorded):
    """Model, messages, answer, tokens, cost and error survive the standard's form."""
    log = PromptLog(
        path="support/answer",
        prompt={"model": "gpt-4o", "provider": "openai_azure", "temperature": 0.2},
        inputs={"q": "why?"},
        messages=[
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64,AA"},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ],
        output="yes",
        output_message={"role": "assistant", "content": "yes"},
        finish_reason="stop",
        prompt_tokens=5,
        output_tokens=7,
        user="u",
        prompt_cost=0.5,
        output_cost=0.25,
        source="shop",
        tool_choice={"type": "function", "function": {"name": "f"}},
        log_id="log_" + "a" * 48,
        metadata={"session_id": "s", "cache_read_tokens": 3},
    )

    span = to_span(log)
    back = translation.read_call(span)

    assert translation.is_call(span)
    assert span.log_id == log.log_id
    assert back["prompt"] == {**log.prompt, "endpoint": "chat"}
    for name in (
        *("path", "inputs", "messages", "output", "finish_reason", "user"),
        *("prompt_cost", "output_cost", "source", "tool_choice"),
    ):
        assert back[name] == getattr(log, name), name
    assert back["output_message"] == log.output_message
    assert back["metadata"]["session_id"] == "s"
    assert back[translation.USAGE] == {
        "prompt_tokens": 5,
        "output_tokens": 7,
        "cache_read_tokens": 3,
    }


@pytest.mark.parametrize(
    "log_id", ["order-42", "é" * 300, "01ARZ3NDEKTSV4RRFFQ69G5FAV", None]
)
def test_ids_of_the_user_s_become_ids_of_the_standard_s(log_id):
    """Always the same ones, and never zero."""
    log = PromptLog(path="a", log_id=log_id)
    child = PromptLog(path="b", log_id="log_" + "b" * 48, trace_parent_id=log_id)

    span = to_span(log)
    assert span.has_ids
    assert to_span(log) == span
    if log_id is not None:
        assert to_span(child).parent_id == span.span_id


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP, or prompt logs, as real servers do."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        status = server.statuses.pop(0) if server.statuses else 200
        if status is None:  # hang up
            self.close_connection = True
            return
        if status == 200 and self.path == "/v1/traces":
            upload = protobuf.decode(gzip.decompress(body))
            server.spans.extend(otlp.read_upload(upload))
        elif status == 200 and self.path == "/v1/metrics":
            server.metrics.append(gzip.decompress(body))
        elif status == 200:
            server.logs.append(json.loads(body))
        said = server.answers.pop(0) if server.answers else b""
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_GET(self):
        self.send_response(404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.spans, server.logs, server.requests, server.statuses = [], [], [], []
    server.metrics, server.answers = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def test_logs_go_to_an_otlp_endpoint_instead(collector, tmp_path, monkeypatch):
    """Protobuf, gzip, the standard's headers; nothing goes anywhere else."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-project=a%20b,x-key=k")
    promptscribe.configure(
        otlp_endpoint=f"{collector.url}/v1/traces",
        journal_dir=tmp_path,
        export=True,
        environment="test",
        source="shop",
    )

    @log_prompt(path="outer")
    def outer():
        return record_log("inner", prompt={"model": "m"}, prompt_tokens=5)

    outer()
    result = promptscribe.force_flush(20)

    assert result, result
    inner, own = sorted(collector.spans, key=lambda span: span.name != "chat m")
    assert inner.parent_id == own.span_id
    assert inner.trace_id == own.trace_id
    assert inner.attributes["gen_ai.usage.input_tokens"] == 5
    assert own.resource == {
        "service.name": "shop",
        "deployment.environment.name": "test",
    }
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    headers = collector.requests[0][1]
    assert (headers["x-project"], headers["x-key"]) == ("a b", "k")
    assert "X-API-KEY" not in headers


def test_logs_go_to_both_where_both_are_named(collector, tmp_path):
    """``POST /prompts/log`` and OTLP; a log is delivered when both have it."""
    promptscribe.configure(
        base_url=collector.url,
        otlp_endpoint=collector.url,
        journal_dir=tmp_path,
        export=True,
    )
    log_id = record_log("a", output="yes")

    assert promptscribe.force_flush(20)
    assert [log["log_id"] for log in collector.logs] == [log_id]
    assert [span.log_id for span in collector.spans] == [log_id]


def test_what_one_of_the_two_has_already_goes_to_the_other(collector, tmp_path):
    """The server answers 409 as the log comes again, which the collector had not."""
    collector.statuses = [200, 503, 409]
    collector.answers = [b"{}", b"", b'{"detail": "there is a log of this log_id"}']
    promptscribe.configure(
        base_url=collector.url,
        otlp_endpoint=collector.url,
        journal_dir=tmp_path,
        export=True,
    )
    log_id = record_log("a", output="yes")

    assert promptscribe.force_flush(30)
    assert [span.log_id for span in collector.spans] == [log_id]


def test_a_collector_that_is_busy_gets_the_log_later(collector, tmp_path):
    """503 and 429 are tried again, as with the other transport."""
    collector.statuses = [503, 429]
    promptscribe.configure(
        otlp_endpoint=collector.url, journal_dir=tmp_path, export=True
    )
    record_log("a", output="yes")

    assert promptscribe.force_flush(30)
    assert len(collector.spans) == 1


def partly(rejected, why="too large", encoded=True):
    """Return an answer that is no error, and refuses spans all the same."""
    said = {"partialSuccess": {"rejectedSpans": rejected, "errorMessage": why}}
    if encoded:
        return protobuf.encode(said, "TracesAnswer")
    said["partialSuccess"]["rejectedSpans"] = str(rejected)  # as JSON has 64 bits
    return json.dumps(said).encode()


@pytest.mark.parametrize("encoded", [True, False], ids=["protobuf", "JSON"])
def test_a_span_that_is_refused_without_an_error_is_not_delivered(
    collector, tmp_path, encoded
):
    """OTLP's partial success: the log is among the dead letters, and counted."""
    collector.answers = [partly(1, encoded=encoded)]
    promptscribe.configure(
        otlp_endpoint=collector.url, journal_dir=tmp_path, export=True
    )
    record_log("a", output="yes")
    result = promptscribe.force_flush(20)

    assert (result.delivered, result.rejected) == (0, 1)
    (letter,) = tmp_path.rglob("dead-letter.ndjson")
    assert "too large" in letter.read_text()


def test_spans_that_are_refused_among_others_are_told(collector, caplog):
    """Which ones they are, nobody says: they are counted, and nothing is sent twice."""
    collector.answers = [partly(2)]
    ledger, http = Ledger(), HttpTransport(collector.url)
    transport = OtlpTransport(http, heard_by=ledger)
    lines = [b'{"path":"a","log_id":"log_%048d"}' % number for number in (1, 2, 3)]

    answer = transport.send(Request(BULK_PATH, {}, b"\n".join(lines)))
    transport.close()

    assert (answer.status, len(answer.body.splitlines())) == (200, 3)
    assert ledger.result(0).reasons == {"otlp_refused": 2}
    assert "2 of 3 spans: too large" in caplog.text
    assert len(collector.requests) == 1


@pytest.mark.parametrize(
    "said",
    [b"{}", b"\xff" * 9, b'{"partialSuccess":[]}', partly(0), partly(0, encoded=False)],
)
def test_an_answer_that_refuses_nothing_is_a_delivery(collector, tmp_path, said):
    """Whatever a server writes behind its 200; a warning alone is one."""
    collector.answers = [said]
    promptscribe.configure(
        otlp_endpoint=collector.url, journal_dir=tmp_path, export=True
    )
    record_log("a", output="yes")

    assert promptscribe.force_flush(20).delivered == 1


def test_an_endpoint_that_takes_no_otlp_loses_no_log(collector, tmp_path):
    """404 is a wrong address, not a refused log: it waits in the journal."""
    collector.statuses = [404] * 1000
    promptscribe.configure(
        otlp_endpoint=collector.url, journal_dir=tmp_path, export=True
    )
    record_log("a", output="yes")
    result = promptscribe.force_flush(1)

    assert (result.pending, result.rejected, result.dropped) == (1, 0, 0)


def test_a_waiting_log_is_not_taken_over_by_who_delivers_elsewhere():
    """The journal's folder names the endpoint."""
    one = resolve({"journal_dir": "/j"})
    other = resolve({"journal_dir": "/j", "otlp_endpoint": "http://127.0.0.1:4318"})

    assert one.journal_root() != other.journal_root()


@pytest.mark.slow
def test_a_process_that_is_killed_loses_no_span(collector, tmp_path):
    """What it had logged is sent as OTLP by the next one, or by ``drain``."""
    program = (
        "import os, signal\n"
        "from promptscribe import log_prompt\n"
        "with log_prompt('done', prompt={'model': 'm'}) as log:\n"
        "    log.update(output='x')\n"
        "with log_prompt('cut', prompt={'model': 'm'}):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {
        **os.environ,
        "PROMPTSCRIBE_OTLP_ENDPOINT": collector.url,
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
    }

    killed = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "PROMPTSCRIBE_EXPORT": "false"},
        check=False,
    )
    subprocess.run(
        [sys.executable, "-m", "promptscribe", "drain"],
        env=environment,
        capture_output=True,
        check=True,
    )

    assert killed.returncode == -signal.SIGKILL
    found = {span.attributes["gen_ai.prompt.name"]: span for span in collector.spans}
    assert set(found) == {"done", "cut"}
    assert found["done"].status == "UNSET"
    assert found["cut"].status == "ERROR"


@pytest.mark.parametrize("url", ["ftp://x", "collector:4318", "http://example.com"])
def test_an_endpoint_that_cannot_be_meant_is_refused(url):
    """A wrong URL, and plain text to another machine, are told at once."""
    with pytest.raises(ConfigurationError, match="otlp_endpoint"):
        promptscribe.configure(otlp_endpoint=url)


def measured(body):
    """Read metrics by the official package: by name and labels, one point each."""
    service = pytest.importorskip(
        "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2"
    )
    (resource,) = service.ExportMetricsServiceRequest.FromString(body).resource_metrics
    (scope,) = resource.scope_metrics
    found = {
        (metric.name, *(a.value.string_value for a in point.attributes)): point
        for metric in scope.metrics
        for point in metric.histogram.data_points
    }
    kinds = {metric.histogram.aggregation_temporality for metric in scope.metrics}
    labels = {a.key: a.value.string_value for a in resource.resource.attributes}
    return found, kinds, labels


def log_calls(collector, tmp_path, *, times=1, **settings):
    promptscribe.configure(
        otlp_endpoint=collector.url,
        journal_dir=tmp_path,
        export=True,
        source="shop",
        otel_metrics=True,
        **settings,
    )
    for _ in range(times):
        record_log(
            "a",
            prompt={"model": "m", "provider": "openai"},
            prompt_tokens=5,
            output_tokens=7,
            provider_latency=0.5,
        )
        with log_prompt("agent"):
            pass
    assert promptscribe.force_flush(20)


def test_tokens_and_durations_go_along_as_metrics(collector, tmp_path):
    """Where there is an endpoint, no meter provider is needed: from the journal."""
    log_calls(collector, tmp_path, times=3)

    assert len(collector.spans) == 6
    found, kinds, labels = measured(collector.metrics[-1])
    (asked,) = [p for k, p in found.items() if "input" in k]
    (took,) = [p for k, p in found.items() if k[0].endswith("duration")]
    assert (asked.count, asked.sum, asked.min, asked.max) == (3, 15.0, 5.0, 5.0)
    assert sum(asked.bucket_counts) == 3
    assert len(asked.bucket_counts) == len(asked.explicit_bounds) + 1
    assert asked.bucket_counts[2] == 3  # above 4, up to 16
    assert (took.count, took.sum) == (3, 1.5)
    assert 0 < took.start_time_unix_nano < took.time_unix_nano
    assert kinds == {2}  # sums that go on
    assert labels["service.name"] == "shop"
    assert len(labels["service.instance.id"]) == 16


def test_metrics_of_what_is_delivered_cost_the_caller_nothing():
    """Calls do not look at them: they are made in the background."""
    endpoint = {"otlp_endpoint": "http://127.0.0.1:4318"}

    assert not resolve({"otel_metrics": True, **endpoint}).is_limiting()
    assert resolve({"otel_metrics": True}).is_limiting()


def test_what_one_request_of_metrics_missed_the_next_one_has(collector, tmp_path):
    """A log is delivered whether the server takes metrics just now or not."""
    collector.statuses = [200, 503]
    log_calls(collector, tmp_path)
    log_calls(collector, tmp_path)

    found, _, _ = measured(collector.metrics[-1])
    assert {point.count for point in found.values()} == {2}
    assert len(collector.spans) == 4  # none was sent twice


def test_differences_where_the_standard_s_variable_asks_for_them(
    collector, tmp_path, monkeypatch
):
    """Each request has what is new; one that was not taken is not lost."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    for statuses in ([], [200, 503], []):
        collector.statuses = statuses
        log_calls(collector, tmp_path)

    counts = []
    for body in collector.metrics:
        found, kinds, _ = measured(body)
        assert kinds == {1}
        counts.append({point.count for point in found.values()})
    assert counts == [{1}, {2}]


def test_a_server_that_hangs_up_on_metrics_holds_up_no_log(collector, tmp_path):
    """It is left alone for a while; the sums go on."""
    collector.statuses = [200, None]
    for _ in range(3):
        log_calls(collector, tmp_path)

    paths = [path for path, _ in collector.requests]
    assert (paths.count("/v1/metrics"), collector.metrics) == (1, [])
    assert len(collector.spans) == 6


def test_no_end_of_models_makes_no_end_of_series():
    """A name of a model made by each call: the last ones share a series."""
    sums = measurement.Histograms(0)
    for n in range(measurement.MOST_SERIES + 50):
        labels = {"gen_ai.request.model": f"m{n}"}
        sums.add([measurement.Measured(measurement.TOKENS, 5, labels)])

    written = sums.write({}, "promptscribe", 1, measurement.DELTA)
    (metric,) = written["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    points = metric["histogram"]["dataPoints"]
    assert len(points) == measurement.MOST_SERIES + 1
    assert points[-1]["attributes"][0]["key"] == "otel.metric.overflow"
    assert points[-1]["count"] == 50


def test_a_server_that_takes_no_metrics_is_asked_once(collector, tmp_path, caplog):
    """Phoenix and MLflow take traces only: told once, and no log waits for it."""
    collector.statuses = [200, 404]
    for _ in range(3):
        log_calls(collector, tmp_path)

    paths = [path for path, _ in collector.requests]
    assert paths.count("/v1/metrics") == 1
    assert len(collector.spans) == 6
    assert promptscribe.stats().reasons["metrics_refused"] == 1
    assert "takes no metrics" in caplog.text
