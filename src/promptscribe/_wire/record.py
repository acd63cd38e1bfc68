"""The record: what the two frames of one call say, as MessagePack.

Its law: bytes to plain values and back. What a value means is not asked here.

Start (array)::

    0 key      unsigned 64 bits, the W3C span id; its top bit is always set, so that
               it always takes up 8 bytes at the same place
    1 trace    the W3C trace id, 16 bytes
    2 parent   span id of the nearest logged ancestor, or its log id, or nil
    3 began    nanoseconds since 1970
    4 declared members given to the decorator, or nil
    5 context  members from `log_context`, or nil
    6 inputs   the bound arguments, or nil
    7 given    members given for this call alone, or nil

End (array)::

    0 key
    1 ended    nanoseconds since 1970
    2 returned whether there is a result; nil if nobody timed the call
    3 result   what the function returned
    4 error    nil, or type name, message and traceback of what it raised
    5 updates  members set while the call ran: an array of maps, in order
    6 stream   nil, or an array: when the first chunk came (nanoseconds since 1970),
               or nil; how it ended early, or nil; the number of chunks

Whole (array)::

    0 key
    1 start    as above
    2 end      as above

Values are MessagePack's own, and the extensions below.
"""

from __future__ import annotations

import re
from threading import get_ident
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

_Raw = msgspec.Raw

KEY_TOP_BIT: Final = 1 << 63

EXT_MODEL: Final = 1
"""A pydantic model: its type's full name, a zero byte, its JSON."""
EXT_CHUNKS: Final = 2
"""The chunks of a stream: MessagePack array of the first one's type and them all."""
EXT_BIG_INT: Final = 3
"""An integer beyond 64 bits, as decimal digits."""

RESPONSE: Final = "$response"
"""Key in an update: a provider's response that `Recording.record` was given."""
REQUEST: Final = "$request"
"""Key in an update: a provider's request that `Recording.record_request` was given."""

CAPTURED: Final = "$captured"
"""Key in an update: members read off a response that is not kept itself."""

SPAN: Final = "$span"
"""Key in an update: an OpenTelemetry span that tells of the same call."""

HELD: Final = "$held"
"""Key in what a start is given: the end that the call has where no other one comes, an
array of the time and one update."""

STREAM: Final = "$stream"
"""Key in an update: if that response was a stream, the same as in an end."""

MARK: Final = "$promptscribe"
"""Key of an object that stands for a value that could not be kept."""

ErrorFacts: TypeAlias = tuple[str, str, str | None]  # member 4 of an end
StreamFacts: TypeAlias = tuple[int | None, str | None, int]  # member 6


class Start(NamedTuple):
    """The frame that begins a call; see the description of the module.

    What decorator and context say is that of many calls: it is not decoded yet.
    """

    key: int
    trace: bytes
    parent: int | str | None
    began: int
    declared: msgspec.Raw
    context: msgspec.Raw
    inputs: dict[str, Any] | None
    given: dict[str, Any] | None


class End(NamedTuple):
    """The frame that ends a call; see the description of the module."""

    key: int
    ended: int
    returned: bool | None
    result: Any
    error: ErrorFacts | None
    updates: list[dict[str, Any]] | None
    stream: StreamFacts | None


class Model(NamedTuple):
    """A decoded pydantic model."""

    type_name: str
    value: Any


class Chunks(NamedTuple):
    """The decoded chunks of a stream."""

    type_name: str | None
    chunks: list[Any]


def _read_extension(code: int, data: memoryview) -> Any:
    thread = get_ident()
    _seen[thread] = _seen.get(thread, 0) + 1
    raw = bytes(data)
    if code == EXT_MODEL:
        name, _, text = raw.partition(b"\0")
        return Model(name.decode("utf-8", "replace"), msgspec.json.decode(text))
    if code == EXT_CHUNKS:
        type_name, chunks = _decoder.decode(raw)
        return Chunks(type_name, chunks)
    if code == EXT_BIG_INT:
        return int(raw)
    return {MARK: "unknown extension", "code": code}


_seen: Final[dict[int, int]] = {}
"""Extensions that each thread has met so far: one counter for all would need a lock
where the interpreter has none. A signal's handler only adds to it."""

_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_read_extension)
_decode_start: Final = msgspec.msgpack.Decoder(Start, ext_hook=_read_extension).decode
_decode_end: Final = msgspec.msgpack.Decoder(End, ext_hook=_read_extension).decode
_whole_decoder: Final = msgspec.msgpack.Decoder(
    tuple[int, Start, End | None], ext_hook=_read_extension
)

# The same with every part left as it is: where one cannot be read, the others can.
part_of_start: Final = msgspec.msgpack.Decoder(
    tuple[int, bytes, int | str | None, int, _Raw, _Raw, _Raw, _Raw]
)
_part_of_end: Final = msgspec.msgpack.Decoder(
    tuple[int, int, bool | None, _Raw, _Raw, _Raw, _Raw]
)
_part_of_whole: Final = msgspec.msgpack.Decoder(tuple[int, _Raw, _Raw])
# Of a log of which nobody says more than its decorator: what would, must be nil.
_usual_start: Final = msgspec.msgpack.Decoder(
    tuple[int, bytes, int | str | None, int, _Raw, _Raw, _Raw, None]
).decode
_usual_end: Final = msgspec.msgpack.Decoder(
    tuple[int, int, bool | None, _Raw, None, None, None]
).decode
_containers: Final = (
    msgspec.msgpack.Decoder(dict[str, _Raw]),
    msgspec.msgpack.Decoder(list[_Raw]),
)

_NIL: Final = b"\xc0"
_FLOAT: Final = 0xCB
_NOT_FINITE: Final = re.compile(rb"\xcb[\x7f\xff]")
"""How infinity and not-a-number begin, and numbers beyond 1e303; no text has these."""
_NOT_FINITE_BYTES: Final = (b"\x7f", b"\xff")


def read(
    start: bytes | None, end: bytes | None, *, is_strange: bool = False
) -> tuple[Start, End | None, bool]:
    """Return the decoded frames of one call, and whether they are plain.

    They are if every value in them can stand in JSON as it is, but for a result or an
    update that is a `Model` or `Chunks`: what these hold can. Then nobody has to look
    through them.

    Args:
        start: Payload of the start frame; None if *end* is a whole frame.
        end: Payload of the end frame; None if the call was interrupted.
        is_strange: Whether a stranger sent it: then it is read as a whole or not at
            all. To look for the parts takes the longer the deeper it is.

    Raises:
        ValueError: The bytes are no record (`msgspec.DecodeError` is one).
    """
    before = _seen.get(get_ident(), 0) if _seen else 0
    try:
        first, last = _read(start, end)
    except msgspec.DecodeError:
        if is_strange:
            raise
        first, last = _salvage(start, end)
    is_plain = True
    if _seen and (met := _seen.get(get_ident(), 0) - before):
        results = [] if last is None else [last.result]
        results += [v for u in (last and last.updates) or () for v in u.values()]
        is_plain = met == sum(map(_held, results))
    for payload in (start, end):
        # To look for the byte takes 0.05 µs.
        if payload is not None and _FLOAT in payload and _is_any_infinite(payload):
            is_plain = False
    return first, last, is_plain


def _is_any_infinite(payload: bytes) -> bool:
    """Say whether there may be a number that is not finite.

    An id has that byte in every eighth log, or in every one for some minutes: to look
    at what follows takes 0.2 µs, to look for the pattern 0.7.
    """
    at = payload.find(_FLOAT)
    if payload.startswith(_NOT_FINITE_BYTES, at + 1):
        return True
    more = payload.find(_FLOAT, at + 1)
    return more >= 0 and _NOT_FINITE.search(payload, more) is not None


def said(start: bytes, end: bytes) -> tuple[bytes, bytes] | None:
    """Return what context and decorator say of a call of which nobody says more.

    None for any other: one with members of its own, one that raised, was told something
    while it ran, or gave its result in pieces. What it was given and what it returned
    is not looked at: 1 µs for any length.

    Args:
        start: Payload of the start frame.
        end: Payload of the end frame.

    Raises:
        ValueError: The bytes are no record.
    """
    try:
        if not _usual_end(end)[2]:
            return None
        _, _, _, _, declared, context, _, _ = _usual_start(start)
    except msgspec.ValidationError:
        return None
    return bytes(context), bytes(declared)


def _read(start: bytes | None, end: bytes | None) -> tuple[Start, End | None]:
    if start is not None:
        first = _decode_start(start)
        return first, _held_end(first) if end is None else _decode_end(end)
    if end is None:
        raise ValueError("neither a start nor an end")
    _, first, last = _whole_decoder.decode(end)
    return first, last


def _held_end(first: Start) -> End | None:
    held: Any = first.given.get(HELD) if first.given else None
    if type(held) is not list or len(held) != 2:
        return None
    return End(first.key, held[0], False, None, None, [held[1]], None)


def _salvage(start: bytes | None, end: bytes | None) -> tuple[Start, End | None]:
    """Return what can be read of the frames of a call, see `read`.

    MessagePack allows a map as a map's key, and the encoder makes one of a frozen
    dataclass; Python has no dict for that.
    """
    if start is None:
        _, first, last = _part_of_whole.decode(end or b"")
        start, end = bytes(first), bytes(last)
    *place, declared, context, inputs, given = part_of_start.decode(start)
    began: Any = (*place, declared, context, _part(inputs), _part(given))
    if end is None or end == _NIL:
        return Start(*began), None
    *told, result, error, updates, stream = _part_of_end.decode(end)
    ended: Any = (*told, *map(_part, (result, error, updates, stream)))
    return Start(*began), End(*ended)


def _part(raw: msgspec.Raw) -> Any:
    """Return a value, a mark in the place of every part that cannot be read."""
    try:
        return _decoder.decode(raw)
    except ValueError:
        pass
    for container in _containers:
        try:
            parts: Any = container.decode(raw)
        except ValueError:
            continue
        if type(parts) is dict:
            return {name: _part(part) for name, part in parts.items()}
        return [_part(part) for part in parts]
    return {MARK: "not recorded: it has keys that are no text"}


def _held(value: Any) -> int:
    """Return the extensions that a result is made of."""
    if type(value) is Chunks:
        return 1 + sum(type(chunk) is Model for chunk in value.chunks)
    return int(type(value) is Model)


def decode(payload: bytes) -> Any:
    """Return the value that some bytes hold, extensions decoded.

    Raises:
        ValueError: They are no MessagePack.
    """
    return _decoder.decode(payload)


def plain(value: Any) -> Any:
    """Return a decoded value with the extensions replaced by what they hold.

    Asked for every value of every log: those that hold no others cost no call.
    """
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        return {
            (k if type(k) is str else _name(k)): (v if type(v) in _ATOMS else plain(v))
            for k, v in value.items()
        }
    if kind is list or kind is tuple:  # a tuple: a key's array
        return [v if type(v) in _ATOMS else plain(v) for v in value]
    if kind is Model:
        return value.value
    if kind is Chunks:
        return [plain(v) for v in value.chunks]
    return value


_ATOMS: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""Types of values that hold no others."""


def _name(key: Any) -> str:
    """Return a map's key as JSON can have it."""
    if type(key) is str:
        return key
    if key is None or type(key) is bool:
        return {None: "null", True: "true", False: "false"}[key]
    # Of bytes, `str` is an error under ``python -bb``.
    return repr(key) if type(key) is bytes else str(key)
