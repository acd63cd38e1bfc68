"""The sanitizer: rebuilds a value of parts that can be kept for certain.

Its law: as that of the snapshot, total. It is the slow way, for what the screen does
not let through; every cut says what was cut.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import cut, known_type
from promptscribe._capture.adapter import Fields, Items, full_name, placeholder
from promptscribe._capture.digest import Digests
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

LONGEST_KEY: Final = 1_000
"""Characters of a dict's key."""
_MOST_CUTS: Final = 16
"""Texts that are cut, each between secrets: 1 ms. Of any other nothing is kept."""
_LEAST_TEXT: Final = 200
"""Characters of a text that are kept whatever came before."""

_SHALLOW: Final = 3
"""Levels down to which a part is tried as a whole; else it would be looked at often."""
_MOST_TRIES: Final = 1_000
_WEIGHT: Final = 3
"""What an object counts for more than a plain value: 2 µs."""
_MEDIA_TYPES: Final = ("media_type", "mime_type", "mimeType", "format")
_MEDIA_NAMES: Final = ("data", "b64_json")


class Sanitizer:
    """Cleans one value.

    Args:
        large: Bytes from which on a part is looked into, for media and long texts.
        clean: Takes the secrets out of a text: no text is cut through one of them.
    """

    # Of the class, until something is taken off: an object costs nothing then.
    _nodes = 0
    _text_left = MOST_TEXT
    _bits_left = LARGE_INTEGERS[1]
    _cuts_left = _MOST_CUTS
    _tries_left = _MOST_TRIES
    _in_model = False

    def __init__(self, large: int, clean: Callable[[str], str] | None = None) -> None:
        self._large = large
        self._clean_secrets = clean
        self._above: set[int] = set()
        self._digests = Digests()

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
            if _is_container(kind):
                return self._clean_container(value, kind)
            return self._clean_object(value)
        finally:
            self._above.discard(id(value))

    def _clean_container(self, value: Any, kind: type) -> Any:
        # The outermost was tried before all this began.
        if 1 < len(self._above) <= _SHALLOW and not self._in_model:
            whole = self._encode_whole(value)
            if whole is not None:
                return whole
        if kind is dict:
            return self._clean_items(Items(_first(value.items()), len(value)))
        cleaned: list[Any] = []
        for item in _first(value):
            if self._nodes > MOST_NODES:
                cleaned.append({MARK: f"{len(value) - len(cleaned)} more values"})
                break
            cleaned.append(self.clean(item))
        return cleaned

    def _encode_whole(self, value: Any) -> msgspec.Raw | None:
        """Return a part that is plain, beside others that are not, encoded."""
        self._tries_left -= 1
        if self._tries_left < 0:
            return None
        try:
            payload = encode_plain(value) if is_plain(value) else None
        except Exception:  # noqa: BLE001 - lone surrogates, large integers, odd keys
            return None
        if payload is None or len(payload) > min(self._large, self._text_left):
            return None
        self._text_left -= len(payload)
        return msgspec.Raw(payload)

    def _clean_items(self, items: Items) -> dict[Any, Any]:
        cleaned: dict[Any, Any] = {}
        media: dict[str, str] = {}
        media_type = None
        for key, part in items.pairs:
            if self._nodes > MOST_NODES:
                cleaned[MARK] = f"{items.total - len(cleaned)} more values"
                break
            if type(key) is str and type(part) is str:
                if key in _MEDIA_TYPES:
                    media_type = media_type or part
                elif key in _MEDIA_NAMES and len(part) > LONGEST_MEDIA:
                    media[key] = part  # until its type is known
                    cleaned[key] = None
                    continue
            cleaned[self._clean_key(key)] = self.clean(part)
        for name, data in media.items():
            described = self._digests.describe_base64(data, media_type)
            cleaned[name] = self._clean_text(data) if described is None else described
        return cleaned

    def _clean_key(self, key: Any) -> str:
        kind = type(key)
        if kind is str:
            return self._clean_text(key, LONGEST_KEY)
        if key is None or kind is bool:
            return str(key).lower().replace("none", "null")
        if kind is float or (kind is int and key.bit_length() <= LARGE_INTEGERS[0]):
            return str(key)
        if kind is bytes:  # as the encoder's way has it; headers have such names
            return self._clean_text(repr(key[:LONGEST_KEY]), LONGEST_KEY)
        if not _is_container(kind):
            known = self.clean(key)
            if type(known) is str:
                return known
        return f"<{full_name(kind)}>"

    def _clean_text(self, text: str, longest: int = LONGEST_TEXT) -> str:
        if len(text) > LONGEST_MEDIA and text.startswith("data:"):
            head, is_media, data = text.partition(";base64,")
            media_type = head.removeprefix("data:")
            described = is_media and self._digests.describe_base64(data, media_type)
            if described:
                return described
        allowed = min(longest, max(self._text_left, _LEAST_TEXT))
        if len(text) > allowed:
            text = f"{self._cut(text, allowed)}… [{len(text) - allowed} characters cut]"
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # lone surrogates
                text = text.encode("utf-8", "backslashreplace").decode()
        self._text_left -= len(text)
        return text

    def _cut(self, text: str, allowed: int) -> str:
        """Return the beginning of a text, if there is time for it."""
        self._cuts_left -= 1
        if self._cuts_left < 0:
            return ""
        clean = self._clean_secrets
        mark = cut.REDACTED if clean is not None else ""
        return cut.head(text, allowed, clean or _built_in(), mark)

    def _clean_integer(self, number: int) -> Any:
        if -(1 << 63) <= number < 1 << 64:
            return number
        bits = number.bit_length()
        if bits > min(LARGE_INTEGERS[0], self._bits_left):
            return {MARK: "not recorded", "type": "int", "bits": bits}
        self._bits_left -= bits
        return msgspec.msgpack.Ext(EXT_BIG_INT, str(number).encode())

    def _clean_bytes(self, value: bytes) -> Any:
        if len(value) > min(LONGEST_MEDIA, max(self._text_left, _LEAST_TEXT)):
            return self._digests.describe(len(value), value, None)
        self._text_left -= len(value)
        return value

    def _clean_object(self, value: Any) -> Any:
        self._nodes += _WEIGHT
        try:
            known = known_type.read(value, self.clean)
            if type(known) is Fields:
                return self._clean_model(known)
            if type(known) is Items:
                return self._clean_items(known)
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
        if len(data) <= min(self._large, max(self._text_left, _LEAST_TEXT)):
            self._text_left -= len(data)
            return model
        _, _, text = data.partition(b"\0")
        return self.clean(msgspec.json.decode(text))


def _is_container(kind: type) -> bool:
    return (
        kind is dict
        or kind is list
        or kind is tuple
        or kind is set
        or kind is frozenset
    )


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
