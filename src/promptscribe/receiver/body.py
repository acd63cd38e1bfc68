"""Request bodies: read to the end, but never more than is good for us.

Its law: the bytes are counted as they come, whatever the headers declare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES: Final = 10 * 1024 * 1024  # ten times the largest prompt seen so far


class BodyTooLarge(Exception):  # noqa: N818 - it becomes a 413, not a traceback
    """The body is larger than the receiver takes."""


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the body of a request.

    Args:
        request: Whose body has not been read.
        limit: Largest size in bytes.

    Raises:
        BodyTooLarge: It is larger; the rest has not been read.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)
