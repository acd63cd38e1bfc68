"""A segment that cannot be opened just now is read later: it is not taken for gone."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import resource

import pytest
from tests.descriptors import open_under

from promptscribe._journal import access, frame
from promptscribe._journal.appended import AppendedSegment
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.record import acknowledge
from promptscribe._journal.segment import Segment
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


@contextlib.contextmanager
def as_anybody():
    """Have this thread obey the rights of files, as root does not (capabilities(7))."""
    libc = ctypes.CDLL(None, use_errno=True)
    asked = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    rights = (ctypes.c_uint32 * 6)()
    libc.capget(asked, rights)
    before, rights[0] = rights[0], rights[0] & ~0b110  # CAP_DAC_OVERRIDE, _READ_SEARCH
    assert libc.capset(asked, rights) == 0
    try:
        yield
    finally:
        rights[0] = before
        libc.capset(asked, rights)


@contextlib.contextmanager
def no_rights(path):
    """Take the rights of a file, or of a folder, away for a while."""
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with as_anybody():
            yield
    finally:
        path.chmod(mode)


@contextlib.contextmanager
def link(path):
    """Put a link in a file's place for a while, as who moves it to a larger disk."""
    moved = path.rename(path.parent.parent / "moved")
    path.symlink_to(moved)
    try:
        yield
    finally:
        assert path.is_symlink()  # nobody removed it
        moved.rename(path)


def straddle(writer, calls):
    """Write calls of which one begins in the first segment and ends in a later one."""
    writer.append(frame.START, calls.payload(1000))
    calls.write(writer, *range(200))
    writer.append(frame.END, calls.payload(1000))
    return [*range(200), 1000]


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


def test_an_agent_without_a_file_left_removes_nothing_of_the_living(
    root, witness, calls
):
    """It cannot list the folder; what it does not see is not gone."""
    writer = Writer(root, witness, read=False)
    calls.write(writer, 0)
    writer.prepare()
    agent = Reader.of_lane(Lane.follow(writer.lane.path))
    taken = calls.drain(agent)

    with too_many_files():
        agent.refresh()
    for number in range(1, 4):
        calls.write(writer, number)
        taken += calls.drain(agent)

    assert taken == [0, 1, 2, 3]
    assert writer.segments[0].is_there()
    writer.close()


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


@pytest.mark.parametrize("bar", [no_rights, link])
@pytest.mark.parametrize("place", [0, 1])
def test_one_file_that_may_not_be_opened_holds_up_no_other(
    root, witness, calls, bar, place
):
    """It is told, nobody removes it, and it is read once that is possible."""
    writer = Writer(root, witness, segment_bytes=4096)
    written = straddle(writer, calls)
    writer.close()
    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.adopt(path))
    barred = sorted(path.glob("*.seg"))[place]

    with bar(barred):
        taken = calls.drain(reader)
        is_done = reader.is_drained()
    before = len(taken)
    told = list(reader.unopened)
    taken += calls.drain(reader)

    assert 50 < before < 200
    assert not is_done
    assert len(told) == 1
    assert str(barred) in told[0]
    assert sorted(taken) == sorted(written)
    assert not reader.lost
    assert reader.is_drained()


@pytest.mark.parametrize("bar", [no_rights, link])
@pytest.mark.parametrize("at_a_time", [10, 1000])
def test_nor_does_one_of_the_process_s_own(root, witness, calls, bar, at_a_time):
    """What was let go of to save memory; the calls go on meanwhile."""

    def drain():
        taken = []
        while some := calls.drain(reader, at_a_time):
            taken += some
        return taken

    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(3000, 3020))
    written = [*range(3000, 3020), *straddle(writer, calls)]
    reader.relieve()

    with bar(writer.segments[0].path):
        taken = drain()
        calls.write(writer, 2000)
        taken += drain()
        last = taken[-1]
    taken += drain()
    calls.write(writer, 2001)
    taken += drain()

    assert last == 2000
    assert sorted(taken) == sorted([*written, 2000, 2001])
    assert not reader.lost
    writer.close()


def test_what_was_delivered_and_may_not_be_removed_is_not_sent_again(
    root, witness, calls
):
    """A daemon becomes another user; what was mapped before can still be marked."""
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(200))

    with no_rights(root):
        taken = reader.take(1000)
        assert acknowledge(taken)
        reader.clean()
        writer.close()
    (path,) = find_lanes(root)
    left = Reader.of_lane(Lane.adopt(path)).count()

    assert calls.numbers(taken) == list(range(200))
    assert left == 0


@pytest.mark.parametrize("bar", [no_rights, link])
def test_what_may_not_be_opened_is_not_let_go_of(root, witness, calls, bar):
    """As long as a process has it mapped, it has it all."""
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(200))

    with bar(writer.segments[0].path):
        reader.relieve()
        held = [segment.map is not None for segment in writer.segments]

    assert held == [True, False, True]
    assert calls.drain(reader) == list(range(200))
    writer.close()


@pytest.mark.parametrize("place", [0, 1])
def test_what_a_later_version_wrote_waits_for_it(root, witness, calls, place):
    """Its bytes may mean something else: they are told of, and left alone."""
    writer = Writer(root, witness, segment_bytes=4096)
    written = straddle(writer, calls)
    writer.close()
    (path,) = find_lanes(root)
    later = sorted(path.glob("*.seg"))[place]
    before = later.read_bytes()
    later.write_bytes(before[:8] + b"\2" + before[9:])
    reader = Reader.of_lane(Lane.adopt(path))
    counted = reader.count()
    taken = calls.drain(reader)
    while reader.drop_oldest("journal_cap"):
        pass
    (told,) = reader.unopened
    is_drained = reader.is_drained()
    reader.close()
    left = later.read_bytes()
    later.write_bytes(before)
    taken += calls.drain(Reader.of_lane(Lane.adopt(path)))

    assert 50 < counted < 200
    assert left == before[:8] + b"\2" + before[9:]
    assert told == f"{later}: a later version of promptscribe wrote it, in format 2"
    assert not is_drained
    assert sorted(taken) == sorted(written)


def test_the_cap_takes_the_next_file_where_one_may_not_be_opened(root, witness, calls):
    """What nobody could count is not removed; the room comes from another one."""
    writer = Writer(root, witness, segment_bytes=4096)
    calls.write(writer, *range(200))
    writer.close()
    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.adopt(path))
    first, second, *_ = sorted(path.glob("*.seg"))

    with no_rights(first):
        assert reader.drop_oldest("journal_cap") > 0

    assert (first.exists(), second.exists()) == (True, False)
    assert len(calls.drain(reader)) + reader.lost["journal_cap"] == 200


def test_what_may_not_be_opened_and_then_is_removed_ends_the_wait(root, witness, calls):
    """The end of a call whose start was in it is told as what it is."""
    writer = Writer(root, witness, segment_bytes=4096)
    straddle(writer, calls)
    writer.close()
    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.adopt(path))
    counted = reader.count()
    first = min(path.glob("*.seg"))

    with no_rights(first):
        taken = calls.drain(reader)
    first.unlink()
    taken += calls.drain(reader)

    assert counted == len(taken) + sum(reader.lost.values()) == 201
    assert set(reader.lost) == {"segment_deleted", "orphan"}
    assert reader.is_drained()


def test_a_folder_that_may_not_be_looked_into_is_not_taken_for_deleted(
    root, witness, calls
):
    """Else all that is on disk would go on in memory, and be sent twice."""
    writer = Writer(root, witness, segment_bytes=4096)
    calls.write(writer, *range(200))

    with no_rights(root):
        writer.prepare()
        reader = Reader.of_writer(writer)
        reader.relieve()
        taken = calls.drain(reader)

    assert taken == list(range(200))
    assert witness.failures == []
    assert all(segment.path for segment in writer.segments)
    writer.close()


@pytest.fixture
def unmappable(monkeypatch):
    """Have a file system that cannot map its files, as FUSE with ``direct_io``."""

    class Mapping(mmap.mmap):
        def __new__(cls, fileno, *size, **more):
            if fileno >= 0:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            return super().__new__(cls, fileno, *size, **more)

    def switch():
        monkeypatch.setattr(mmap, "mmap", Mapping)

    return switch


@pytest.mark.parametrize("kind", [Segment, AppendedSegment])
def test_a_file_that_cannot_be_mapped_is_read_all_the_same(
    root, witness, calls, unmappable, kind
):
    """It was moved there; what was delivered is marked in the file, not in a copy."""
    writer = Writer(root, witness)
    writer.supply._mappable = kind is Segment
    calls.write(writer, *range(200))
    writer.close()
    unmappable()
    (path,) = find_lanes(root)
    first = Reader.of_lane(Lane.adopt(path))
    first._kind = kind
    for record in first.take(100):
        record.acknowledge()
    first.abandon()
    second = Reader.of_lane(Lane.adopt(path))

    assert second.count() == 100
    assert calls.drain(second) == list(range(100, 200))
    assert second.is_drained()


def test_a_writer_whose_files_cannot_be_mapped_appends_to_them(
    root, witness, calls, unmappable
):
    """They are on disk, and another process has them after this one."""
    unmappable()
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(100))
    taken = calls.drain(reader)
    calls.write(writer, *range(100, 200))
    writer.close()
    (path,) = find_lanes(root)

    assert witness.failures == []
    assert taken == list(range(100))
    assert calls.drain(Reader.of_lane(Lane.adopt(path))) == list(range(100, 200))


def test_a_file_that_grows_is_read_to_its_end_by_who_took_it_for_mapped(
    root, witness, calls
):
    """Where only the writer has found out that its file system cannot do it."""
    writer = Writer(root, witness, segment_bytes=4096, read=False)
    writer.supply._mappable = False
    calls.write(writer, 0)
    agent = Reader.of_lane(Lane.follow(writer.lane.path))
    agent._kind = Segment
    taken = calls.drain(agent)
    for number in range(1, 200):
        calls.write(writer, number)
        taken += calls.drain(agent) if number % 7 == 0 else []
    writer.close()
    taken += calls.drain(agent)

    assert taken == list(range(200))
    assert agent.is_drained()


def test_a_copy_grows_with_its_file(tmp_path, unmappable):
    """A mapping would show what is appended once it is made anew; so does a copy."""
    path = tmp_path / "1.seg"
    segment = AppendedSegment.start(path)
    unmappable()
    seen = len(segment.open())
    segment.store(frame.frame(frame.WHOLE, bytes(20)))

    assert (seen, len(segment.open())) == (64, 96)
    assert access.look(path) is None
    segment.abandon()


def test_a_file_that_there_is_no_room_for_is_not_left_open(tmp_path):
    """It is tried again and again: each time would cost a descriptor."""
    path = tmp_path / "0.seg"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            AppendedSegment.start(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert open_under(path) == []
    assert not path.exists()
