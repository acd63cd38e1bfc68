"""What a receiver does when old logs cannot be deleted."""

import asyncio
import re
import sqlite3
from contextlib import closing

import httpx
import pytest

from promptscribe._clock import SystemClock
from promptscribe.receiver.metrics import Metrics
from promptscribe.receiver.retention import Keeper
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_store import SqliteStore

OLD = "2020-01-01T00:00:00"


@pytest.fixture
def aged(tmp_path):
    """A file with three logs of another year, and one of today."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    lines = [f'{{"path":"p","created_at":"{OLD}"}}'] * 3 + ['{"path":"p"}']
    httpx.post(f"{running.url}/prompts/logs", content="\n".join(lines))
    running.stop()
    return path


def counted(text, outcome):
    """Return what the metrics say about an outcome."""
    found = re.search(rf'retention_total{{outcome="{outcome}"}} (\d+)', text)
    return int(found[1]) if found else 0


class Told(Metrics):
    """Metrics on whose counts one can wait."""

    def __init__(self):
        super().__init__()
        self.news = asyncio.Event()

    def count_retention(self, outcome, number=1):
        super().count_retention(outcome, number)
        self.news.set()

    async def until(self, outcome, number):
        """Let others work until so many were counted."""
        async with asyncio.timeout(60):
            while counted(self.text(), outcome) < number:
                self.news.clear()
                await self.news.wait()


def test_a_fault_is_told_and_counted_and_the_next_look_deletes(aged, caplog):
    """Logs that stay too long do not stay for ever, nor silently."""

    async def keep():
        metrics = Told()
        store = SqliteStore(aged)
        keeper = Keeper(30, store, metrics, SystemClock(), every=0.01)
        with closing(sqlite3.connect(aged)) as connection:
            connection.execute("ALTER TABLE bodies RENAME TO lost")
            running = asyncio.create_task(keeper.run())
            await metrics.until("error", 2)
            connection.execute("ALTER TABLE lost RENAME TO bodies")
        await metrics.until("deleted", 3)
        assert not running.done()
        running.cancel()
        store.close()

    asyncio.run(keep())

    line = caplog.records[0].getMessage()
    assert "logs older than 30 days could not be deleted" in line
    assert "no such table" in line


@pytest.mark.slow
def test_what_was_deleted_is_in_the_metrics(aged):
    """Counted where everything else is."""
    running = start_in_thread(db=aged, keep_days=30)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        while not (deleted := counted(client.get("/metrics").text, "deleted")):
            pass  # pytest has a time limit
    running.stop()

    assert deleted == 3
