"""The frame: what is written is read, and damage is never taken for a record."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import example, given

from promptscribe._journal import frame

KINDS = st.sampled_from(sorted(frame.KINDS))
PAYLOADS = st.binary(min_size=frame.SHORTEST_PAYLOAD, max_size=200)
FRAMES = st.lists(st.tuples(KINDS, PAYLOADS), min_size=1, max_size=8)
TAIL = bytes(64)


def lay(frames):
    """Return a segment's bytes and where each frame begins."""
    content, offsets = bytes(frame.SEGMENT_HEADER_BYTES), []
    for kind, payload in frames:
        offsets.append(len(content))
        content += frame.frame(kind, payload)
    return content + TAIL, offsets


def find_all(content):
    offset, found = frame.SEGMENT_HEADER_BYTES, []
    while (each := frame.find_frame(content, offset)) is not None:
        found.append((each.offset, each.kind, frame.payload_of(content, each)))
        offset = each.next
    return found


@given(FRAMES)
def test_what_is_written_is_read(frames):
    """Every frame comes back, in order, with its payload."""
    content, offsets = lay(frames)

    found = find_all(content)

    assert found == [(o, *f) for o, f in zip(offsets, frames, strict=True)]


@given(FRAMES, st.data())
def test_a_changed_byte_costs_at_most_the_frame_it_is_in(frames, data):
    """A byte flipped anywhere: all other frames are found, none is found changed."""
    content, offsets = lay(frames)
    where = data.draw(st.integers(offsets[0], len(content) - len(TAIL) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = bytearray(content)
    damaged[where] ^= flip

    found = find_all(bytes(damaged))

    whole = {(o, *f) for o, f in zip(offsets, frames, strict=True)}
    hit = max(o for o in offsets if o <= where)
    assert set(found) <= whole
    assert {each for each in whole if each[0] != hit} <= set(found)


@given(FRAMES, st.data())
def test_a_cut_tail_costs_nothing_before_the_cut(frames, data):
    """A file cut off anywhere gives every frame that lies before the cut."""
    content, offsets = lay(frames)
    cut = data.draw(st.integers(0, len(content)))

    found = find_all(content[:cut])

    ends = [
        o + frame.HEADER_BYTES + len(p)
        for o, (_, p) in zip(offsets, frames, strict=True)
    ]
    kept = [
        (o, *f) for o, f, end in zip(offsets, frames, ends, strict=True) if end <= cut
    ]
    assert found == kept


@given(st.binary(max_size=600))
@example(frame.MAGIC_BYTES * 40)
@example(b"\x5a\xa5\x01\x00\x0a\x00\x00\x00\x00\x00\x00\x00" + bytes(12))
def test_a_hostile_segment_neither_raises_nor_goes_on_for_ever(content):
    """Whatever lies in a file, the search ends, and what it finds is within it."""
    content = bytes(frame.SEGMENT_HEADER_BYTES) + content

    for offset, _, payload in find_all(content):
        assert offset + frame.HEADER_BYTES + len(payload) <= len(content)


def test_a_text_that_holds_a_frame_does_not_become_one():
    """Behind damage, bytes of a frame inside of a prompt are not delivered."""
    inner = bytearray(frame.frame(frame.WHOLE, b"forged record"))
    inner[8:12] = bytes(4)  # a frame whose checksum nobody has computed
    content, offsets = lay([(frame.WHOLE, b"....." + b"...." + bytes(inner) + b"more")])
    damaged = bytearray(content)
    damaged[offsets[0]] ^= 0xFF

    found = find_all(bytes(damaged))

    assert found == []


def test_a_frame_without_a_checksum_is_read():
    """A long payload is stored without one; it counts all the same."""
    content, offsets = lay([(frame.END, b"p" * 20), (frame.END, b"q" * 20)])
    plain = bytearray(content)
    plain[offsets[0] + 8 : offsets[0] + 12] = bytes(4)

    found = find_all(bytes(plain))

    assert [payload for _, _, payload in found] == [b"p" * 20, b"q" * 20]
