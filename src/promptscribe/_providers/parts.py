"""The parts of a message, in any provider's dialect, as the contract's members.

Its law: one table says which part is read how; a part that no table knows is
kept as it is, in its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from promptscribe._providers.media import read_image, read_media, read_modality
from promptscribe._providers.message import (
    content_of,
    text_part,
    thinking_part,
    tool_call,
)
from promptscribe._providers.value import (
    at,
    base64_text,
    first,
    json_text,
    kept,
    rows,
    strings,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe.schema import JSONObject, JSONValue


@dataclass(slots=True)
class Parts:
    """What the parts of one message say.

    Attributes:
        content: Text, images and whatever else is content, in order.
        calls: Tool calls, in order.
        thinking: Reasoning, in order.
        results: Results of tools, each a ChatMessage of its own.
        refusal: The words with which the model refused.
    """

    content: list[JSONObject] = field(default_factory=list)
    calls: list[JSONObject] = field(default_factory=list)
    thinking: list[JSONObject] = field(default_factory=list)
    results: list[JSONObject] = field(default_factory=list)
    refusal: str | None = None

    def message(self, role: str, **members: JSONValue) -> JSONObject:
        """Build the ChatMessage, without the results of tools."""
        return {"role": role, "content": content_of(self.content)} | kept(
            tool_calls=self.calls or None,
            thinking=self.thinking or None,
            refusal=self.refusal,
            **members,
        )

    def messages(self, role: str, **members: JSONValue) -> list[JSONObject]:
        """Build the ChatMessages: results of tools first, then what stands beside."""
        if self.results and not (self.content or self.calls or self.thinking):
            return self.results
        return [*self.results, self.message(role, **members)]


def read_parts(content: JSONValue, into: Parts | None = None) -> Parts:
    """Read a message's content: a string, one part, or a list of parts."""
    parts = Parts() if into is None else into
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            if part:
                parts.content.append(text_part(part))
        elif isinstance(part, dict):
            _read_part(part, parts)
    return parts


def _read_part(part: JSONObject, parts: Parts) -> None:
    kind = part.get("type")
    if isinstance(kind, str):
        typed = TYPED.get(kind)
        if typed is None:
            parts.content.append(kept(**_named(part)))
        else:
            typed(part, parts)
        return
    for name, untyped in UNTYPED.items():
        if part.get(name) is not None:
            untyped(part, parts)
            return
    # Gemini's executableCode, Bedrock's document …: one member names the part.
    members = kept(**_named(part))
    members.pop("type", None)  # a type that is no word
    if members:
        parts.content.append({"type": next(iter(members))} | members)


def _named(part: JSONObject) -> JSONObject:
    return {str(name): value for name, value in part.items()}


def _text(part: JSONObject, parts: Parts) -> None:
    value = text(part.get("text"))
    if value is None:
        value = text(part.get("content"))  # OpenTelemetry's text part
    if value is None:
        return
    if part.get("thought") is True:
        signature = first(part, "thoughtSignature", "thought_signature")
        if value:
            parts.thinking.append(thinking_part(value, base64_text(signature)))
    elif value:
        parts.content.append(text_part(value))


def _spoken(part: JSONObject, parts: Parts) -> None:
    said = word(part.get("transcript"))  # OpenAI's realtime API
    parts.content.append(text_part(said) if said else kept(**_named(part)))


def _refusal(part: JSONObject, parts: Parts) -> None:
    parts.refusal = (parts.refusal or "") + (
        text(first(part, "refusal", "content")) or ""
    )


def _thinking(part: JSONObject, parts: Parts) -> None:
    value = part.get("thinking")
    if isinstance(value, list):  # Mistral: a list of text parts
        value = "".join(strings(at(item, "text") for item in value))
    if isinstance(value, str) and (value or part.get("signature")):
        parts.thinking.append(thinking_part(value, part.get("signature")))


def _thought(part: JSONObject, parts: Parts) -> None:
    # Gemini's interactions: texts, and one signature for them all.
    said = "".join(strings(at(piece, "text") for piece in rows(part.get("summary"))))
    if said:
        parts.thinking.append(thinking_part(said, part.get("signature")))


def _redacted(part: JSONObject, parts: Parts) -> None:
    data = base64_text(part.get("data"))
    if data is not None:
        parts.thinking.append({"type": "redacted_thinking", "data": data})


def _reasoning(part: JSONObject, parts: Parts) -> None:
    # OpenAI's responses: summary and content are lists of texts;
    # LangChain's block has "reasoning", OpenTelemetry's part "content".
    found = False
    for name in ("summary", "content"):
        for piece in tables(part.get(name)):
            value = word(piece.get("text"))
            if value is not None:
                parts.thinking.append(thinking_part(value))
                found = True
    value = word(first(part, "reasoning", "content", "text"))
    if value is not None:
        parts.thinking.append(thinking_part(value, part.get("signature")))
    elif not found:
        _redacted({"data": part.get("encrypted_content")}, parts)


def _call(part: JSONObject, parts: Parts) -> None:
    inner = first(part, "toolUse", "functionCall", "function_call", "tool_call")
    call = inner if isinstance(inner, dict) else part
    if call is not part and word(call.get("type")) == "server_tool_use":
        parts.content.append(kept(**_named(call)))  # Bedrock ran it itself
        return
    arguments = first(call, "arguments", "args", "input", "parameters")
    if arguments is None and call is not part:
        arguments = {}  # Gemini leaves out args for a function without parameters
    call_id = first(call, "call_id", "toolUseId", "id")
    parts.calls.append(tool_call(call.get("name"), arguments, call_id))


def _result(part: JSONObject, parts: Parts) -> None:
    inner = first(part, "toolResult", "functionResponse", "function_response")
    result = inner if isinstance(inner, dict) else part
    call_id = first(
        result, "tool_use_id", "toolUseId", "call_id", "tool_call_id", "id", "name"
    )
    value = first(result, "content", "output", "response", "result")
    parts.results.append(
        {"role": "tool", "content": result_text(value)}
        | kept(tool_call_id=word(call_id), name=word(result.get("name")))
    )


def result_text(value: JSONValue) -> str | list[JSONObject] | None:
    """Give a tool's result as content: parts stay parts, data becomes JSON text."""
    if isinstance(value, list) and value and all(map(_is_part, value)):
        return content_of(read_parts(value).content)
    return json_text(value)


def _is_part(value: JSONValue) -> bool:
    # No result of a tool holds another: reading stays as flat as the data should be.
    kind = at(value, "type")
    if isinstance(kind, str):
        return kind in ("text", "input_text", "image", "image_url", "input_image")
    return any(name in table(value) for name in ("text", "json", "image"))


def _json(part: JSONObject, parts: Parts) -> None:
    parts.content.append(text_part(json_text(part.get("json")) or ""))


def _reasoning_content(part: JSONObject, parts: Parts) -> None:
    # Bedrock nests the text, LangChain for Bedrock writes the block flat.
    value = first(part, "reasoningContent", "reasoning_content")
    inner = table(at(value, "reasoningText")) or table(value)
    said = text(inner.get("text"))
    if said is not None:
        parts.thinking.append(thinking_part(said, inner.get("signature")))
    else:
        _redacted({"data": at(value, "redactedContent")}, parts)


def _cited(part: JSONObject, parts: Parts) -> None:
    # Bedrock: what is said with sources stands in place of the text.
    pieces = rows(at(part, "citationsContent", "content"))
    said = "".join(strings(at(piece, "text") for piece in pieces))
    if said:
        parts.content.append(text_part(said))


def _nothing(part: JSONObject, parts: Parts) -> None:
    """Leave out a part that only steers a cache."""


def _image(part: JSONObject, parts: Parts) -> None:
    image = read_image(part)
    if image is None:  # "image_url" is the contract's word for one with a URL
        image = (
            part
            if word(part.get("type")) == "input_image"
            else part | {"type": "image"}
        )
    parts.content.append(image)


def _modality(part: JSONObject, parts: Parts) -> None:
    parts.content.append(read_modality(part))


def _media(part: JSONObject, parts: Parts) -> None:
    media = read_media(part)
    if media is not None:
        parts.content.append(media)


TYPED: Final[dict[str, Callable[[JSONObject, Parts], None]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "audio": _spoken,
    "output_audio": _spoken,
    "refusal": _refusal,
    "thinking": _thinking,
    "thought": _thought,
    "redacted_thinking": _redacted,
    "reasoning": _reasoning,
    "reasoning_content": _reasoning_content,
    "image_url": _image,
    "input_image": _image,
    "image": _image,
    "blob": _modality,
    "uri": _modality,
    "tool_use": _call,
    "tool_call": _call,
    "function_call": _call,
    "custom_tool_call": _call,
    "tool_result": _result,
    "tool_call_response": _result,
    "function_call_output": _result,
    "function_result": _result,
    "custom_tool_call_output": _result,
}
"""Parts with a ``type``: OpenAI (both), Anthropic, Cohere, Mistral, LangChain, OTel."""

UNTYPED: Final[dict[str, Callable[[JSONObject, Parts], None]]] = {
    "text": _text,
    "functionCall": _call,
    "function_call": _call,
    "functionResponse": _result,
    "function_response": _result,
    "inlineData": _media,
    "inline_data": _media,
    "fileData": _media,
    "file_data": _media,
    "toolUse": _call,
    "toolResult": _result,
    "reasoningContent": _reasoning_content,
    "citationsContent": _cited,
    "image": _image,
    "json": _json,
    "cachePoint": _nothing,
}
"""Parts without one: Gemini's ``Part`` and Bedrock's ``ContentBlock`` name
themselves by the one member that is set."""


def read_calls(value: JSONValue) -> list[JSONObject]:
    """Read a message's list of tool calls.

    OpenAI and Ollama nest the call in ``function`` (``custom`` for a free-form
    tool); LangChain and Cohere's first API write it flat.
    """
    calls = []
    for row in tables(rows(value)):
        inner = first(row, "function", "custom")
        call = inner if isinstance(inner, dict) else row
        arguments = first(call, "arguments", "input", "args", "parameters")
        calls.append(tool_call(call.get("name"), arguments, row.get("id")))
    return calls
