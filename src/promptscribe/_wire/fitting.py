"""The fitting: a value of the right kind that a server would refuse for what is in it.

Its law: pure and total. What fits is returned as it is; of what does not, nothing is
thrown away: it is written down in another way, or in another place. A server that
follows the contract refuses a whole log for one message whose content is a number.
"""

from __future__ import annotations

import hashlib
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._wire import body

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe.schema import JSONObject

MAX_ID: Final = 512  # characters
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_JSON: Final = msgspec.json.Encoder()


def is_id(name: str) -> bool:
    """Say whether every server takes an id."""
    return 0 < len(name) <= MAX_ID and not _CONTROL.search(name)


def fit_id(name: str) -> str:
    """Return an id that may be sent: of another, always the same is made."""
    if is_id(name):
        return name
    known = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"log_{known[:48]}"


def is_fit(message: JSONObject) -> bool:
    """Say whether a chat message may be sent as it is."""
    content = message.get("content")
    if type(content) is str:
        if len(message) == 2:  # role and content, as most
            return True
    elif not _is_objects(content):
        return False
    for name in ("name", "tool_call_id"):
        if type(message.get(name)) not in _TEXT_OR_NOTHING:
            return False
    return _is_objects(message.get("tool_calls")) and _is_objects(
        message.get("thinking")
    )


def fit_message(message: JSONObject) -> JSONObject:
    """Return a chat message whose members have the contract's types."""
    if is_fit(message):
        return message
    fit = dict(message)
    if type(fit.get("content")) is list:
        fit["content"] = [
            part if type(part) is dict else {"type": "text", "text": _text(part)}
            for part in fit["content"]
        ]
    elif fit.get("content") is not None:
        fit["content"] = _text(fit["content"])
    for name in ("name", "tool_call_id"):
        if fit.get(name) is not None:
            fit[name] = _text(fit[name])
    for name in ("tool_calls", "thinking"):
        if not _is_objects(fit.get(name)):
            given = fit[name] if type(fit[name]) is list else [fit[name]]
            fit[name] = [e if type(e) is dict else {"value": e} for e in given]
    return fit


def fit_prompt(prompt: JSONObject) -> JSONObject:
    """Return a prompt's details; what does not fit its place stands in ``other``."""
    wrong = [name for name, value in prompt.items() if not _has_place(name, value)]
    if not wrong:
        return prompt
    fit, unfit = dict(prompt), {}
    for name in wrong:
        value = fit.pop(name)
        made = _MADE[name](value) if name in _MADE else None
        if made is None:
            unfit[name] = value
        else:
            fit[name] = made
    if unfit:
        fit["other"] = {**(fit.get("other") or {}), **unfit}
    return fit


def _has_place(name: str, value: Any) -> bool:
    check = _KERNEL.get(name)
    return check is None or value is None or check(value)


def is_call(choice: JSONObject) -> bool:
    """Say whether a tool choice that is an object names a function."""
    function = choice.get("function")
    if choice.get("type") != "function" or type(function) not in _OBJECT_OR_NOTHING:
        return False
    return function is None or type(function.get("name")) in _TEXT_OR_NOTHING


_TEXT_OR_NOTHING: Final = frozenset({str, type(None)})
_OBJECT_OR_NOTHING: Final = frozenset({dict, type(None)})


def _is_objects(value: Any) -> bool:
    if value is None:
        return True
    return type(value) is list and all(type(item) is dict for item in value)


def _text(value: Any) -> str:
    return value if type(value) is str else _JSON.encode(body.jsonable(value)).decode()


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_object(value: Any) -> bool:
    return type(value) is dict


def _is_texts(value: Any) -> bool:
    return type(value) is list and all(type(item) is str for item in value)


def is_number(value: Any) -> bool:
    """Say whether a value is a number that a double can hold, if not exactly."""
    return type(value) in {int, float} and abs(value) <= sys.float_info.max


def _is_whole(value: Any) -> bool:
    return is_number(value) and value == int(value)


def _is_template(value: Any) -> bool:
    if type(value) is not list:
        return type(value) is str
    return all(
        type(item) is dict and type(item.get("role")) is str and is_fit(item)
        for item in value
    )


def _is_function(value: Any) -> bool:
    return (
        type(value) is dict
        and type(value.get("name")) is str
        and type(value.get("description")) in _TEXT_OR_NOTHING
        and type(value.get("strict")) in {bool, type(None)}
        and type(value.get("parameters")) in _OBJECT_OR_NOTHING
    )


def _is_format(value: Any) -> bool:
    return (
        type(value) is dict
        and type(value.get("type")) in _TEXT_OR_NOTHING
        and type(value.get("json_schema")) in _OBJECT_OR_NOTHING
    )


def _make_template(value: Any) -> Any:
    if type(value) is dict:
        value = [value]
    if type(value) is not list:
        return None
    if all(type(item) is dict and type(item.get("role")) is str for item in value):
        return [fit_message(item) for item in value]
    return None


def _make_tools(value: Any) -> Any:
    """Return functions as the contract has them, of those in OpenAI's wrapping."""
    if type(value) is not list:
        return None
    tools = [
        tool["function"]
        if type(tool) is dict and tool.get("type") == "function" and "function" in tool
        else tool
        for tool in value
    ]
    return tools if all(map(_is_function, tools)) else None


_KERNEL: Final[dict[str, Callable[[Any], bool]]] = {
    "endpoint": lambda value: value in ("chat", "complete", "edit"),
    "template": _is_template,
    "template_language": lambda value: value in ("default", "jinja"),
    "provider": _is_text,
    "max_tokens": _is_whole,
    "temperature": is_number,
    "top_p": is_number,
    "stop": lambda value: _is_text(value) or _is_texts(value),
    "presence_penalty": is_number,
    "frequency_penalty": is_number,
    "other": _is_object,
    "seed": _is_whole,
    "response_format": _is_format,
    "reasoning_effort": lambda value: _is_text(value) or type(value) is int,
    "tools": lambda value: type(value) is list and all(map(_is_function, value)),
    "linked_tools": _is_texts,
    "attributes": _is_object,
}
_MADE: Final[dict[str, Callable[[Any], Any]]] = {
    "template": _make_template,
    "tools": _make_tools,
    "response_format": lambda value: {"type": value} if _is_text(value) else None,
}
