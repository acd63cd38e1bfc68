"""The supply: segments are used in the order of their names."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

import pytest
from tests.descriptors import open_under

from promptscribe._journal import frame
from promptscribe._journal import supply as supplies
from promptscribe._journal.appended import AppendedSegment
from promptscribe._journal.reader import Reader
from promptscribe._journal.segment import Segment
from promptscribe._journal.supply import Supply
from promptscribe._journal.writer import Writer

SIZE = 64 << 10


@pytest.fixture
def supply(root, witness):
    """Makes small segments, for one who takes them."""
    supply = Supply(root, witness, segment_bytes=SIZE)
    yield supply
    supply.close()


def take(supply, size=100):
    return supply.take(size, lambda: 0)


def names(supply):
    return [path.name for path in supply.lane.segment_paths()]


def test_a_caller_that_is_faster_than_the_background_thread_goes_first(
    supply, monkeypatch
):
    """It needs a segment while the next one is being made ready: that one is older.

    Others read a lane by the names of its files. A call whose end they meet before its
    start is one that never ended, to them.
    """
    first = take(supply)
    pwrite = os.pwrite
    faster = []

    def interrupt(*words):
        monkeypatch.setattr(os, "pwrite", pwrite)
        faster.append(take(supply))
        return pwrite(*words)

    monkeypatch.setattr(os, "pwrite", interrupt)
    supply.prepare()
    used = [first, *faster, take(supply)]

    assert names(supply) == [segment.path.name for segment in used]


def test_after_a_burst_as_many_are_ready_as_it_used(root, witness):
    """Of these few are in the process's memory: it may be one of many."""
    supply = Supply(root, witness)
    used = [take(supply) for _ in range(6)]
    supply.prepare()
    ready = names(supply)[len(used) :]
    present = [name for name in ready if resident_kb(name) == 1024]
    again = [take(supply) for _ in range(6)]

    assert ready == [segment.path.name for segment in again]
    assert set(present) <= set(ready[:2])
    supply.close()


def resident_kb(name):
    """Return how much of a file this process has in memory, proc(5)."""
    _, found, after = Path("/proc/self/smaps").read_text().partition(f"{name}\n")
    return int(after.partition("Rss:")[2].split()[0]) if found else 0


def test_a_segment_for_a_long_payload_overtakes_the_one_that_is_ready(supply):
    """The ready one is too short for it, and would be used after it."""
    first = take(supply)
    supply.prepare()
    long = take(supply, 3 * SIZE)
    used = [first, long, take(supply)]

    assert names(supply) == [segment.path.name for segment in used]


@contextlib.contextmanager
def no_more_memory():
    """Let the process map a mebibyte more, and that is all."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_where_the_process_may_map_no_more_frames_are_appended(supply):
    """A program at its limit of memory has room for its logs on disk as before."""
    payload = b"x" * (8 << 20)

    with no_more_memory():
        taken = take(supply, len(payload))

    assert isinstance(taken, AppendedSegment)
    assert taken.store_frame(frame.WHOLE, payload, SIZE)
    assert names(supply) == [taken.path.name]
    taken.finish()


def test_once_there_is_memory_again_frames_go_to_a_mapped_file(
    root, witness, calls, monkeypatch
):
    """A program may be at its limit for a moment, and run for weeks."""
    monkeypatch.setattr(supplies, "_MAP_AGAIN", 0.0)
    writer = Writer(root, witness, segment_bytes=8 << 20)
    reader = Reader.of_writer(writer)
    with no_more_memory():
        calls.write(writer, 0)
        writer.prepare()
        calls.write(writer, 1)
    writer.prepare()
    calls.write(writer, 2)

    assert [type(s) for s in writer.segments] == [AppendedSegment, Segment]
    assert calls.drain(reader) == [0, 1, 2]
    assert witness.failures == []
    writer.close()


def test_what_was_kept_in_memory_is_so_no_longer_than_the_disk_is_full(
    root, witness, calls
):
    """The rest of a segment in memory may be enough for a day."""
    root.parent.mkdir(parents=True)
    root.write_text("a file where the folder should be")
    writer = Writer(root, witness)
    calls.write(writer, 0)
    writer.prepare()
    root.unlink()
    writer.prepare()
    calls.write(writer, 1)

    assert [s.path is None for s in writer.segments] == [True, False]
    assert calls.drain(Reader.of_writer(writer)) == [0, 1]
    writer.close()


def test_what_was_made_ready_to_be_appended_to_is_not_left_open(root, supply):
    """It may be made again and again, and be too small each time."""
    supply.segment_bytes = 8 << 20
    with no_more_memory():
        supply.prepare()
    used = take(supply)
    supply.put_back()

    assert isinstance(used, AppendedSegment)
    assert [name for name in open_under(root) if ".seg" in name] == [str(used.path)]
    used.finish()


def test_where_there_is_neither_disk_nor_memory_there_is_no_segment(witness):
    """The caller's log is counted then; nothing is raised into its call."""
    supply = Supply(None, witness, segment_bytes=SIZE)

    with no_more_memory():
        taken = take(supply, 8 << 20)

    assert taken is None
