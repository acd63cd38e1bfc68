"""Text search in SQLite: which logs have a text, and the newest of them.

Its law: only SELECT, on a connection that cannot write; a text is a bound value, and
quoted where it is a query of its own (FTS5). What is indexed is said by
`sqlite_words`, which is behind: what came after its mark is searched one by one.
"""

# ruff: noqa: S608
# The strings that are put together here are names of tables and columns.
from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.sqlite_words import INDEXES, UNSPACED, spaced

if TYPE_CHECKING:
    import sqlite3

    from promptscribe.receiver.log_entry import LogQuery

# Words that one half-written word may stand for, and the logs that have them: 50 ms.
_MOST_TERMS: Final = 64
_MOST_TERM_LOGS: Final = 300_000
_WORD: Final = re.compile(r"\w")
# Logs that are looked up one by one for their time: 60 µs each off a disk, so that a
# page of more is found sooner by going back in time.
_FEW: Final = 500
# What one step costs in another: 0.15 µs to walk past an entry of an index, 6 to look
# up a log.
_LOOKED_UP_FOR_WALKED: Final = 40
# Logs that are gone through where a text is signs only, on a page: 7 µs each.
MOST_WALKED: Final = 10_000
_LAST: Final = "ORDER BY b.seq DESC LIMIT ?"
_LATE: Final = "b.seq > (SELECT seq FROM indexed)"


def search_term(
    connection: sqlite3.Connection, index: str, text: str, most: int | None, among: int
) -> tuple[str, list[object]]:
    """Return a condition on ``l.seq`` for logs with a text, and its values.

    Args:
        connection: To see how many words there are that begin as the last one does.
        index: Where to look: ``words`` for what was said, ``labels`` for metadata.
        text: Words, the last of which may be a beginning.
        most: How many logs at most, the last that arrived; None for all.
        among: How many logs there are at most that fit what else is asked for.
    """
    limit = -1 if most is None else most
    one_by_one, values = _one_by_one(index, text)
    phrase = phrase_for(connection, index, text)
    if phrase is None:
        if most is not None:
            one_by_one += f" AND b.seq > (SELECT max(seq) FROM bodies) - {MOST_WALKED}"
        return f"l.seq IN ({one_by_one} {_LAST})", [*values, limit]
    late = f"SELECT * FROM ({one_by_one} AND {_LATE} {_LAST})"
    enough = among // _LOOKED_UP_FOR_WALKED
    most_hits = enough + 1 if most is None else min(enough + 1, most)
    hits = count_hits(connection, index, phrase, most_hits)
    # With the sign, SQLite goes through what else is asked for, and sees of each
    # whether it was found; without, it looks up each that was found.
    sign = "+" if hits > enough else ""
    found = f"SELECT * FROM ({_indexed(index)}) UNION ALL {late}"
    return f"{sign}l.seq IN ({found})", [phrase, limit, *values, limit]


def find_newest(
    connection: sqlite3.Connection, index: str, text: str, query: LogQuery
) -> tuple[list[int], int] | None:
    """Return the numbers of a page of logs with a text, and how many have it.

    For a query of a page, which asks for a text and nothing else: what has it is
    counted by the index alone, and only the page is looked for among the logs. For
    one without a bound see `sqlite_every`.

    Args:
        connection: Where to look.
        index: As for `search_term`.
        text: As for `search_term`.
        query: Says which page, and how many logs at most.

    Returns:
        None where the text has no words that the index knows.
    """
    phrase = phrase_for(connection, index, text)
    if phrase is None:
        return None
    limit = -1 if query.most is None else query.most
    late = late_hits(connection, index, text, limit)
    total = count_hits(connection, index, phrase, limit) + len(late)
    offset = (query.page - 1) * query.size
    size = min(query.size, total - offset)
    if size <= 0:
        return [], total
    among = (
        f"SELECT * FROM ({_indexed(index)}) UNION ALL SELECT value FROM json_each(?)"
    )
    term, values = f"l.seq IN ({among})", [phrase, limit]
    # Only the index that is in the order of time; a look-up for each one else.
    way = "INDEXED BY logs_by_time" if total > _FEW else ""
    rows = connection.execute(
        f"SELECT l.seq FROM logs l {way} WHERE {term}"
        " ORDER BY l.created_us DESC, l.seq DESC LIMIT ? OFFSET ?",
        (*values, msgspec.json.encode(late).decode(), size, offset),
    )
    return [row[0] for row in rows], total


def late_hits(
    connection: sqlite3.Connection, index: str, text: str, limit: int = -1
) -> list[int]:
    """Return the logs with a text that are not indexed yet, the last ones first."""
    one_by_one, patterns = _one_by_one(index, text)
    rows = connection.execute(f"{one_by_one} AND {_LATE} {_LAST}", (*patterns, limit))
    return [row[0] for row in rows]


def is_partial(connection: sqlite3.Connection, query: LogQuery) -> bool:
    """Return whether not every log was looked at for what a query asks for."""
    texts = [text for text in (query.search, query.metadata_search) if text is not None]
    if query.most is None or all(_WORD.search(text) for text in texts):
        return False
    (last,) = connection.execute("SELECT max(seq) FROM bodies").fetchone()
    return bool((last or 0) > MOST_WALKED)


def _indexed(index: str) -> str:
    return (
        f"SELECT rowid FROM {index} WHERE {index} MATCH ? ORDER BY rowid DESC LIMIT ?"
    )


def count_hits(
    connection: sqlite3.Connection, index: str, phrase: str, limit: int = -1
) -> int:
    """Return how many indexed logs have a phrase, or so many if there are more."""
    found = f"SELECT rowid FROM {index} WHERE {index} MATCH ? LIMIT ?"
    counted = f"SELECT count(*) FROM ({found})"
    if limit < 0:  # a third less than with a limit that there is not
        counted = f"SELECT count(*) FROM {index} WHERE {index} MATCH ?"
    bound = (phrase,) if limit < 0 else (phrase, limit)
    (number,) = connection.execute(counted, bound).fetchone()
    return int(number)


def _one_by_one(index: str, text: str) -> tuple[str, list[object]]:
    names = INDEXES[index]
    like = " OR ".join(
        f"json_extract(b.body, '$.{name}') LIKE ? ESCAPE '!'" for name in names
    )
    values: list[object] = [pattern_for(text)] * len(names)
    return f"SELECT b.seq FROM bodies b WHERE ({like})", values


def phrase_for(connection: sqlite3.Connection, index: str, text: str) -> str | None:
    """Return what FTS5 is asked for, or None for a text without words."""
    if not _WORD.search(text):
        return None
    phrase = '"{}"'.format(spaced(text).replace('"', '""').replace("\0", " "))
    if UNSPACED.match(text[-1]):  # a letter is whole
        return phrase
    return f"{phrase} *" if _is_half(connection, index, text) else phrase


def _is_half(connection: sqlite3.Connection, index: str, text: str) -> bool:
    """Return whether the last word of a text is to find those that begin with it.

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
    terms, logs, first = connection.execute(
        "SELECT count(*), ifnull(sum(doc), 0), min(term) FROM"
        f" (SELECT term, doc FROM {index}_terms WHERE term >= ? AND term < ? LIMIT ?)",
        (words[-1], words[-1] + chr(0x10FFFF), _MOST_TERMS),
    ).fetchone()
    if terms <= 1:
        return bool(first != words[-1])
    return bool(terms < _MOST_TERMS and logs <= _MOST_TERM_LOGS)


def pattern_for(text: str) -> str:
    """Return a LIKE pattern that finds the text anywhere; escaped with ``!``."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"
