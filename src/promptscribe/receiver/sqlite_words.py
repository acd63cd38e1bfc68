"""Text search in SQLite: an index of words that is written when nobody waits.

Its law: the index is behind, never wrong: logs after its mark are searched one by
one, and what changes or deletes a log before the mark changes the index with it.
Indexing 2 KB of text costs 90 µs (FTS5, unicode61; by trigrams 640), more than all
the rest of storing a log: so it waits for a pause.
"""

# ruff: noqa: S608
# The strings that are put together here are names of tables and columns.
from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from promptscribe.schema import JSONObject, JSONValue

SEARCHED: Final = ("inputs", "messages", "output", "output_message", "error")
_STEP: Final = 100  # logs in one transaction: 10 ms that a request may have to wait
# Scripts that put no blanks between words: their words are no words to FTS5.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u2e80-\U0003ffff]")
# Words that one half-written word may stand for, and the logs that have them: 50 ms.
_MOST_TERMS: Final = 64
_MOST_TERM_LOGS: Final = 300_000
_WORD: Final = re.compile(r"\w")
# An index for each of the searches: its table, and the members it looks through.
_INDEXES: Final = {"words": SEARCHED, "labels": ("metadata",)}


def index_some(connection: sqlite3.Connection) -> bool:
    """Index the next logs after the mark; return whether there may be more."""
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute(
        "SELECT seq, body FROM bodies WHERE seq > (SELECT seq FROM indexed)"
        " ORDER BY seq LIMIT ?",
        (_STEP,),
    ).fetchall()
    for seq, body in rows:
        add_words(connection, seq, msgspec.json.decode(body))
    if rows:
        connection.execute("UPDATE indexed SET seq = ?", (rows[-1][0],))
    connection.execute("COMMIT")
    return len(rows) == _STEP


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
    yield "words", searched_text(members)
    metadata = members.get("metadata")
    if metadata:
        # With the names of its members: whoever looks for metadata looks for them.
        yield "labels", "\n".join(_texts(metadata, names=True))


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


def search_term(
    connection: sqlite3.Connection, index: str, text: str, most: int | None
) -> tuple[str, list[object]]:
    """Return a condition on ``l.seq`` for logs with a text, and its values.

    Args:
        connection: To see how many words there are that begin as the last one does.
        index: Where to look: ``words`` for what was said, ``labels`` for metadata.
        text: Words, the last of which may be a beginning.
        most: How many logs at most, the last that arrived; None for all.
    """
    names = _INDEXES[index]
    like = " OR ".join(
        f"json_extract(b.body, '$.{name}') LIKE ? ESCAPE '!'" for name in names
    )
    limit = -1 if most is None else most
    one_by_one = f"SELECT b.seq FROM bodies b WHERE ({like})"
    last = "ORDER BY b.seq DESC LIMIT ?"
    values: list[object] = [pattern_for(text)] * len(names)
    if _UNSPACED.search(text) or not _WORD.search(text):
        return f"l.seq IN ({one_by_one} {last})", [*values, limit]
    phrase = '"{}"'.format(text.replace('"', '""').replace("\0", " "))
    if _is_narrow(connection, index, text):
        phrase += " *"
    indexed = f"SELECT rowid FROM {index} WHERE {index} MATCH ? ORDER BY rowid DESC"
    late = f"{one_by_one} AND b.seq > (SELECT seq FROM indexed) {last}"
    found = f"SELECT * FROM ({indexed} LIMIT ?) UNION ALL SELECT * FROM ({late})"
    return f"l.seq IN ({found})", [phrase, limit, *values, limit]


def _is_narrow(connection: sqlite3.Connection, index: str, text: str) -> bool:
    """Return whether few enough words begin as the last one of a text does.

    Half a word finds the whole one while that is quick: all logs with any word that
    begins with a letter or two are put together for seconds.
    """
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.lower())
        if not unicodedata.combining(letter)
    )
    words = re.findall(r"[^\W_]+", plain)
    if not words:
        return True
    terms, logs = connection.execute(
        "SELECT count(*), ifnull(sum(doc), 0) FROM"
        f" (SELECT doc FROM {index}_terms WHERE term >= ? AND term < ? LIMIT ?)",
        (words[-1], words[-1] + chr(0x10FFFF), _MOST_TERMS),
    ).fetchone()
    return terms <= 1 or bool(terms < _MOST_TERMS and logs <= _MOST_TERM_LOGS)


def pattern_for(text: str) -> str:
    """Return a LIKE pattern that finds the text anywhere; escaped with ``!``."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"
