"""The sanitizer: rebuilds a value of parts that can be kept for certain.

Its law: as that of the snapshot, total. It is the slow way, for what the screen does
not let through; every cut says what was cut.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import known_type, sdk_model
from promptscribe._capture.adapter import Fields, Items, Memory, full_name, placeholder
from promptscribe._capture.plain import encode_plain, is_shallow
from promptscribe._capture.room import LEAST_TEXT, LONGEST_MEDIA, Room
from promptscribe._capture.splice import Splice
from promptscribe._capture.weight import weigh
from promptscribe._wire import record
from promptscribe._wire.record import EXT_BIG_INT, EXT_MODEL, MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEEPEST: Final = 64
MOST_NODES: Final = 15_000
"""Values that are looked at one by one: 0.7 µs each; plain ones count a quarter."""
LONGEST_KEY: Final = 1_000
"""Characters of a dict's key."""

_LONGEST_NAME: Final = 4_096
"""Of a type."""
_SHALLOW: Final = 3
"""Levels down to which a part is tried as a whole; else it would be looked at often."""
_BLOCK: Final = 64
"""Values of a long container that are tried together."""
_MOST_TRIES: Final = 300
"""In vain."""
_MOST_TRIED: Final = 8_192
"""Values in a part that is tried: 0.4 ms, if it is in vain."""
_PLAIN_SHARE: Final = 2
"""What plain values count for less, as a power of two: 0.05 µs each. Where secrets go
out they count as any other: to look for one takes 0.5 µs."""
_WEIGHT: Final = 3
"""What an object counts for more than a plain value: 2 µs. A text likewise, once there
is no room for texts."""
_FIRST: Final = frozenset(
    {"model", "usage", "meta", "usageMetadata", "usage_metadata", "prompt_eval_count"}
    | {"message"}
)
"""Members of providers' responses that are looked at before all that may be long: what
was answered and what it cost stand behind the odds of each word, or all the vectors."""
_OUTERMOST: Final = 6
"""Levels down to which one may be: an update, in it a response, its choices, the first;
a model counts as two."""
_NODE_OF_JSON: Final = 7
"""Characters of a model's JSON that count as one value, as a power of two: an embedding
takes 0.2 ms to look through and to write, and there may be two thousand of them."""
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
    _tries_left = _MOST_TRIES
    _in_model = False

    def __init__(self, large: int, clean: Callable[[str], str] | None = None) -> None:
        self._large = large
        self._share = _PLAIN_SHARE if clean is None else 0
        self._above: set[int] = set()
        self._room = Room(clean)

    def clean(self, value: Any) -> Any:
        """Return what can be kept of a value, marked where something is missing."""
        self._nodes += 1
        kind = type(value)
        if kind is str:
            if self._room.left <= 0:
                self._nodes += _WEIGHT
            return self._room.fit(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return self._room.fit_integer(value)
        if kind is bytes:
            return self._room.fit_bytes(value, is_shared=True)
        above = self._above
        if self._nodes > MOST_NODES:
            return placeholder(value, "too many values")
        if id(value) in above:
            return placeholder(value, "circular")
        if len(above) >= DEEPEST:
            return placeholder(value, "too deep")
        above.add(id(value))
        try:
            if _is_container(kind):
                return self._clean_container(value)
            return self._clean_object(value, kind)
        finally:
            above.discard(id(value))

    def _is_tried(self) -> bool:
        """Say whether parts are tried as a whole here; the outermost was, before."""
        return not self._in_model and len(self._above) <= _SHALLOW

    def _clean_container(self, value: Any) -> Any:
        if len(value) <= _BLOCK and len(self._above) > 1 and self._is_tried():
            whole = self._encode_whole(value)
            if whole is not None:
                return msgspec.Raw(whole)
        if type(value) is dict:
            pairs = _first(value.items(), MOST_NODES)
            return self._clean_items(Items(pairs, len(value)))
        cleaned, total = Splice(list), len(value)
        parts = _first(value, MOST_NODES << self._share)
        for encoded, part in self._in_blocks(parts, list):
            if encoded is not None:
                cleaned.add_block(encoded, part)
            elif self._nodes > MOST_NODES:
                cleaned.pending.append({MARK: f"{total - len(cleaned)} more values"})
                break
            elif type(part) is float or part is None:  # a call less, for many
                self._nodes += 1
                cleaned.pending.append(part)
            else:
                cleaned.pending.append(self.clean(part))
        return cleaned.value()

    def _in_blocks(
        self, parts: list[Any], join: Callable[[list[Any]], Any]
    ) -> Iterator[tuple[bytes | None, Any]]:
        """Return many plain parts encoded, with their number, and others one by one.

        Args:
            parts: A container's.
            join: Makes such a container of some; None, of those that are odd.
        """
        if len(parts) > _BLOCK and self._is_tried():
            return self._encode_blocks(parts, join)
        return zip(itertools.repeat(None), parts, strict=False)

    def _encode_blocks(
        self, parts: list[Any], join: Callable[[list[Any]], Any]
    ) -> Iterator[tuple[bytes | None, Any]]:
        at, again, pause = 0, 0, _BLOCK
        while at < len(parts):
            if at >= again and self._nodes <= MOST_NODES:
                block = parts[at : at + _BLOCK]
                joined = join(block)
                encoded = None if joined is None else self._encode_whole(joined)
                if encoded is not None:
                    yield encoded, len(block)
                    at, pause = at + len(block), _BLOCK
                    continue
                again, pause = at + pause, 2 * pause
            yield None, parts[at]
            at += 1

    def _encode_whole(self, value: Any) -> bytes | None:
        """Return a part encoded if it is plain and little, beside others that are not.

        Looking counts as well: what is looked at in vain cannot be very much.
        """
        if self._tries_left < 0:
            return None
        self._tries_left -= 1
        room = min(self._large, self._room.left)
        most = min((MOST_NODES - self._nodes) << self._share, _MOST_TRIED)
        try:
            count, length = weigh(value, most, room)
            self._nodes += count >> (self._share if length >= 0 else _PLAIN_SHARE)
            is_whole = length >= 0 and is_shallow(value)
            payload = encode_plain(value) if is_whole else None
        except Exception:  # noqa: BLE001 - lone surrogates, large integers, odd keys
            return None
        if payload is None or len(payload) > room:
            return None
        self._room.left -= len(payload)
        self._tries_left += 1
        return payload

    def _clean_items(self, items: Items) -> Any:
        cleaned = Splice(dict)
        media: dict[str, str] = {}
        media_type = None
        early = self._clean_first(items.pairs)
        for encoded, pair in self._in_blocks(items.pairs, _join):
            if encoded is not None:
                cleaned.add_block(encoded, pair)
                continue
            if self._nodes > MOST_NODES:
                cleaned.pending |= early
                left = items.total - len(cleaned)
                if left:
                    cleaned.pending[MARK] = f"{left} more values"
                break
            key, part = pair
            if early and type(key) is str and key in early:
                cleaned.pending[key] = early.pop(key)
                continue
            if type(key) is str and type(part) is str:
                if key in _MEDIA_TYPES:
                    media_type = media_type or part
                elif key in _MEDIA_NAMES and len(part) > LONGEST_MEDIA:
                    media[key] = part  # until its type is known
                    cleaned.pending[key] = None
                    continue
            cleaned.pending[self._clean_key(key)] = self.clean(part)
        for name, data in media.items():
            cleaned.pending[name] = self._room.fit_base64(data, media_type)
        return cleaned.value()

    def _clean_first(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        if len(self._above) > _OUTERMOST or len(pairs) > _BLOCK:
            return {}
        named = [(k, v) for k, v in pairs if type(k) is str and k in _FIRST]
        return {key: self.clean(part) for key, part in named}

    def _clean_key(self, key: Any) -> str:
        kind = type(key)
        if kind is str:
            room, text = self._room, str(key)
            if len(text) <= LEAST_TEXT and room.left > 0 and text.isascii():
                room.left -= len(text)  # a call less, for many
                return text
            return room.fit(text, LONGEST_KEY)
        if key is None or kind is bool:
            return str(key).lower().replace("none", "null")
        if kind is float:
            return str(key)
        if kind is int:
            return str(key) if self._room.has_room_for(key) else "<int>"
        if kind is bytes:  # as the encoder's way has it; headers have such names
            return self._room.fit(repr(key[:LONGEST_KEY]), LONGEST_KEY)
        if not _is_container(kind):
            known = self.clean(key)
            if type(known) is str:
                return known
        return f"<{full_name(kind)}>"

    def _clean_object(self, value: Any, kind: type) -> Any:
        self._nodes += _WEIGHT
        try:
            if type(kind) is not type:  # pydantic's classes have one of its own
                model = sdk_model.write(value, min(self._large, self._room.left))
                if model is not None:
                    size = len(bytes(model.data))
                    self._nodes += _WEIGHT + (size >> _NODE_OF_JSON)
                    self._room.left -= size
                    return model
            if kind is msgspec.msgpack.Ext and value.code == EXT_MODEL:
                return self._fit_model(value)
            known = known_type.read(value, self.clean)
            if type(known) is Fields:
                return self._clean_model(known)
            if type(known) is Items:
                return self._clean_items(known)
            if type(known) is bytes:
                return self._room.fit_bytes(known)
            if type(known) is Memory:
                return self._room.fit_bytes(known.content)
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
        if len(data) <= min(self._large, max(self._room.left, LEAST_TEXT)):
            self._room.left -= len(data)
            return known_type.read(model, self.clean)
        start = data.find(b"\0", 0, _LONGEST_NAME) + 1
        return self.clean(msgspec.json.decode(memoryview(data)[start:]))


def _is_container(kind: type) -> bool:
    return (
        kind is dict
        or kind is list
        or kind is tuple
        or kind is set
        or kind is frozenset
    )


def _first(values: Any, most: int) -> list[Any]:
    """Return a container's first values: no more than can be kept, and one."""
    try:
        return list(itertools.islice(values, most + 1))
    except RuntimeError:  # another thread changes it meanwhile
        return list(values)[: most + 1]


def _join(pairs: list[tuple[Any, Any]]) -> dict[str, Any] | None:
    """Return a dict of pairs, if its keys are short texts; others may hash."""
    for key, _ in pairs:
        if type(key) is not str or len(key) > LONGEST_KEY:
            return None
    return dict(pairs)


def _write_extension(value: Any) -> Any:
    """Return the JSON of an extension in a model."""
    if type(value) is not msgspec.msgpack.Ext:
        raise NotImplementedError
    if value.code == EXT_MODEL:
        return msgspec.Raw(bytes(value.data).partition(b"\0")[2])
    if value.code == EXT_BIG_INT:
        return msgspec.Raw(value.data)
    return placeholder(value)
