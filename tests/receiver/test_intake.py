"""Any forest of logs, in any order, in any portions: every trace comes out whole."""

import asyncio
import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptscribe.receiver.log_entry import LogDraft, LogQuery
from promptscribe.receiver.sqlite_store import SqliteStore


@st.composite
def forests(draw):
    """Draw parents (by index, before the child), an order, and portions of it."""
    size = draw(st.integers(1, 8))
    parents = [
        draw(st.none() | st.integers(0, n - 1)) if n else None for n in range(size)
    ]
    order = draw(st.permutations(range(size)))
    cuts = draw(st.sets(st.integers(1, size), max_size=3))
    return parents, order, sorted({*cuts, 0, size})


def draft(number, parents):
    parent = parents[number]
    return LogDraft(
        kind="prompt",
        path="p",
        log_id=f"n{number}",
        trace_parent_id=None if parent is None else f"n{parent}",
        created_us=number,
        members={},
    )


def top(number, parents):
    while parents[number] is not None:
        number = parents[number]
    return f"n{number}"


async def state(store, portions, parents):
    for portion in portions:
        await store.add_logs([draft(number, parents) for number in portion])
    everything = await store.find_logs(LogQuery(size=100))
    tops = await store.find_logs(LogQuery(size=100, roots=True))
    return everything.logs, {log.id for log in tops.logs}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(forest=forests())
@example(forest=([None, 0, 1, 2], [0, 2, 1, 3], [0, 2, 4]))
def test_every_trace_comes_out_whole(forest):
    """Each log knows the top of its trace, and only tops are tops."""
    parents, order, cuts = forest
    portions = [order[start:end] for start, end in itertools.pairwise(cuts)]

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "logs.db")
        logs, tops = asyncio.run(state(store, portions, parents))
        store.close()

    assert len(logs) == len(parents)
    for log in logs:
        assert log.trace_id == top(int(log.id[1:]), parents)
    assert tops == {f"n{n}" for n, parent in enumerate(parents) if parent is None}
