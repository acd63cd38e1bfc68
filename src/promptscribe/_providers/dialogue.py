"""One message, in any provider's dialect, as ChatMessages of the contract.

Its law: a message is never dropped for what it lacks; what cannot be read in it
stays out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.message import (
    CONTRACT_ROLES,
    ROLES,
    image_part,
    role_of,
    stranger,
    text_part,
    thinking_part,
)
from promptscribe._providers.parts import Parts, read_calls, read_parts, result_text
from promptscribe._providers.value import (
    at,
    base64_text,
    first,
    rows,
    strings,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue


KINDS: Final = frozenset({"message", *CONTRACT_ROLES, *ROLES})
"""Types of messages that stand for a role (LangChain's), or say nothing (OpenAI's)."""

SPEAKERS: Final = {"user_input": "user", "model_output": "assistant"}
"""Whose message a step of Gemini's interactions is."""


def read_messages(value: JSONValue) -> list[JSONObject]:
    """Read a conversation: a list of messages, one message, or the user's text."""
    messages: list[JSONObject] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            messages.append({"role": "user", "content": item})
        elif isinstance(item, dict):
            messages.extend(_read_message(item))
        elif isinstance(item, list) and len(item) == 2:  # LangChain's ("user", "hi")
            role, content = item
            if isinstance(role, str) and isinstance(content, str):
                messages.append({"role": role_of(role, "user"), "content": content})
    return messages


def _read_message(raw: JSONObject) -> list[JSONObject]:
    """Read one message.

    Args:
        raw: ``{role, content | parts | message, tool_calls …}``; LangChain has
            ``type`` for the role, and its serialised form hides all in ``kwargs``;
            one without a role, as Gemini allows, is the user's.

    Returns:
        One ChatMessage, or several where results of tools are among the parts.
    """
    raw = unwrapped(raw)
    kind = raw.get("type")
    if "role" not in raw and isinstance(kind, str) and kind.lower() not in KINDS:
        return _read_item(raw)
    role = role_of(first(raw, "role", "type"), "user")
    if role == "tool" and not isinstance(raw.get("parts"), list):
        return _read_result(raw)
    parts = _read_members(raw)
    name = word(raw.get("name")) or stranger(raw.get("role"))
    return parts.messages(role, name=name)


def _read_item(item: JSONObject) -> list[JSONObject]:
    """Read an item of OpenAI's responses API, or a part that stands alone.

    A step of Gemini's interactions is a message, if somebody said it.
    """
    speaker = SPEAKERS.get(item["type"])
    if speaker is not None:
        return read_parts(item.get("content")).messages(speaker)
    said = ("text", "input_text", "image", "image_url", "input_image")
    role = "user" if item["type"] in said else "assistant"
    return read_parts(item).messages(role)


def read_answer(raw: JSONObject) -> JSONObject:
    """Read the message of a response: always one, from the assistant by default."""
    if is_only_text(raw):
        return {"role": raw["role"], "content": raw["content"]}
    parts = _read_members(unwrapped(raw))
    role = role_of(raw.get("role"))
    return parts.message(role, name=word(raw.get("name")))


def is_only_text(raw: JSONObject) -> bool:
    """Say whether a message is text by one of the contract's roles, and no more.

    Most answers are: reading all that a message may hold takes ten times as long.
    """
    content, role = raw.get("content"), raw.get("role")
    if type(content) is not str or not content or type(role) is not str:
        return False
    if role not in CONTRACT_ROLES:
        return False
    if len(raw) == 2:
        return True
    return sum([_is_something(value) for value in raw.values()]) == 2


def _is_something(value: JSONValue) -> bool:
    if type(value) is bytes:  # may not be asked whether it is "", under python -bb
        return True
    return value is not None and value not in ([], "")


def unwrapped(raw: JSONObject) -> JSONObject:
    """Take LangChain's serialised message out of its envelope.

    ``{"lc": 1, "type": "constructor", "id": [...], "kwargs": {...}}``, as
    ``langchain_core.load.dumpd`` writes it, is ``kwargs``.
    """
    kwargs = raw.get("kwargs")
    return kwargs if raw.get("lc") == 1 and isinstance(kwargs, dict) else raw


def _read_members(raw: JSONObject) -> Parts:
    parts = Parts()
    _read_reasoning(raw, parts)
    read_parts(first(raw, "content", "parts", "message"), parts)
    calls = read_calls(raw.get("tool_calls"))
    if calls:  # LangChain repeats the calls that stand among the parts
        parts.calls = calls
    elif isinstance(raw.get("function_call"), dict):
        parts.calls.extend(read_calls([raw["function_call"]]))
    parts.refusal = parts.refusal or word(raw.get("refusal"))
    for image in rows(raw.get("images")):
        data = base64_text(image)
        if isinstance(image, dict):  # OpenRouter's generated images
            read_parts(image, parts)
        elif data is not None:  # Ollama's: base64, or a path, which has a dot
            url = data if "." in data else f"data:image/png;base64,{data}"
            parts.content.append(image_part(url))
    audio = table(raw.get("audio"))
    if not parts.content and text(audio.get("transcript")):
        read_parts(audio["transcript"], parts)
    if text(raw.get("content")) == "" and not (
        parts.content or parts.calls or parts.refusal
    ):
        parts.content.append(text_part(""))  # an empty answer is an answer
    return parts


def _read_reasoning(raw: JSONObject, parts: Parts) -> None:
    blocks = tables(raw.get("thinking_blocks"))  # LiteLLM keeps Anthropic's blocks
    if blocks:
        read_parts(blocks, parts)
        return
    # DeepSeek, xAI, LiteLLM: reasoning_content; OpenRouter, Groq, vLLM: reasoning;
    # Ollama: thinking; Cohere: tool_plan.
    said = first(raw, "reasoning_content", "reasoning", "thinking", "tool_plan")
    said = word(said) or word(at(raw, "additional_kwargs", "reasoning_content"))
    if said is not None:
        parts.thinking.append(thinking_part(said))


def _read_result(raw: JSONObject) -> list[JSONObject]:
    if isinstance(raw.get("tool_results"), list):
        return _read_cohere_results(raw)
    parts = read_parts(raw.get("content")) if _holds_results(raw) else Parts()
    if parts.results:
        return parts.messages("user")
    message: JSONObject = {"role": "tool", "content": result_text(raw.get("content"))}
    names = strings([raw.get("name"), raw.get("tool_name")])
    call_id = word(raw.get("tool_call_id")) or next(iter(names), None)
    if call_id is not None:
        message["tool_call_id"] = call_id
    if names:
        message["name"] = names[0]
    return [message]


def _holds_results(raw: JSONObject) -> bool:
    return any("toolResult" in part for part in tables(raw.get("content")))


def _read_cohere_results(raw: JSONObject) -> list[JSONObject]:
    return [
        {"role": "tool", "content": result_text(row.get("outputs"))}
        | {"tool_call_id": word(at(row, "call", "name")) or ""}
        for row in tables(raw.get("tool_results"))
    ]
