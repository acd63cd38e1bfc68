"""The receiver as OpenTelemetry's backend: spans in, logs out."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import string
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from tests.serving import serving

import promptscribe
from promptscribe import log_prompt, record_log
from promptscribe.__main__ import main
from promptscribe._config import resolve
from promptscribe._dialects import otlp, protobuf
from promptscribe._journal import deadletter
from promptscribe.otel import PromptscribeSpanExporter
from promptscribe.receiver.server import start_in_thread


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    running = start_in_thread(db=tmp_path_factory.mktemp("db") / "logs.db")
    yield running
    threading.Thread(target=running.stop).start()


def written(spans):
    """Give an upload, each span with its own instrumentation."""
    parts = [
        otlp.write_upload({"service.name": "shop"}, span.scope or "app", [span])
        for span in spans
    ]
    found = [item for part in parts for item in part["resourceSpans"]]
    return {"resourceSpans": found}


@pytest.fixture
def send(receiver, http):
    """Post spans in one of the two forms; return the answer."""

    def post(spans, form="protobuf", compress=True):
        upload = written(spans)
        is_json = form == "json"
        body = json.dumps(upload).encode() if is_json else protobuf.encode(upload)
        headers = {"content-type": f"application/{'json' if is_json else 'x-protobuf'}"}
        if compress:
            body, headers["content-encoding"] = gzip.compress(body), "gzip"
        return http.post(f"{receiver.url}/v1/traces", content=body, headers=headers)

    return post


@pytest.fixture
def read(receiver, http):
    def get(log_id):
        return http.get(f"{receiver.url}/logs/{log_id}").json()

    get.url = receiver.url
    return get


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.provider.name": "openai",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.output.messages": '[{"role":"assistant","parts":'
    '[{"type":"text","content":"Ho"}]}]',
}


@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_spans_of_any_sdk_become_logs(send, read, make_span, form, compress):
    """Both forms of OTLP, compressed or not; the answer has the request's form."""
    trace = f"{hash((form, compress)) & 0xFFFF_FFFF:032x}".replace("0" * 8, "abcdef12")
    span = make_span(CHAT, trace_id=trace, began=10**18, ended=10**18 + 2 * 10**9)

    answer = send([span], form, compress)

    assert answer.status_code == 200
    assert answer.content == (b"{}" if form == "json" else b"")
    log = read(span.log_id)
    assert log["output"] == "Ho"
    assert log["prompt"]["model"] == "gpt-4o-mini"
    assert log["prompt_tokens"] == 1000
    assert log["provider_latency"] == 2
    assert log["start_time"].startswith("2001-09-09T01:46:40")


def test_the_same_upload_twice_is_stored_once(send, read, receiver, make_span, http):
    """Exporters send again what was not answered in time."""
    span = make_span(CHAT, trace_id="1" * 32)
    send([span])
    before = http.get(f"{receiver.url}/logs").json()["total"]

    assert send([span]).status_code == 200
    assert http.get(f"{receiver.url}/logs").json()["total"] == before


@pytest.mark.parametrize("turned", [False, True])
def test_the_nearest_log_above_is_found(send, read, make_span, turned):
    """Through tools and HTTP, in any order within an upload and after it."""
    trace = ("2" if turned else "3") * 32
    ids = [f"{n:016x}" for n in range(1, 5)]
    outer = make_span(
        {**CHAT, "gen_ai.response.id": "a"}, trace_id=trace, span_id=ids[0]
    )
    tool = make_span(
        {"gen_ai.operation.name": "execute_tool"},
        trace_id=trace, span_id=ids[1], parent_id=ids[0],
    )  # fmt: skip
    inner = make_span(
        {**CHAT, "gen_ai.response.id": "b"},
        trace_id=trace, span_id=ids[2], parent_id=ids[1],
    )  # fmt: skip
    late = make_span(CHAT, trace_id=trace, span_id=ids[3], parent_id=ids[1])
    upload = [inner, tool, outer]

    send(upload[::-1] if turned else upload)
    send([late])

    assert read(inner.log_id)["trace_parent_id"] == outer.log_id
    assert read(late.log_id)["trace_parent_id"] == outer.log_id
    assert read(outer.log_id).get("trace_parent_id") is None


def test_a_call_told_twice_is_stored_once(send, receiver, recorded, http):
    """The Anthropic client's own span beside an instrumentor's, as recorded."""
    native, official = recorded("twice_anthropic_messages")

    send([native, official])

    assert http.get(f"{receiver.url}/logs/{official.log_id}").status_code == 200
    assert http.get(f"{receiver.url}/logs/{native.log_id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"\xff\xff", "application/x-protobuf", 400),
        (b"", "application/x-protobuf", 200),
        (b"{", "application/json", 400),
        (b"nothing", "application/grpc", 400),
        (b"\x0a\x05ab", "application/x-protobuf; charset=x", 400),
        (b"\x0a" * 100_000, "application/x-protobuf", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"x" * (10 * 1024 * 1024 + 1), "application/json", 413),
        (b"[]", "application/json", 200),
        (b'{"resourceSpans": [{"scopeSpans": 3}, 1]}', "application/json", 200),
    ],
)
def test_any_upload_is_answered(receiver, body, media_type, status, http):
    """What is no upload is refused, and no 500."""
    answer = http.post(
        f"{receiver.url}/v1/traces", content=body, headers={"content-type": media_type}
    )

    assert answer.status_code == status
    if status != 200 and media_type.startswith("application/x-protobuf"):
        told = protobuf.decode(answer.content, "Refusal")
        assert told["code"] in {3, 8}
        assert told["message"]
    elif status != 200:
        assert answer.json()["message"]


@pytest.mark.slow
def test_a_bomb_of_fields_is_refused_and_nobody_waits_for_it(
    receiver, http, monkeypatch
):
    """20 MB of attributes, 1 MB on the wire; health is answered meanwhile."""
    small = [
        protobuf.encode({"key": key, "value": {"intValue": 1}}, "KeyValue")
        for key in string.ascii_letters
    ]
    fields = [b"\x4a" + bytes([len(each)]) + each for each in small]
    bomb = b"".join(random.choices(fields, k=1_500_000))  # noqa: S311 - a test
    for tag in (0x12, 0x12, 0x0A):
        bomb = bytes([tag]) + protobuf._varint(len(bomb)) + bomb
    content = gzip.compress(bomb, 1)
    headers = {
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
    }

    def upload():
        url = f"{receiver.url}/v1/traces"
        return http.post(url, content=content, headers=headers, timeout=100)

    began, answered = threading.Event(), threading.Event()
    decode = protobuf.decode

    def decode_when_another_was_answered(content):
        began.set()
        assert answered.wait(60)
        return decode(content)

    monkeypatch.setattr(protobuf, "decode", decode_when_another_was_answered)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(upload)
        assert began.wait(60)
        assert http.get(f"{receiver.url}/health", timeout=60).status_code == 200
        answered.set()

    assert answer.result().status_code == 400


def test_an_upload_full_of_colons_is_no_bomb(send, read, make_span):
    """Prompts quote JSON, times and addresses."""
    said = json.dumps([{"role": "user", "content": '{"a":1}:' * 150_000}])
    span = make_span({**CHAT, "gen_ai.input.messages": said}, trace_id="6" * 32)

    assert send([span], "json").status_code == 200
    assert len(read(span.log_id)["messages"][0]["content"]) == 1_200_000


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_a_body_that_is_no_gzip_is_refused(receiver, form, http):
    """With 400, which no SDK tries again."""
    media_type = f"application/{'json' if form == 'json' else 'x-protobuf'}"
    for body in (b"no gzip", gzip.compress(b"{}" * 50)[:-9]):
        headers = {"content-type": media_type, "content-encoding": "gzip"}
        answer = http.post(f"{receiver.url}/v1/traces", content=body, headers=headers)
        assert answer.status_code == 400


def test_a_full_store_is_a_503_for_otlp(tmp_path, make_span, http):
    """SDKs throw away what is answered with 507, and try 503 again."""
    running = start_in_thread(db=tmp_path / "logs.db", max_bytes=600_000)
    url = f"{running.url}/v1/traces"
    answers = []
    for n in range(1, 60):
        span = make_span({**CHAT, "x": "y" * 20_000}, trace_id=f"{n:032x}")
        body = protobuf.encode(otlp.write_upload({}, "app", [span]))
        headers = {"content-type": "application/x-protobuf"}
        answers.append(http.post(url, content=body, headers=headers))
    running.stop()

    assert {answer.status_code for answer in answers} == {200, 503}
    last = answers[-1]
    assert last.headers["retry-after"]
    assert protobuf.decode(last.content, "Refusal")["code"] == 14


def test_what_cannot_be_stored_is_told_and_the_rest_is_kept(
    send, read, make_span, http
):
    """OTLP's partial success; the id is that of a tool's log already."""
    good = make_span(CHAT, trace_id="4" * 32)
    bad = make_span(CHAT, trace_id="5" * 32)
    tool = {"path": "t", "tool": {}, "log_id": bad.log_id}
    http.post(f"{read.url}/tools/log", json=tool).raise_for_status()

    answer = send([bad, good], "json")

    assert answer.json()["partialSuccess"]["rejectedSpans"] == 1
    assert read(good.log_id)["output"] == "Ho"


def test_our_own_otlp_arrives_as_the_logs_that_it_was(receiver, read, tmp_path, http):
    """Out by OTLP, in by OTLP: path, inputs, answer, parent."""
    promptscribe.configure(
        otlp_endpoint=receiver.url, journal_dir=tmp_path, export=True
    )

    @log_prompt(path="shop/answer", prompt={"model": "m"})
    def answer(question):
        return "yes"

    with log_prompt("shop/outer", prompt={"model": "m"}) as outer:
        answer("why?")

    assert promptscribe.force_flush(20)
    stored = http.get(f"{receiver.url}/logs", params={"path": "shop/answer"}).json()
    record = read(stored["records"][0]["id"])
    assert record["inputs"] == {"question": "why?"}
    assert record["output"] == "yes"
    assert record["trace_parent_id"] == outer.id


def test_the_official_exporter_is_understood(receiver, read):
    """opentelemetry-exporter-otlp-proto-http, as any application has it."""
    exporter = pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    )
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(
        SimpleSpanProcessor(
            exporter.OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")
        )
    )
    with provider.get_tracer("app").start_as_current_span("chat") as span:
        span.set_attributes(CHAT)
    provider.shutdown()

    ids = span.get_span_context()
    log = read(f"log_{ids.trace_id:032x}{ids.span_id:016x}")
    assert log["prompt_tokens"] == 1000


def ids(trace, *numbers):
    return [{"trace_id": f"{trace:032x}", "span_id": f"{n:016x}"} for n in numbers]


TOOL = {"gen_ai.operation.name": "execute_tool"}


def chain(make_span, trace):
    """Give call, agent, HTTP request, call: each inside the one before."""
    outer, agent, request, inner = ids(trace, 1, 2, 3, 4)
    return [
        make_span({**CHAT, "gen_ai.response.id": "a"}, **outer),
        make_span(TOOL, **agent, parent_id=outer["span_id"]),
        make_span(
            {"http.request.method": "POST"}, **request, parent_id=agent["span_id"]
        ),
        make_span(
            {**CHAT, "gen_ai.response.id": "b"}, **inner, parent_id=request["span_id"]
        ),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_nearest_log_above_is_found_in_any_order_of_arrival(
    send, read, make_span, order
):
    """Each span in an upload of its own, as several processes send them."""
    spans = chain(make_span, 0xA000 + int("".join(map(str, order))))

    for index in order:
        send([spans[index]])

    outer, inner = spans[0], spans[3]
    assert read(inner.log_id)["trace_parent_id"] == outer.log_id
    assert read(outer.log_id).get("trace_parent_id") is None
    assert read(inner.log_id)["trace_id"] == read(outer.log_id)["trace_id"]


def test_a_call_under_spans_that_are_no_logs_is_the_top(send, read, make_span):
    """Nobody above is a log: late spans say so, and a log below stays below."""
    _, agent, request, inner = chain(make_span, 0xB1)
    (last,) = ids(0xB1, 5)
    below = make_span(
        {**CHAT, "gen_ai.response.id": "c"}, **last, parent_id=inner.span_id
    )
    agent = msgspec.structs.replace(agent, parent_id=None)

    for span in (below, inner, request, agent):
        send([span])

    assert read(inner.log_id).get("trace_parent_id") is None
    assert read(inner.log_id)["trace_id"] == inner.log_id
    assert read(below.log_id)["trace_parent_id"] == inner.log_id
    assert read(below.log_id)["trace_id"] == inner.log_id


def test_spans_that_are_each_other_s_parents_hang_nobody(send, read, make_span):
    """A ring: the log is there, and has no parent."""
    one, other, inner = ids(0xB2, 1, 2, 3)
    call = make_span(CHAT, **inner, parent_id=one["span_id"])
    send([call])
    send([make_span(TOOL, **one, parent_id=inner["span_id"])])
    send([make_span(TOOL, **other, parent_id=other["span_id"])])

    assert read(call.log_id).get("trace_parent_id") is None


@pytest.mark.parametrize("turned", [False, True])
def test_a_ring_of_spans_that_are_no_logs_is_nobody_s_parent(
    send, read, make_span, turned
):
    """Each says that it is inside the other one; the call is inside of both."""
    one, other, inner, last = ids(0xB6 + turned, 1, 2, 3, 4)
    ring = [
        make_span(TOOL, **one, parent_id=other["span_id"]),
        make_span(TOOL, **other, parent_id=one["span_id"]),
    ]
    calls = [
        make_span({**CHAT, "gen_ai.response.id": n}, **own, parent_id=one["span_id"])
        for n, own in (("a", inner), ("b", last))
    ]
    for span in [*ring, *calls] if turned else [*calls, *ring]:
        send([span])

    for call in calls:
        assert read(call.log_id).get("trace_parent_id") is None


def test_a_log_of_another_door_is_brought_under_its_parent(send, read, make_span, http):
    """One process posts prompt logs, the other one OTLP: both are in one tree."""
    outer, _, request, inner = chain(make_span, 0xB3)
    request = msgspec.structs.replace(request, parent_id=outer.span_id)
    posted = {
        "path": "shop/inner", "prompt": {"model": "m"}, "output": "x",
        "log_id": inner.log_id, "trace_parent_id": request.log_id,
    }  # fmt: skip
    http.post(f"{read.url}/prompts/log", json=posted).raise_for_status()

    send([request])
    send([outer])

    assert read(inner.log_id)["trace_parent_id"] == outer.log_id


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("how", ["together", "apart"])
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_call_told_twice_counts_once(send, read, make_span, *, turned, how, where):
    """Two spans of one response, nested or side by side, in one upload or in two."""
    one, other = ids(random.getrandbits(120), 1, 2)
    attributes = {**CHAT, "gen_ai.response.id": "r"}
    outer = make_span(attributes, **one, scope="framework")
    above = None if where == "beside" else outer.span_id
    inner = make_span(attributes, **other, parent_id=above, scope="client")
    spans = [outer, inner] if turned else [inner, outer]

    for upload in [spans] if how == "together" else [[span] for span in spans]:
        send(upload)

    stored = [read(span.log_id).get("prompt_tokens") for span in spans]
    assert sorted(stored, key=str) == [1000, None]


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_openinference_inside_another_instrumentation_counts_once(
    send, read, make_span, form
):
    """Of a stream it does not tell the response's id, and another name of the model."""
    one, other = ids(random.getrandbits(120), 1, 2)
    times = {"began": 10**18, "ended": 10**18 + 5}
    outer = make_span(
        {**CHAT, "gen_ai.response.id": "r"}, **one, **times, scope="official"
    )
    inner = make_span(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini-2024-07-18",
            "llm.token_count.prompt": 1000,
        },
        **other, **times, parent_id=outer.span_id, scope="openinference",
    )  # fmt: skip

    send([inner, outer], form)

    assert read(outer.log_id)["prompt_tokens"] == 1000
    assert "prompt_tokens" not in read(inner.log_id)


def test_calls_at_once_with_one_id_are_all_stored(send, read, make_span):
    """Of a test server, in one trace, by one instrumentation."""
    both = ids(random.getrandbits(120), 1, 2)
    attributes = {**CHAT, "gen_ai.response.id": "chatcmpl-1"}
    spans = [make_span(attributes, **own, scope="client") for own in both]
    send(spans)

    assert [read(span.log_id)["prompt_tokens"] for span in spans] == [1000, 1000]


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3), *((*o, 0) for o in itertools.permutations((1, 2, 3)))]
)
def test_an_exporter_finds_the_nearest_log_though_it_ends_last(
    receiver, read, tmp_path, order
):
    """The exporter alone, each span in a batch of its own: no start is seen."""
    promptscribe.configure(base_url=receiver.url, journal_dir=tmp_path, export=True)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    spans, around = [], None
    one, other = ({**CHAT, "gen_ai.response.id": r} for r in "ab")
    for attributes in (one, TOOL, {}, other):
        span = tracer.start_span("s", context=around, attributes=attributes)
        around = trace.set_span_in_context(span)
        spans.append(span)
        span.end()
    exporter = PromptscribeSpanExporter()

    for index in order:
        exporter.export([spans[index]])

    assert exporter.force_flush(20_000)
    outer, inner = (read(log_id(span)) for span in (spans[0], spans[3]))
    assert inner["trace_parent_id"] == outer["id"]
    assert outer.get("trace_parent_id") is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_an_exporter_tells_by_any_later_log_who_is_above(
    receiver, read, tmp_path, order
):
    """The call above has been written, or there is none: the next call says so."""
    promptscribe.configure(base_url=receiver.url, journal_dir=tmp_path, export=True)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("app")
    exporter = PromptscribeSpanExporter()
    found = []
    for top in (CHAT, {}):
        spans, around = [], None
        one, other = (top and {**top, "gen_ai.response.id": "a"}), CHAT
        for attributes in (one, TOOL, {}, {**other, "gen_ai.response.id": "b"}):
            span = tracer.start_span("s", context=around, attributes=attributes)
            around = trace.set_span_in_context(span)
            spans.append(span)
            span.end()
        for index in order:
            exporter.export([spans[index]])
        around = trace.set_span_in_context(spans[0])
        later = {**CHAT, "gen_ai.response.id": "c"}
        last = tracer.start_span("s", context=around, attributes=later)
        last.end()
        exporter.export([last])
        found.append(spans)

    assert exporter.force_flush(20_000)
    (outer, *_, inner), (*_, alone) = found
    assert read(log_id(inner))["trace_parent_id"] == log_id(outer)
    assert read(log_id(alone)).get("trace_parent_id") is None
    assert read(log_id(alone))["trace_id"] == log_id(alone)


def log_id(span):
    context = span.get_span_context()
    return f"log_{context.trace_id:032x}{context.span_id:016x}"


def test_a_log_that_is_no_call_arrives_by_otlp_as_well(receiver, read, tmp_path, http):
    """An agent, with what no convention has a name for; the call inside is below."""
    promptscribe.configure(
        otlp_endpoint=receiver.url, journal_dir=tmp_path, export=True
    )
    with log_prompt(
        "shop/agent", inputs={"q": "why?"}, metadata={"plan": "pro", "n": [1, 2]}
    ) as outer:
        record_log("shop/inner", prompt={"model": "m"}, prompt_tokens=5)
        outer.update(output="forty-two", stdout="noise", batch_id="b")

    assert promptscribe.force_flush(20)
    log = read(outer.id)
    assert (log["output"], log["stdout"], log["batch_id"]) == (
        "forty-two",
        "noise",
        "b",
    )
    assert log["inputs"] == {"q": "why?"}
    assert log["metadata"]["plan"] == "pro"
    assert log["metadata"]["n"] == [1, 2]
    assert "attributes" not in log["metadata"]["otel"]
    below = http.get(f"{receiver.url}/logs", params={"path": "shop/inner"}).json()
    assert below["records"][0]["trace_parent_id"] == outer.id


def test_a_span_of_ours_that_comes_before_its_log_moves_nobody(
    send, read, make_span, http
):
    """``otel_spans`` beside ``base_url``: the log is posted, its span is no log."""
    outer, function, inner = ids(0xB5, 1, 2, 3)
    span = make_span({}, **function, parent_id=outer["span_id"])
    call = make_span(CHAT, **inner, parent_id=function["span_id"])
    upload = otlp.write_upload({}, "promptscribe", [span])
    send([call])
    http.post(f"{read.url}/v1/traces", json=upload).raise_for_status()
    posted = {"path": "shop/function", "log_id": span.log_id, "prompt": {"model": "m"}}
    http.post(f"{read.url}/prompts/log", json=posted).raise_for_status()

    assert read(call.log_id)["trace_parent_id"] == span.log_id


@pytest.fixture
def restarted(tmp_path):
    """Run a receiver anew for each step, on the same file."""

    def step(*requests):
        running = start_in_thread(db=tmp_path / "logs.db")
        try:
            with httpx.Client(base_url=running.url, timeout=60) as client:
                return [request(client) for request in requests]
        finally:
            running.stop()

    return step


def upload(*spans):
    def post(client):
        body = protobuf.encode(written(spans))
        answer = client.post(
            "/v1/traces",
            content=body,
            headers={"content-type": "application/x-protobuf"},
        )
        assert (answer.status_code, answer.content) == (200, b"")

    return post


def stored(log_id):
    return lambda client: client.get(f"/logs/{log_id}").json()


@pytest.mark.slow
def test_the_nearest_log_above_is_found_across_restarts(restarted, make_span):
    """In every order, with a new process after each span."""
    orders = list(itertools.permutations(range(4)))
    chains = [chain(make_span, 0xC00 + n) for n in range(len(orders))]
    for place in range(4):
        spans = [c[order[place]] for c, order in zip(chains, orders, strict=True)]
        restarted(*(upload(span) for span in spans))

    inner = restarted(*(stored(spans[3].log_id) for spans in chains))
    outer = restarted(*(stored(spans[0].log_id) for spans in chains))
    assert [log["trace_parent_id"] for log in inner] == [s[0].log_id for s in chains]
    assert [log["trace_id"] for log in inner] == [log["trace_id"] for log in outer]
    assert {log.get("trace_parent_id") for log in outer} == {None}


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_call_told_twice_counts_once_across_a_restart(
    restarted, make_span, turned, where
):
    """The second span of the same response comes to another process."""
    one, other = ids(0xC1, 1, 2)
    attributes = {**CHAT, "gen_ai.response.id": "r"}
    outer = make_span(attributes, **one, scope="framework")
    above = None if where == "beside" else outer.span_id
    inner = make_span(attributes, **other, parent_id=above, scope="client")

    for span in [outer, inner] if turned else [inner, outer]:
        restarted(upload(span))

    logs = restarted(stored(outer.log_id), stored(inner.log_id))
    assert sorted((log.get("prompt_tokens") for log in logs), key=str) == [1000, None]


@pytest.mark.slow
def test_a_call_inside_of_itself_counts_once_across_a_restart(restarted, make_span):
    """By one instrumentation, whose outer span came first, with a span between."""
    parts = ids(0xC4, 1, 2, 3)
    attributes = {**CHAT, "gen_ai.response.id": "r"}
    outer = make_span(attributes, **parts[0], scope="framework")
    agent = make_span({}, **parts[1], parent_id=outer.span_id)
    inner = make_span(
        attributes, **parts[2], parent_id=agent.span_id, scope=outer.scope
    )

    for span in (outer, agent, inner):
        restarted(upload(span))

    logs = restarted(stored(outer.log_id), stored(inner.log_id))
    assert [log.get("prompt_tokens") for log in logs] == [1000, None]


def test_a_call_that_another_exporter_passes_over_is_known_still(send, read, make_span):
    """It sends the same span without what makes a call of it; a third tells again."""
    parts = ids(0xC6, 1, 2)
    attributes = {**CHAT, "gen_ai.response.id": "r"}
    first = make_span(attributes, **parts[0], scope="framework")
    second = make_span(attributes, **parts[1], scope="client")

    for span in (first, make_span({}, **parts[0]), second):
        send([span])

    tokens = [read(span.log_id).get("prompt_tokens") for span in (first, second)]
    assert tokens == [1000, None]


def test_a_log_of_another_door_that_comes_late_is_brought_under_its_parent(
    send, read, make_span, http
):
    """The spans between are long known: nothing will tell of them again."""
    outer, agent, request, inner = chain(make_span, 0xC2)
    posted = {
        "path": "shop/inner", "prompt": {"model": "m"}, "output": "x",
        "log_id": inner.log_id, "trace_parent_id": request.log_id,
    }  # fmt: skip

    send([request, agent])
    http.post(f"{read.url}/prompts/log", json=posted).raise_for_status()
    send([outer])

    assert read(inner.log_id)["trace_parent_id"] == outer.log_id
    assert read(inner.log_id)["trace_id"] == outer.log_id


def test_a_span_that_an_exporter_passed_over_is_so_for_later_logs(read, http):
    """Its log said so; the child was held up on its way."""
    outer, span, inner = (f"log_{0xC3:032x}{n:016x}" for n in (1, 2, 3))
    told = {"otel": {"beneath": [span[-16:], "no id", "x" * 16]}}
    for body in (
        {"log_id": outer, "metadata": told},
        {"log_id": inner, "trace_parent_id": span},
    ):
        body |= {"path": "shop/call", "prompt": {"model": "m"}}
        http.post(f"{read.url}/prompts/log", json=body).raise_for_status()

    assert read(inner)["trace_parent_id"] == outer


@pytest.fixture
def two(tmp_path):
    """Two receivers, each a process of its own, on one file."""
    with ExitStack() as stack:
        running = [stack.enter_context(serving(tmp_path / "logs.db")) for _ in range(2)]
        yield [
            stack.enter_context(httpx.Client(base_url=one.url, timeout=60))
            for one in running
        ]


@pytest.mark.slow
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_call_told_twice_counts_once_through_two_receivers(
    two, make_span, turned, where
):
    """Both know the trace before, and each hears of one span, at the same time."""
    pairs, children = [], []
    for number in range(20):
        trace = random.getrandbits(120)
        parts = ids(trace, 1, 2, 3, 4, 5)
        attributes = {**CHAT, "gen_ai.response.id": "r"}
        early = make_span({**CHAT, "gen_ai.response.id": "early"}, **parts[0])
        outer = make_span(attributes, **parts[1], scope="framework")
        agent = make_span({}, **parts[2], parent_id=outer.span_id)
        above = agent.span_id if where == "inside" else None
        inner = make_span(attributes, **parts[3], parent_id=above, scope="client")
        below = make_span(CHAT, **parts[4], parent_id=inner.span_id)
        for client in two:
            upload(early)(client)
        if number % 2:  # one after the other
            first, second = (inner, outer) if turned else (outer, inner)
            upload(agent, first)(two[0])
            upload(agent, second)(two[1])
        pairs.append((outer, agent, inner))
        children.append(below)

    sides = two[:: -1 if turned else 1]
    with ThreadPoolExecutor(2) as pool:
        for outer, agent, inner in pairs:
            posts = [upload(span, agent) for span in (outer, inner)]
            list(pool.map(lambda post, client: post(client), posts, sides))
    for below in children:
        upload(below)(two[0])

    for (outer, _, inner), below in zip(pairs, children, strict=True):
        logs = [stored(span.log_id)(two[0]) for span in (outer, inner)]
        counted = [log["id"] for log in logs if "prompt_tokens" in log]
        assert len(counted) == 1
        parent = stored(below.log_id)(two[1]).get("trace_parent_id")
        told_first = where == "beside" and counted == [outer.log_id]
        assert parent == (None if told_first else counted[0])


def test_what_an_endpoint_refused_is_sent_to_it_once_more(
    receiver, http, tmp_path, monkeypatch, capsys
):
    """``promptscribe journal replay`` goes where the log was to go."""
    monkeypatch.setenv("PROMPTSCRIBE_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("PROMPTSCRIBE_JOURNAL_DIR", str(tmp_path))
    log = {"path": "replayed/once-more", "log_id": f"log_{7:032x}{9:016x}"}
    root = resolve({}).journal_root()
    root.mkdir(parents=True)
    deadletter.bury(root, 400, "too large", {}, json.dumps(log).encode())

    code = main(["journal", "replay"])

    assert (code, capsys.readouterr().out) == (0, "1 delivered, 0 refused again\n")
    found = http.get(f"{receiver.url}/logs/{log['log_id']}").json()
    assert found["prompt"]["path"] == "replayed/once-more"
    assert list(deadletter.read(root)) == []
