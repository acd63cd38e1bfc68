"""The contract's ChatMessage: how its members are built, whatever they came from.

Its law: what is built is valid by the contract (``ChatMessage``, ``ToolCall``,
``ThinkingPart``); what the provider did not say stays out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from promptscribe._providers.facts import ResponseFacts
from promptscribe._providers.value import (
    first,
    json_text,
    kept,
    number,
    strings,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

ROLES: Final = {
    "agent": "assistant",
    "ai": "assistant",
    "aimessagechunk": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "human": "user",
    "function": "tool",
    "tool_results": "tool",
}
"""Roles outside the contract's five: LangChain, Gemini, Cohere v1, old OpenAI."""


CONTRACT_ROLES: Final = frozenset({"user", "assistant", "system", "tool", "developer"})
"""The contract's ``ChatRole``: a server may refuse a whole log for another word."""


_CODE: Final = re.compile(r"[\w.:/-]{1,64}")
"""What a log without payload may say of an error: one word. A sentence may quote what
the model was asked, wherever a server puts it."""


def role_of(value: JSONValue, default: str = "assistant") -> str:
    """Give the contract's role; a stranger takes the default one (see `stranger`)."""
    lower = (word(value) or default).lower()
    known = ROLES.get(lower, lower)
    return known if known in CONTRACT_ROLES else default


def stranger(value: JSONValue) -> str | None:
    """Give a role that the contract does not know; it is kept as the name."""
    role = word(value)
    known = role is None or role.lower() in CONTRACT_ROLES or role.lower() in ROLES
    return None if known else role


def text_part(value: str) -> JSONObject:
    """Build a text item of a message's content."""
    return {"type": "text", "text": value}


def image_part(url: str, detail: JSONValue = None) -> JSONObject:
    """Build an image item of a message's content."""
    return {"type": "image_url", "image_url": kept(url=url, detail=word(detail))}


def thinking_part(value: str, signature: JSONValue = None) -> JSONObject:
    """Build a reasoning item; the contract wants a signature, so it may be empty."""
    return {"type": "thinking", "thinking": value, "signature": text(signature) or ""}


def tool_call(name: JSONValue, arguments: JSONValue, call_id: JSONValue) -> JSONObject:
    """Build a tool call.

    Args:
        name: The function; a call without one is named ``""``.
        arguments: JSON text, or the value that is to be written as such.
        call_id: The provider's id. Gemini and Ollama have none: the function's
            name stands in, so that call and result still meet.
    """
    function = text(name) or ""
    return {
        "id": word(call_id) or function,
        "type": "function",
        "function": kept(name=function, arguments=json_text(arguments)),
    }


def content_of(parts: list[JSONObject]) -> str | list[JSONObject] | None:
    """Give one text as a string, several parts as the list, nothing as None."""
    if not parts:
        return None
    if len(parts) == 1 and word(parts[0].get("type")) == "text":
        return text(parts[0].get("text"))
    return parts


def message_text(message: JSONObject) -> str | None:
    """Give the text of a message; None where it holds none."""
    content = message.get("content")
    if isinstance(content, list):
        pieces = strings(
            part.get("text")
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        )
        return "".join(pieces) if pieces else None
    return text(content)


def failure(error: JSONValue) -> dict[str, str | None]:
    """Give an error as the members of ResponseFacts; none where there is no error.

    Args:
        error: ``{code or type, message}`` (the code of OpenRouter's is a number), or
            the message alone. A code that is a sentence is one as well.
    """
    code = first(error, "code", "type")
    name = word(code) or (None if number(code) is None else str(code))
    message = word(error) or word(first(error, "message"))
    if name is not None and _CODE.fullmatch(name) is None:
        name, message = None, name if message is None else f"{name}: {message}"
    return kept(error_code=name, error_message=message)


def answered(messages: list[JSONObject], **facts: Any) -> ResponseFacts:
    """Build a response's facts around its messages, the first being the answer.

    Args:
        messages: The answers, as ChatMessages; several where several were asked for.
        **facts: The other members of ResponseFacts.
    """
    answer = messages[0] if messages else None
    output = message_text(answer) if answer else None
    if answer and not output and answer.get("tool_calls"):
        output = None  # some servers send "" beside a tool call
    return ResponseFacts(
        output=output,
        output_message=answer,
        choices=messages[1:] or None,
        **facts,
    )
