"""What the store remembers of spans that are no logs: as long as logs, and bounded."""

import asyncio
import sqlite3
from contextlib import closing

from promptscribe._clock import SystemClock
from promptscribe.receiver import sqlite_span
from promptscribe.receiver.sqlite_store import SqliteStore
from promptscribe.receiver.upload import SpanLink


def remembered(path):
    """Return the ids of the spans in a file, those first that came first."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT span FROM spans ORDER BY seq").fetchall()
    return [span.hex() for (span,) in rows]


def test_spans_are_forgotten_as_logs_are(tmp_path):
    """What stands between logs is of no use without them."""
    path = tmp_path / "logs.db"
    links = [SpanLink(f"{n:032x}", f"{n:016x}") for n in range(1, 31)]
    ids = [link.span_id for link in links]

    async def main():
        store = SqliteStore(path)
        await store.add_upload(links, [])
        before = len(remembered(path))
        await store.delete_before(1, 10)
        kept = len(remembered(path))
        now_us = SystemClock.wall_ns() // 1000 + 1
        await store.delete_before(now_us, 20)
        left = remembered(path)
        store.close()
        return before, kept, left

    before, kept, left = asyncio.run(main())
    assert (before, kept, left) == (30, 30, ids[20:])


def test_only_so_many_spans_are_remembered(tmp_path, monkeypatch):
    """Whoever sends every span of every service fills no disk; the newest stay."""
    monkeypatch.setattr(sqlite_span, "MOST", 10)
    links = [SpanLink(f"{n:032x}", f"{n:016x}") for n in range(1, 31)]

    path = tmp_path / "logs.db"

    async def main():
        store = SqliteStore(path)
        for link in links:
            await store.add_upload([link], [])
        await store.add_upload([links[-1]], [])  # sent again
        store.close()

    asyncio.run(main())
    assert remembered(path) == [link.span_id for link in links[-10:]]


def test_a_chain_of_spans_is_walked_once(tmp_path):
    """Else one small upload of spans under spans would hold all writing up."""
    trace, path = f"{1:032x}", tmp_path / "logs.db"
    chain = [
        SpanLink(trace, f"{n:016x}", f"{n - 1:016x}" if n > 1 else None)
        for n in range(1, 301)
    ]

    async def main():
        store = SqliteStore(path)
        await store.add_upload(chain, [])
        store.close()

    asyncio.run(main())
    asked, answers = [], {}
    connection = sqlite3.connect(path)
    connection.set_trace_callback(asked.append)
    ids = [f"log_{trace}{link.span_id}" for link in chain]
    above = {sqlite_span.nearest(connection, log_id, answers) for log_id in ids[::-1]}
    connection.close()

    assert above == {None}
    assert len(asked) <= 2 * len(chain)
