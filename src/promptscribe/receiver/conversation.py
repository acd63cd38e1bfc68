"""A log's messages as a conversation that a person can read.

Its law: pure functions, and total: a message may have any shape, since other
people's clients wrote it, and what is not understood is shown as JSON.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from promptscribe.receiver.figure import pretty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.schema import JSONObject, JSONValue

# Pictures are shown where they are in the log itself: nothing is ever fetched.
# SVG is left out, since it can carry script.
_INLINE_IMAGE: Final = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[\w+/=]+")
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})


class Part(msgspec.Struct):
    """One piece of a message.

    Attributes:
        kind: How it is shown.
        text: The text, the JSON, or the picture's ``data:`` URL.
        title: What stands above it, for example a tool's name.
    """

    kind: Literal["text", "json", "image", "call", "thinking"]
    text: str
    title: str = ""


class Turn(msgspec.Struct):
    """One message.

    Attributes:
        role: Who speaks.
        look: The role again, as a word that the style sheet knows.
        name: Name of the speaker or id of the call that is answered.
        parts: What is said.
    """

    role: str
    look: str
    name: str
    parts: list[Part]


def conversation(members: JSONObject) -> list[Turn]:
    """Return a log's messages, and the answer that they got."""
    messages = members.get("messages") or []
    answer = members.get("output_message")
    return [_turn(message) for message in [*messages, *([answer] if answer else [])]]


def _turn(message: JSONValue) -> Turn:
    if not isinstance(message, dict):
        return Turn("message", "other", "", [Part("json", pretty(message))])
    role = str(message.get("role") or "message")
    name = message.get("name") or message.get("tool_call_id") or ""
    look = role if role in _ROLES else "other"
    return Turn(role, look, str(name), list(_parts(message)))


def _parts(message: JSONObject) -> Iterator[Part]:
    for thought in _items(message.get("thinking")):
        text = thought.get("thinking") if isinstance(thought, dict) else None
        yield Part("thinking", text if isinstance(text, str) else pretty(thought))
    for item in _items(message.get("content")):
        if isinstance(item, dict) and item.get("type") == "tool_result":
            yield from _result(item)
        else:
            yield _content(item)
    for call in _items(message.get("tool_calls")):
        yield _call(call)


def _items(value: JSONValue) -> list[JSONValue]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _result(item: JSONObject) -> Iterator[Part]:
    """Yield what a tool answered, as Anthropic has it: a text, or parts."""
    inner = _items(item.get("content"))
    if not inner:
        yield Part("json", pretty(item))
    for each in inner:
        part = _content(each)
        if part.kind == "text" and not part.title:
            part.title = "result"
        yield part


def _content(item: JSONValue) -> Part:
    if isinstance(item, str):
        return Part("text", item)
    if not isinstance(item, dict):
        return Part("json", pretty(item))
    if isinstance(item.get("text"), str):
        return Part("text", item["text"])
    if isinstance(item.get("thinking"), str):
        return Part("thinking", item["thinking"])
    if item.get("type") == "tool_use":
        return Part("call", pretty(item.get("input")), str(item.get("name") or "tool"))
    return _picture(_address(item)) or Part("json", pretty(item))


def _address(item: JSONObject) -> JSONValue:
    """Return where a picture is: OpenAI's ``image_url``, Anthropic's ``source``."""
    image = item.get("image_url")
    if image is not None:
        return image.get("url") if isinstance(image, dict) else image
    source = item.get("source")
    if not isinstance(source, dict):
        return None
    if source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    return source.get("url")


def _picture(address: JSONValue) -> Part | None:
    if not isinstance(address, str):
        return None
    if _INLINE_IMAGE.fullmatch(address):
        return Part("image", address)
    # What is no picture is shown as it came, not as an address of megabytes.
    return None if address.startswith("data:") else Part("text", address, "picture")


def _call(call: JSONValue) -> Part:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return Part("json", pretty(call))
    arguments = function.get("arguments")
    # Models do write broken JSON, and brackets without end: shown as they wrote it.
    with contextlib.suppress(msgspec.DecodeError, RecursionError):
        if isinstance(arguments, str):
            arguments = msgspec.json.decode(arguments)  # \u6771 is read as a letter
        arguments = pretty(arguments)
    return Part("call", str(arguments), str(function.get("name") or "function"))
