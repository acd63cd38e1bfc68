"""The terminal: what the demo says, on whatever stdout is.

Its law: colour only for a person who wants it; no character that the stream cannot
encode; lines that a reader through a pipe sees at once.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

Style = Literal["plain", "bold", "dim", "good", "bad"]

_CODES: Final[dict[Style, str]] = {
    "bold": "1",
    "dim": "2",
    "good": "32",
    "bad": "31",
}
"""SGR parameters (ECMA-48, 8.3.117)."""

_NARROWEST: Final = 72
_WIDEST: Final = 100

_LINES: Final = "├└─│–µ…"  # noqa: RUF001 - an en dash, as the pages have it
_ASCII: Final = str.maketrans(
    dict(zip(_LINES, ("|", "`", "-", "|", "-", "u", "..."), strict=True))
)


class Terminal:
    """A stream to talk to a person.

    Args:
        stream: Where to write.
        environ: Environment variables; those of the process if None.

    Attributes:
        is_tty: Whether a person is likely to sit in front of it.
        width: Columns to use.
    """

    def __init__(
        self, stream: TextIO, environ: Mapping[str, str] | None = None
    ) -> None:
        environ = os.environ if environ is None else environ
        self._stream = stream
        self._encoding = stream.encoding or "ascii"
        self._has_lines = _can_encode(_LINES, self._encoding)
        self.is_tty = stream.isatty()
        self._has_colour = (
            self.is_tty
            and not environ.get("NO_COLOR")  # https://no-color.org
            and environ.get("TERM") != "dumb"
        )
        columns = shutil.get_terminal_size((_WIDEST - 10, 24)).columns
        self.width = min(max(columns, _NARROWEST), _WIDEST)

    def say(self, text: str = "", style: Style = "plain") -> None:
        """Write a line."""
        self.write(self.paint(text, style) + "\n")

    def say_fact(self, name: str, text: str) -> None:
        """Write a name and, beside it, a text of any length."""
        lines = textwrap.wrap(  # an address must stay in one piece
            text,
            self.width - _MARGIN,
            break_on_hyphens=False,
            break_long_words=False,
        )
        for number, line in enumerate(lines):
            label = "" if number else name
            self.write(self.paint(f"{label:<{_MARGIN}}", "bold") + line + "\n")

    def paint(self, text: str, style: Style) -> str:
        """Return a text in a style, or as it is where there is no colour."""
        if not self._has_colour or style not in _CODES or not text:
            return text
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m"

    def write(self, text: str) -> None:
        """Write as it is, but for what the stream cannot encode."""
        if not self._has_lines:
            text = text.translate(_ASCII)
        known = text.encode(self._encoding, "replace").decode(self._encoding)
        self._stream.write(known)
        self._stream.flush()


_MARGIN: Final = 11
"""Columns of the names in front of facts."""


_ROOM: Final = 6
"""Columns left for the pieces that end a word which was begun: "ing", "ly", "."."""


class Paragraph:
    """A text that is written while it arrives, broken between its words.

    Args:
        terminal: Where to write.
        name: What stands in front of it.
    """

    def __init__(self, terminal: Terminal, name: str) -> None:
        self._terminal = terminal
        self._name = name
        self._column = 0

    def add(self, piece: str) -> None:
        """Write a piece; one that begins a word may begin a line with it."""
        if self._column == 0:
            label = f"{self._name:<{_MARGIN}}"
            self._terminal.write(self._terminal.paint(label, "bold"))
            self._column = _MARGIN
            piece = piece.lstrip()
        # What a model writes may hold anything, even what moves the cursor.
        text = "".join(c if c.isprintable() else " " for c in piece)
        end = self._terminal.width - _ROOM
        if text[:1] == " " and self._column + len(text) > end:
            self._terminal.write("\n" + " " * _MARGIN)
            self._column = _MARGIN
            text = text.lstrip()
        self._terminal.write(text)
        self._column += len(text)

    def end(self) -> None:
        """End the line, if one was begun."""
        if self._column:
            self._terminal.write("\n")


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
