"""Request bodies: read to the end, but never more than is good for us.

Its law: bytes are counted as they come, and again as they are inflated, whatever
the headers declare; and a body that hardly comes at all is not waited for.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.check import Problem
from promptscribe.receiver.ingest import BadRequest

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES: Final = 10 * 1024 * 1024  # ten times the largest prompt seen so far
MAX_INFLATED_BYTES: Final = 20 * 1024 * 1024  # the OTel collector's default as well
# Of the inflated to the compressed bytes. Logs with ids and times of their own reach 88
# at most: 300 of one prompt of 31 KB, which just fits into the window of gzip.
MAX_RATIO: Final = 100
# Whatever its ratio, so much may become of a body: a model that says one word over and
# over until it is stopped (0.6 MB) is no bomb, nor are several of it in one upload.
FREE_BYTES: Final = 4 * 1024 * 1024
_SMALL_BYTES: Final = 64 * 1024  # inflated in a millisecond
BODY_TIMEOUT: Final = 30.0  # a body that takes longer is a slow loris, or a lost one
# Bytes a second; Apache asks for 500 after 20 s (mod_reqtimeout), Kestrel for 240
# after 5. Less than the slowest modem, more than a slow loris wants to spend.
MIN_RATE: Final = 1024.0
_CREDIT_BYTES: Final = 5 * 1024  # as though they had come at once: 5 s to begin with
ENCODINGS: Final = frozenset({"", "identity", "gzip"})
_GZIP: Final = zlib.MAX_WBITS | 16


class BodyTooLarge(Exception):  # noqa: N818 - it becomes a 413, not a traceback
    """The body is larger than the receiver takes, or becomes so when it is inflated."""

    def __init__(
        self, sentence: str = f"The body is larger than {MAX_BODY_BYTES} bytes"
    ) -> None:
        super().__init__(sentence)


class BodyTooSlow(Exception):  # noqa: N818 - it becomes a 408, not a traceback
    """The body did not arrive in time, or hardly at all."""

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time")


async def read_body(request: Request) -> bytes:
    """Return the body of a request, inflated.

    Args:
        request: Whose body has not been read. Its application's state says how
            many bytes a second are asked for at least, as `min_rate`.

    Raises:
        BadRequest: It is no gzip, though it says so.
        BodyTooLarge: It is larger than it may be; the rest has not been read.
        BodyTooSlow: It did not arrive in time.
    """
    said = request.headers.get("content-length", "")
    declared = int(said) if said.isdecimal() else None
    if declared is not None and declared > MAX_BODY_BYTES:
        raise BodyTooLarge
    body = await _read(request, declared, request.app.state.min_rate)
    if request.headers.get("content-encoding", "").strip().lower() == "gzip":
        if len(body) < _SMALL_BYTES:
            return inflate(body)
        # Beside the event loop, which others wait for: zlib gives the lock away.
        return await asyncio.to_thread(inflate, body)
    return body


async def _read(request: Request, declared: int | None, min_rate: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    now = asyncio.get_running_loop().time()
    latest = now + BODY_TIMEOUT
    try:
        async with asyncio.timeout_at(
            min(latest, now + _CREDIT_BYTES / min_rate)
        ) as limit:
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise BodyTooLarge
                chunks.append(chunk)
                if chunk and size != declared:  # most come whole: nothing to wait for
                    late = now + (_CREDIT_BYTES + size) / min_rate
                    limit.reschedule(min(latest, late))
    except TimeoutError:
        raise BodyTooSlow from None
    return b"".join(chunks)


def inflate(body: bytes) -> bytes:
    """Return the content of a gzip stream, of one member or several.

    Raises:
        BadRequest: It is no gzip, or cut off.
        BodyTooLarge: It is a bomb: inflating stops at the limit.
    """
    parts: list[bytes] = []
    room = min(MAX_INFLATED_BYTES, max(FREE_BYTES, MAX_RATIO * len(body)))
    while body:
        part, body = _member(body, room)
        room -= len(part)
        parts.append(part)
    return b"".join(parts)


def _member(body: bytes, room: int) -> tuple[bytes, bytes]:
    """Return the content of the first gzip member, and what follows it."""
    stream = zlib.decompressobj(_GZIP)
    try:
        part = stream.decompress(body, room + 1)
    except zlib.error as error:
        problem = Problem(("body",), f"Not a gzip stream: {error}", "gzip_invalid")
        raise BadRequest([problem]) from None
    if len(part) > room:
        raise BodyTooLarge(
            f"The body is larger than {MAX_INFLATED_BYTES} bytes when it is inflated,"
            f" or than {MAX_RATIO} times what was sent"
        )
    if not stream.eof:
        raise BadRequest([Problem(("body",), "The gzip is cut off", "gzip_invalid")])
    return part, stream.unused_data
