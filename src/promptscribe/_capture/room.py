"""The room: how much text a log has space for, and what becomes of the rest.

Its law: bounded in bytes and in time, all texts of a value together. What is cut says
how much is missing, and no secret is cut through; media tell their type, size and
digest; an integer of very many digits says how large it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import cut
from promptscribe._capture.digest import Digests
from promptscribe._wire.record import EXT_BIG_INT, MARK

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT: Final = 1 << 20
"""Characters of one text: a context window of a quarter million tokens."""
MOST_TEXT: Final = 4 << 20
"""Bytes of all texts together: under the 10 MB that our receiver takes."""
_MOST_REDACTED: Final = 2 << 20
"""The same, where secrets go out of them: 30 ns a character, and 300 of some."""
_LONGEST_ODD: Final = 128 << 10
"""Characters of a text with lone surrogates, each of which becomes six."""
LEAST_TEXT: Final = 200
"""Characters of a text that are kept whatever came before."""
LONGEST_MEDIA: Final = 256 << 10
"""Bytes of base64, or of bytes, from which on only size and digest are kept."""

_LARGE_INTEGERS: Final = 4_096, 1 << 18
"""Bits of one integer beyond 64, and of all together: decimal digits are slow."""
_MOST_CUTS: Final = 8
"""Texts that are cut, each between secrets: 1 ms. Of any other nothing is kept."""


class Room:
    """The room for the texts of one value.

    Args:
        clean: Takes the secrets out of a text: no text is cut through one of them.

    Attributes:
        left: Bytes that may be added.
    """

    # Of the class, until something is taken off: most values need nothing of this.
    _bits_left = _LARGE_INTEGERS[1]
    _cuts_left = _MOST_CUTS
    _known_digests: Digests | None = None
    _known_cuts: dict[int, tuple[str, int, str]] | None = None

    def __init__(self, clean: Callable[[str], str] | None = None) -> None:
        self.left = MOST_TEXT if clean is None else _MOST_REDACTED
        self._clean = clean

    @property
    def _digests(self) -> Digests:
        if self._known_digests is None:
            self._known_digests = Digests()
        return self._known_digests

    def fit(self, text: str, longest: int = LONGEST_TEXT) -> str:
        """Return a text that can be encoded, cut if need be."""
        if len(text) > LONGEST_MEDIA and text.startswith("data:"):
            described = self._digests.describe_url(text)
            if described is not None:
                return described
        allowed = min(longest, max(self.left, LEAST_TEXT))
        fitting = self._shorten(text, allowed)
        size = len(fitting)
        if not fitting.isascii():
            try:
                size = len(fitting.encode())
            except UnicodeEncodeError:  # lone surrogates
                fitting = self._shorten(text, min(allowed, _LONGEST_ODD))
                fitting = fitting.encode("utf-8", "backslashreplace").decode()
                size = len(fitting)
        self.left -= size
        return fitting

    def fit_base64(self, text: str, kind: str | None) -> str:
        """Return what stands for media, or the text, if it is no base64.

        Args:
            text: The text.
            kind: The type of media that it may be.
        """
        return self._digests.describe_base64(text, kind) or self.fit(text)

    def fit_bytes(
        self, content: bytes | bytearray | memoryview, *, is_shared: bool = False
    ) -> Any:
        """Return bytes, or what stands for them.

        Args:
            content: The bytes; of memory, a view of single bytes.
            is_shared: Whether they may come once more, the very same.
        """
        if type(content) is bytes and len(content) <= min(
            LONGEST_MEDIA, max(self.left, LEAST_TEXT)
        ):
            self.left -= len(content)
            return content
        return self._digests.describe(content, is_shared=is_shared)

    def fit_integer(self, number: int) -> Any:
        """Return an integer, or what stands for it."""
        if -(1 << 63) <= number < 1 << 64:
            return number
        if not self.has_room_for(number):
            bits = number.bit_length()
            return {MARK: "not recorded", "type": "int", "bits": bits}
        return msgspec.msgpack.Ext(EXT_BIG_INT, str(number).encode())

    def has_room_for(self, number: int) -> bool:
        """Say whether an integer is to be written in digits; of large ones few are."""
        bits = number.bit_length()
        if bits <= 64:
            return True
        if bits > min(_LARGE_INTEGERS[0], self._bits_left):
            return False
        self._bits_left -= bits
        return True

    def _shorten(self, text: str, allowed: int) -> str:
        missing = len(text) - allowed
        if missing <= 0:
            return text
        return f"{self._cut(text, allowed)}… [{missing} characters cut]"

    def _cut(self, text: str, allowed: int) -> str:
        """Return the beginning of a text, if there is time for it."""
        if self._known_cuts is None:
            self._known_cuts = {}
        known = self._known_cuts.get(id(text))
        if known is not None and known[1] == allowed:
            return known[2]
        self._cuts_left -= 1
        if self._cuts_left < 0:
            return ""
        clean = self._clean
        mark = cut.REDACTED if clean is not None else ""
        kept = cut.head(text, allowed, clean or _built_in(), mark)
        self._known_cuts[id(text)] = text, allowed, kept
        return kept


def _built_in() -> Callable[[str], str]:
    """Return what knows secrets, for texts that are redacted only later, if at all."""
    from promptscribe._capture.redaction import built_in

    return built_in
