"""A bare ChatMessage, ``{role, content, tool_calls …}``, or a choice, as an answer.

Its law: pure. Many functions return the message alone:
``return client.chat.completions.create(...).choices[0].message``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.message import answered
from promptscribe._providers.value import table, word

if TYPE_CHECKING:
    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject, JSONValue

_READ: Final = frozenset(
    {"role", "content", "parts", "name", "refusal", "images", "tool_calls"}
    | {"function_call", "thinking_blocks", "thinking", "tool_plan"}
    | {"reasoning_content", "reasoning"}
)
"""Members of a message that `dialogue.read_answer` reads."""


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
    """Read the message; if there is more, odds or sources say, all is the response."""
    body = table(response)
    return answered(
        [read_answer(_message(body))],
        finish_reason=word(body.get("finish_reason")),
        is_message=all(name in _READ or _is_nothing(body[name]) for name in body),
    )


def _is_nothing(value: JSONValue) -> bool:
    return not value and not isinstance(value, int | float)


def join(chunks: list[JSONValue]) -> JSONValue:
    """Join text; a stream that is not all text stays the list that it is."""
    if all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    return chunks
