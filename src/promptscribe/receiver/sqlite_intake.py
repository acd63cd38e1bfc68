"""New logs on their way into SQLite: put into their traces, written in few steps.

Its law: runs inside the writer's transaction, and its rows are in the file only
after `Intake.flush`. A trace is known by the id of its topmost log, or by the name
of a parent that has not arrived: so a child that is early already carries the right
trace, and a late parent changes one entry of an index.

Rows are gathered since every step of SQLite gives the interpreter lock away and has
to win it back from a busy event loop: one INSERT for 64 rows instead of 64 takes
bulk intake from 10,000 to 20,000 logs a second.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from promptscribe.receiver import sqlite_span
from promptscribe.receiver.sqlite_row import COLUMNS, Seen, values

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from promptscribe.receiver.sqlite_row import Entry, Row

_GROUPS: Final = (64, 8, 1)  # rows to a statement; few sizes, so all stay prepared


class Intake:
    """The new logs of one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: list[Row] = []
        # Logs by id, and ids that logs in the file name as their missing parent or
        # top: all that were asked for, and right until somebody else touches logs.
        self._seen: dict[str, Seen] = {}
        self._waiting: set[str] = set()
        # Parents that are no logs, and the nearest log above each.
        self._above: dict[str, str | None] = {}
        # Logs that are alone no more; those of this transaction are written so.
        self._new_parents: list[tuple[str]] = []
        # The rows again, for a parent that comes after its children.
        self._by_trace: defaultdict[str, list[Row]] = defaultdict(list)
        # The same of logs in the file that are not the top of their trace.
        self._found: defaultdict[str, list[Seen]] = defaultdict(list)

    def look_up(self, entries: Sequence[Entry]) -> None:
        """Find what the file has of these logs, of their parents and children."""
        drafts = [entry.draft for entry in entries]
        own = {draft.log_id for draft in drafts if draft.log_id is not None}
        parents = {
            draft.trace_parent_id
            for draft in drafts
            if draft.trace_parent_id is not None
        }
        self._look_up(own | parents)
        self._find_above(parents - own - self._seen.keys())
        query = "SELECT trace_parent_id FROM logs WHERE trace_parent_id IN ({})"
        self._waiting.update(row[0] for row in self._select(query, own))

    def _find_above(self, missing: set[str]) -> None:
        """Look for who is meant by parents that are no logs, but spans above them."""
        if not missing or not sqlite_span.is_any(self._connection):
            return
        answers: dict[str | None, str | None] = {}
        found = {
            named: above
            for named in missing
            if (above := sqlite_span.nearest(self._connection, named, answers)) != named
        }
        self._above.update(found)
        self._look_up({above for above in found.values() if above is not None})

    def _look_up(self, ids: set[str]) -> None:
        query = (
            "SELECT id, kind, file_id, version_id, status, trace_id, in_trace,"
            " session_id FROM logs WHERE id IN ({})"
        )
        for row in self._select(query, ids):
            seen = Seen(**dict(zip(Seen.__struct_fields__, row, strict=True)))
            self._seen[seen.id] = seen
            if seen.trace_id != seen.id:
                self._found[seen.trace_id].append(seen)

    def _select(self, query: str, values: set[str]) -> Iterator[tuple[Any, ...]]:
        wanted = list(values - self._seen.keys())
        for at in range(0, len(wanted), 256):
            some = wanted[at : at + 256]
            # Filled up to a power of two: few statements, which stay prepared.
            some += some[:1] * ((1 << (len(some) - 1).bit_length()) - len(some))
            marks = ", ".join("?" * len(some))
            yield from self._connection.execute(query.format(marks), some)

    def parent_of(self, named: str | None) -> str | None:
        """Return the log that is meant by what a log names as its parent."""
        return named if named is None else self._above.get(named, named)

    def find(self, log_id: str) -> Seen | None:
        """Return a log that was looked up or added."""
        return self._seen.get(log_id)

    def add(self, row: Row) -> None:
        """Take a new log in, and put it into its trace."""
        parent_id = row.trace_parent_id
        if parent_id is not None:
            parent = self._seen.get(parent_id)
            row.trace_id = parent_id if parent is None else parent.trace_id
            # Its own id as the trace of its parent: this log closes a ring of
            # parents. The ring is cut here, so that the log is the top of it.
            row.root = parent is None or row.trace_id == row.id
            if parent is not None and not parent.in_trace:
                parent.in_trace = True
                self._new_parents.append((parent_id,))
        self._adopt(row)
        self._seen[row.id] = row
        self._rows.append(row)
        self._by_trace[row.trace_id].append(row)

    def _adopt(self, row: Row) -> None:
        """Bring children that arrived early under their parent."""
        early = self._by_trace.pop(row.id, [])
        row.in_trace = row.in_trace or bool(early) or row.id in self._waiting
        for child in early:
            child.trace_id = row.trace_id
            child.root = child.root and child.trace_parent_id != row.id
        self._by_trace[row.trace_id].extend(early)
        if row.id not in self._waiting:
            return
        self._connection.execute(
            "UPDATE logs SET root = 0 WHERE trace_parent_id = ?", (row.id,)
        )
        self._connection.execute(
            "UPDATE logs SET trace_id = ? WHERE trace_id = ? AND trace_id <> id",
            (row.trace_id, row.id),
        )
        # Whoever comes next and names one of these as parent asks what was seen.
        moved = self._found.pop(row.id, [])
        for seen in moved:
            seen.trace_id = row.trace_id
        self._found[row.trace_id].extend(moved)
        # Should that one arrive in this transaction, it has logs in the file too.
        self._waiting.add(row.trace_id)

    def flush(self) -> None:
        """Write the rows, and forget what was seen: others may change it now."""
        rows, self._rows = self._rows, []
        if rows:
            (last,) = self._connection.execute("SELECT max(seq) FROM logs").fetchone()
            numbered = list(enumerate(rows, (last or 0) + 1))
            self._insert("logs", COLUMNS, [values(*pair) for pair in numbered])
            bodies = [(seq, row.body) for seq, row in numbered]
            self._insert("bodies", ("seq", "body"), bodies)
            self._connection.executemany(
                "UPDATE logs SET in_trace = 1 WHERE id = ? AND in_trace = 0",
                self._new_parents,
            )
            self._new_parents.clear()
            self._widen(rows)
        self._seen.clear()
        self._waiting.clear()
        self._above.clear()
        self._by_trace.clear()
        self._found.clear()

    def _insert(
        self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        marks = f"({', '.join('?' * len(names))})"
        at = 0
        for size in _GROUPS:
            many = ", ".join([marks] * size)
            query = f"INSERT INTO {table} ({', '.join(names)}) VALUES {many}"  # noqa: S608 - our own names
            while len(rows) - at >= size:
                bound = [value for row in rows[at : at + size] for value in row]
                self._connection.execute(query, bound)
                at += size

    def _widen(self, rows: Sequence[Row]) -> None:
        """Make a Flow's times cover its trace, as the contract says."""
        traces = {row.trace_id for row in rows if row.trace_id != row.id}
        traces |= {
            row.id for row in rows if row.kind == "flow" and row.id in self._waiting
        }
        tops = self._select_flows(traces)
        self._connection.executemany(
            "UPDATE logs SET start_us = t.first, end_us = t.last FROM"
            " (SELECT min(start_us) AS first, max(end_us) AS last FROM logs"
            "  WHERE id = ? OR (trace_id = ? AND trace_id <> id)) AS t WHERE id = ?",
            [(top, top, top) for top in tops],
        )

    def _select_flows(self, traces: set[str]) -> list[str]:
        query = "SELECT id FROM logs WHERE kind = 'flow' AND id IN ({})"
        self._seen.clear()  # these are asked for again, now that they are written
        return [row[0] for row in self._select(query, traces)]
