"""The reader: joins frames, drops what it must, and says what that cost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from promptscribe._journal import frame
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.record import acknowledge
from promptscribe._journal.writer import Writer


@pytest.fixture
def dead(root, witness, calls):
    """Leave a lane behind with 200 calls in several segments, and give its path."""

    def leave(*, open_calls=()):
        writer = Writer(root, witness, segment_bytes=4096)
        for number in open_calls:
            writer.append(frame.START, calls.payload(number))
        calls.write(writer, *range(200))
        writer.close()
        return find_lanes(root)[0]

    return leave


def test_a_call_that_never_ended_comes_last_without_its_end(dead, calls):
    """Its inputs are kept: the process died in the middle of it."""
    reader = Reader.of_lane(Lane.adopt(dead(open_calls=[500, 501])))

    records = reader.take(1000)

    assert calls.numbers(records)[-2:] == [500, 501]
    assert [r.end for r in records[-2:]] == [None, None]


def test_dropping_the_oldest_counts_every_log_once(dead, calls):
    """Ended calls at once; open ones, and ends without a start, when it is known."""
    reader = Reader.of_lane(Lane.adopt(dead(open_calls=[500])))
    counted = reader.count()

    freed = reader.drop_oldest("journal_cap")
    taken = calls.drain(reader)

    assert counted == 201
    assert freed > 0
    assert len(taken) + reader.lost["journal_cap"] == 201
    assert reader.is_drained()


@pytest.mark.parametrize("fate", ["delivered", "given up"])
def test_a_file_that_cannot_be_removed_is_not_read_again(
    dead, calls, monkeypatch, fate
):
    """Its folder became read-only: who comes next finds nothing to send in it."""
    path = dead()

    def refuse(*_words, **_more):
        raise PermissionError(13, "read-only")

    first = Reader.of_lane(Lane.adopt(path))
    with monkeypatch.context() as patch:
        patch.setattr(type(path), "unlink", refuse)
        if fate == "given up":
            while first.drop_oldest("journal_cap"):
                pass
        taken = first.take(1000)
        if taken:
            acknowledge(taken)
        first.clean()
        first.abandon()
    left = list(path.glob("*.seg"))
    second = Reader.of_lane(Lane.adopt(path))

    assert len(taken) + first.lost["journal_cap"] == 200
    assert len(left) > 2
    assert second.count() == 0
    assert calls.drain(second) == []
    assert list(path.glob("*.seg")) == []


@pytest.mark.parametrize("read", [1, 40])
def test_a_call_whose_end_was_dropped_is_not_told_as_interrupted(dead, calls, read):
    """Its start lies in a file that is being read: it is given up as a whole."""
    path = dead(open_calls=[500])
    first = Reader.of_lane(Lane.adopt(path))
    assert first.count() == 201
    under_way = first.take(read)
    while first.drop_oldest("journal_cap"):
        pass
    for record in under_way:
        record.acknowledge()
    first.abandon()
    second = Reader.of_lane(Lane.adopt(path))
    left = second.count()
    taken = calls.drain(second)

    told = len(under_way) + first.lost["journal_cap"] + left
    assert (told, left) == (201, len(taken) + sum(second.lost.values()))
    assert not set(taken) & set(calls.numbers(under_way))


def test_what_is_being_sent_is_not_dropped(dead, calls):
    """It would be counted twice."""
    reader = Reader.of_lane(Lane.adopt(dead()))
    under_way = reader.take(10)

    while reader.drop_oldest("journal_cap"):
        pass
    for record in under_way:
        record.acknowledge()
    rest = calls.drain(reader)

    assert calls.numbers(under_way) + rest == list(range(10 + len(rest)))
    assert 10 + len(rest) + reader.lost["journal_cap"] == 200


def test_only_what_is_old_enough_is_dropped_for_its_age(dead, calls):
    """The age of a segment is when it was last written."""
    path = dead()
    oldest = min(path.glob("*.seg"))
    os.utime(oldest, (1000, 1000))
    reader = Reader.of_lane(Lane.adopt(path))

    dropped = [bool(reader.drop_oldest("journal_age", before=2000)) for _ in "ab"]

    assert dropped == [True, False]
    assert reader.lost["journal_age"] > 0


def test_letting_go_of_memory_costs_no_log(root, witness, calls):
    """A backlog holds no mapping; it is opened again when its turn comes."""
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(300))

    reader.relieve()
    mapped = [segment.map is not None for segment in writer.segments]

    assert mapped == [False] * (len(mapped) - 1) + [True]
    assert calls.drain(reader) == list(range(300))
    writer.close()


def test_what_is_read_next_stays_in_memory(root, witness, calls):
    """Letting go of it, and coming back, would cost more than it takes."""
    writer = Writer(root, witness, segment_bytes=4096)
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(300))

    reader.relieve(near=2 * 4096)
    mapped = [segment.map is not None for segment in writer.segments]

    assert mapped == [True] * 2 + [False] * (len(mapped) - 3) + [True]
    assert calls.drain(reader) == list(range(300))
    writer.close()


def test_damage_in_one_frame_costs_that_log_alone(dead, calls):
    """The reader finds its way behind it."""
    path = dead()
    segment = min(path.glob("*.seg"))
    content = bytearray(segment.read_bytes())
    content[frame.SEGMENT_HEADER_BYTES + 22] ^= 0xFF  # in the start of the first call
    segment.write_bytes(content)
    reader = Reader.of_lane(Lane.adopt(path))

    taken = calls.drain(reader)

    assert taken == list(range(1, 200))
    assert reader.lost == {"damaged": 1}
    assert reader.is_drained()


def test_a_damaged_header_costs_nothing(dead, calls):
    """Frames are found by their own marks."""
    path = dead()
    segment = min(path.glob("*.seg"))
    content = bytearray(segment.read_bytes())
    content[: frame.SEGMENT_HEADER_BYTES] = bytes(frame.SEGMENT_HEADER_BYTES)
    segment.write_bytes(content)

    reader = Reader.of_lane(Lane.adopt(path))

    assert calls.drain(reader) == list(range(200))


@pytest.mark.parametrize("content", [b"", b"PSCRIBE1", bytes(63), b"\xff" * 5000])
def test_a_file_that_is_no_segment_harms_nobody(dead, calls, content):
    """It holds no log; the others in the folder are delivered."""
    path = dead()
    (path / "00000000.seg").write_bytes(content)

    reader = Reader.of_lane(Lane.adopt(path))

    assert reader.count() == 200
    assert calls.drain(reader) == list(range(200))
    assert reader.is_drained()
    reader.close()
    assert not path.exists()


def test_a_listing_that_misses_a_file_made_meanwhile_costs_nothing(
    root, witness, calls, monkeypatch
):
    """ext4 lists by hash: a later file may be seen that was made after a missed one."""
    writer = Writer(root, witness, segment_bytes=4096, read=False)
    calls.write(writer, 0)
    writer.supply._taken = 3
    writer.supply.prepare()
    ready = sorted(writer.lane.path.glob("*.seg"))
    iterdir, misses = Path.iterdir, [ready[1]]

    def miss_once(folder):
        found = list(iterdir(folder))
        if folder == writer.lane.path and misses:
            found.remove(misses.pop())
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", miss_once)
    reader = Reader.of_lane(Lane.follow(writer.lane.path))
    taken = calls.drain(reader)
    for number in range(1, 200):
        calls.write(writer, number)
        taken += calls.drain(reader)

    assert len(ready) > 2
    assert taken == list(range(200))
