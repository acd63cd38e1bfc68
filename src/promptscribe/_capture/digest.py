"""The digest: what stands in a log for media that is too large for it.

Its law: bounded. SHA-256 takes 2 ms a megabyte: beyond some megabytes of one value, the
size is all that is told.
"""

from __future__ import annotations

import binascii
import hashlib
from typing import Final

from promptscribe._wire.record import MARK

MOST_HASHED: Final = 6 << 20
"""Bytes of media in one value, all together, of which digests are made."""
_LOOKED_AT: Final = 256 << 10
"""Characters by which it is decided whether a longer text is base64."""
_LONGEST_TYPE: Final = 200


class Digests:
    """Describes the media of one value."""

    _left = MOST_HASHED

    def describe(self, size: int, content: bytes | None, kind: str | None) -> str:
        """Return what stands for media: a text, as it stands where a URL would.

        Args:
            size: Its bytes.
            content: The bytes, or None for those of which there is no digest.
            kind: Its media type, if known.
        """
        kind = (kind or "application/octet-stream")[:_LONGEST_TYPE]
        described = f"{MARK}:media;type={kind};bytes={size}"
        if content is None or size > self._left:
            return described
        self._left -= size
        return f"{described};sha256={hashlib.sha256(content).hexdigest()}"

    def describe_base64(self, text: str, kind: str | None) -> str | None:
        """Return what stands for base64 of media, or None if the text is none."""
        try:
            if len(text) * 3 // 4 <= self._left:
                content = binascii.a2b_base64(text)
                return self.describe(len(content), content, kind)
            if not text.isascii():
                return None
            binascii.a2b_base64(text[:_LOOKED_AT])
        except (binascii.Error, ValueError):
            return None
        padding = len(text) - len(text.rstrip("="))
        return self.describe(len(text) * 3 // 4 - padding, None, kind)
