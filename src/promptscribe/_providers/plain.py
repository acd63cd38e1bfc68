"""A bare ChatMessage, ``{role, content, tool_calls …}``, or a choice, as an answer.

Its law: pure. Many functions return the message alone:
``return client.chat.completions.create(...).choices[0].message``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.message import answered
from promptscribe._providers.value import table, word

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue


def detect(response: JSONValue) -> bool:
    """Say whether *response* is one message."""
    body = _message(response)
    if word(body.get("role")) is None:
        return False
    return any(
        isinstance(body.get(name), str | list)
        for name in ("content", "tool_calls", "parts")
    )


def _message(response: JSONValue) -> JSONObject:
    body = table(response)
    return table(body.get("message")) if "finish_reason" in body else body


def is_chunk(chunk: JSONValue) -> bool:
    """Say whether *chunk* is plain text."""
    return isinstance(chunk, str)


def interpret(response: JSONValue) -> ResponseFacts:
    """Read the message; what a choice has beside it, odds say, is in the response."""
    body = table(response)
    return answered(
        [read_answer(_message(body))],
        finish_reason=word(body.get("finish_reason")),
        is_message="finish_reason" not in body,
    )


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join text; a stream that is not all text stays the list that it is."""
    if all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    return chunks
