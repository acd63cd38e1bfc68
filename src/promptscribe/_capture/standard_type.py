"""The standard types: how objects of the standard library's classes are read.

Its law: as that of the adapters. A class's own methods read it where they are C's, or
where the object is of exactly that class; a subclass's methods are never called.
"""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import ipaddress
import itertools
import pathlib
import re
import sys
import types
import uuid
from gc import get_referents
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import adapter
from promptscribe._capture.adapter import Items, Memory
from promptscribe._wire import record
from promptscribe._wire.record import EXT_BIG_INT, EXT_CHUNKS, EXT_MODEL

if TYPE_CHECKING:
    from promptscribe._capture.adapter import Clean, Reader

MOST_PARTS: Final = 20_001
"""Of any container: no more than can be kept, and one."""
_LARGEST: Final = 256 << 10
"""Bytes of memory that are copied; of what is larger, size and digest are told."""
_LONGEST_PATH: Final = 1 << 16
"""Characters; Linux has 4,096, Windows 32,767."""
_LARGEST_DECIMAL: Final = 1_024
"""Bytes of one in memory: some 2,000 digits."""
_LARGEST_PART: Final = 512
"""Bits of a fraction's halves: digits are slow, 1 µs for these."""

_MOMENT: Final = tuple(
    (name, {**dt.date.__dict__, **dt.datetime.__dict__}[name].__get__)
    for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")
)
_DATE: Final = tuple(
    dt.date.__dict__[name].__get__ for name in ("year", "month", "day")
)
_DURATION: Final = tuple(
    (name, dt.timedelta.__dict__[name].__get__)
    for name in ("days", "seconds", "microseconds")
)
_fold_of: Final = dt.datetime.__dict__["fold"].__get__
_zone_of: Final = dt.datetime.__dict__["tzinfo"].__get__
_arguments_of: Final = BaseException.__dict__["args"].__get__


def _as_is(value: Any, _clean: Clean) -> Any:
    return value


def _as_text(value: Any, _clean: Clean) -> Any:
    return str(value)


def _read_moment(value: Any, _clean: Clean) -> Any:
    """Return a time as the encoder knows it; a foreign time zone is not asked."""
    zone = _zone_of(value)
    if adapter.kind_name(type(value)) == "NaTType":  # pandas: not a time
        return adapter.placeholder(value)
    is_known = _is_known_zone(zone)
    if type(value) is dt.datetime and is_known:
        return _as_written(value)
    parts = {name: part(value) for name, part in _MOMENT}
    moment = dt.datetime(**parts, tzinfo=dt.UTC, fold=_fold_of(value))
    zone = zone if is_known else _fixed(zone, moment)
    return _as_written(moment.replace(tzinfo=zone))


def _as_written(moment: dt.datetime) -> dt.datetime | str:
    """Return a time; as text, if it is one that UTC does not have."""
    if moment.year in {dt.MINYEAR, dt.MAXYEAR} and moment.tzinfo is not None:
        try:
            moment.astimezone(dt.UTC)
        except OverflowError:
            return moment.isoformat()
    return moment


def _fixed(zone: Any, moment: dt.datetime) -> dt.timezone | None:
    """Return what a foreign zone is at a moment, if that can be read off it."""
    # Also of a subclass, as pendulum's.
    usual = _zone_class()
    if any(base is usual for base in adapter.mro_of(type(zone))):
        offset = usual.utcoffset(zone, moment.replace(tzinfo=None))
    else:
        offset = adapter.instance_dict(zone).get("_utcoffset")  # pytz
    return dt.timezone(offset) if type(offset) is dt.timedelta else None


def _read_date(value: Any, _clean: Clean) -> Any:
    year, month, day = (part(value) for part in _DATE)
    return dt.date(year, month, day)


def _read_duration(value: Any, _clean: Clean) -> Any:
    return dt.timedelta(**{name: part(value) for name, part in _DURATION})


def _read_time(value: Any, _clean: Clean) -> Any:
    return value if _is_known_zone(value.tzinfo) else adapter.placeholder(value)


def _is_known_zone(zone: Any) -> bool:
    kind = type(zone)
    return zone is None or kind is dt.timezone or kind is _zone_class()


def _zone_class() -> Any:
    """Return the class of usual time zones, or None if there cannot be any."""
    module = sys.modules.get("zoneinfo")  # 5 ms to import
    return None if module is None else module.ZoneInfo


def _read_memory(value: Any, _clean: Clean) -> Any:
    try:
        if value.nbytes <= _LARGEST:
            return value.tobytes()
        if value.c_contiguous:
            return Memory(value.cast("B"))
    except ValueError:  # it was released
        return adapter.placeholder(value)
    return {**adapter.placeholder(value), "bytes": value.nbytes}


def _read_bytearray(value: Any, _clean: Clean) -> Any:
    return bytes(value) if len(value) <= _LARGEST else Memory(value)


def _read_path(value: Any, _clean: Clean) -> Any:
    """Return a path; none of more parts than any system has."""
    for name in ("_raw_paths", "_parts"):  # from Python 3.12 on, before
        parts = adapter.slot(value, name)
        if type(parts) is list and (
            len(parts) > _LONGEST_PATH
            or sum(len(part) for part in parts if type(part) is str) > _LONGEST_PATH
        ):
            return adapter.placeholder(value)
    return str(value)


def _read_decimal(value: Any, clean: Clean) -> Any:
    size = decimal.Decimal.__sizeof__(value)
    if size > _LARGEST_DECIMAL:
        return {**adapter.placeholder(value), "bytes": size}
    return clean(str(value))


def _read_range(value: Any, _clean: Clean) -> Any:
    ends = value.start, value.stop, value.step
    are_plain = all(type(end) is int and end.bit_length() <= 64 for end in ends)
    return repr(value) if are_plain else adapter.placeholder(value)


def _read_fraction(value: Any, _clean: Clean) -> Any:
    parts = adapter.slot(value, "_numerator"), adapter.slot(value, "_denominator")
    for part in parts:
        if type(part) is not int or part.bit_length() > _LARGEST_PART:
            return adapter.placeholder(value)
    return f"{parts[0]}/{parts[1]}"


def _read_pattern(value: Any, clean: Clean) -> Any:
    return clean(value.pattern)


def _read_extension(value: Any, _clean: Clean) -> Any:
    """Let our own extensions through, that the recording made of a stream."""
    if value.code in {EXT_BIG_INT, EXT_CHUNKS, EXT_MODEL} and _can_be_read(value):
        return value
    return adapter.placeholder(value)


def _read_raw(value: Any, _clean: Clean) -> Any:
    """Let through what is MessagePack; msgspec also has JSON in these."""
    return value if _can_be_read(value) else adapter.placeholder(value)


def _can_be_read(value: Any) -> bool:
    try:
        record.decode(msgspec.msgpack.encode(value))
    except Exception:  # noqa: BLE001 - not ours
        return False
    return True


def _read_proxy(value: Any, clean: Clean) -> Any:
    """Read what a ``MappingProxyType`` is for; its own methods would ask that."""
    behind = get_referents(value)
    return clean(behind[0]) if behind else adapter.placeholder(value)


def _read_user(value: Any, clean: Clean) -> Any:
    """Read a ``UserDict``, ``UserList`` or ``UserString``."""
    own = adapter.instance_dict(value)
    return clean(own["data"]) if "data" in own else adapter.placeholder(value)


def _read_chain(value: Any, _clean: Clean) -> Any:
    """Read a ``ChainMap``: what comes first wins."""
    maps = adapter.instance_dict(value).get("maps")
    found: dict[str, Any] = {}
    left = MOST_PARTS
    for each in maps[:MOST_PARTS] if type(maps) is list else ():
        if type(each) is dict and left > 0:
            pairs = list(itertools.islice(each.items(), left))
            left -= len(pairs)
            named = {key: part for key, part in pairs if type(key) is str}
            found = {**named, **found} if len(named) <= len(found) else named | found
    return Items(list(found.items()), len(found))


def _read_exception(value: Any, clean: Clean) -> Any:
    name = adapter.full_name(type(value))
    return {"type": name, "args": clean(list(_arguments_of(value)))}


def _read_dict(value: Any, _clean: Clean) -> Any:
    pairs = itertools.islice(dict.items(value), MOST_PARTS)
    return Items(list(pairs), dict.__len__(value))


def _by(kind: Any) -> Reader:
    """Return what reads a container by the iterator of its built-in class."""
    iterate = kind.__iter__
    return lambda value, clean: clean(
        list(itertools.islice(iterate(value), MOST_PARTS))
    )


EXACT: Final[dict[type, Reader]] = {
    array.array: _by(array.array),
    bytearray: _read_bytearray,
    collections.deque: _by(collections.deque),
    decimal.Decimal: _read_decimal,
    dt.date: _as_is,
    dt.time: _read_time,
    dt.timedelta: _as_is,
    ipaddress.IPv4Address: _as_text,
    ipaddress.IPv4Network: _as_text,
    ipaddress.IPv6Address: _as_text,
    ipaddress.IPv6Network: _as_text,
    memoryview: _read_memory,
    msgspec.Raw: _read_raw,
    msgspec.msgpack.Ext: _read_extension,
    pathlib.PosixPath: _read_path,
    pathlib.PurePosixPath: _read_path,
    pathlib.PureWindowsPath: _read_path,
    pathlib.WindowsPath: _read_path,
    range: _read_range,
    re.Pattern: _read_pattern,
    type({}.items()): _by(type({}.items())),
    type({}.keys()): _by(type({}.keys())),
    type({}.values()): _by(type({}.values())),
    types.MappingProxyType: _read_proxy,
    types.SimpleNamespace: lambda value, clean: clean(adapter.instance_dict(value)),
    uuid.UUID: _as_is,
}
LATE: Final[dict[str, Reader]] = {"fractions.Fraction": _read_fraction}
"""The same by full name: of these there is none while nobody has imported them."""
BASES: Final[dict[type, Reader]] = {
    BaseException: _read_exception,
    collections.ChainMap: _read_chain,
    collections.UserDict: _read_user,
    collections.UserList: _read_user,
    collections.UserString: _read_user,
    dict: _read_dict,
    dt.date: _read_date,
    dt.datetime: _read_moment,
    dt.timedelta: _read_duration,
    float: lambda value, _clean: float.__float__(value),
    frozenset: _by(frozenset),
    int: lambda value, clean: clean(int.__int__(value)),
    list: _by(list),
    set: _by(set),
    str: lambda value, clean: clean(str.__str__(value)),
    tuple: _by(tuple),
}
"""Classes whose own methods read a subclass, whatever that one overrides."""
