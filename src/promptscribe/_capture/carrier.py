"""The carrier: whatever a framework keeps the header fields of a request in.

Its law: the fields that are asked for come out as text, and go in as what is there,
text or bytes; all others stay as they are. What is no carrier raises `CarrierError`;
what a carrier raises itself passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Headers(Protocol):
    """The header fields of a request, as most frameworks have them."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Return names, in whatever case, and values; a name may come twice."""
        ...


class MutableHeaders(Headers, Protocol):
    """The header fields of a request that is about to be sent."""

    def __setitem__(self, name: str, value: str, /) -> None:
        """Set a field."""
        ...

    def __delitem__(self, name: str, /) -> None:
        """Remove a field."""
        ...


Source: TypeAlias = Headers | Iterable[tuple[Any, Any] | list[Any]] | None
Target: TypeAlias = (
    MutableHeaders
    | list[tuple[str, str]]
    | list[tuple[str, bytes]]
    | list[tuple[bytes, bytes]]
)


class CarrierError(TypeError):
    """What was given has no header fields, or takes none; its text says so."""


MOST: Final = 10_000
"""Fields that are looked at; servers take some hundred."""

_WSGI: Final = "http_"
"""What the names of a WSGI environment begin with (PEP 3333), in lower case."""

_PAIRS: Final = (tuple, list)
_TEXTS: Final = (str, bytes)
"""Not ``|`` in each question: making a union of types takes longer than asking it."""

_ENCODING: Final = "latin-1"
"""Of a header's bytes: total, and ours are ASCII."""


def find(carrier: Source, *names: str) -> list[list[str]]:
    """Return the values of fields, for each name those that it has.

    Args:
        carrier: Anything with ``items()``, a WSGI environment as well; or names and
            values in pairs, which are gone through once. Both may be text or bytes,
            and a value several in a list. None has no fields.
        *names: Of fields, in lower case.

    Raises:
        CarrierError: It is none of these.
    """
    found: dict[str, list[str]] = {name: [] for name in names}
    for entry in _entries(carrier):
        values = found.get(_name_of(entry).removeprefix(_WSGI))
        if values is not None:
            value = entry[1]
            several = value if isinstance(value, _PAIRS) else [value]
            values += [_text(one) for one in several if isinstance(one, _TEXTS)]
    return list(found.values())


def put(carrier: Target, name: str, text: str) -> None:
    """Set one field, in place of what it has.

    Args:
        carrier: A mapping, or a list of pairs.
        name: Of the field, in lower case.
        text: ASCII.

    Raises:
        CarrierError: It cannot be written to.
    """
    if isinstance(carrier, list):
        _put_pair(carrier, name, text)
    elif hasattr(carrier, "items") and hasattr(carrier, "__setitem__"):
        _put_field(carrier, name, text)
    else:
        raise CarrierError(f"headers cannot be written into {_kind(carrier)}")


def _put_field(fields: Any, name: str, text: str) -> None:
    entries = list(_entries(fields))
    before = [entry for entry in entries if _name_of(entry) == name]
    like = _example(before or entries, ("", ""))
    # Some replace all values when one is set, some add one more; and a dict may have
    # a name in two spellings.
    if len(before) > 1 or type(fields) is not dict:
        for entry in before:
            with suppress(KeyError):
                del fields[entry[0]]
    fields[before[0][0] if before else _as(like[0], name)] = _as(like[1], text)


def _put_pair(pairs: list[Any], name: str, text: str) -> None:
    places = [n for n, entry in enumerate(pairs) if _name_of(entry) == name]
    before = [pairs[place] for place in places]
    # Into an empty list go text and bytes: Kafka's clients want it so, and those for
    # HTTP and gRPC take it.
    like = _example(before or list(_entries(pairs)), ("", b""))
    pair: Any = (before[0][0] if before else _as(like[0], name), _as(like[1], text))
    if isinstance(like, list):
        pair = [*pair]
    for place in reversed(places[1:]):
        del pairs[place]
    first = places[0] if places else len(pairs)
    pairs[first : first + 1] = [pair]


def _entries(carrier: Any) -> Iterator[Sequence[Any]]:
    """Yield what is a name with a value."""
    if carrier is None:
        return
    fields: Any = carrier
    if hasattr(carrier, "items") and not isinstance(carrier, type):
        fields = carrier.items()
    if isinstance(fields, _TEXTS) or not isinstance(fields, Iterable):
        raise CarrierError(f"there are no headers in {_kind(carrier)}")
    known = odd = 0
    for entry in islice(fields, MOST):
        if isinstance(entry, _PAIRS) and len(entry) == 2:
            known += 1
            yield entry
        else:
            odd += 1
    if odd and not known:
        raise CarrierError(f"there are no pairs in {_kind(carrier)}")


def _name_of(entry: Any) -> str:
    """Return the name of a field in lower case; nothing if it is none."""
    if not isinstance(entry, _PAIRS) or len(entry) != 2:
        return ""
    name = entry[0]
    return _text(name).lower() if isinstance(name, _TEXTS) else ""


def _text(value: str | bytes) -> str:
    # Without a subclass (aiohttp's names are one) and its methods.
    return value.decode(_ENCODING) if isinstance(value, bytes) else str.__str__(value)


def _example(entries: Sequence[Any], default: tuple[Any, Any]) -> Sequence[Any]:
    """Return the entry that others are to be like."""
    kinds = (str, bytes, list)
    known = [e for kind in kinds for e in entries if isinstance(e[1], kind)]
    return known[0] if known else default


def _as(like: Any, text: str) -> Any:
    if isinstance(like, list):
        return [_as(like[0] if like else "", text)]
    return text.encode(_ENCODING) if isinstance(like, bytes) else text


def _kind(carrier: Any) -> str:
    return f"an object of type {type(carrier).__name__}"
