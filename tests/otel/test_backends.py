"""What others make of our spans: a collector, and two servers that show LLM calls.

Each is started on ports of its own and stopped again. They are big, 1.3 GB, and pin
much: each is installed into a virtual environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

import promptscribe
from promptscribe import log_prompt
from promptscribe._dialects import otlp, protobuf, translation
from promptscribe.receiver.body import inflate

pytestmark = [pytest.mark.slow, pytest.mark.peers, pytest.mark.timeout(600)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(arguments, folder, url, **environment):
    """Run a server until the block ends; begin when it answers."""
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=os.environ | environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _await(url, process, folder / "server.log")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def _await(url, process, log):
    pause = threading.Event()
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=5)
            return
        pause.wait(0.2)
    pytest.fail(f"no answer at {url}: {log.read_text('utf-8', 'replace')[-2000:]}")


def eventually(find):
    """Return what is found, once it is."""
    pause = threading.Event()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = find()
        if found:
            return found
        pause.wait(0.3)
    return pytest.fail("it never came")


ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": "Ho"}}
    ],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}


@log_prompt(path="shop/answer", prompt={"model": "gpt-4o-mini", "provider": "openai"})
def answer(messages):
    return ANSWER


def deliver(endpoint, folder, **settings):
    """Log an agent with one call of a model in it, and deliver both as OTLP."""
    promptscribe.configure(
        otlp_endpoint=endpoint,
        journal_dir=folder,
        export=True,
        source="shop",
        **settings,
    )
    with log_prompt("shop/agent"):
        answer(messages=[{"role": "user", "content": "Hi"}])
    result = promptscribe.force_flush(60)
    assert result, result


class Sink(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = inflate(body)
        if self.path == "/v1/metrics":
            self.server.metrics.append(protobuf.decode(body, "Metrics"))
        else:
            self.server.spans.extend(otlp.read_upload(protobuf.decode(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_collector_forwards_our_spans_unchanged(environment, tmp_path):
    """rotel, an OpenTelemetry collector: in by OTLP, out by OTLP; metrics as well."""
    folder = environment("rotel").parent
    (agent,) = folder.glob("lib/python*/site-packages/rotel/rotel-agent")
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    sink.spans, sink.metrics = [], []
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    port = free_port()
    arguments = [
        str(agent), "start",
        "--otlp-http-endpoint", f"127.0.0.1:{port}",
        "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
        "--exporter", "otlp",
        "--otlp-exporter-endpoint", f"http://127.0.0.1:{sink.server_port}",
        "--otlp-exporter-protocol", "http",
    ]  # fmt: skip

    # It runs Python, too: that of its wheel, which need not be where systems look.
    library = {"LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR")}
    url = f"http://127.0.0.1:{port}"
    with running(arguments, tmp_path, f"{url}/", **library):
        deliver(url, tmp_path / "journal", otel_metrics=True)
        spans = eventually(lambda: len(sink.spans) == 2 and sink.spans)
        metrics = eventually(lambda: sink.metrics)
    sink.shutdown()
    sink.server_close()

    inner = next(span for span in spans if span.name == "chat gpt-4o-mini")
    outer = next(span for span in spans if span.name == "shop/agent")
    log = translation.read_call(inner)
    assert inner.parent_id == outer.span_id
    assert log["messages"] == [{"role": "user", "content": "Hi"}]
    assert log["output"] == "Ho"
    assert log[translation.USAGE] == {"prompt_tokens": 1000, "output_tokens": 100}
    assert inner.resource["service.name"] == "shop"
    (scope,) = metrics[-1]["resourceMetrics"][0]["scopeMetrics"]
    sums = {
        metric["name"]: sum(p["sum"] for p in metric["histogram"]["dataPoints"])
        for metric in scope["metrics"]
    }
    assert sums["gen_ai.client.token.usage"] == 1100
    assert sums["gen_ai.client.operation.duration"] > 0


def test_phoenix_shows_our_logs_as_llm_spans(environment, tmp_path):
    """Kind, model, tokens and messages, read back by its API."""
    phoenix = str(environment("arize-phoenix") / "phoenix")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "PHOENIX_WORKING_DIR": str(tmp_path),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }

    with running([phoenix, "serve"], tmp_path, url, **settings):
        deliver(url, tmp_path / "journal")
        spans = eventually(
            lambda: httpx.get(f"{url}/v1/projects/default/spans").json().get("data")
        )

    span = next(span for span in spans if span["name"] == "chat gpt-4o-mini")
    told = span["attributes"]
    assert span["span_kind"] == "LLM"
    assert told["llm.model_name"] == "gpt-4o-mini"
    assert told["llm.token_count.prompt"] == 1000
    assert told["llm.token_count.completion"] == 100
    assert told["llm.input_messages.0.message.content"] == "Hi"
    assert told["llm.output_messages.0.message.content"] == "Ho"


def test_mlflow_shows_our_logs_as_a_trace_with_tokens(
    environment, tmp_path, monkeypatch
):
    """One trace of two spans; messages, model, and tokens counted once."""
    mlflow = environment("mlflow") / "mlflow"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-mlflow-experiment-id=0")
    arguments = [
        str(mlflow), "server",
        "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip

    def search():
        place = {"type": "MLFLOW_EXPERIMENT"}
        place["mlflow_experiment"] = {"experiment_id": "0"}
        found = httpx.post(
            f"{url}/api/3.0/mlflow/traces/search", json={"locations": [place]}
        )
        return found.json().get("traces")

    with running(arguments, tmp_path, f"{url}/health"):
        deliver(url, tmp_path / "journal")
        (trace,) = eventually(search)
        whole = httpx.get(
            f"{url}/ajax-api/3.0/mlflow/get-trace-artifact",
            params={"request_id": trace["trace_id"]},
        ).json()

    assert '"total_tokens": 1100' in str(trace["trace_metadata"])
    told = {span["name"]: span["attributes"] for span in whole["spans"]}
    assert set(told) == {"shop/agent", "chat gpt-4o-mini"}
    call = {name: json.loads(value) for name, value in told["chat gpt-4o-mini"].items()}
    assert call["mlflow.spanType"] == "CHAT_MODEL"
    assert call["mlflow.llm.model"] == "gpt-4o-mini"
    assert call["mlflow.chat.tokenUsage"]["input_tokens"] == 1000
    assert call["mlflow.spanInputs"][0]["parts"][0]["content"] == "Hi"
    assert call["mlflow.spanOutputs"][0]["parts"][0]["content"] == "Ho"
