"""A damaged or forged journal: no exception, and no record that was never written."""

from __future__ import annotations

import os
import random

import msgspec
import pytest

from promptscribe._journal import frame, segment
from promptscribe._journal.lane import Lane
from promptscribe._journal.reader import Reader
from promptscribe._runtime import render

pytestmark = pytest.mark.slow

SEGMENTS = int(os.environ.get("FUZZ_SEGMENTS", "1000000"))
"""A million take a quarter of a minute, on a slow machine a whole one."""
FILES = max(SEGMENTS // 1000, 100)
"""In folders of their own, each of which a slow disk takes 20 ms for."""
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().getrandbits(32)
"""A failure shows it among the test's names."""
TOP_BIT = 1 << 63


def payload(number, text):
    return msgspec.msgpack.encode((TOP_BIT | number, "fuzz/call", text))


def build(chance, first=0):
    """Return a segment of a few calls, and its payloads."""
    content = bytearray(segment.header()[: frame.SEGMENT_HEADER_BYTES])
    content += bytes(frame.SEGMENT_HEADER_BYTES - len(content))
    written = []
    for number in range(first, first + chance.randint(1, 4)):
        is_whole = chance.random() < 0.3
        for kind in (frame.WHOLE,) if is_whole else (frame.START, frame.END):
            written.append(payload(number, "x" * chance.randint(0, 60)))
            content += frame.frame(kind, written[-1])
    return content + bytes(64), written


def mutate(chance, content):
    """Damage a segment as disks, crashes and people do."""
    for _ in range(chance.randint(1, 4)):
        size = len(content)
        at = chance.randrange(size)
        length = min(chance.choice((1, 2, 4, 8, 16, 64, 200)), size - at)
        match chance.randrange(7):
            case 0:
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                content[at] = chance.choice((0, 1, 0x5A, 0x7F, 0x80, 0xA5, 0xFF))
            case 2:
                content[at : at + length] = chance.randbytes(
                    len(content[at : at + length])
                )
            case 3:
                content[at : at + length] = bytes(length)
            case 4:  # a piece of it, somewhere else
                piece = content[at : at + length]
                to = chance.randrange(size)
                content[to : to + len(piece)] = piece
            case 5:
                del content[at:]
                content += bytes(chance.choice((0, 1, 7, 8)))
            case 6:
                content[at : at + 4] = chance.choice(
                    (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x04")
                )
        if not content:
            return


def scan(content):
    """Return what a reader finds, going on behind damage."""
    found, offset = [], frame.SEGMENT_HEADER_BYTES
    run = frame.read_run(content, offset, 100)
    for piece in run.pieces:
        each = frame.read_frame(content, piece[0])
        assert piece == (each.offset, each.kind, each.acknowledged, piece[3])
        found.append((each, piece[3]))
    offset = run.next
    while (each := frame.find_frame(content, offset)) is not None:
        found.append((each, frame.payload_of(content, each)))
        offset = each.next
    return found


def is_unreadable_or_legal(start, end):
    """Say whether the rendering refuses a record, or makes JSON of it."""
    try:
        request = render.write_log(start, end)
    except ValueError:
        return True
    return isinstance(msgspec.json.decode(request[2]), dict)


def test_no_mutation_makes_the_scan_fail_or_invents_a_record():
    """What it finds was written; without a checksum it is legal, or unreadable."""
    chance = random.Random(SEED)  # noqa: S311 - to be repeated
    for _ in range(SEGMENTS):
        content, written = build(chance)
        mutate(chance, content)
        content = bytes(content)

        for each, text in scan(content):
            assert each.offset + frame.HEADER_BYTES + each.length <= len(content)
            assert each.kind in frame.KINDS
            if text in written:
                continue
            if each.has_checksum:
                # The kind is the checksum's seed: a bit of it and the same bit of the
                # payload's first byte, both flipped, cancel each other out.
                assert text[1:] in {known[1:] for known in written}
            # Else four zeroes hit just that field.
            assert is_unreadable_or_legal(None, text)


def test_no_mutated_file_makes_a_reader_fail(tmp_path):
    """A whole journal of such files: read, acknowledged, counted, cleaned up."""
    chance = random.Random(SEED)  # noqa: S311 - to be repeated
    for number in range(FILES):
        lane = tmp_path / f"{number:020d}-1"
        lane.mkdir(mode=0o700)
        (lane / "lock").touch(0o600)
        (lane / "reader").touch(0o600)
        written = []
        for each in range(2):
            content, payloads = build(chance, 10 * each)
            written += payloads
            if chance.random() < 0.8:
                mutate(chance, content)
            (lane / f"{each:08d}.seg").write_bytes(content)

        reader = Reader.of_lane(Lane.adopt(lane))
        expected = reader.count()
        taken = []
        for _ in range(4):
            for record in reader.take(100):
                taken.append(record)
                record.acknowledge()
            reader.clean()
        is_drained = reader.is_drained()
        reader.close()
        left = [path.read_bytes() for path in lane.glob("*.seg")]
        # One that says it is of a later version waits for it.
        is_later = any(frame.version_of(each) > frame.SEGMENT_VERSION for each in left)

        assert is_drained is not is_later, number
        assert expected >= 0
        for record in taken:
            if not {record.start, record.end} <= {None, *written}:
                assert is_unreadable_or_legal(record.start, record.end)
