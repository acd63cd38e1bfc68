"""The screen: whether a value is plain data, and little enough of it.

Its law: by ``type(value) is …`` alone, and bounded. What passes can be encoded without
running anybody's code: the encoder by itself would read a dataclass by its attributes
(an ORM's loads what is lazy), iterate over a set's subclass, ask a foreign time zone,
and of keys as of values. Types are never looked up in a set: a metaclass may hash.
It would also follow shared references without end: nine lists of nine, each the same
one nine times, as YAML's anchors make them, are 400 million values.

Containers are opened with ``gc.get_referents``, all of one level in one call: half the
time of asking each. Of a dict whose keys are all exact strings it tells the values, of
any other the keys as well, which are screened with the rest. Of an object's own dict,
``vars(message)``, it tells nothing from Python 3.13 on, where the object keeps the
values (CPython ``Objects/dictobject.c``, ``dict_traverse``): such a dict is not plain.
Written out for what most calls hold, a dict with a list of dicts.
"""

from __future__ import annotations

import sys
from gc import get_referents
from typing import Any, Final

import msgspec

MOST_VALUES: Final = 20_000
"""Values, each counted as often as it is referred to."""
MOST_TEXT: Final = 256 << 10
"""Characters and bytes in more than a few values, each counted likewise."""
LONGEST: Final = 128 << 10
"""Characters or bytes of one value: with few others, they are at most 32 MB."""

_FEW: Final = 64
"""Values that are neither many, whatever their length, nor deep in each other."""
_DEEPEST: Final = 200
"""Containers in each other: with some 500 what was encoded is not decoded again, as
that takes twice the stack."""

_HIDES: Final = sys.version_info >= (3, 13)
_HIDDEN: Final = [object()]


def is_plain(value: Any) -> bool:  # noqa: C901, PLR0912 - see the law
    """Say whether a value holds nothing but plain data, within the limits above."""
    if type(value) is dict:
        left = MOST_VALUES - len(value)
        if left < 0:
            return False
        parts = get_referents(value) or hidden(value)
    else:
        left, parts = MOST_VALUES, [value]
    for part in parts:  # which grows meanwhile
        kind = type(part)
        if kind is str:
            if len(part) > LONGEST:
                return False
        elif kind is int or part is None or kind is float or kind is bool:
            pass
        elif kind is list:
            left -= len(part)
            if left < 0:
                return False
            for item in part:
                if type(item) is not dict or len(item) > _FEW:
                    parts += part
                    break
            else:
                inner = get_referents(*part)
                if _HIDES and len(inner) < sum(map(len, part)):
                    return False
                left -= len(inner)
                if left < 0:
                    return False
                for one in inner:
                    kind = type(one)
                    if kind is str:
                        if len(one) > LONGEST:
                            return False
                    elif kind is not int and one is not None:
                        parts.append(one)
        elif kind is dict or kind is tuple:
            left -= len(part)
            if left < 0:
                return False
            parts += get_referents(part) or hidden(part)
        elif kind is not bytes or len(part) > LONGEST:
            return False
    return left >= MOST_VALUES - _FEW or (
        is_shallow(value) and _length([value]) <= MOST_TEXT
    )


def hidden(container: Any) -> list[Any]:
    """Return what stands for the values of one that tells none: nothing plain.

    An object's own dict may be one, see above; what is empty has none.
    """
    return _HIDDEN if container else []


def is_shallow(value: Any) -> bool:
    """Say whether plain values, known to be bounded, are not too deep in each other."""
    level = [value]
    for _ in range(_DEEPEST):
        level = get_referents(*level)
        if not level:
            return True
    return False


def _length(parts: list[Any]) -> int:
    """Return the characters and bytes in values that are known to be bounded."""
    length = 0
    for part in parts:
        kind = type(part)
        if kind is str or kind is bytes:
            length += len(part)
        elif kind is dict:
            parts += part
            parts += part.values()
        elif kind is list or kind is tuple:
            parts += part
    return length


encode_plain: Final = msgspec.msgpack.Encoder().encode
"""Encode what `is_plain` has let through; raises on keys of other types, lone
surrogates and integers beyond 64 bits."""
