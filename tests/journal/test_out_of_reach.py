"""A segment that cannot be opened just now is read later: it is not taken for gone."""

from __future__ import annotations

import contextlib
import os
import resource

import pytest

from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.writer import Writer


@contextlib.contextmanager
def too_many_files():
    """Have this process open no file more, as one that leaks its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_backlog_outlives_a_moment_with_too_many_files(root, witness, calls):
    """What was let go of to save memory cannot be opened again: not yet."""
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(300))
    reader.relieve()

    with too_many_files():
        taken = calls.drain(reader)
    taken += calls.drain(reader)

    assert taken == list(range(300))
    assert reader.taken == 300
    writer.close()


@pytest.mark.parametrize("moment", ["counted", "read", "dropped"])
def test_a_dead_lane_outlives_it_too(root, witness, calls, moment):
    """Nothing of it is removed that nobody could count."""
    writer = Writer(root, witness, segment_bytes=4096)
    calls.write(writer, *range(200))
    writer.close()
    reader = Reader.of_lane(Lane.adopt(find_lanes(root)[0]))

    with too_many_files():
        if moment == "counted":
            assert reader.count() == 0
        elif moment == "read":
            assert calls.drain(reader) == []
        else:
            assert reader.drop_oldest("journal_cap") == 0

    assert calls.drain(reader) == list(range(200))
    assert not reader.lost
    assert reader.is_drained()


def test_a_file_that_is_just_being_made_is_left_alone(root, witness, calls):
    """Its writer lives, and has not yet given it its size when an agent comes by."""
    writer = Writer(root, witness)
    calls.write(writer, *range(3))
    writer.close()
    (made,) = find_lanes(root)[0].glob("*.seg")
    lane = Lane.create(root, read=False)
    path = lane.path / made.name
    path.touch()
    reader = Reader.of_lane(Lane.follow(lane.path))

    too_early = calls.drain(reader)
    is_there = path.exists()
    path.write_bytes(made.read_bytes())

    assert (too_early, is_there) == ([], True)
    assert calls.drain(reader) == [0, 1, 2]
    lane.close()
