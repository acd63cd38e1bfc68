"""What the store remembers of spans that are no logs: as long as logs, and bounded."""

import asyncio
import sqlite3

from promptscribe._clock import SystemClock
from promptscribe.receiver import sqlite_span
from promptscribe.receiver.sqlite_store import SqliteStore
from promptscribe.receiver.upload import SpanLink


def test_spans_are_forgotten_as_logs_are(tmp_path):
    """What stands between logs is of no use without them."""
    path = tmp_path / "logs.db"
    links = [SpanLink(f"{n:032x}", f"{n:016x}") for n in range(1, 31)]
    traces = [link.trace_id for link in links]

    async def main():
        store = SqliteStore(path)
        await store.keep_spans(links)
        before = len(await store.read_spans(traces))
        await store.delete_before(1, 10)
        kept = len(await store.read_spans(traces))
        now_us = SystemClock.wall_ns() // 1000 + 1
        await store.delete_before(now_us, 20)
        left = [link.trace_id for link in await store.read_spans(traces)]
        store.close()
        return before, kept, left

    before, kept, left = asyncio.run(main())
    assert (before, kept, left) == (30, 30, traces[20:])


def test_only_so_many_spans_are_remembered(tmp_path, monkeypatch):
    """Whoever sends every span of every service fills no disk; the newest stay."""
    monkeypatch.setattr(sqlite_span, "MOST", 10)
    links = [SpanLink(f"{n:032x}", f"{n:016x}") for n in range(1, 31)]

    async def main():
        store = SqliteStore(tmp_path / "logs.db")
        for link in links:
            await store.keep_spans([link])
        await store.keep_spans([links[-1]])  # sent again
        left = await store.read_spans([link.trace_id for link in links])
        store.close()
        return left

    assert asyncio.run(main()) == links[-9:]


def test_a_chain_of_spans_is_walked_once(tmp_path):
    """Else one small upload of spans under spans would hold all writing up."""
    trace, path = f"{1:032x}", tmp_path / "logs.db"
    chain = [
        SpanLink(trace, f"{n:016x}", f"{n - 1:016x}" if n > 1 else None)
        for n in range(1, 301)
    ]

    async def main():
        store = SqliteStore(path)
        await store.keep_spans(chain)
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
