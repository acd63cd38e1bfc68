"""The packed log: one that travels as the journal has it, to be read over there.

Its law: what arrives is what would have been sent. Only usual logs are packed (one
decorator, one result, nothing that went wrong): of any other a member may take the
place of what was recorded, and that was to stay here. And only for a reader of this
very version, which says the same of the same frames.

Most of what delivery costs a process is to read each log and write it once more. Our
own receiver takes that over.

A body is a MessagePack array with, for each log, an array of its two frames, start and
end, as binary; what is in them is described in `promptscribe._wire.record`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Final

import msgspec

from promptscribe import __version__
from promptscribe._delivery.parcel import Packing
from promptscribe._delivery.route import as_line
from promptscribe._providers import pricing
from promptscribe._runtime import layers, render
from promptscribe._wire import record

MEDIA_TYPE: Final = (
    f"application/vnd.promptscribe.records+msgpack; version={__version__}"
)
MOST: Final = 10_000
LARGEST: Final = 64 << 10
"""Logs in a body, and bytes of one: what they become is many times as much, if one
means harm."""

Frames = tuple[bytes, bytes]

_decode: Final = msgspec.msgpack.Decoder(
    Annotated[list[Frames], msgspec.Meta(max_length=MOST)]
).decode


def is_fit(start: bytes | None, end: bytes | None) -> bool:
    """Say whether a log may travel packed."""
    if start is None or end is None or len(start) + len(end) > LARGEST:
        return False
    try:
        said = record.said(start, end)
        return said is not None and layers.is_usual(said)
    except (ValueError, RecursionError):
        return False  # whoever has to read it says so


PACKING: Final = Packing(
    __version__, MEDIA_TYPE, is_fit, msgspec.msgpack.Encoder().encode
)


class Reader:
    """Reads packed logs, for the receiver.

    Attributes:
        media_type: Of the bodies.
    """

    media_type = MEDIA_TYPE

    def prepare(self) -> None:
        """Load the price list; it takes 0.15 s."""
        pricing.load_list()

    def read(self, body: bytes) -> list[Frames]:
        """Return the frames of the logs in a body.

        Raises:
            ValueError: It is none, or has too many logs.
        """
        found: list[Frames] = _decode(body)
        return found

    def write_line(self, record: Frames) -> bytes:
        """Return a log as a line of the bulk route, which is JSON.

        Raises:
            ValueError: These are no frames of a log, or not of one that is packed, or
                they can be read only in part; its own program does that.
        """
        if not is_fit(*record):
            raise ValueError("no record that is sent as it is")
        _, query, body = render.write_log(*record, is_strange=True)
        return as_line(query, body) if query else body


def reader() -> Reader | None:
    """Return what reads packed logs; None without the price list.

    A client that has the list would have sent what its logs cost.
    """
    return Reader() if find_spec("genai_prices") else None
