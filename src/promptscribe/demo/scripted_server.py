"""The scripted server: a small OpenAI-compatible provider that ships with the demo.

Its law: the protocol is real (HTTP, JSON, server-sent events, error bodies), so that a
real client cannot tell; only what it says comes from the `script`. It listens on the
loopback alone. Under ``/busy`` it turns every request away, as a provider does that
has too many.

Source of the shapes: https://platform.openai.com/docs/api-reference/chat and
https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from promptscribe.demo import script

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from promptscribe.schema import JSONObject, JSONValue

_MAX_BODY_BYTES: Final = 1 << 20
_BUSY_MESSAGE: Final = (
    f"Rate limit reached for {script.MODEL} on requests per min (RPM): "
    "Limit 3, Used 3, Requested 1. Please try again in 100ms."
)


class ScriptedServer:
    """The server, in a thread of its own, while the block lasts.

    Args:
        pace: What every delay of the script is multiplied by; 0 answers at once.

    Attributes:
        url: Base URL for a client.
        busy_url: Base URL where every request is answered with 429.
    """

    def __init__(self, *, pace: float = 1.0) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.pace = pace
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{address}/v1"
        self.busy_url = f"{address}/busy/v1"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(0.02,),
            name="promptscribe-scripted-server",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    pace: float = 1.0

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Say nothing: the demo's output is the demo's."""

    def do_GET(self) -> None:
        """Answer the list of models."""
        if self.path != "/v1/models":
            self._fail(404, f"Invalid URL (GET {self.path})")
            return
        model = {
            "id": script.MODEL,
            "object": "model",
            "created": 0,
            "owned_by": "demo",
        }
        self._answer(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        """Answer a request for a completion."""
        body = self._body()
        if self.path == "/busy/v1/chat/completions":
            self._wait(script.BUSY_DELAY)
            self._fail(429, _BUSY_MESSAGE, "requests", "rate_limit_exceeded")
        elif self.path != "/v1/chat/completions":
            self._fail(404, f"Invalid URL (POST {self.path})")
        elif not isinstance(body, dict):
            self._fail(400, "We could not parse the JSON body of your request.")
        elif not isinstance(body.get("messages"), list):
            self._fail(400, "Missing required parameter: 'messages'.")
        elif body.get("model") != script.MODEL:
            problem = f"The model `{body.get('model')}` does not exist."
            self._fail(404, problem, code="model_not_found")
        elif body.get("stream"):
            self._stream(body)
        else:
            self._complete(body["messages"])

    def _body(self) -> JSONValue:
        length = int(self.headers.get("content-length") or 0)
        try:
            return json.loads(self.rfile.read(min(length, _MAX_BODY_BYTES)))
        except ValueError:
            return None

    def _complete(self, messages: list[JSONValue]) -> None:
        reply = script.reply_to(messages)
        self._wait(reply.duration)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": reply.text, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
        usage = script.usage_of(messages, reply.pieces)
        record = _record("chat.completion", choices=[choice], usage=usage)
        self._answer(200, record)

    def _stream(self, body: JSONObject) -> None:
        messages = body["messages"]
        reply = script.reply_to(messages)
        record = _record("chat.completion.chunk")
        with_usage = (body.get("stream_options") or {}).get("include_usage")
        if with_usage:
            record["usage"] = None
        self._begin(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        self._wait(reply.first)
        self._event(
            record | {"choices": [_delta({"role": "assistant", "content": ""})]}
        )
        for piece in reply.pieces:
            self._event(record | {"choices": [_delta({"content": piece})]})
            self._wait(reply.each)
        self._event(record | {"choices": [_delta({}, "stop")]})
        if with_usage:
            usage = script.usage_of(messages, reply.pieces)
            self._event(record | {"choices": [], "usage": usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, record: JSONObject) -> None:
        self._chunk(b"data: " + json.dumps(record).encode() + b"\n\n")

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def _fail(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        code: str | None = None,
    ) -> None:
        error = {"message": message, "type": kind, "param": None, "code": code}
        self._answer(status, {"error": error})

    def _answer(self, status: int, record: JSONObject) -> None:
        content = json.dumps(record).encode()
        headers = {"Content-Length": str(len(content))}
        if status == 429:
            headers["retry-after-ms"] = "100"
        self._begin(status, "application/json", headers)
        self.wfile.write(content)

    def _begin(self, status: int, media_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-request-id", f"req_{secrets.token_hex(16)}")
        self.end_headers()

    def _wait(self, seconds: float) -> None:
        assert isinstance(self.server, _Server)  # noqa: S101 - for the type checkers
        time.sleep(seconds * self.server.pace)


def _record(kind: str, **members: JSONValue) -> JSONObject:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": script.SNAPSHOT,
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
        **members,
    }


def _delta(delta: JSONObject, finish_reason: str | None = None) -> JSONObject:
    return {
        "index": 0,
        "delta": delta,
        "logprobs": None,
        "finish_reason": finish_reason,
    }
