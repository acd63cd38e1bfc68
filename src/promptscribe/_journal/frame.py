"""The frame: how one record lies in a segment, and how to find it again.

Its law: bytes in, bytes out. Nothing here opens a file or reads a clock.

A segment (format version 1, all integers little-endian)::

    offset  0  8  magic b"PSCRIBE1"
            8  2  version
           10  2  1 where frames are appended one by one, and so a file may end
                  within one; 0 where its size is given from the start
           12  4  process id of the writer
           16  8  nanoseconds since 1970 when the segment was made
           24 24  reserved, zero
           48  8  where the frames end, once the segment is sealed; 0 before
           56  8  reserved, zero
           64     frames, each starting at a multiple of 8; zeros after the last

A frame::

    offset  0  2  magic 0xA55A    ┐
            2  1  kind            │ the commit word: written last,
            3  1  state           │ in one store of 8 bytes
            4  4  payload length  ┘
            8  4  crc32 of the payload, seeded with the kind; 0 while nobody
                  has computed it: that is left to the background thread, for
                  what is not delivered within two seconds (10 µs for 64 KB is
                  too much for a caller, and zlib gives the interpreter lock
                  away)
           12     payload, then zeros up to a multiple of 8

A frame exists once its commit word is there, so a process that dies while it
writes leaves zeros where the word should be: no frame, and nothing to repair.
*state* is the only byte that changes later (0 written, 1 acknowledged),
in one store of one byte; it lies outside the checksum for that reason.

Bytes 2 to 10 of a payload are its **key**: the big-endian number that the
frames of one call share (the payload is a MessagePack array whose first member
is an unsigned 64-bit number). That is all the journal knows of a payload.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

SEGMENT_MAGIC: Final = b"PSCRIBE1"
SEGMENT_VERSION: Final = 1
SEGMENT_HEADER: Final = struct.Struct("<8sHHIQ40x")
SEGMENT_HEADER_BYTES: Final = SEGMENT_HEADER.size
APPENDED: Final = 1

MAGIC: Final = 0xA55A
MAGIC_BYTES: Final = MAGIC.to_bytes(2, "little")
COMMIT: Final = struct.Struct("<HBBI")
CRC: Final = struct.Struct("<I")
HEADER: Final = struct.Struct("<HBBII")
HEADER_BYTES: Final = HEADER.size

START: Final = 1
"""A call began: what it was given. Its key is shared by the frame that ends it."""
END: Final = 2
"""The call with the same key ended."""
WHOLE: Final = 3
"""A call, start and end in one frame."""
KINDS: Final = frozenset({START, END, WHOLE})

ACKNOWLEDGED: Final = 1
STATE_OFFSET: Final = 3

KEY: Final = slice(2, 10)
SHORTEST_PAYLOAD: Final = 10

INLINE_CRC_BYTES: Final = 1024
"""Longest payload whose checksum the caller computes where frames are to survive the
host: 0.3 µs at this size. (zlib releases the interpreter lock above 5 KB, CPython
``zlibmodule.c``, which costs milliseconds beside a busy thread.)"""

_RUN_BYTES: Final = 256 << 10
"""Bytes of a segment after which a run of frames ends."""

LONGEST_PAYLOAD: Final = 64 << 20
"""No frame is longer; a length beyond it is damage."""


class Frame(NamedTuple):
    """One frame as found in a segment.

    Attributes:
        offset: Where its commit word lies.
        next: Where the next frame may begin.
        kind: `START`, `END` or `WHOLE`.
        acknowledged: Whether the log it belongs to was delivered.
        length: Bytes of the payload.
        has_checksum: Whether somebody has computed its checksum; then it was right.
    """

    offset: int
    next: int
    kind: int
    acknowledged: bool
    length: int
    has_checksum: bool


Piece: TypeAlias = tuple[int, int, bool, bytes]
"""A frame in a run: its offset, its kind, whether it was acknowledged, its payload.

A plain tuple of plain values: making a `Frame` takes four times as long, and each one
is something more for the garbage collector to look at."""


class Run(NamedTuple):
    """Frames that follow each other.

    Attributes:
        pieces: The frames.
        next: Where the next frame may begin.
        is_bare: Whether any of them has no checksum yet.
    """

    pieces: list[Piece]
    next: int
    is_bare: bool


class Skim(NamedTuple):
    """What a look at the headers of a stretch tells.

    Attributes:
        logs: Logs that end in it and were not acknowledged.
        next: Where the last frame ends, or the first gap begins.
        bare: Those frames that have no checksum yet, and may need one.
    """

    logs: int
    next: int
    bare: list[Piece]


def version_of(head: bytes) -> int:
    """Return the version that a segment begins with; 0 where nothing says so."""
    if len(head) < SEGMENT_HEADER_BYTES:
        return 0
    magic, version, *_ = SEGMENT_HEADER.unpack_from(head)
    return int(version) if magic == SEGMENT_MAGIC else 0


def may_be_cut(buffer: mmap.mmap | bytes) -> bool:
    """Say whether a segment may end within a frame."""
    return len(buffer) > SEGMENT_HEADER_BYTES and buffer[10] == APPENDED


def checksum(kind: int, payload: bytes) -> int:
    """Return the checksum of a payload: never 0, which means "not computed"."""
    return zlib.crc32(payload, kind) or 1


def frame_bytes(length: int) -> int:
    """Return the bytes that a frame with a payload of that length takes up."""
    return (HEADER_BYTES + length + 7) & ~7


def frame(kind: int, payload: bytes) -> bytes:
    """Return a frame as it lies in a segment."""
    length = len(payload)
    header = HEADER.pack(MAGIC, kind, 0, length, checksum(kind, payload))
    return header + payload + bytes(frame_bytes(length) - HEADER_BYTES - length)


def read_frame(buffer: mmap.mmap | bytes, offset: int) -> Frame | None:
    """Return the frame at *offset*, or None where there is no sound one."""
    found = peek_frame(buffer, offset)
    if found is None or not found.has_checksum:
        return found
    (crc,) = CRC.unpack_from(buffer, offset + COMMIT.size)
    return found if crc == checksum(found.kind, payload_of(buffer, found)) else None


def peek_frame(buffer: mmap.mmap | bytes, offset: int) -> Frame | None:
    """Return the frame at *offset* without a look at its payload."""
    if offset + HEADER_BYTES > len(buffer):
        return None
    magic, kind, state, length, crc = HEADER.unpack_from(buffer, offset)
    if magic != MAGIC or kind not in KINDS:
        return None
    end = offset + HEADER_BYTES + length
    if not SHORTEST_PAYLOAD <= length <= LONGEST_PAYLOAD or end > len(buffer):
        return None
    acknowledged = state == ACKNOWLEDGED
    return Frame(offset, (end + 7) & ~7, kind, acknowledged, length, crc != 0)


def read_run(buffer: mmap.mmap | bytes, offset: int, most: int) -> Run:
    """Return the frames that follow each other from *offset* on, with their payloads.

    The same as `read_frame` and `payload_of` in a loop, in a quarter of the time: this
    is done for every frame, the rest for those behind damage.

    Args:
        buffer: A segment.
        offset: Where the first one begins.
        most: How many at most; fewer if they are long, or one is not sound.
    """
    pieces: list[Piece] = []
    is_bare = False
    unpack, crc32, keep = HEADER.unpack_from, zlib.crc32, pieces.append
    size, until = len(buffer), min(len(buffer) - HEADER_BYTES, offset + _RUN_BYTES - 1)
    while offset <= until and most:
        magic, kind, state, length, crc = unpack(buffer, offset)
        begin = offset + 12
        end = begin + length
        # As in `peek_frame`, whose names take twice as long.
        if magic != 0xA55A or not 0 < kind < 4 or end > size:
            break
        if not 10 <= length <= 0x4000000:
            break
        payload = buffer[begin:end]
        if crc == 0:
            is_bare = True
        elif crc != (crc32(payload, kind) or 1):
            break
        keep((offset, kind, state == 1, payload))
        most -= 1
        offset = end + 7 & -8
    return Run(pieces, offset, is_bare)


def skim(buffer: mmap.mmap | bytes, offset: int, until: int) -> Skim:
    """Go over the frames of a stretch without a look at what was looked at before.

    Args:
        buffer: A segment.
        offset: Where the first one begins.
        until: Where the last one ends.
    """
    logs, bare = 0, list[Piece]()
    size, unpack = len(buffer), HEADER.unpack_from
    while offset < until and offset + HEADER_BYTES <= size:
        magic, kind, state, length, crc = unpack(buffer, offset)
        end = offset + HEADER_BYTES + length
        if magic != MAGIC or kind not in KINDS or end > size:
            break
        if not SHORTEST_PAYLOAD <= length <= LONGEST_PAYLOAD:
            break
        if state != ACKNOWLEDGED:
            logs += kind != START
            if crc == 0:
                bare.append((offset, kind, False, buffer[offset + HEADER_BYTES : end]))
        offset = (end + 7) & ~7
    return Skim(logs, offset, bare)


def add_checksums(buffer: mmap.mmap, bare: list[Piece]) -> None:
    """Add the checksums of frames that were too long for the caller to do it."""
    pack, crc32 = CRC.pack, zlib.crc32
    for offset, kind, _, payload in bare:
        where = offset + COMMIT.size
        # In one store: struct's ``pack_into`` goes byte by byte, and others read along.
        buffer[where : where + CRC.size] = pack(crc32(payload, kind) or 1)


def find_frame(buffer: mmap.mmap | bytes, offset: int) -> Frame | None:
    """Return the first sound frame at or after *offset*, skipping damage.

    Behind damage a frame without a checksum counts only if what follows it is a frame
    or the end: a text that holds the bytes of a frame must not become one.
    """
    found = read_frame(buffer, offset)
    while found is None:
        offset = buffer.find(MAGIC_BYTES, offset + 1)
        if offset < 0:
            return None
        if offset % 8 == 0:
            found = read_frame(buffer, offset)
            if found is not None and not _is_credible(buffer, found):
                found = None
    return found


def frames(buffer: mmap.mmap | bytes) -> Iterator[Frame]:
    """Return the sound frames of a segment, whether acknowledged or not."""
    offset = SEGMENT_HEADER_BYTES
    while (found := find_frame(buffer, offset)) is not None:
        yield found
        offset = found.next


def _is_credible(buffer: mmap.mmap | bytes, found: Frame) -> bool:
    if any(buffer[found.offset + COMMIT.size : found.offset + HEADER_BYTES]):
        return True  # its checksum was right
    word = bytes(buffer[found.next : found.next + COMMIT.size])
    return not any(word) or read_frame(buffer, found.next) is not None


def payload_of(buffer: mmap.mmap | bytes, frame: Frame) -> bytes:
    """Return a copy of a frame's payload."""
    begin = frame.offset + HEADER_BYTES
    return bytes(buffer[begin : begin + frame.length])


def key_of(buffer: mmap.mmap | bytes, frame: Frame) -> bytes:
    """Return the key that the frames of one call share, 8 bytes."""
    begin = frame.offset + HEADER_BYTES
    return bytes(buffer[begin + KEY.start : begin + KEY.stop])
