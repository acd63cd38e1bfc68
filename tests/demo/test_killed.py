"""The demo, killed at any moment and started again: nothing is lost."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from promptscribe._journal import survey
from promptscribe._runtime import render

pytestmark = pytest.mark.slow


def stored(demo):
    """Return the ids of the logs in the database."""
    if not demo.db.exists():
        return set()
    connection = sqlite3.connect(demo.db)
    try:
        return {row[0] for row in connection.execute("SELECT id FROM logs")}
    except sqlite3.OperationalError:  # killed before the tables were there
        return set()
    finally:
        connection.close()


def waiting(demo):
    """Return the ids of the logs in the journal, calls in the middle included."""
    ids = set()
    for root in (demo.home / "state" / "promptscribe" / "journal").glob("*"):
        for start, end in survey.logs(root):
            body = render.write_log(start, end)[2]
            ids.add(msgspec.json.decode(body)["log_id"])
    return ids


@pytest.fixture(scope="module")
def whole_run(ran):
    """Return how many characters a whole run prints."""
    _, done = ran
    return len(done.stdout)


@pytest.mark.parametrize("part", [0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97])
def test_what_was_begun_is_there_after_the_next_run(demo, free_port, whole_run, part):
    """Killed after a part of its output: the next run brings all, and its own five."""
    with demo.start(free_port) as first:
        first.stdout.read(int(part * whole_run))
        first.kill()
    begun = stored(demo) | waiting(demo)

    second = demo.run(free_port)

    assert second.returncode == 0, second.stderr
    assert begun <= stored(demo)
    assert len(stored(demo)) == len(begun) + 5
    assert waiting(demo) == set()
    assert part < 0.6 or begun
