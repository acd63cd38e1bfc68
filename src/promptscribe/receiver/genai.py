"""GenAI attributes of a span as members of a log: model, messages, tokens.

Its law: pure functions of attributes. Instrumentations of both generations count:
``gen_ai.input.messages`` as JSON text, and ``gen_ai.prompt.N.role`` one by one.
Source: OpenTelemetry semantic conventions for generative AI, and their predecessor
in OpenLLMetry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe.schema import JSONObject, JSONValue

_DETAILS: Final = {
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.presence_penalty": "presence_penalty",
    "gen_ai.request.frequency_penalty": "frequency_penalty",
    "gen_ai.request.seed": "seed",
}
_COUNTS: Final = {
    "prompt_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
}
_OLD: Final = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,4})\.(role|content)")
_FIRST_WORD: Final = re.compile(r"[A-Za-z_]+")


def call_members(attributes: Mapping[str, JSONValue]) -> JSONObject:
    """Return the members of a Prompt's log that a provider's span has."""
    members: JSONObject = {"prompt": _details(attributes)}
    for member, names in _COUNTS.items():
        known = (number(attributes.get(name)) for name in names)
        members[member] = next((int(n) for n in known if n is not None), None)
    members["messages"] = _messages(attributes, "input", "prompt") or None
    answers = _messages(attributes, "output", "completion")
    if answers:
        members["output_message"] = answers[0]
        content = answers[0].get("content")
        members["output"] = content if isinstance(content, str) else None
    reasons = attributes.get("gen_ai.response.finish_reasons")
    word = _FIRST_WORD.search(str(reasons)) if reasons else None
    members["finish_reason"] = word[0] if word else None
    return {name: value for name, value in members.items() if value is not None}


def _details(attributes: Mapping[str, JSONValue]) -> JSONObject:
    model = attributes.get("gen_ai.request.model")
    provider = attributes.get("gen_ai.provider.name", attributes.get("gen_ai.system"))
    details: JSONObject = {
        member: number(attributes.get(name)) for name, member in _DETAILS.items()
    }
    details |= {"model": model, "provider": provider and str(provider).lower()}
    return {name: value for name, value in details.items() if value is not None}


def number(value: JSONValue) -> float | None:
    """Return a number that may have gone through ``str()``, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.is_integer():
        return int(found)
    return found if abs(found) < float("inf") else None


def _messages(
    attributes: Mapping[str, JSONValue], new: str, old: str
) -> list[JSONObject]:
    text = attributes.get(f"gen_ai.{new}.messages")
    if isinstance(text, str):
        try:
            found = msgspec.json.decode(text, type=list[dict[str, object]])
        except (msgspec.MsgspecError, RecursionError):
            return []
        return [_message(item) for item in found]
    gathered: dict[int, JSONObject] = {}
    for key, value in attributes.items():
        match = _OLD.fullmatch(key)
        if match and match[1] == old:
            gathered.setdefault(int(match[2]), {"role": "user"})[match[3]] = value
    return [gathered[index] for index in sorted(gathered)]


def _message(item: dict[str, object]) -> JSONObject:
    """Return one message of the semantic conventions as the contract's."""
    message: JSONObject = {"role": str(item.get("role") or "user")}
    parts = item.get("parts")
    texts: list[str] = []
    calls: list[JSONObject] = []
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "tool_call":
            calls.append(_call(part))
        elif part.get("type") == "tool_call_response":
            message["tool_call_id"] = str(part.get("id"))
            texts.append(_text(part.get("response", part.get("result"))))
        else:
            texts.append(_text(part.get("content")))
    message["content"] = "\n".join(texts) if texts else None
    if calls:
        message["tool_calls"] = calls
    return message


def _call(part: JSONObject) -> JSONObject:
    function = {
        "name": str(part.get("name")),
        "arguments": _text(part.get("arguments")),
    }
    return {"id": str(part.get("id")), "type": "function", "function": function}


def _text(value: JSONValue) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
