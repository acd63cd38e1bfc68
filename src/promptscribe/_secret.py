"""The key that shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import hashlib


class Secret:
    """A string that ``repr``, ``str``, ``format``, JSON and pickle do not show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself."""
        return self._value

    def mark(self) -> str:
        """Return what tells it from others, and says too little to find it by.

        Forty bits: of keys of 32 bytes, 2 to the power of 216 have the same.
        """
        return mark_of(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _known: object) -> Secret:
        return self  # `dataclasses.asdict` asks for one

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be pickled")


def mark_of(text: str) -> str:
    """Return ten letters and digits that are another text's only by chance."""
    told = text.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(told, digest_size=5, person=b"promptscribe")
    return digest.hexdigest()
