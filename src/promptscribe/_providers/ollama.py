"""Ollama's chat and generate.

Its law: pure. Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.facts import Usage
from promptscribe._providers.message import answered
from promptscribe._providers.stream import merge, sealed
from promptscribe._providers.value import at, count, flag, table, text, word

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue


def detect(response: JSONValue) -> bool:
    """Say whether *response* is Ollama's: ``done`` beside a message or a response."""
    if flag(at(response, "done")) is None:
        return False
    return isinstance(response.get("message"), dict) or isinstance(
        response.get("response"), str
    )


is_chunk = detect
"""A chunk has the form of the whole."""


def interpret(response: JSONValue) -> ResponseFacts:
    """Read a whole response."""
    body = table(response)
    message = body.get("message")
    if not isinstance(message, dict):  # generate has no message
        said, drawn = text(body.get("response")), body.get("image")
        message = {"content": said, "thinking": body.get("thinking")}
        message |= {"images": [drawn]}
    return answered(
        [read_answer(message)],
        finish_reason=word(body.get("done_reason")),
        usage=read_usage(body),
        model=word(body.get("model")),
        provider="ollama",
    )


def read_usage(body: JSONObject) -> Usage | None:
    """Read the two counts; a prompt that was cached whole has none."""
    prompt = count(body.get("prompt_eval_count"))
    output = count(body.get("eval_count"))
    if prompt is None and output is None:
        return None
    return Usage(prompt_tokens=prompt, output_tokens=output)


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join the chunks of a stream; tool calls come whole, a chunk each."""
    whole: JSONObject = {}
    message: JSONObject = {}
    calls: list[JSONValue] = []
    for chunk in filter(is_chunk, chunks):
        merge(whole, {name: v for name, v in chunk.items() if name != "message"})
        said = table(chunk.get("message"))
        called = said.get("tool_calls")
        calls += called if isinstance(called, list) else []
        merge(message, {name: v for name, v in said.items() if name != "tool_calls"})
    if message:
        message["tool_calls"] = calls or None
        whole["message"] = message
    return sealed(whole)
