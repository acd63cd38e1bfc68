"""The conversation: an argument of messages that are not the contract's.

Its law: pure, and all or nothing: a list with anything else in it is no conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.dialogue import KINDS, read_messages, unwrapped

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

_ITEMS: Final = frozenset({"function_call", "function_call_output", "reasoning"})
"""What stands between the messages in the input of OpenAI's responses API."""


def read(values: list[JSONValue]) -> list[JSONObject]:
    """Return messages of LangChain, or of the responses API, as the contract's.

    Args:
        values: What a function got as ``messages``.

    Returns:
        The messages; none if one of the values is none.
    """
    return read_messages(values) if all(map(_is_turn, values)) else []


def _is_turn(value: JSONValue) -> bool:
    if not isinstance(value, dict):
        return False
    message = unwrapped(value)
    kind, role = message.get("type"), message.get("role")
    if isinstance(role, str):
        return True
    return isinstance(kind, str) and (
        kind in _ITEMS or (kind.lower() in KINDS and "content" in message)
    )
