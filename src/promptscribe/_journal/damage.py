"""The damage: what lies where a frame should be, and is none.

Its law: a log that was lost is told from one that was never promised. Where no commit
word was begun, or a file that is appended to ends within a frame, a process died while
it wrote: that call had not returned. All else was a frame once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from promptscribe._journal import frame

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

_WORD: Final = 4
"""Bytes of the commit word that are not zero once a frame is there, but for *state*:
the two stores of a header may have come in either order."""
_IS_NUMBER: Final = 0xCF
"""What MessagePack writes before an unsigned 64-bit number: a key, most likely."""


class Wreck(NamedTuple):
    """A frame that was damaged.

    Attributes:
        offset: Where it begins.
        until: Where the next one may begin.
        key: What the frames of its call share; None if that is damaged as well.
        is_counted: Whether somebody has told of it.
    """

    offset: int
    until: int
    key: bytes | None
    is_counted: bool


def between(buffer: mmap.mmap | bytes, offset: int, until: int) -> Iterator[Wreck]:
    """Return what is damaged between two sound frames, or behind the last.

    Args:
        buffer: A segment without a writer.
        offset: Where the one ends.
        until: Where the other begins, or the segment ends.
    """
    may_be_cut = until == len(buffer) and frame.may_be_cut(buffer)
    while offset < until and begins(buffer, offset):
        if may_be_cut and _is_cut(buffer, offset):
            return
        found = frame.peek_frame(buffer, offset)
        end = until if found is None or found.next > until else found.next
        begin = offset + frame.HEADER_BYTES
        head = bytes(buffer[begin : begin + frame.KEY.stop])
        if found is None and not any(head):
            return  # a stray byte where nothing was ever written
        is_number = len(head) == frame.KEY.stop and head[1] == _IS_NUMBER
        state = buffer[offset + frame.STATE_OFFSET]
        yield Wreck(
            offset,
            end,
            head[frame.KEY] if is_number else None,
            state == frame.ACKNOWLEDGED,
        )
        offset = end


def begins(buffer: mmap.mmap | bytes, offset: int) -> bool:
    """Say whether there is anything where no sound frame is."""
    return any(buffer[offset : offset + _WORD])


def within(buffer: mmap.mmap | bytes) -> Iterator[Wreck]:
    """Return all that is damaged in a segment without a writer."""
    offset = frame.SEGMENT_HEADER_BYTES
    for found in frame.frames(buffer):
        if found.offset > offset:
            yield from between(buffer, offset, found.offset)
        offset = found.next
    yield from between(buffer, offset, len(buffer))


def _is_cut(buffer: mmap.mmap | bytes, offset: int) -> bool:
    """Say whether a file ends within a frame, which a single write was to append."""
    size = len(buffer)
    begin = offset + frame.HEADER_BYTES
    if begin > size:
        return True
    magic, kind, _, length, _ = frame.HEADER.unpack_from(buffer, offset)
    is_header = magic == frame.MAGIC and kind in frame.KINDS
    return is_header and length <= frame.LONGEST_PAYLOAD and begin + length > size
