"""Finding logs in SQLite: by what is asked for, and how many there are.

Its law: only SELECT, on a connection that cannot write; values only as bound
parameters, names of columns only from the tables in this file.
"""

# ruff: noqa: S608
# The strings that are put together here are column names and question marks.
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.log_entry import LogPage, LogQuery
from promptscribe.receiver.sqlite_every import find_among_all
from promptscribe.receiver.sqlite_read import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    marks_for,
    read_logs,
)
from promptscribe.receiver.sqlite_row import TEXT_COLUMNS
from promptscribe.receiver.sqlite_search import find_newest, is_partial, search_term

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_EQUAL_COLUMNS: Final = frozenset({*TEXT_COLUMNS, "trace_id", "trace_parent_id"})
# Knuth's multiplicative hash: neighbours are torn apart.
_SHUFFLED: Final = "(l.seq * 2654435761) % 4294967296"
_EVERYTHING: Final = LogQuery()
_TALLIED: Final = frozenset({"file_id", "path", "roots", "failed", "in_trace"})


def find_logs(connection: sqlite3.Connection, query: LogQuery) -> LogPage:
    """Return one page of logs and their number."""
    if query.nothing:
        return LogPage([], 0)
    query = _without_idle_bounds(connection, query)
    found = _find_by_text(connection, query)
    if found is not None:
        sequence, total = found
        return LogPage(read_logs(connection, sequence, bare=query.bare), total)
    where, values = _condition(connection, query)
    way = _way(query, where)
    hits = f"SELECT l.seq, l.created_us FROM logs l {way} WHERE {where}"
    if query.sample is not None:
        # Shuffled by a hash of the row, so that the pages of a sample fit together.
        hits += f" ORDER BY {_SHUFFLED}, l.seq LIMIT ?"
        values.append(query.sample)
    page = f"{NEWEST_FIRST} LIMIT ? OFFSET ?"
    bounds = (query.size, min((query.page - 1) * query.size, 2**62))
    if query.sample is None and query.search is None and query.metadata_search is None:
        total = _count(connection, query, where, values)
        size, offset = bounds
        # No more than there are: looking for one more goes through everything.
        limit = max(min(size, total - offset), 0)
        if offset > total // 2:
            # From the other end there are fewer to pass over.
            page = f"{OLDEST_FIRST} LIMIT ? OFFSET ?"
            offset = max(total - offset - size, 0)
        rows = connection.execute(f"{hits} {page}", (*values, limit, offset))
        sequence = [row[0] for row in rows]
    else:
        # What takes long to find is found once, for the page and for the number.
        hit = connection.execute(
            f"WITH hits AS MATERIALIZED ({hits})"
            f" SELECT l.seq, (SELECT count(*) FROM hits) FROM hits l {page}",
            (*values, *bounds),
        ).fetchall()
        sequence = [row[0] for row in hit]
        if hit:
            total = hit[0][1]
        else:  # beyond the last page
            counted = f"SELECT count(*) FROM ({hits})"
            (total,) = connection.execute(counted, values).fetchone()
    logs = read_logs(connection, sequence, bare=query.bare)
    return LogPage(logs, total, is_partial(connection, query))


def _way(query: LogQuery, where: str) -> str:
    """Return which index to go along, where SQLite would choose a longer one.

    It takes that of all logs for those with an error, since its entries are smaller.
    """
    narrower = query.file_id or query.path or query.version_id or query.ids
    looked_up = " l.seq IN" in f" {where}"  # no index is gone along
    if query.failed and not (narrower or query.equal or looked_up):
        return "INDEXED BY logs_by_failure"
    return ""


def _without_idle_bounds(connection: sqlite3.Connection, query: LogQuery) -> LogQuery:
    """Return a query without bounds in time that every log is within."""
    if query.start_us is None and query.end_us is None:
        return query
    first, last = connection.execute(
        "SELECT (SELECT min(created_us) FROM logs), (SELECT max(created_us) FROM logs)"
    ).fetchone()
    if first is None:
        return query
    if query.start_us is not None and query.start_us <= first:
        query = msgspec.structs.replace(query, start_us=None)
    if query.end_us is not None and query.end_us >= last:
        query = msgspec.structs.replace(query, end_us=None)
    return query


def _find_by_text(
    connection: sqlite3.Connection, query: LogQuery
) -> tuple[list[int], int] | None:
    """Return what is found by one text, in quicker ways than the general one."""
    asked = _asked(query)
    if ("search" in asked) == ("metadata_search" in asked) or "sample" in asked:
        return None
    index = "words" if "search" in asked else "labels"
    text = query.search or query.metadata_search or ""
    if query.most is None:
        else_asked = msgspec.structs.replace(query, search=None, metadata_search=None)
        condition = _condition(connection, else_asked)
        page = query.size, min((query.page - 1) * query.size, 2**62)
        return find_among_all(connection, index, text, condition, page)
    if len(asked) == 1:
        return find_newest(connection, index, text, query)
    return None


def _asked(query: LogQuery) -> set[str]:
    """Return the names of what a query asks for, but for which part of it."""
    names = set(LogQuery.__struct_fields__) - {"page", "size", "most", "bare"}
    return {
        name for name in names if getattr(query, name) != getattr(_EVERYTHING, name)
    }


def _count(
    connection: sqlite3.Connection,
    query: LogQuery,
    where: str,
    values: Sequence[object],
) -> int:
    asked = _asked(query)
    # How many logs each version has, and how many of each kind, is written down.
    if asked <= {"file_id", "path", "version_id"}:
        where = where.replace("l.version_id", "l.id")
        counted = f"SELECT ifnull(sum(l.logs), 0) FROM versions l WHERE {where}"
    elif asked <= _TALLIED:
        counted = f"SELECT ifnull(sum(l.logs), 0) FROM tallies l WHERE {where}"
    else:
        counted = f"SELECT count(*) FROM logs l WHERE {where}"
    (total,) = connection.execute(counted, values).fetchone()
    return int(total)


def _condition(
    connection: sqlite3.Connection, query: LogQuery
) -> tuple[str, list[object]]:
    terms = [*_exact_terms(query), *_text_terms(connection, query)]
    if query.in_trace is not None:
        terms.append((f"l.in_trace = {query.in_trace:d}", ()))
    if query.roots:
        terms.append(("l.root = 1", ()))
    if query.failed is not None:
        terms.append((f"l.failed = {query.failed:d}", ()))
    where = " AND ".join(term for term, _ in terms) or "1"
    return where, [value for _, values in terms for value in values]


def _exact_terms(query: LogQuery) -> Iterable[tuple[str, Sequence[object]]]:
    if query.file_id is not None:
        yield "l.file_id = ?", (query.file_id,)
    if query.path is not None:
        term = (
            "l.file_id = (SELECT id FROM files WHERE path = ? AND deleted_us IS NULL)"
        )
        yield term, (query.path,)
    if query.version_id is not None:
        # Its file as well: there is an index by file.
        yield (
            "l.file_id = (SELECT file_id FROM versions WHERE id = ?)",
            (query.version_id,),
        )
        yield "l.version_id = ?", (query.version_id,)
    if query.ids:
        yield f"l.id IN ({marks_for(query.ids)})", query.ids
    if query.start_us is not None:
        yield "l.created_us >= ?", (query.start_us,)
    if query.end_us is not None:
        yield "l.created_us <= ?", (query.end_us,)
    for name, value in query.equal:
        if name not in _EQUAL_COLUMNS:
            raise KeyError(name)
        yield f"l.{name} = ?", (value,)


def _text_terms(
    connection: sqlite3.Connection, query: LogQuery
) -> Iterable[tuple[str, Sequence[object]]]:
    if query.search is None and query.metadata_search is None:
        return
    kinds = {name: getattr(query, name) for name in _TALLIED}
    place = LogQuery(**kinds)
    where, values = _condition(connection, place)
    among = _count(connection, place, where, values)
    for index, text in (("words", query.search), ("labels", query.metadata_search)):
        if text is not None:
            yield search_term(connection, index, text, query.most, among)
