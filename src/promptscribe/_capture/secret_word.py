"""The secret word: where in a text the name of a secret may stand.

Its law: it finds all that have a sign behind them, and nothing is looked for where
there is no sign: to find those takes 1 ns a character, to look for the words 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._capture.pattern import late

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE_COLON: Final = "\uff1a"
_WORD: Final = late(
    "key|token|secret|pass|pwd|auth|cookie|cred|jwt|bearer|connection|card|cvv|cvc"
)
"""How the words of `assignment` begin, for a text in lower case: so the search skips to
their first letters, 0.5 ms for 64 KB; in any case it would try each everywhere, 8."""
_SIGNS: Final = (
    ":",
    "=",
    ">",
    WIDE_COLON,
    *(f"{before}," for before in "\"'` \t"),  # a comma is one after a quote
)
"""What ends a name: that of `assignment` ends soon after one of these."""
_LONGEST_NAME: Final = 256
"""Characters of a name up to there; it has 116 at most."""


def find_words(text: str) -> Iterator[int]:
    """Return where secrets' words begin, of those that a sign may belong to."""
    regions = list(_before_signs(text))
    if not regions:
        return
    lowered = lower(text)
    for start, end in regions:
        for found in _WORD.finditer(lowered, start, end):
            yield found.start()


def lower(text: str) -> str:
    """Return a text in lower case, each letter in its place."""
    return text.replace("\u0130", "i").lower()  # the one letter that would become two


def find_all(text: str, word: str) -> Iterator[int]:
    """Return where in a text a word is."""
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _before_signs(text: str) -> Iterator[tuple[int, int]]:
    """Return what stands before signs, in pieces: of prose very little."""
    start = end = 0
    for sign in _find_signs(text):
        if sign - _LONGEST_NAME > end:
            if end:
                yield start, end
            start = sign - _LONGEST_NAME
        end = sign
    if end:
        yield start, end


def _find_signs(text: str) -> list[int]:
    found: list[int] = []
    most = len(text) // _LONGEST_NAME
    for sign in _SIGNS:
        at = text.find(sign)
        while at >= 0:
            found.append(at + len(sign) - 1)
            at = text.find(sign, at + 1)
            if len(found) > most:  # there is no space between them
                return [*range(_LONGEST_NAME, len(text), _LONGEST_NAME), len(text)]
    return sorted(found)
