"""The sanitizer: rebuilds a value of parts that can be kept for certain.

Its law: as that of the snapshot, total. It is the slow way, for what the encoder
refuses and for what is large; every cut says what was cut.
"""

from __future__ import annotations

import binascii
import hashlib
from typing import Any, Final

import msgspec

from promptscribe._capture.adapter import (
    encode_fast,
    full_name,
    placeholder,
    represent,
)
from promptscribe._wire.record import EXT_BIG_INT, EXT_MODEL, MARK

DEEPEST: Final = 64
MOST_NODES: Final = 20_000
LONGEST_TEXT: Final = 1 << 20
"""Characters of one text: a context window of a quarter million tokens."""
MOST_TEXT: Final = 4 << 20
"""Characters of all texts together: under the 10 MB that our receiver takes."""
LONGEST_MEDIA: Final = 256 << 10
"""Bytes of base64, or of bytes, from which on only size and digest are kept."""

_MEDIA_TYPES: Final = ("media_type", "mime_type", "mimeType", "format")


class Sanitizer:
    """Cleans one value.

    Args:
        large: Bytes from which on an object of a foreign type is looked into.
    """

    def __init__(self, large: int) -> None:
        self._large = large
        self._above: set[int] = set()
        self._nodes = 0
        self._text_left = MOST_TEXT

    def clean(self, value: Any) -> Any:
        """Return what can be kept of a value, marked where something is missing."""
        self._nodes += 1
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            return self._clean_text(value)
        if kind is int:
            return _clean_integer(value)
        if kind in {bytes, bytearray, memoryview}:
            return _clean_bytes(value)
        if self._nodes > MOST_NODES:
            return placeholder(value, "too many values")
        if kind in {dict, list, tuple, set, frozenset}:
            return self._clean_container(value, kind)
        if kind is msgspec.Raw:
            return value
        return self._clean_object(value)

    def _clean_container(self, value: Any, kind: type) -> Any:
        if id(value) in self._above:
            return placeholder(value, "circular")
        if len(self._above) >= DEEPEST:
            return placeholder(value, "too deep")
        self._above.add(id(value))
        try:
            if kind is dict:
                return self._clean_dict(value)
            return [self.clean(item) for item in list(value)[: MOST_NODES + 1]]
        finally:
            self._above.discard(id(value))

    def _clean_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        items = list(value.items())[: MOST_NODES + 1]
        cleaned = {self._clean_key(k): self.clean(v) for k, v in items}
        for name in ("data", "b64_json"):
            data = value.get(name)
            if type(data) is str and len(data) > LONGEST_MEDIA:
                kinds = [value.get(n) for n in _MEDIA_TYPES]
                media_type = next((k for k in kinds if type(k) is str), None)
                cleaned[name] = _describe_base64(data, media_type) or cleaned[name]
        return cleaned

    def _clean_key(self, key: Any) -> Any:
        kind = type(key)
        if kind is str:
            return self._clean_text(key)
        if kind in {int, float, bool} or key is None:
            return str(key)
        return f"<{full_name(kind)}>"

    def _clean_text(self, text: str) -> str:
        if len(text) > LONGEST_MEDIA and text.startswith("data:"):
            head, _, data = text.partition(";base64,")
            described = _describe_base64(data, head.removeprefix("data:"))
            if described is not None:
                return described
        allowed = max(min(LONGEST_TEXT, self._text_left), 1_000)
        if len(text) > allowed:
            text = f"{text[:allowed]}… [{len(text) - allowed} characters cut]"
        self._text_left -= len(text)
        return text.encode("utf-8", "backslashreplace").decode()

    def _clean_object(self, value: Any) -> Any:
        try:
            payload = encode_fast(value)
            if len(payload) <= self._large:
                return msgspec.Raw(payload)
            known = represent(value)
        except Exception:  # noqa: BLE001 - what the encoder refuses
            return placeholder(value)
        if type(known) is msgspec.msgpack.Ext and known.code == EXT_MODEL:
            _, _, text = bytes(known.data).partition(b"\0")
            return self.clean(msgspec.json.decode(text))
        return placeholder(value, "too large")


def _clean_integer(number: int) -> Any:
    if -(1 << 63) <= number < 1 << 64:
        return number
    if number.bit_length() > 10_000:  # int to str beyond 4,300 digits is refused
        return {MARK: "not recorded", "type": "int", "bits": number.bit_length()}
    return msgspec.msgpack.Ext(EXT_BIG_INT, str(number).encode())


def _clean_bytes(value: bytes | bytearray | memoryview) -> Any:
    if len(value) <= LONGEST_MEDIA:
        return bytes(value)
    return _describe(bytes(value), None)


def _describe_base64(text: str, media_type: str | None) -> str | None:
    """Return what stands for base64 of media, or None if the text is none."""
    try:
        return _describe(binascii.a2b_base64(text), media_type)
    except (binascii.Error, ValueError):
        return None


def _describe(content: bytes, media_type: str | None) -> str:
    # Text, since it stands where the contract wants a URL or base64 to stand.
    digest = hashlib.sha256(content).hexdigest()
    kind = media_type or "application/octet-stream"
    return f"{MARK}:media;type={kind};bytes={len(content)};sha256={digest}"
