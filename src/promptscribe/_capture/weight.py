"""The weight: whether a part of a value is plain, and how much it is.

Its law: as that of the screen, which asks only whether all of a value is little.
"""

from __future__ import annotations

from gc import get_referents
from typing import Any, Final

LONGEST: Final = 128 << 10
"""Characters or bytes of one value: what is longer may be media."""


def weigh(value: Any, most: int, longest: int) -> tuple[int, int]:
    """Return how many values a part of a value holds, and whether that is all.

    Args:
        value: A list of anything, or anything.
        most: Values that may be looked at.
        longest: Characters and bytes that it may hold.

    Returns:
        The number of values that were looked at, and how many characters and bytes
        they have: -1 if something is not plain, or if it is more than it may be.
    """
    parts: list[Any] = [value]
    length = count = 0
    for part in parts:  # which grows meanwhile
        count += 1
        kind = type(part)
        if kind is str or kind is bytes:
            length += len(part)
            if len(part) > LONGEST or length > longest:
                return count, -1
        elif kind is int or kind is float or part is None or kind is bool:
            pass
        elif kind is list or kind is tuple:
            if len(parts) + len(part) > most:
                return count, -1
            parts += part
        elif kind is dict:
            if len(parts) + 2 * len(part) > most:
                return count, -1
            if part and not get_referents(part):  # an object's own, see `plain`
                return count, -1
            parts += part
            parts += part.values()
        else:
            return count, -1
    return count, length
