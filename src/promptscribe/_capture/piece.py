"""The piece: secrets that stand across the chunks of a stream of no known shape.

Its law: pure. Where nothing stands across, the chunks stay as they are; where something
does, the text without it is spread over them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from promptscribe._capture import cut
from promptscribe._providers import registry
from promptscribe._providers.stream import APPENDED

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
    hidden: dict[Place, _Spread] = {}
    for place, texts in said.items():
        whole = "".join(texts)
        cleaned = clean(whole) if len(texts) > 1 else whole
        if cleaned != whole and cleaned != "".join(map(clean, texts)):
            hidden[place] = _Spread(cleaned, len(texts))
    return [_replace(chunk, (), hidden) for chunk in chunks] if hidden else chunks


_GROWING: Final = APPENDED | {"delta"}
_NEAR: Final = 64
"""Chunks before the cut: a text that is in none of them had ended."""


def hide_at_cut(chunks: list[Any], seam: int, clean: Callable[[str], str]) -> list[Any]:
    """Return the chunks of a stream without what a cut may have left of secrets.

    What comes last before the cut shows where a secret begins that stands across it,
    and is left out itself; what comes first afterwards, the same.

    Args:
        chunks: Plain data, what came in the middle missing.
        seam: How many stand before the cut.
        clean: Takes the secrets out of a text.
    """
    head, tail = chunks[:seam], chunks[seam:]
    is_known = any(
        shape.is_chunk(chunk) and type(chunk) is dict
        for shape in registry.SHAPES
        for chunk in head[: registry.LOOKED_AT]
    )
    before: dict[Place, list[str]] = {}
    after: dict[Place, list[str]] = {}
    for part, said in ((head, before), (tail, after)):
        for chunk in part:
            _collect(chunk, (), said)
    near: dict[Place, list[str]] = {}
    for chunk in head[-_NEAR:]:
        _collect(chunk, (), near)
    begun: dict[Place, _Spread] = {}
    ended: dict[Place, _Spread] = {}
    for place in near.keys() | after.keys():
        earlier, later = before.get(place, []), after.get(place, [])
        if (is_known and _GROWING.isdisjoint(place)) or _is_same(earlier, later):
            continue
        first, last = "".join(earlier), "".join(later)
        first = cut.head(first, max(len(first) - cut.MARGIN, 0), clean)
        last = cut.tail(last, max(len(last) - cut.MARGIN, 0), clean)
        begun[place] = _Spread(first, len(earlier))
        ended[place] = _Spread(last, len(later))
    return [
        *(_replace(chunk, (), begun) for chunk in head),
        *(_replace(chunk, (), ended) for chunk in tail),
    ]


def _is_same(earlier: list[str], later: list[str]) -> bool:
    """Say whether a text is no part of one: alone, or the same in each chunk."""
    if not earlier:
        return len(later) == 1
    return len(later) > 0 and len({earlier[-1], *later}) == 1


def _collect(value: Any, way: Place, said: dict[Place, list[str]]) -> None:
    kind = type(value)
    if kind is str or kind is bytes:
        said.setdefault((*way, kind), []).append(_as_text(value))
    elif kind is dict or kind is list:
        for key, item in value.items() if kind is dict else enumerate(value):
            _collect(item, (*way, key), said)


class _Spread:
    """A text that goes back to where its parts were, as far as it reaches.

    Args:
        text: What has become of the parts.
        count: How many there are.
    """

    def __init__(self, text: str, count: int) -> None:
        self._text = text
        self._at = 0
        self._left = count

    def take(self, size: int) -> str:
        """Return what comes in the place of the next part, which had this size."""
        self._left -= 1
        start, end = self._at, self._at + size
        whole = len(cut.REDACTED)
        mark = self._text.find(
            cut.REDACTED, max(end - whole + 1, start), end + whole - 1
        )
        if mark >= 0:  # it would be cut through
            end = mark + whole
        self._at = end if self._left > 0 else len(self._text)
        return self._text[start : self._at]


def _replace(value: Any, way: Place, hidden: dict[Place, _Spread]) -> Any:
    kind = type(value)
    if kind is str or kind is bytes:
        spread = hidden.get((*way, kind))
        if spread is None:
            return value
        text = spread.take(len(_as_text(value)))
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
