import contextlib
import io
import os

import pytest

from promptscribe.demo.terminal import Paragraph, Terminal


class Page:
    """What a stream of an encoding was given."""

    def __init__(self, encoding="utf-8"):
        self._bytes = io.BytesIO()
        self.stream = io.TextIOWrapper(self._bytes, encoding)

    def text(self):
        return self._bytes.getvalue().decode(self.stream.encoding)


@contextlib.contextmanager
def a_tty():
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield stream, lambda: os.read(ours, 4096).decode()
    os.close(ours)


def test_a_terminal_gets_colour():
    """Where a person looks."""
    with a_tty() as (stream, shown):
        Terminal(stream, {"TERM": "xterm"}).say("no", "bad")

        assert shown() == "\x1b[31mno\x1b[0m\r\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_person_can_refuse_colour(environ):
    """By the usual variables."""
    with a_tty() as (stream, shown):
        Terminal(stream, environ).say("no", "bad")

        assert shown() == "no\r\n"


def test_a_pipe_gets_none():
    """A file is not to be full of escapes."""
    page = Page()
    Terminal(page.stream, {"TERM": "xterm"}).say("no", "bad")

    assert page.text() == "no\n"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "├─ 3 µs é 你…\n"),
        ("ascii", "|- 3 us ? ?...\n"),
        ("latin-1", "|- 3 us é ?...\n"),
    ],
)
def test_what_a_stream_cannot_encode_is_replaced(encoding, expected):
    """Lines become ASCII, letters question marks; nothing raises."""
    page = Page(encoding)
    Terminal(page.stream, {}).say("├─ 3 µs é 你…")

    assert page.text() == expected


def test_a_stream_without_an_encoding_is_ascii():
    """Such as an io.StringIO in stdout's place."""
    stream = io.StringIO()
    Terminal(stream, {}).say("└─")

    assert stream.getvalue() == "`-\n"


def test_a_long_fact_goes_on_under_itself():
    """Words stay whole, even those that are too long."""
    page = Page()
    Terminal(page.stream, {}).say_fact("open", "see " + "x" * 99 + " now")

    assert page.text().splitlines() == [
        "open       see",
        " " * 11 + "x" * 99,
        " " * 11 + "now",
    ]


def test_a_paragraph_breaks_between_words_as_it_arrives():
    """Pieces of a word stay together, and what moves the cursor is left out."""
    page = Page()
    paragraph = Paragraph(Terminal(page.stream, {}), "agent")
    for piece in [" A", "b\n", *[" word"] * 29, "s", "\x1b[2J", "."]:
        paragraph.add(piece)
    paragraph.end()

    lines = page.text().splitlines()
    assert lines[0].startswith("agent      Ab  word word")
    assert lines[1].startswith(" " * 11 + "word")
    assert lines[-1].endswith(" words [2J.")
    assert max(map(len, lines)) <= 90


def test_a_paragraph_without_text_leaves_no_line():
    """A model that fails before its first word."""
    page = Page()
    Paragraph(Terminal(page.stream, {}), "agent").end()

    assert page.text() == ""
