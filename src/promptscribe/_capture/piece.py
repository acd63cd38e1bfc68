"""The piece: secrets that stand across the chunks of a stream of no known shape.

Its law: pure. Where nothing stands across, the chunks stay as they are; where something
does, the text is whole in the first of them, and empty in the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Place: TypeAlias = "tuple[Any, ...]"
"""The way to a text in a chunk: keys and numbers, and the text's own type."""


def hide_across(chunks: list[Any], clean: Callable[[str], str]) -> list[Any]:
    """Return chunks in which no secret stands across several of them.

    Texts of the same place in their chunks are taken for one text.

    Args:
        chunks: Plain data.
        clean: Takes the secrets out of a text.
    """
    said: dict[Place, list[str]] = {}
    for chunk in chunks:
        _collect(chunk, (), said)
    hidden: dict[Place, str] = {}
    for place, texts in said.items():
        whole = "".join(texts)
        cleaned = clean(whole) if len(texts) > 1 else whole
        if cleaned != whole and cleaned != "".join(map(clean, texts)):
            hidden[place] = cleaned
    return [_replace(chunk, (), hidden) for chunk in chunks] if hidden else chunks


def _collect(value: Any, way: Place, said: dict[Place, list[str]]) -> None:
    kind = type(value)
    if kind is str or kind is bytes:
        said.setdefault((*way, kind), []).append(_as_text(value))
    elif kind is dict or kind is list:
        for key, item in value.items() if kind is dict else enumerate(value):
            _collect(item, (*way, key), said)


def _replace(value: Any, way: Place, hidden: dict[Place, str]) -> Any:
    kind = type(value)
    if kind is str or kind is bytes:
        place = (*way, kind)
        if place not in hidden:
            return value
        text, hidden[place] = hidden[place], ""
        return text if kind is str else text.encode("utf-8", "surrogateescape")
    if kind is dict:
        return {k: _replace(v, (*way, k), hidden) for k, v in value.items()}
    if kind is list:
        return [_replace(v, (*way, n), hidden) for n, v in enumerate(value)]
    return value


def _as_text(value: Any) -> str:
    if type(value) is bytes:
        return value.decode("utf-8", "surrogateescape")
    text: str = value
    return text
