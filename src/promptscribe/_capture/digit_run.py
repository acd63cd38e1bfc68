"""The digit run: where in a text there are digits enough for a card's number.

Its law: linear, and nothing is left out that a card's number may be. To look for what
all of these have one of takes 3 ms for a megabyte; to try a pattern at each digit of it
takes up to 60.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._capture.pattern import late

if TYPE_CHECKING:
    from collections.abc import Iterator

_APART: Final = "-._/\u00b7',?"
"""What may stand between digits, beside spaces; ``?`` is anything beyond Latin-1."""
_SHAPE: Final = "".join(
    "0" if chr(c).isdecimal() else " " if chr(c).isspace() or chr(c) in _APART else "x"
    for c in range(256)
).encode()
"""Makes all digits the same, and all that may stand between them, and all others."""
_NEEDLES: Final = (
    late(rb"0000 {1,3}(?:0000(?:00)? {1,3}0000|00000000)"),
    late(rb"000000000000"),
    late(rb" 000 000 000 000"),
    late(rb"0 0 0 0 0 0 0 0 0 0 0 0 0"),
)
"""Of these every number has one: in groups of four (and six) or in halves, at once, in
thousands, digit by digit. Each begins with a text, so that the search skips to that."""
_TAIL: Final = 6
"""Characters that are looked at after a run: ``e+15`` of a large float."""
_FEWEST: Final = 13
"""Digits of a card's number."""
NO_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
"""What `bytes.translate` takes away to leave digits alone."""
_WIDE: Final = late(r"\d(?<![0-9])")
"""A digit beyond Latin-1, which has none but the usual ones."""


def find_runs(text: str) -> Iterator[tuple[int, int]]:
    """Return the parts of a text in which there may be cards' numbers, in order.

    A part begins after a letter or the like, and ends before one.
    """
    said = text.encode("latin-1", "replace")
    if not text.isascii() and _WIDE.search(text):
        yield 0, len(text)
        return
    if len(said.translate(None, NO_DIGITS)) < _FEWEST:
        return
    shape = said.translate(_SHAPE)
    runs: dict[int, int] = {}
    for needle in _NEEDLES:
        found = needle.search(shape)
        while found is not None:
            end = _end_of_run(shape, found.end())
            runs[shape.rfind(b"x", 0, found.start()) + 1] = end
            found = needle.search(shape, end)
    for start in sorted(runs):
        yield start, _end_of_run(shape, runs[start] + _TAIL)


def _end_of_run(shape: bytes, at: int) -> int:
    end = shape.find(b"x", at)
    return len(shape) if end < 0 else end
