"""The delta: a chunk that holds little, as a dict; or an SDK's model, as its JSON.

Its law: as that of `plain` and of `sdk_model`: what passes is written without running
anybody's code, and all else is the snapshot's. The events of the SDKs' helpers hold,
beside what is new, all that came before: that is left out, unseen.
"""

from __future__ import annotations

from gc import get_referents
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from promptscribe._capture import adapter
from promptscribe._capture.plain import hidden
from promptscribe._wire.record import EXT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._capture import sdk_model

_HELPERS: Final = ("anthropic.lib.streaming.", "openai.lib.streaming.")
"""Modules of events that repeat what came before."""
_REPEATED: Final = frozenset({"snapshot", "parsed", "parsed_arguments"})
"""Where they do: of 10,000 chunks of text it would be 300 MB."""

_SLOW: Final = ("google.genai._gaos.", "mistralai.")
"""Packages whose models are written by Python of their own (Speakeasy's generator):
30 µs for a chunk of Mistral's, 100 for an event of Gemini's interactions. All that it
does is to leave out what is nothing, or was not set."""
_UNSET: Final = b".Unset\0"

_FEW: Final = 200
"""Values in one chunk, each counted as often as it is referred to."""
_LONGEST: Final = 4_000
"""Characters of one of them."""

_MOST_TYPES: Final = 1_000

_Writer: TypeAlias = "Callable[[Any], msgspec.msgpack.Ext | None]"
_Getter: TypeAlias = "Callable[[Any], Any]"

_writers: Final[dict[int, tuple[type, _Writer | None]]] = {}
"""By the class's id, since a metaclass may hash; the class is so kept alive."""


def is_little(chunk: dict[Any, Any]) -> bool:  # noqa: C901 - as `is_plain`
    """Say whether a dict holds nothing but plain data, and few and short values.

    As `plain.is_plain`, in two thirds of the time; what is more is its matter.
    """
    if len(chunk) > _FEW:
        return False
    parts = get_referents(chunk) or hidden(chunk)
    for part in parts:  # which grows meanwhile
        kind = type(part)
        if kind is str:
            if len(part) > _LONGEST:
                return False
        elif part is None or kind is int:
            pass
        elif kind is dict:
            if len(part) + len(parts) > _FEW:
                return False
            parts += get_referents(part) or hidden(part)
        elif kind is list:
            if len(part) + len(parts) > _FEW:
                return False
            if len(part) == 1 and type(part[0]) is dict and len(part[0]) <= _FEW:
                choice = part[0]  # the only one
                parts += get_referents(choice) or hidden(choice)
            else:
                parts += part
        elif kind is not float and kind is not bool:
            return False
    return True


def write(chunk: Any) -> msgspec.msgpack.Ext | None:
    """Return a chunk as a model's JSON, 4 µs; None if it is no model of an SDK's."""
    kind = type(chunk)
    if type(kind) is type:
        return None  # no model: those have a metaclass of pydantic's
    known = _writers.get(id(kind))
    if known is None:
        known = kind, _writer_for(kind)
        if len(_writers) < _MOST_TYPES:  # types made at run time must not pile up here
            _writers[id(kind)] = known
    writer = known[1]
    if writer is None:
        return None
    try:
        return writer(chunk)
    except Exception:  # noqa: BLE001 - somebody put something odd into it
        return None


def _writer_for(kind: type) -> _Writer | None:
    from promptscribe._capture import sdk_model

    learnt = sdk_model.learn(kind) if sdk_model.is_model(kind) else None
    if learnt is None:
        return None
    _, own, extra, start = learnt
    if own is None or extra is None:
        return None
    name = adapter.full_name(kind)
    if name.startswith(_SLOW):
        return _writer_of_fields(start)
    if not name.startswith(_HELPERS):

        def write_little(chunk: Any) -> msgspec.msgpack.Ext | None:
            if not _is_little_model(chunk, sdk_model.kinds):
                return sdk_model.write(chunk)
            text = sdk_model.serializer_of(kind).to_json(chunk, warnings=False)
            return msgspec.msgpack.Ext(EXT_MODEL, start + text)

        return write_little
    return _writer_of_new(kind, own, extra, start)


def _writer_of_new(kind: type, own: _Getter, extra: _Getter, start: bytes) -> _Writer:
    """Return what writes of a helper's event what does not repeat others."""
    from promptscribe._capture import sdk_model

    repeated = set(_REPEATED)
    if adapter.full_name(kind).endswith("ArgumentsDeltaEvent"):
        repeated.add("arguments")

    def write_new(event: Any) -> msgspec.msgpack.Ext | None:
        fields = own(event)
        if type(fields) is not dict or len(get_referents(fields)) != len(fields):
            return None  # some names are no texts
        new = {name: fields[name] for name in fields.keys() - repeated}
        if not sdk_model.is_sound([new, extra(event)], sdk_model.LONGEST):
            return None
        text = sdk_model.serializer_of(kind).to_json(
            event, exclude=repeated, warnings=False
        )
        return msgspec.msgpack.Ext(EXT_MODEL, start + text)

    return write_new


def _writer_of_fields(start: bytes) -> _Writer:
    from promptscribe._capture import sdk_model

    written = msgspec.json.Encoder(enc_hook=_fields_of(sdk_model.kinds)).encode

    def write_fields(chunk: Any) -> msgspec.msgpack.Ext | None:
        if not _is_little_model(chunk, sdk_model.kinds):
            return sdk_model.write(chunk)
        return msgspec.msgpack.Ext(EXT_MODEL, start + written(chunk))

    return write_fields


def _fields_of(kinds: Mapping[int, sdk_model.Kind]) -> Callable[[Any], dict[str, Any]]:
    """Return what gives the fields of a model that is known, by their names in JSON."""
    names: dict[int, dict[str, str]] = {}

    def fields_of(model: Any) -> dict[str, Any]:
        kind, own, extra, _ = kinds[id(type(model))]
        if own is None or extra is None:
            raise TypeError
        known = names.get(id(kind))
        if known is None:
            known = names[id(kind)] = _aliases(kind)
        fields = {**own(model), **(extra(model) or {})}
        told = {}
        for name, value in fields.items():
            part = kinds.get(id(type(value)))
            if value is not None and not (part and part[3].endswith(_UNSET)):
                told[known.get(name, name)] = value
        return told

    return fields_of


def _aliases(kind: type) -> dict[str, str]:
    fields = adapter.lookup(kind, "__pydantic_fields__")
    if type(fields) is not dict:
        return {}
    return {name: info.alias for name, info in fields.items() if info.alias}


def _is_little_model(model: Any, kinds: Mapping[int, sdk_model.Kind]) -> bool:  # noqa: C901
    """Say whether a model holds plain data and known models alone, and little of it.

    As `sdk_model.is_sound`, in three quarters of the time; the rest is its matter.
    """
    parts = [model]
    for part in parts:  # which grows meanwhile
        kind = type(part)
        if kind is str:
            if len(part) > _LONGEST:
                return False
        elif part is None or kind is int:
            pass
        elif kind is dict or kind is list:
            if len(part) + len(parts) > _FEW:
                return False
            parts += get_referents(part) or hidden(part)
        elif kind is not float and kind is not bool:
            known = kinds.get(id(kind))
            if known is None:
                return False
            _, own, extra, _ = known
            if own is not None and extra is not None:  # else it is an enum
                fields, more = own(part), extra(part)
                if type(fields) is not dict or len(fields) + len(parts) > _FEW:
                    return False
                parts += get_referents(fields) or hidden(fields)
                if type(more) is not dict or more:  # mostly, there is nothing in it
                    parts.append(more)
    return True
