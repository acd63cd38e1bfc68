"""Text search in SQLite over every log, beside anything else that is asked for.

Its law: only SELECT, on a connection that cannot write; what is counted is counted
whole. Who has the text is gone through in the order of arrival, which is that of the
table of logs: 0.15 µs a log, where each that has it in a set of their own takes 0.35.
"""

# ruff: noqa: S608
# The strings that are put together here are names of tables and columns.
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.sqlite_read import NEWEST_FIRST
from promptscribe.receiver.sqlite_search import count_hits, late_hits, phrase_for

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

# Logs that are asked one by one, going back in time, whether they have the text: 40 µs
# each.
_MOST_ASKED: Final = 1000
# What it costs in another way: 0.15 µs to look at a log that has the text.
_FOUND_FOR_ASKED: Final = 250
_TRIED: Final = 100  # by so many it is seen whether a page will come together
_FEW: Final = 2000  # logs that have the text and all else, and are put in order here


class _Search:
    """One text beside one condition."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        index: str,
        phrase: str,
        late: Sequence[int],
        condition: tuple[str, Sequence[object]],
    ) -> None:
        self._connection = connection
        self._index = index
        self._phrase = phrase
        self._late = set(late)
        self._late_text = msgspec.json.encode(list(late)).decode()
        self._where, self._values = condition
        self._has_it = f"{index} MATCH ? AND {index}.rowid"

    def few(self, most: int) -> list[int] | None:
        """Return all logs, newest first; None where they are more than so many."""
        rows = self._connection.execute(
            f"{self._found('l.created_us, l.seq')} UNION ALL"
            f" {self._later('l.created_us, l.seq')} LIMIT ?",
            (*self._bound(), most + 1),
        ).fetchall()
        return None if len(rows) > most else [row[1] for row in sorted(rows)[::-1]]

    def total(self) -> int:
        """Return how many logs there are."""
        if self._where == "1":
            return count_hits(self._connection, self._index, self._phrase) + len(
                self._late
            )
        (number,) = self._connection.execute(
            f"SELECT ({self._found('count(*)')}) + ({self._later('count(*)')})",
            self._bound(),
        ).fetchone()
        return int(number)

    def candidates(self) -> list[int]:
        """Return the newest logs, with the text or without."""
        rows = self._connection.execute(
            f"SELECT l.seq FROM logs l WHERE {self._where} {NEWEST_FIRST} LIMIT ?",
            (*self._values, _MOST_ASKED + 1),
        )
        return [row[0] for row in rows]

    def ask(self, candidates: Sequence[int], most: int = 0) -> list[int]:
        """Return those that have the text: so many, if they are found in time."""
        one = f"SELECT 1 FROM {self._index} WHERE {self._has_it} = ?"
        found: list[int] = []
        for at, seq in enumerate(candidates):
            unlikely = at == _TRIED and len(found) * len(candidates) < most * _TRIED
            if most and (len(found) == most or unlikely):
                break
            asked = self._connection.execute(one, (self._phrase, seq))
            if seq in self._late or asked.fetchone() is not None:
                found.append(seq)
        return found

    def page(self, size: int, offset: int) -> list[int]:
        """Return a page of logs that are many: gathered first, then gone through."""
        gathered = (
            f"SELECT rowid FROM {self._index} WHERE {self._index} MATCH ?"
            " UNION ALL SELECT value FROM json_each(?)"
        )
        rows = self._connection.execute(
            f"SELECT l.seq FROM logs l WHERE {self._where} AND +l.seq IN ({gathered})"
            f" {NEWEST_FIRST} LIMIT ? OFFSET ?",
            (*self._values, self._phrase, self._late_text, size, offset),
        )
        return [row[0] for row in rows]

    def _found(self, what: str) -> str:
        return (
            f"SELECT {what} FROM {self._index} CROSS JOIN logs l"
            f" ON l.seq = {self._index}.rowid"
            f" WHERE {self._index} MATCH ? AND {self._where}"
        )

    def _later(self, what: str) -> str:
        return (
            f"SELECT {what} FROM logs l"
            f" WHERE l.seq IN (SELECT value FROM json_each(?)) AND {self._where}"
        )

    def _bound(self) -> tuple[object, ...]:
        return (self._phrase, *self._values, self._late_text, *self._values)


def find_among_all(
    connection: sqlite3.Connection,
    index: str,
    text: str,
    condition: tuple[str, Sequence[object]],
    page: tuple[int, int],
) -> tuple[list[int], int] | None:
    """Return the numbers of a page of logs with a text, and how many have it.

    Args:
        connection: Where to look.
        index: ``words`` or ``labels``.
        text: Words, the last of which may be a beginning.
        condition: What else they have to fit: SQL on ``logs l``, and its values.
        page: How many, and how many to pass over.

    Returns:
        None where the text has no words that the index knows.
    """
    phrase = phrase_for(connection, index, text)
    if phrase is None:
        return None
    late = late_hits(connection, index, text)
    search = _Search(connection, index, phrase, late, condition)
    size, offset = page
    candidates = search.candidates()
    whole = not phrase.endswith("*")  # half a word is put together for each log anew
    if whole and len(candidates) <= _MOST_ASKED:
        enough = len(candidates) * _FOUND_FOR_ASKED
        if count_hits(connection, index, phrase, enough + 1) > enough:
            found = search.ask(candidates)
            return found[offset : offset + size], len(found)
    few = search.few(_FEW)
    if few is not None:
        return few[offset : offset + size], len(few)
    total = search.total()
    if offset >= total:
        return [], total
    wanted = min(offset + size, total)
    if whole and wanted <= len(candidates):
        found = search.ask(candidates, wanted)
        if len(found) == wanted:
            return found[offset:], total
    return search.page(min(size, total - offset), offset), total
