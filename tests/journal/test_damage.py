"""Damage: of every log it is known what became of it, whatever byte was hit."""

from __future__ import annotations

import collections
import shutil

import pytest

from promptscribe._journal import damage, frame
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.survey import report
from promptscribe._journal.writer import Writer

CALLS = 6


@pytest.fixture
def dead(root, witness, calls):
    """Leave a lane behind with a few calls; give its folder and its file."""

    def leave(*, whole=False, text="x", end="killed"):
        size = 4096 if end == "killed" else 64 << 10
        writer = Writer(root, witness, segment_bytes=size)
        writer.supply._mappable = None if end != "appended" else False
        if whole:
            for number in range(CALLS):
                writer.append(frame.WHOLE, calls.payload(number, text))
        else:
            calls.write(writer, *range(CALLS), text=text)
        if end == "closed":  # its files are cut off behind their last frames
            writer.close()
        else:
            writer.supply.put_back()
            writer.supply.lane.abandon()
        (lane,) = find_lanes(root)
        return lane, min(lane.glob("*.seg"))

    return leave


def flip(segment, *offsets):
    content = bytearray(segment.read_bytes())
    for offset in offsets:
        content[offset] ^= 0xFF
    segment.write_bytes(content)


def read_all(lane, calls):
    """Return the numbers that were handed out, and what was lost, and the sum."""
    reader = Reader.of_lane(Lane.adopt(lane))
    reader.count()
    taken = calls.drain(reader)
    is_drained = reader.is_drained()
    reader.close()
    assert is_drained
    assert not lane.exists()
    return taken, reader.lost


def offsets_of(segment):
    return [found.offset for found in frame.frames(segment.read_bytes())]


@pytest.mark.parametrize("end", ["killed", "closed"])
@pytest.mark.parametrize("whole", [True, False])
def test_whatever_byte_is_hit_one_log_is_missing_at_most_and_counted(
    dead, calls, tmp_path, whole, end
):
    """Each is handed out, if only its beginning, or counted, once.

    But where its key is hit: then nobody knows of which call it was a part.
    """
    lane, segment = dead(whole=whole, end=end)
    until = list(frame.frames(segment.read_bytes()))[-1].next
    heads = [offset + frame.HEADER_BYTES for offset in offsets_of(segment)]
    keys = {head + place for head in heads for place in range(1, frame.KEY.stop)}
    kept = shutil.copytree(lane, tmp_path / "kept")
    seen = collections.Counter()
    for offset in range(frame.SEGMENT_HEADER_BYTES, until):
        shutil.copytree(kept, lane, dirs_exist_ok=True)
        flip(segment, offset)
        taken, lost = read_all(lane, calls)

        told = len(taken) + sum(lost.values())
        assert len(set(taken)) == len(taken) >= CALLS - 1, offset
        assert told == CALLS or (told == CALLS + 1 and offset in keys), offset
        seen += lost

    assert seen["damaged"] > 100
    assert set(seen) <= {"damaged", "orphan"}


@pytest.mark.parametrize("delivered", range(CALLS))
@pytest.mark.parametrize("hit", [0, 3, CALLS - 1])
@pytest.mark.parametrize("whole", [True, False])
def test_it_is_counted_once_however_often_who_reads_it_is_restarted(
    dead, calls, delivered, hit, whole
):
    """The server was down after some of it, and the rest waits for the next one."""
    lane, segment = dead(whole=whole)
    places = offsets_of(segment)
    flip(segment, places[hit if whole else 2 * hit] + 22)
    readers = [Reader.of_lane(Lane.adopt(lane))]
    taken = []
    for record in readers[0].take(1000)[:delivered]:
        record.acknowledge()
        taken += calls.numbers([record])
    readers[0].clean()
    readers[0].close()
    if lane.exists():
        readers.append(Reader.of_lane(Lane.adopt(lane)))
        taken += calls.drain(readers[1])
        readers[1].close()

    assert sorted(taken) == [number for number in range(CALLS) if number != hit]
    assert sum(sum(reader.lost.values()) for reader in readers) == 1


def test_many_in_a_row_are_as_many(dead, calls):
    """A stretch of a file was overwritten, but for the headers of its frames."""
    lane, segment = dead(whole=True)
    flip(segment, *(offset + 20 for offset in offsets_of(segment)[1:4]))

    assert read_all(lane, calls) == ([0, 4, 5], {"damaged": 3})


def test_what_nobody_can_tell_apart_counts_as_one(dead, calls):
    """Nothing of their headers is left."""
    lane, segment = dead(whole=True)
    begin, *_, end = offsets_of(segment)[1:4]
    flip(segment, *range(begin, end))

    assert read_all(lane, calls) == ([0, 3, 4, 5], {"damaged": 1})


def test_a_call_whose_end_was_hit_is_handed_out_as_far_as_it_is_known(dead, calls):
    """It was not lost; that it was not interrupted either is told."""
    lane, segment = dead()
    flip(segment, offsets_of(segment)[3] + 23)
    reader = Reader.of_lane(Lane.adopt(lane))

    taken = calls.drain(reader)

    assert taken == [0, 2, 3, 4, 5, 1]
    assert (reader.halved, +reader.lost) == (1, {})


@pytest.mark.parametrize("hit", range(CALLS))
@pytest.mark.parametrize("whole", [True, False])
def test_what_goes_for_its_age_is_counted_with_what_is_damaged_in_it(
    dead, calls, whole, hit
):
    """Nobody came for it in time."""
    lane, segment = dead(whole=whole)
    flip(segment, offsets_of(segment)[hit] + 23)
    reader = Reader.of_lane(Lane.adopt(lane))
    reader.drop_oldest("journal_age")

    assert reader.take(1000) == []
    assert sum(reader.lost.values()) == CALLS
    assert reader.lost["damaged"] == whole


@pytest.mark.parametrize("written", [0, 4, 12, 30])
def test_a_frame_that_a_process_died_in_is_none(dead, calls, written):
    """Its call had not returned: the place was taken, and no commit word was there."""
    lane, segment = dead()
    last = list(frame.frames(segment.read_bytes()))[-1]
    content = bytearray(segment.read_bytes())
    half = bytearray(frame.frame(frame.START, calls.payload(7, "y" * 50)))
    half[:4] = bytes(4)
    half[written:] = bytes(len(half) - written)
    half[12:40] = b"y" * 28
    content[last.next : last.next + len(half)] = half
    segment.write_bytes(content)
    (found,) = report(lane.parent)

    assert found.damaged_bytes == 0
    assert read_all(lane, calls) == (list(range(CALLS)), {})


@pytest.mark.parametrize("text", ["y", "\0"])
def test_nor_is_one_that_the_file_ends_in(dead, calls, text):
    """Where files are appended to, a kill may come between two pages of a write."""
    lane, segment = dead(end="appended")
    whole = segment.read_bytes()
    more = frame.frame(frame.WHOLE, calls.payload(7, text * 50))
    for length in range(len(more) - 4):  # the last ones only fill it up
        assert list(damage.within(whole + more[:length])) == []
    segment.write_bytes(whole + more[:50])

    assert read_all(lane, calls) == (list(range(CALLS)), {})


@pytest.mark.parametrize("place", range(CALLS - 1))
def test_a_file_ends_in_a_frame_only_if_none_follows(dead, calls, place):
    """That one says it is longer than all of the file is damage."""
    lane, segment = dead(whole=True, end="appended")
    flip(segment, offsets_of(segment)[place] + 6)

    taken, lost = read_all(lane, calls)

    assert (len(taken), lost) == (CALLS - 1, {"damaged": 1})


@pytest.mark.parametrize("hit", range(2 * CALLS))
def test_what_was_a_gap_while_its_writer_lived_is_counted_once(
    root, witness, calls, hit
):
    """An agent reads along, and the place might have been filled as yet."""
    writer = Writer(root, witness, segment_bytes=4096, read=False)
    calls.write(writer, *range(CALLS))
    (lane,) = find_lanes(root)
    segment = min(lane.glob("*.seg"))
    mapping = writer.segments[0].map
    mapping[offsets_of(segment)[hit] + 23] ^= 0xFF
    reader = Reader.of_lane(Lane.follow(lane))
    writer.seal()
    taken = calls.drain(reader)
    alive = len(taken)
    writer.supply.lane.abandon()
    taken += calls.drain(reader)

    assert alive == CALLS - 1
    assert len(taken) + sum(reader.lost.values()) == CALLS
    assert reader.is_drained()
