"""Record what the real SDKs return: run by hand, where they are installed.

``python tests/providers/record.py`` starts a server on 127.0.0.1 that gives the
documented answers, calls it with every SDK that can be imported, and writes what
each returned, as plain data, to ``recorded/<sdk>_<call>.json``, together with the
SDK's version, the arguments of the call and the body that was sent. Install what you
want to record (in several environments, where versions clash): openai anthropic
google-genai mistralai cohere ollama litellm boto3 groq langchain-openai
langchain-anthropic langchain-aws langchain-google-genai.
"""

from __future__ import annotations

import binascii
import importlib
import json
import os
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import documented as d
import documented_interaction as i
import documented_local as local
import documented_more as m
import documented_other as o

FOLDER = Path(__file__).parent / "recorded"
BODIES: list[dict] = []

ROUTES = (  # (end of the path, whole answer, stream, how a stream is written)
    ("/chat/completions", d.OPENAI_CHAT, d.OPENAI_CHAT_STREAM, "sse"),
    ("/mistral/v1/chat/completions", d.MISTRAL_CHAT, d.MISTRAL_STREAM, "sse"),
    ("/completions", d.OPENAI_TEXT, d.OPENAI_TEXT_STREAM, "sse"),
    ("/responses", d.OPENAI_RESPONSE, d.OPENAI_RESPONSE_STREAM, "sse"),
    ("/v1/messages", m.ANTHROPIC, m.ANTHROPIC_STREAM, "sse"),
    (":generateContent", m.GEMINI, [], "sse"),
    (":streamGenerateContent", {}, m.GEMINI_STREAM, "sse"),
    ("/converse", m.BEDROCK, [], "aws"),
    ("/converse-stream", {}, m.BEDROCK_STREAM, "aws"),
    ("/invoke-with-response-stream", {}, m.BEDROCK_BODY_STREAM, "aws"),
    ("/v2/chat", m.COHERE, m.COHERE_STREAM, "sse"),
    ("/v1/chat", m.COHERE_FIRST, m.COHERE_FIRST_STREAM, "lines"),
    ("/api/chat", local.OLLAMA_CHAT, local.OLLAMA_STREAM, "lines"),
    ("/embeddings", o.EMBEDDING, [], "sse"),
    ("/mistral/v1/embeddings", o.MISTRAL_EMBEDDING, [], "sse"),
    ("/v2/embed", o.COHERE_EMBEDDING, [], "sse"),
    (":batchEmbedContents", o.GEMINI_EMBEDDING, [], "sse"),
    ("/api/embed", o.OLLAMA_EMBEDDING, [], "lines"),
    ("/images/generations", o.IMAGE, o.IMAGE_STREAM, "sse"),
    ("/audio/speech", {"said": "aloud"}, [], "sse"),
    ("/audio/transcriptions", o.TRANSCRIPTION, o.TRANSCRIPTION_STREAM, "sse"),
    ("/verbose/v1/audio/transcriptions", o.VERBOSE, [], "sse"),
    ("/mistral/v1/audio/transcriptions", o.MISTRAL_TRANSCRIPTION, [], "sse"),
    ("/failed/v1/responses", o.FAILED, o.FAILED_STREAM, "sse"),
    ("/broken/v1/responses", o.FAILED, o.BROKEN_STREAM, "sse"),
    ("/failed/v1/chat/completions", o.OPENROUTER_FAILED, [], "sse"),
    ("/broken/v1/chat/completions", o.OPENROUTER_BROKEN, [], "sse"),
    ("/structured/v1/chat/completions", o.STRUCTURED, [], "sse"),
    ("/interactions", i.INTERACTION, i.INTERACTION_STREAM, "sse"),
    ("/v1/conversations", o.CONVERSATION, o.CONVERSATION_STREAM, "sse"),
    ("/api/generate", local.OLLAMA_TEXT, local.OLLAMA_TEXT_STREAM, "lines"),
)
TYPES = {
    "sse": "text/event-stream",
    "lines": "application/x-ndjson",
    "aws": "application/vnd.amazon.eventstream",
}


def aws_frame(kind: str, payload: dict) -> bytes:
    """Write one message of Amazon's event stream encoding."""
    headers = b""
    named = {":event-type": kind, ":message-type": "event"}
    named[":content-type"] = "application/json"
    for name, value in named.items():
        headers += struct.pack("!B", len(name)) + name.encode()
        headers += struct.pack("!BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", len(headers) + len(body) + 16, len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    message = prelude + headers + body
    return message + struct.pack("!I", binascii.crc32(message))


def written(form: str, stream: list) -> bytes:
    """Write a stream in its provider's form."""
    if form == "aws":
        return b"".join(aws_frame(kind, payload) for kind, payload in stream)
    if form == "lines":
        return b"".join(json.dumps(line).encode() + b"\n" for line in stream)
    text = ""
    for line in stream:
        kind = line.get("type")
        text += f"event: {kind}\n" if kind else ""
        text += f"data: {json.dumps(line)}\n\n"
    done = any("choices" in line for line in stream)  # OpenAI's last word
    return (text + "data: [DONE]\n\n" if done else text).encode()


def first_choice(answer: dict | tuple) -> dict | tuple:
    """Give an answer of OpenAI's without the choices that were not asked for."""
    if not isinstance(answer, dict) or "choices" not in answer:
        return answer
    choices = [choice for choice in answer["choices"] if choice["index"] == 0]
    return answer | {"choices": choices}


class Provider(BaseHTTPRequestHandler):
    """All providers at one address, told apart by path."""

    def do_POST(self) -> None:
        """Give the documented answer, whole or as a stream."""
        size = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(size)
        body = json.loads(sent) if sent.startswith(b"{") else {}
        BODIES.append(body)
        path = self.path.split("?", 1)[0]
        fitting = [route for route in ROUTES if path.endswith(route[0])]
        _, whole, stream, form = max(fitting, key=lambda route: len(route[0]))
        default = self.path.startswith("/api/")  # Ollama streams unless told not to
        default |= b'name="stream"' in sent  # a form, with a sound in it
        streams = not whole or body.get("stream", default and bool(stream))
        if body.get("n", 1) == 1:
            whole, stream = first_choice(whole), [first_choice(line) for line in stream]
        payload = written(form, stream) if streams else json.dumps(whole).encode()
        self.send_response(200)
        kind = TYPES[form] if streams else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def plain(value: object) -> object:
    """Give a returned object as plain data."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", warnings=False)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def type_name(value: object) -> str | None:
    """Name the class of a returned object as the library does."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return None
    return f"{kind.__module__}.{kind.__qualname__}"


def save(
    package: str, name: str, asked: dict, returned: object, *, stream: bool
) -> None:
    """Write one recording."""
    chunks = list(returned) if stream else [returned]
    recording = {"sdk": f"{package} {version(package)}", "type_name": None}
    recording["type_name"] = type_name(chunks[0])
    recording["request"] = plain(asked)
    recording["body"] = BODIES[-1]
    recording["chunks" if stream else "response"] = plain(
        chunks if stream else returned
    )
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(recording, indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(f"{path.name}: {recording['sdk']}\n")


def main() -> None:
    """Record with every SDK that is installed here."""
    FOLDER.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "none"
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched
    sdks = importlib.import_module("sdks")
    for package, calls in sdks.CALLS.items():
        try:
            version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        calls(base, save)


if __name__ == "__main__":
    main()
