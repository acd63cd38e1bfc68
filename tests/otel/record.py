"""Record what the real instrumentations emit: run by hand, where they are installed.

``python tests/otel/record.py`` starts the server of ``tests/providers/record.py`` on
127.0.0.1, calls it with every SDK whose instrumentation can be imported, and writes
the spans of each call to ``recorded/<instrumentation>_<call>.json``. Some environments
are needed, as packages of OpenTelemetry and of Traceloop have the same modules:

- opentelemetry-instrumentation-genai-openai, -genai-anthropic, -google-genai
- traceloop's opentelemetry-instrumentation-openai, -anthropic;
  openinference-instrumentation-openai; logfire
- traceloop's opentelemetry-instrumentation-openai==0.40.14 with openai<2
- langfuse

each with openai, anthropic, google-genai and opentelemetry-sdk.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from http.server import ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from record import Provider  # the server of tests/providers

FOLDER = Path(__file__).parent / "recorded"

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
OPENAI = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the weather in Paris?"},
    ],
    "temperature": 0.2,
    "top_p": 0.9,
    "max_tokens": 64,
    "seed": 7,
    "stop": ["END"],
    "tools": [TOOL],
}
ANTHROPIC = {
    "model": "claude-sonnet-4-20250514",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "max_tokens": 64,
}


def outline(stacktrace: str) -> str:
    """Give the two ends of a stack trace, without the recorder's own paths."""
    lines = stacktrace.strip().splitlines()
    return f"{lines[0]}\n  ...\n{lines[-1]}\n"


def plain(value):
    """Give an attribute as JSON can have it."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {
            str(key): outline(item) if key == "exception.stacktrace" else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def described(span) -> dict:
    """Give a span as plain data, in the form of the library's own noun."""
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "began": span.start_time,
        "ended": span.end_time,
        "status": span.status.status_code.name,
        "status_message": span.status.description,
        "attributes": plain(span.attributes),
        "events": [
            {"name": e.name, "time": e.timestamp, "attributes": plain(e.attributes)}
            for e in span.events
        ],
        "resource": {"service.name": "recorder"},
        "scope": span.instrumentation_scope.name,
        "scope_version": span.instrumentation_scope.version,
    }


class Recorder:
    """Collects the spans of one call after the other."""

    def __init__(self) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource({"service.name": "recorder"}))
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))

    def save(self, package: str, name: str, call) -> None:
        """Make a call and write its spans."""
        self.memory.clear()
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the failing calls are recorded as well
            sys.stdout.write(f"  {name}: {type(error).__name__} {error}\n")
        spans = [described(span) for span in self.memory.get_finished_spans()]
        if not spans:
            return
        recording = {"package": f"{package} {version(package)}", "spans": spans}
        text = json.dumps(recording, indent=1, ensure_ascii=False).replace(
            f":{os.environ['RECORD_PORT']}", ":8080"
        )
        text = text.replace(f": {os.environ['RECORD_PORT']}", ": 8080")
        (FOLDER / f"{name}.json").write_text(text + "\n")
        sys.stdout.write(f"{name}: {len(spans)} spans\n")


def read(stream) -> None:
    """Read a stream to its end."""
    for _ in stream:
        pass


def openai_calls(package: str, name: str, base: str, recorder: Recorder) -> None:
    """Chat, streamed chat, the responses API, and a call that fails."""
    import openai

    client = openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
    broken = openai.OpenAI(
        base_url="http://127.0.0.1:9/v1", api_key="none", max_retries=0
    )
    chat = client.chat.completions.create
    recorder.save(package, f"{name}_openai_chat", lambda: chat(**OPENAI))
    options = {"include_usage": True}
    recorder.save(
        package,
        f"{name}_openai_stream",
        lambda: read(chat(**OPENAI, stream=True, stream_options=options)),
    )
    asked = {"model": "gpt-4o-mini", "instructions": "Be brief.", "input": "Hi"}
    recorder.save(
        package, f"{name}_openai_responses", lambda: client.responses.create(**asked)
    )
    recorder.save(
        package,
        f"{name}_openai_error",
        lambda: broken.chat.completions.create(**OPENAI),
    )


def anthropic_calls(package: str, name: str, base: str, recorder: Recorder) -> None:
    """A message, and a streamed one."""
    import anthropic

    client = anthropic.Anthropic(base_url=base, api_key="none", max_retries=0)
    create = client.messages.create
    recorder.save(package, f"{name}_anthropic_messages", lambda: create(**ANTHROPIC))
    recorder.save(
        package,
        f"{name}_anthropic_stream",
        lambda: read(create(**ANTHROPIC, stream=True)),
    )


def gemini_calls(package: str, name: str, base: str, recorder: Recorder) -> None:
    """One generation."""
    from google import genai

    client = genai.Client(api_key="none", http_options={"base_url": base})
    recorder.save(
        package,
        f"{name}_gemini_generate",
        lambda: client.models.generate_content(
            model="gemini-2.5-flash",
            contents="What is the weather in Paris?",
            config={"temperature": 0.2, "system_instruction": "Be brief."},
        ),
    )


INSTRUMENTATIONS = (
    ("opentelemetry-instrumentation-genai-openai",
     "opentelemetry.instrumentation.genai.openai.OpenAIInstrumentor",
     "official", openai_calls),
    ("opentelemetry-instrumentation-genai-anthropic",
     "opentelemetry.instrumentation.genai.anthropic.AnthropicInstrumentor",
     "official", anthropic_calls),
    ("opentelemetry-instrumentation-google-genai",
     "opentelemetry.instrumentation.google_genai.GoogleGenAiSdkInstrumentor",
     "official", gemini_calls),
    ("opentelemetry-instrumentation-openai",
     "opentelemetry.instrumentation.openai.OpenAIInstrumentor",
     "traceloop", openai_calls),
    ("opentelemetry-instrumentation-anthropic",
     "opentelemetry.instrumentation.anthropic.AnthropicInstrumentor",
     "traceloop", anthropic_calls),
    ("openinference-instrumentation-openai",
     "openinference.instrumentation.openai.OpenAIInstrumentor",
     "openinference", openai_calls),
)  # fmt: skip


def record_instrumentors(base: str) -> None:
    """Record with every instrumentor that is installed here, one at a time."""
    for package, place, label, calls in INSTRUMENTATIONS:
        name = label
        module, _, kind = place.rpartition(".")
        try:
            version(package)
            instrumentor = getattr(importlib.import_module(module), kind)()
        except (PackageNotFoundError, ImportError) as missing:
            sys.stdout.write(f"{package}: {missing}\n")
            continue
        if name == "traceloop" and version(package) < "0.46":
            name = "traceloopold"  # before it took over OpenTelemetry's dialect
        recorder = Recorder()
        instrumentor.instrument(tracer_provider=recorder.provider)
        try:
            calls(package, name, base, recorder)
        finally:
            instrumentor.uninstrument()


def record_twice(base: str) -> None:
    """Record the spans of the Anthropic client itself beside an instrumentor's."""
    package = "opentelemetry-instrumentation-genai-anthropic"
    try:
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    except ImportError:
        return
    from opentelemetry import trace

    recorder = Recorder()
    trace.set_tracer_provider(recorder.provider)  # the client takes the global one
    AnthropicInstrumentor().instrument()
    anthropic_calls(package, "twice", base, recorder)


def record_langfuse(base: str) -> None:
    """Record what Langfuse's own OpenAI client and its decorator emit."""
    try:
        import langfuse
        from langfuse.openai import OpenAI
    except ImportError:
        return
    recorder = Recorder()
    langfuse.Langfuse(
        public_key="pk-lf-none",
        secret_key="sk-lf-none",  # noqa: S106 - nobody's
        base_url="http://127.0.0.1:9",
        tracer_provider=recorder.provider,
    )
    client = OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0)
    chat = client.chat.completions.create
    recorder.save("langfuse", "langfuse_openai_chat", lambda: chat(**OPENAI))
    options = {"include_usage": True}
    recorder.save(
        "langfuse",
        "langfuse_openai_stream",
        lambda: read(chat(**OPENAI, stream=True, stream_options=options)),
    )


def record_logfire(base: str) -> None:
    """Record logfire's own instrumentation of the OpenAI client."""
    try:
        import logfire
    except ImportError:
        return
    recorder = Recorder()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[SimpleSpanProcessor(recorder.memory)],
    )
    logfire.instrument_openai()
    openai_calls("logfire", "logfire", base, recorder)


def main() -> None:
    """Record with every instrumentation that is installed here."""
    FOLDER.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    os.environ |= {
        "RECORD_PORT": str(server.server_port),
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    }
    record_instrumentors(base)
    record_twice(base)
    record_langfuse(base)
    record_logfire(base)


if __name__ == "__main__":
    main()
