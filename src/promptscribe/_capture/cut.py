"""The cut: the end of what is too long, and nothing of a secret that stands across it.

Its law: a secret that is known as one in the whole is not kept in part. What it returns
still has whole secrets in it: whoever cuts cleans afterwards.

How: the text before the cut is cleaned twice, once as it is and once with what comes
after; where the two begin to differ, what comes after had a say: the cut goes there.
So it needs to know nothing of what is cleaned, and works with any hook.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Clean = Callable[[str], str]

MARGIN: Final = 8_192
"""Characters that are looked at on either side: the longest RSA keys take 6,400."""
REDACTED: Final = "[redacted]"
"""What stands for a secret."""

_APART: Final = re.compile(r"[\s,;\"'<>(){}\[\]&]")


def head(text: str, longest: int, clean: Clean | None, mark: str = REDACTED) -> str:
    """Return the beginning of a text.

    Args:
        text: A text that is longer.
        longest: Characters of it that are kept at most.
        clean: Takes the secrets out of a text; None is for a text that may have them.
        mark: Stands for a secret that the cut would have gone through.
    """
    if clean is None or len(text) <= longest:
        return text[:longest]
    near = max(longest - MARGIN, 0)
    # Not through a word: what the window begins with must not be read as a secret.
    apart = _APART.search(text, near, longest) if near else None
    seam = near if apart is None else apart.end()
    alone = clean(text[seam:longest])
    known = clean(text[seam : longest + MARGIN])
    same = _common(alone, known)
    return f"{text[:seam]}{same}{'' if same == alone else mark}"


def tail(text: str, longest: int, clean: Clean | None) -> str:
    """Return the end of a text; see `head`."""
    if clean is None or len(text) <= longest:
        return text[-longest:] if longest else ""
    start = len(text) - longest
    far = min(start + MARGIN, len(text))
    apart = _APART.search(text, far - 1) if far < len(text) else None
    seam = len(text) if apart is None or apart.start() > far + MARGIN else apart.start()
    alone = clean(text[start:seam])[::-1]
    known = clean(text[max(start - MARGIN, 0) : seam])[::-1]
    same = _common(alone, known)
    return f"{'' if same == alone else REDACTED}{same[::-1]}{text[seam:]}"


def middle(text: str, longest: int, clean: Clean | None) -> str:
    """Return a text with its middle cut out, if it is longer than *longest*."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return join(head(text, half, clean), len(text) - 2 * half, tail(text, half, clean))


def join(beginning: str, cut: int, end: str) -> str:
    """Return what is left of a text, and what was cut."""
    return f"{beginning}\n… [{cut} characters cut]\n{end}"


def _common(one: str, other: str) -> str:
    """Return what two texts begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # by halves: 13 comparisons instead of 8,192
        half = (low + high + 1) // 2
        if one[:half] == other[:half]:
            low = half
        else:
            high = half - 1
    return one[:low]
