"""The template: ``{{name}}`` in a prompt, filled with a call's inputs.

Its law: pure. A name without a value stays as it is, so that the mistake shows; so does
one whose value has no text.
The form is the hosted service's default template language.
"""

from __future__ import annotations

import re
from typing import Any, Final

from promptscribe._capture import failure

_FRONT: Final = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MESSAGE: Final = re.compile(
    r"<(system|developer|user|assistant)\s*>\n?(.*?)\s*</\1\s*>", re.DOTALL
)
"""A ``.prompt`` file of the hosted service: details between lines of dashes, as YAML,
then messages, each between tags of its role; or a text without any."""
_MODEL: Final = re.compile(r"(?=\S*(?:\d|/|-latest))[\w./:@-]+")
_SLOT: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def of(prompt: Any) -> Any:
    """Return the template of a prompt: a dict's own, or that of a ``.prompt`` file."""
    if isinstance(prompt, dict):
        return prompt.get("template")
    if type(prompt) is not str:
        return None
    body = _FRONT.sub("", prompt, 1)
    messages = [
        {"role": found[1], "content": found[2]} for found in _MESSAGE.finditer(body)
    ]
    return messages or body.strip() or None


def is_file_name(prompt: Any) -> bool:
    """Say whether a prompt is the name of a file of which the text was meant."""
    return type(prompt) is str and prompt.endswith(".prompt") and "\n" not in prompt


def is_model_name(prompt: Any) -> bool:
    """Say whether a prompt is like a model's name: one word, with a version in it."""
    return type(prompt) is str and _MODEL.fullmatch(prompt) is not None


def fill(template: Any, inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a template's messages with the inputs in them.

    Args:
        template: Chat messages, or a text, which becomes one message of the user.
        inputs: Values by name.
    """
    if type(template) is str:
        template = [{"role": "user", "content": template}]
    if type(template) is not list:
        return []
    return [_fill(message, inputs) for message in template if type(message) is dict]


def _fill(value: Any, inputs: dict[str, Any]) -> Any:
    if type(value) is str:
        return _SLOT.sub(lambda slot: _text_of(slot, inputs), value)
    if type(value) is dict:
        return {name: _fill(item, inputs) for name, item in value.items()}
    if type(value) is list:
        return [_fill(item, inputs) for item in value]
    return value


def _text_of(slot: re.Match[str], inputs: dict[str, Any]) -> str:
    if slot[1] not in inputs:
        return slot[0]
    try:
        return str(inputs[slot[1]])
    except BaseException as problem:  # noqa: BLE001 - the value's own ``__str__``
        failure.note("template_failed", problem)
        return slot[0]
