"""The propagation: the current log goes along to other services, in a request.

Its law: nothing here raises. Headers come from outside: malformed ones are none. What
goes out is small, and no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import _clock
from promptscribe._capture import carrier, failure, header, redaction, snapshot
from promptscribe._capture.binding import Elsewhere
from promptscribe._capture.context import current
from promptscribe._capture.header import Place
from promptscribe._capture.manual import _merge, log_context
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.rule import Rules, rules_of
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptscribe._capture.carrier import Source, Target
    from promptscribe._capture.context import Scope

_PARENT: Final = "parent"
_SAMPLED: Final = "sampled"
_SAVE: Final = "save"
_METADATA: Final = "metadata."
_MEMBERS: Final = (
    "user",
    "environment",
    "batch_id",
    "evaluation_id",
    "source_datapoint_id",
)
"""Members of `log_context` that are as true in the next service as in this one;
*source* is not, it names the service."""

_decode: Final = msgspec.msgpack.Decoder(ext_hook=lambda *_: None).decode


def inject(headers: Target) -> None:
    """Add the current log to the headers of a request, for `extract` to find.

    Writes W3C ``traceparent`` and ``baggage``. The latter takes *user*,
    *environment*, *batch_id*, *save* and small values of *metadata* along, as
    `log_context` gave them, but nothing that looks like a key or a password.
    What is in the headers already stays: a ``traceparent`` of OpenTelemetry's, and
    the baggage of others. Where no log is current, nothing is written.

    Args:
        headers: The request's headers, about to be sent: a dict, the object that a
            client has for them, or a list of pairs, as ASGI, gRPC and Kafka have it.
            What is written is text or bytes, as what is there is; into an empty list
            text with bytes, as Kafka's clients want it.

    Example:
        >>> from promptscribe import inject, log_prompt
        >>> from promptscribe.testing import captured_logs
        >>> headers = {}
        >>> with captured_logs(), log_prompt("support/answer"):
        ...     inject(headers)  # then httpx.post(url, headers=headers)
        >>> sorted(headers)
        ['baggage', 'traceparent']
    """
    try:
        scope = current.get()
        if scope is not None and scope.key is not None and scope.trace is not None:
            _write(headers, scope, Place(scope.trace, scope.key))
    except carrier.CarrierError as wrong:
        failure.note("propagation_failed", str(wrong))
    except BaseException as problem:  # noqa: BLE001 - the request goes first
        failure.note("propagation_failed", problem)


def _write(headers: Target, scope: Scope, place: Place) -> None:
    parents, baggage = carrier.find(headers, header.TRACEPARENT, header.BAGGAGE)
    before = ",".join(baggage)
    known = header.read_baggage(before).get(_PARENT, "")
    theirs = ",".join(parents).strip()
    # One that we wrote, for an earlier request with the same dict, gives way.
    if not theirs or header.read_traceparent(theirs) == _read_log_id(known):
        ours = header.write_traceparent(place, is_sampled=not scope.dropped)
        carrier.put(headers, header.TRACEPARENT, ours)
    # The parent goes into the baggage in any case: an OpenTelemetry client or a
    # proxy on the way puts its own span into ``traceparent``, which is no log.
    told = header.merge_baggage(before, _entries(scope, place))
    carrier.put(headers, header.BAGGAGE, told)


def _entries(scope: Scope, place: Place) -> Iterator[tuple[str, str]]:
    yield _PARENT, _clock.join_log_id(place.trace, place.key)
    if scope.dropped:
        yield _SAMPLED, "0"
    clean = _cleaner(scope)
    members = _decode(scope.members) if scope.members is not None else {}
    settings = _decode(runtime.members) if runtime.members is not None else {}
    if members.get(_SAVE) is False:
        yield _SAVE, "false"
    for name in _MEMBERS:
        value = members.get(name)
        # What the settings say holds here; the next service has settings of its own.
        if (
            type(value) is str
            and value != settings.get(name)
            and (_travels(name, value, clean))
        ):
            yield name, value
    metadata = members.get("metadata")
    for name, value in metadata.items() if type(metadata) is dict else ():
        if type(value) in {str, int, float, bool}:
            text = header.write_scalar(value)
            if type(name) is str and _travels(name, text, clean):
                yield f"{_METADATA}{name}", text


def _travels(name: str, text: str, clean: Callable[[str], str] | None) -> bool:
    """Say whether a value is small, and no secret."""
    if not 0 < len(text) <= header.LONGEST_VALUE:
        return False
    # An address is who somebody is here, no secret, unless redaction is asked for.
    if redaction.is_secret(name, text):
        return False
    return clean is None or (clean(name) == name and clean(text) == text)


def _cleaner(scope: Scope) -> Callable[[str], str] | None:
    """Return what the log's decorator, or the settings, redact with."""
    return Rules(NO_OPTIONS, save=True, outer=rules_of(scope)).cleaner()


class extract(log_context):  # noqa: N801 - used as a function, as `log_context` is
    """Continue the trace of a request that was sent with `inject`.

    Use it with ``with`` or ``async with``, around what handles the request: logs that
    are made inside are children of the sender's log, in its trace, and get the members
    that came along. Headers that say nothing, or nothing sensible, change nothing.

    Use it where the senders are your own services: whoever sends can say which *user*
    a log is for, and that it should not be kept (*save*).

    Args:
        headers: The request's headers, as the framework has them: a mapping or
            anything with ``items()``; a WSGI environment; pairs of names and values,
            as in ASGI's ``scope["headers"]``, in gRPC and Kafka. Names in any case,
            names and values as text or bytes. None is none.

    Example:
        >>> from promptscribe import extract, log_prompt
        >>> from promptscribe.testing import captured_logs
        >>> sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        >>> with captured_logs() as logs:
        ...     with extract({"Traceparent": sent}):
        ...         with log_prompt("support/answer"):
        ...             pass
        >>> logs[0].trace_parent_id
        'log_0af7651916cd43dd8448eb211c80319cb7ad6b7169203331'
    """

    __slots__ = ("_dropped", "_place")

    def __init__(self, headers: Source) -> None:
        super().__init__()
        self._place: Place | None = None
        self._dropped = False
        try:
            self._read(headers)
        except carrier.CarrierError as wrong:
            failure.note("propagation_failed", str(wrong))
        except BaseException as problem:  # noqa: BLE001 - the request is to be handled
            failure.note("propagation_failed", problem)

    def __enter__(self) -> None:
        if self._place is None:
            super().__enter__()
            return
        outer = current.get()
        inherited = outer.members if outer is not None else runtime.members
        members = msgspec.Raw(snapshot.encode(_merge(inherited, self._members)))
        scope = Elsewhere(self._place, members, dropped=self._dropped)
        current.set(scope)
        self._before.append((scope, outer))

    def _read(self, headers: Source) -> None:
        parents, told = carrier.find(headers, header.TRACEPARENT, header.BAGGAGE)
        baggage = header.read_baggage(",".join(told))
        self._members = _members_of(baggage)
        self._dropped = baggage.get(_SAMPLED) == "0"
        self._place = _read_log_id(baggage.get(_PARENT, ""))
        if self._place is None and len(parents) == 1:  # two are none: section 3.2.2
            self._place = header.read_traceparent(parents[0])


def _members_of(baggage: dict[str, str]) -> dict[str, Any]:
    members: dict[str, Any] = {n: v for n in _MEMBERS if (v := baggage.get(n))}
    if baggage.get(_SAVE) == "false":
        members[_SAVE] = False
    metadata = {
        key.removeprefix(_METADATA): header.read_scalar(value)
        for key, value in baggage.items()
        if key.startswith(_METADATA)
    }
    return {**members, "metadata": metadata} if metadata else members


def _read_log_id(text: str) -> Place | None:
    ids = _clock.parse_log_id(text)
    if ids is None or ids[0] <= 0 or ids[1] <= 0:
        return None
    return Place(ids[0].to_bytes(16, "big"), ids[1])
