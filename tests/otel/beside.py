"""A program with another tracer in it: ``beside.py PEER ORDER``.

It sets up the peer and, unless the order is ``alone``, this library; makes one call of
a model by the peer's own instrumentation and one more inside a decorated function; and
prints what became of them as JSON. Run by ``test_coexistence.py``, each peer in a
virtual environment of its own.

Orders: ``alone``, ``theirs`` (first), ``ours`` (first), ``application``: its own
provider, then ours, then theirs; and ``again``: theirs, ours, and theirs anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from model_server import ANSWER, Speaker
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Model(Speaker, BaseHTTPRequestHandler):
    """The provider of the model; each answer has an id of its own."""

    protocol_version = "HTTP/1.1"
    answered = 0

    def do_POST(self):
        self.hear()
        Model.answered += 1
        self.say(ANSWER | {"id": f"chatcmpl-{self.answered}"})


def plain(memory):
    """The SDK alone, with OpenTelemetry's own instrumentation of the client."""
    if not hasattr(trace.get_tracer_provider(), "add_span_processor"):
        trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(memory))
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()
    return trace.get_tracer_provider()


def logfire(memory):
    """Logfire has a provider of its own, whatever the application's is."""
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[SimpleSpanProcessor(memory)],
    )
    logfire.instrument_openai()
    return logfire.DEFAULT_LOGFIRE_INSTANCE.config.get_tracer_provider()


def langfuse(memory):
    """Langfuse joins the application's provider, or sets one."""
    import langfuse
    import langfuse.openai

    langfuse.Langfuse(
        public_key="pk",
        secret_key="sk",  # noqa: S106
        base_url="http://127.0.0.1:9",
        span_exporter=memory,
    )
    return trace.get_tracer_provider()


def traceloop(memory):
    """Traceloop does the same."""
    from traceloop.sdk import Instruments, Traceloop

    with contextlib.redirect_stdout(sys.stderr):
        Traceloop.init(
            app_name="shop",
            disable_batch=True,
            telemetry_enabled=False,
            exporter=memory,
            instruments={Instruments.OPENAI},
        )
    return trace.get_tracer_provider()


PEERS = {
    "plain": plain,
    "logfire": logfire,
    "langfuse": langfuse,
    "traceloop": traceloop,
}


def main(peer, order):
    """Set up, call, print."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    memory = InMemorySpanExporter()
    found = {"installed": [], "logs": []}

    if order == "alone":
        theirs = PEERS[peer](memory)
        work(server, theirs, lambda function: function)
    else:
        import promptscribe
        from promptscribe.otel import install
        from promptscribe.testing import captured_logs

        if order == "application":
            trace.set_tracer_provider(TracerProvider())
        before = trace.get_tracer_provider()
        if order in {"ours", "application"}:
            promptscribe.configure(otel_spans=True)
            found["installed"].append(install())
        found["untouched"] = trace.get_tracer_provider() is before
        theirs = PEERS[peer](memory)
        if order == "again":
            found["installed"].append(install(theirs))
            memory = InMemorySpanExporter()  # the first one is shut down
            theirs = PEERS[peer](memory)
        mine = trace.get_tracer_provider()
        promptscribe.configure(otel_spans=True)
        found["installed"].append(install(theirs))
        with captured_logs() as logs:
            work(server, theirs, promptscribe.log_prompt(path="shop/answer"))
        found["untouched"] &= trace.get_tracer_provider() is mine
        for log in logs:
            model = (log.prompt or {}).get("model")
            told = [log.prompt_tokens, log.output_tokens, log.output, model]
            found["logs"].append([log.path, *told, log.log_id])

    theirs.force_flush()
    found["spans"] = [read(span) for span in memory.get_finished_spans()]
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # some of the peers wait for servers that are not there


def work(server, theirs, decorate):
    """Make one call under a span, and one inside a decorated function."""
    import openai

    url = f"http://127.0.0.1:{server.server_port}/v1"
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)

    def ask(text):
        said = [{"role": "user", "content": text}]
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=said)
        return answer.choices[0].message.content

    @decorate
    def answer(question):
        return ask(question)

    with theirs.get_tracer("app").start_as_current_span("GET /"):
        ask("alone")
    answer("inside")


def read(span):
    """Give what is to be the same with us and without us."""
    attributes = dict(span.attributes or {})
    return {
        "name": span.name,
        "scope": span.instrumentation_scope.name,
        "id": f"log_{span.context.trace_id:032x}{span.context.span_id:016x}",
        "parent": span.parent and f"{span.parent.span_id:016x}",
        "attributes": sorted(attributes),
        "tokens": attributes.get("gen_ai.usage.input_tokens"),
        "pending": attributes.get("logfire.span_type") == "pending_span",
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
