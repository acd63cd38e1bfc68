"""The splice: a list or a dict of which some parts are encoded already.

Its law: bytes are put together, never read: MessagePack writes a container's length
first, and then its parts, one after the other.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from promptscribe._capture.plain import encode_plain

_HEADS: Final = {list: b"\xdd", dict: b"\xdf"}
"""How an array and a map begin whose length is 4 bytes long."""


class Splice:
    """What becomes of a container.

    Args:
        kind: ``list`` or ``dict``.

    Attributes:
        pending: A container of that kind, for parts that are not encoded yet.
    """

    _count = 0
    _runs: list[bytes] | None = None

    def __init__(self, kind: type[list[Any] | dict[Any, Any]]) -> None:
        self._kind = kind
        self.pending: Any = kind()

    def __len__(self) -> int:
        return self._count + len(self.pending)

    def add_block(self, encoded: bytes, count: int) -> None:
        """Add the parts of a container of the same kind, encoded; it has *count*."""
        runs = self._flush()
        runs.append(_body(encoded, count))
        self._count += count

    def value(self) -> Any:
        """Return the container: as it is, if none of it was encoded."""
        if self._runs is None:
            return self.pending
        runs = self._flush()
        head = _HEADS[self._kind] + self._count.to_bytes(4, "big")
        return msgspec.Raw(b"".join((head, *runs)))

    def _flush(self) -> list[bytes]:
        """Encode what is pending; return what is encoded."""
        runs = self._runs
        if runs is None:
            runs = self._runs = []
        count = len(self.pending)
        if count:
            runs.append(_body(encode_plain(self.pending), count))
            self._count += count
            self.pending = self._kind()
        return runs


def _body(encoded: bytes, count: int) -> bytes:
    """Return the parts of an encoded container, without its length."""
    return encoded[1 if count < 16 else 3 if count < 1 << 16 else 5 :]
