"""The sanitizer: rebuilds a value of parts that can be kept for certain.

Its law: as that of the snapshot, total. It is the slow way, for what the screen does
not let through; every cut says what was cut.
"""

from __future__ import annotations

import binascii
import hashlib
import itertools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import cut, known_type
from promptscribe._capture.adapter import Fields, full_name, placeholder
from promptscribe._capture.plain import encode_plain, is_plain
from promptscribe._wire import record
from promptscribe._wire.record import EXT_BIG_INT, EXT_MODEL, MARK

if TYPE_CHECKING:
    from collections.abc import Callable

DEEPEST: Final = 64
MOST_NODES: Final = 20_000
LONGEST_TEXT: Final = 1 << 20
"""Characters of one text: a context window of a quarter million tokens."""
MOST_TEXT: Final = 4 << 20
"""Characters of all texts together: under the 10 MB that our receiver takes."""
LONGEST_MEDIA: Final = 256 << 10
"""Bytes of base64, or of bytes, from which on only size and digest are kept."""
LARGE_INTEGERS: Final = 4_096, 1 << 20
"""Bits of one integer beyond 64, and of all together: decimal digits are slow."""

_SHALLOW: Final = 3
"""Levels down to which a part is tried as a whole; else it would be looked at often."""
_MEDIA_TYPES: Final = ("media_type", "mime_type", "mimeType", "format")
_CONTAINERS: Final = frozenset({dict, list, tuple, set, frozenset})


class Sanitizer:
    """Cleans one value.

    Args:
        large: Bytes from which on a part is looked into, for media and long texts.
        clean: Takes the secrets out of a text: no text is cut through one of them.
    """

    def __init__(self, large: int, clean: Callable[[str], str] | None = None) -> None:
        self._large = large
        self._clean_secrets = clean
        self._above: set[int] = set()
        self._nodes = 0
        self._text_left = MOST_TEXT
        self._bits_left = LARGE_INTEGERS[1]
        self._in_model = False

    def clean(self, value: Any) -> Any:
        """Return what can be kept of a value, marked where something is missing."""
        self._nodes += 1
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is str:
            return self._clean_text(value)
        if kind is int:
            return self._clean_integer(value)
        if kind is bytes:
            return self._clean_bytes(value)
        if self._nodes > MOST_NODES:
            return placeholder(value, "too many values")
        if id(value) in self._above:
            return placeholder(value, "circular")
        if len(self._above) >= DEEPEST:
            return placeholder(value, "too deep")
        self._above.add(id(value))
        try:
            if kind in _CONTAINERS:
                return self._clean_container(value, kind)
            return self._clean_object(value)
        finally:
            self._above.discard(id(value))

    def _clean_container(self, value: Any, kind: type) -> Any:
        if len(self._above) <= _SHALLOW and not self._in_model:
            whole = self._encode_whole(value)
            if whole is not None:
                return whole
        if kind is dict:
            return self._clean_dict(value)
        cleaned: list[Any] = []
        for item in _first(value):
            if self._nodes > MOST_NODES:
                cleaned.append({MARK: f"{len(value) - len(cleaned)} more values"})
                break
            cleaned.append(self.clean(item))
        return cleaned

    def _encode_whole(self, value: Any) -> msgspec.Raw | None:
        """Return a part that is plain, beside others that are not, encoded."""
        try:
            payload = encode_plain(value) if is_plain(value) else None
        except Exception:  # noqa: BLE001 - lone surrogates, large integers, odd keys
            return None
        if payload is None or len(payload) > self._large:
            return None
        self._text_left -= len(payload)
        return msgspec.Raw(payload)

    def _clean_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        cleaned: dict[Any, Any] = {}
        for key, part in _first(value.items()):
            if self._nodes > MOST_NODES:
                cleaned[MARK] = f"{len(value) - len(cleaned)} more values"
                break
            cleaned[self._clean_key(key)] = self.clean(part)
        for name in ("data", "b64_json"):
            data = cleaned.get(name) and value.get(name)
            if type(data) is str and len(data) > LONGEST_MEDIA:
                kinds = [value.get(n) for n in _MEDIA_TYPES]
                media_type = next((k for k in kinds if type(k) is str), None)
                cleaned[name] = _describe_base64(data, media_type) or cleaned[name]
        return cleaned

    def _clean_key(self, key: Any) -> str:
        kind = type(key)
        if key is None or kind is bool:
            return str(key).lower().replace("none", "null")
        if kind is float or (kind is int and key.bit_length() <= LARGE_INTEGERS[0]):
            return str(key)
        if kind is bytes:  # as the encoder's way has it; headers have such names
            return self._clean_text(repr(key[:LONGEST_TEXT]))
        if kind not in _CONTAINERS:
            known = self.clean(key)
            if type(known) is str:
                return known
        return f"<{full_name(kind)}>"

    def _clean_text(self, text: str) -> str:
        if len(text) > LONGEST_MEDIA and text.startswith("data:"):
            head, _, data = text.partition(";base64,")
            described = _describe_base64(data, head.removeprefix("data:"))
            if described is not None:
                return described
        allowed = max(min(LONGEST_TEXT, self._text_left), 1_000)
        if len(text) > allowed:
            clean = self._clean_secrets
            mark = cut.REDACTED if clean is not None else ""
            kept = cut.head(text, allowed, clean or _built_in(), mark)
            text = f"{kept}… [{len(text) - allowed} characters cut]"
        self._text_left -= len(text)
        if text.isascii():
            return text
        return text.encode("utf-8", "backslashreplace").decode()

    def _clean_integer(self, number: int) -> Any:
        if -(1 << 63) <= number < 1 << 64:
            return number
        bits = number.bit_length()
        if bits > min(LARGE_INTEGERS[0], self._bits_left):
            return {MARK: "not recorded", "type": "int", "bits": bits}
        self._bits_left -= bits
        return msgspec.msgpack.Ext(EXT_BIG_INT, str(number).encode())

    def _clean_bytes(self, value: bytes) -> Any:
        if len(value) > min(LONGEST_MEDIA, max(self._text_left, 1_000)):
            return _describe(value, None)
        self._text_left -= len(value)
        return value

    def _clean_object(self, value: Any) -> Any:
        try:
            known = known_type.read(value, self.clean)
            if type(known) is Fields:
                return self._clean_model(known)
            if type(known) is bytes:
                return self._clean_bytes(known)
            if type(known) is msgspec.msgpack.Ext and known.code == EXT_MODEL:
                return self._fit_model(known)
        except Exception:  # noqa: BLE001 - total, see the law
            return placeholder(value)
        if self._in_model and type(known) is msgspec.Raw:
            return record.plain(record.decode(bytes(known)))
        return known

    def _clean_model(self, model: Fields) -> Any:
        """Return a model's fields; those of the outermost one as its JSON."""
        if self._in_model:
            return self.clean(model.value)
        self._in_model = True
        try:
            fields = self.clean(model.value)
        finally:
            self._in_model = False
        text = msgspec.json.encode(fields, enc_hook=_write_extension)
        return msgspec.msgpack.Ext(EXT_MODEL, model.name + text)

    def _fit_model(self, model: msgspec.msgpack.Ext) -> Any:
        """Return an SDK's model, looked into if it is large."""
        data = bytes(model.data)
        if len(data) <= min(self._large, max(self._text_left, 1_000)):
            self._text_left -= len(data)
            return model
        _, _, text = data.partition(b"\0")
        return self.clean(msgspec.json.decode(text))


def _built_in() -> Callable[[str], str]:
    """Return what knows secrets, for texts that are redacted only later, if at all."""
    from promptscribe._capture.redaction import built_in

    return built_in


def _first(values: Any) -> list[Any]:
    """Return a container's first values: no more than can be kept, and one."""
    try:
        return list(itertools.islice(values, MOST_NODES + 1))
    except RuntimeError:  # another thread changes it meanwhile
        return list(values)[: MOST_NODES + 1]


def _write_extension(value: Any) -> Any:
    """Return the JSON of an extension in a model."""
    if type(value) is not msgspec.msgpack.Ext:
        raise NotImplementedError
    if value.code == EXT_MODEL:
        return msgspec.Raw(bytes(value.data).partition(b"\0")[2])
    if value.code == EXT_BIG_INT:
        return msgspec.Raw(value.data)
    return placeholder(value)


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
