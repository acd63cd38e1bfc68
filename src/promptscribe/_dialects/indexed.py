"""Flattened attributes, ``llm.input_messages.0.message.role``, as the tree they were.

Its law: pure and total; ten thousand of them take a moment, not a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

DEEPEST: Final = 32
"""Steps that a name is followed; deeper ones are nobody's message."""


def nest(attributes: JSONObject, prefix: str) -> tuple[JSONValue, list[str]]:
    """Return what the attributes below a prefix say as objects and arrays.

    Args:
        attributes: All attributes.
        prefix: ``llm.input_messages``, without the dot.

    Returns:
        The value, None if there is no such attribute; and the names that are in it.
    """
    tree: dict[str, Any] = {}
    names: list[str] = []
    start = prefix + "."
    for name, value in attributes.items():
        if name.startswith(start):
            names.append(name)
            _plant(tree, name[len(start) :].split(".", DEEPEST), value)
    return (_listed(tree) if names else None), names


def has_gap(attributes: JSONObject, prefix: str) -> bool:
    """Say whether an index is missing: a limit on attributes has cut some out."""
    start = prefix + "."
    found = {
        int(head)
        for name in attributes
        if name.startswith(start)
        and (head := name[len(start) :].partition(".")[0]).isdecimal()
        and len(head) < 9
    }
    return bool(found) and max(found) + 1 != len(found)


def _plant(tree: dict[str, Any], way: list[str], value: JSONValue) -> None:
    here = tree
    for step in way[:-1]:
        below = here.setdefault(step, {})
        if not isinstance(below, dict):
            return  # ``a`` and ``a.b`` at once: the first one stays
        here = below
    here.setdefault(way[-1], value)


def _listed(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return value
    items = {key: _listed(item) for key, item in value.items()}
    if items and all(key.isdecimal() and len(key) < 9 for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items
