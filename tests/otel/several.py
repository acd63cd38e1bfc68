"""A program whose client is instrumented several times: ``several.py NAME…``.

It makes each kind of call alone and inside of a decorated function, and prints the path
and the tokens of the logs that they became as JSON. Run by ``test_coexistence.py``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module

from model_server import Speaker
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import promptscribe
from promptscribe.otel import install
from promptscribe.testing import captured_logs

INSTRUMENTORS = {
    "official": "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
    "openinference": "openinference.instrumentation.openai:OpenAIInstrumentor",
    "traceloop": "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
    "httpx": "opentelemetry.instrumentation.httpx:HTTPXClientInstrumentor",
    "openinference-langchain": (
        "openinference.instrumentation.langchain:LangChainInstrumentor"
    ),
    "traceloop-langchain": (
        "opentelemetry.instrumentation.langchain:LangchainInstrumentor"
    ),
}
MODEL = "gpt-4o-mini-2024"
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
SAID = [{"role": "user", "content": "Hi"}]


class Model(Speaker, BaseHTTPRequestHandler):
    """The provider of the model; each answer has an id of its own."""

    protocol_version = "HTTP/1.1"
    answered = 0

    def do_POST(self):
        asked = self.hear()
        Model.answered += 1
        if self.path.endswith("/responses"):
            self.say(self.response())
        elif asked.get("stream"):
            pieces = [*map(json.dumps, self.chunks()), "[DONE]"]
            body = "".join(f"data: {piece}\n\n" for piece in pieces).encode()
            self.say_bytes(body, "text/event-stream")
        else:
            self.say(self.completion())

    def base(self, kind):
        name = f"chatcmpl-{self.answered}"
        return {"id": name, "object": kind, "created": 1, "model": MODEL}

    def completion(self):
        message = {"role": "assistant", "content": "Ho"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return self.base("chat.completion") | {"choices": [choice], "usage": USAGE}

    def chunks(self):
        base = self.base("chat.completion.chunk")
        for delta, reason in (
            ({"role": "assistant", "content": "Ho"}, None),
            ({}, "stop"),
        ):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            yield base | {"choices": [choice]}
        yield base | {"choices": [], "usage": USAGE}

    def response(self):
        said = {"type": "output_text", "text": "Ho", "annotations": []}
        message = {
            "type": "message",
            "id": "m",
            "status": "completed",
            "role": "assistant",
            "content": [said],
        }
        usage = {
            "input_tokens": 5,
            "output_tokens": 7,
            "total_tokens": 12,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        return {
            "id": f"resp_{self.answered}",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": MODEL,
            "output": [message],
            "usage": usage,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
        }


def ways(url, names):
    """Give the kinds of calls, by name."""
    import openai

    given = {"base_url": url, "api_key": "none", "max_retries": 0}
    client = openai.OpenAI(**given)
    asked = {"model": "gpt-4o-mini", "messages": SAID}
    streamed = asked | {"stream": True, "stream_options": {"include_usage": True}}

    def stream():
        for _ in client.chat.completions.create(**streamed):
            pass

    async def ask(**request):
        answer = await openai.AsyncOpenAI(**given).chat.completions.create(**request)
        if "stream" in request:
            async for _ in answer:
                pass

    if any("langchain" in name for name in names):
        from langchain_openai import ChatOpenAI

        model = ChatOpenAI(model="gpt-4o-mini", **given)
        return {"langchain": lambda: model.invoke("Hi")}
    return {
        "chat": lambda: client.chat.completions.create(**asked),
        "stream": stream,
        "responses": lambda: client.responses.create(model="gpt-4o-mini", input="Hi"),
        "async": lambda: asyncio.run(ask(**asked)),
        "async stream": lambda: asyncio.run(ask(**streamed)),
    }


def main(*names):
    """Instrument, call, print."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trace.set_tracer_provider(TracerProvider())
    install()
    for name in names:
        module, _, kind = INSTRUMENTORS[name].partition(":")
        getattr(import_module(module), kind)().instrument()
    found = {}
    for name, call in ways(f"http://127.0.0.1:{server.server_port}/v1", names).items():
        inside = promptscribe.log_prompt(path="f")(call)
        for way, made in ((name, call), (f"{name} in a function", inside)):
            with captured_logs() as logs:
                made()
            found[way] = [[g.path, g.prompt_tokens, g.output_tokens] for g in logs]
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
