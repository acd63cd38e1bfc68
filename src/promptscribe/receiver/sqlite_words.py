"""The words of logs in SQLite: an index that is written when nobody waits.

Its law: the index is behind, never wrong: logs after its mark are searched one by
one, and what changes or deletes a log before the mark changes the index with it.
Indexing 2 KB of text costs 90 µs (FTS5, unicode61; by trigrams 640), more than all
the rest of storing a log: so it waits for a pause, and ends soon, since whoever
writes has to wait for it. Of a text without end it has both ends.
"""

# ruff: noqa: S608
# The strings that are put together here are names of tables and columns.
from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from promptscribe.schema import JSONObject, JSONValue

SEARCHED: Final = ("inputs", "messages", "output", "output_message", "error")
# Scripts that put no blanks between words: Thai and Lao, Burmese, Khmer, and those of
# China, Japan and Korea.
UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]"
)
_STEP: Final = 100  # logs in one transaction: 10 ms that a request may have to wait
_STEP_BYTES: Final = 1024 * 1024  # and no more than so much of them, after the first
# Characters of one log that the index has, from both ends: a million words would hold
# everybody else up for 5 s, and again when the log is deleted.
_MOST_TEXT: Final = 256 * 1024
# An index for each of the searches: its table, and the members it looks through.
INDEXES: Final = {"words": SEARCHED, "labels": ("metadata",)}


def index_some(connection: sqlite3.Connection) -> bool:
    """Index the next logs after the mark; return whether there may be more."""
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute(
        "SELECT seq, body FROM bodies WHERE seq > (SELECT seq FROM indexed)"
        " ORDER BY seq LIMIT ?",
        (_STEP,),
    )
    last, taken, left = None, 0, _STEP_BYTES
    for seq, body in rows:
        # A body that was damaged has no words, and keeps no other from its own.
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            add_words(connection, seq, msgspec.json.decode(body))
        last, taken, left = seq, taken + 1, left - len(body)
        if left <= 0:
            break
    rows.close()
    if last is not None:
        connection.execute("UPDATE indexed SET seq = ?", (last,))
    connection.execute("COMMIT")
    return taken == _STEP or left <= 0


def is_indexed(connection: sqlite3.Connection, seq: int) -> bool:
    """Return whether a log is before the mark."""
    (mark,) = connection.execute("SELECT seq FROM indexed").fetchone()
    return bool(seq <= mark)


def add_words(connection: sqlite3.Connection, seq: int, members: JSONObject) -> None:
    """Put a log's text into the index."""
    for table, text in _indexed_texts(members):
        connection.execute(
            f"INSERT INTO {table} (rowid, text) VALUES (?, ?)", (seq, text)
        )


def remove_words(connection: sqlite3.Connection, seq: int, members: JSONObject) -> None:
    """Take a log's text out of the index, which asks to be told what it was."""
    for table, text in _indexed_texts(members):
        connection.execute(
            f"INSERT INTO {table} ({table}, rowid, text) VALUES ('delete', ?, ?)",
            (seq, text),
        )


def _indexed_texts(members: JSONObject) -> Iterator[tuple[str, str]]:
    yield "words", _both_ends(spaced(searched_text(members)))
    metadata = members.get("metadata")
    if metadata:
        # With the names of its members: whoever looks for metadata looks for them.
        yield "labels", _both_ends(spaced("\n".join(_texts(metadata, names=True))))


def _both_ends(text: str) -> str:
    if len(text) <= _MOST_TEXT:
        return text
    return f"{text[: _MOST_TEXT // 2]}\n{text[-_MOST_TEXT // 2 :]}"


def spaced(text: str) -> str:
    """Return a text with the letters of unspaced scripts set apart.

    So each is a word to the index, and words are found as letters in a row.
    """
    return text if text.isascii() else UNSPACED.sub(r" \g<0> ", text)


def searched_text(members: JSONObject) -> str:
    """Return all text that a search looks through."""
    return "\n".join(text for name in SEARCHED for text in _texts(members.get(name)))


def _texts(value: JSONValue, *, names: bool = False) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not item.startswith("data:"):  # a picture has no words
                yield item
        elif isinstance(item, dict):
            below = [each for pair in item.items() for each in pair[not names :]]
            stack.extend(reversed(below))
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, int | float):
            yield str(item)
