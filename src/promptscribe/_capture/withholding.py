"""The withholding: how a recording keeps to its rules when its call goes on and ends.

Its law: as that of the controlled recording, most of which this is. A log that is told
by ``update(save=False)`` in mid-call to keep nothing becomes such a one as well: what
is in the journal by then stays there, and is left out when the log is read.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import failure, snapshot
from promptscribe._capture.context import is_unsaved, with_save
from promptscribe._capture.options import NO_OPTIONS, NO_PLAN
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.rule import Rules, to_plain
from promptscribe._wire import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe._capture import emitted
    from promptscribe._capture.options import Plan
    from promptscribe._capture.recording import Recording
    from promptscribe._capture.tape import Tape
    from promptscribe._wire.record import ErrorFacts, StreamFacts

    _Base = Recording
else:
    _Base = object

_Raw = msgspec.Raw
_WITHHELD: Final = "withheld"

_update_decoder: Final = msgspec.msgpack.Decoder(dict[str, _Raw])


class Withholding(_Base):
    """What looks at each value before it is written; a base beside `Recording`.

    Attributes:
        _rules: What may be kept.
        _plan: What the decorator was given.
        _emission: The log's span, or None.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        _plan: Plan
        _rules: Rules
        _emission: emitted.Emission | None

    @property
    def controlled(self) -> bool:  # type: ignore[override]
        """Whether what is made inside is not to be kept whole, either."""
        return self.dropped or self._rules.redacts or is_unsaved(self.members)

    def finish(self, result: Any) -> None:
        """End the log of a call that returned."""
        self._end(True, result, None, None)

    def _describe(self, error: BaseException) -> ErrorFacts:
        rules = self._rules
        name, message, traceback = failure.describe(error, rules.cleaner())
        if rules.is_bare:
            message, traceback = "", None
        clean = rules.clean_text
        return name, clean(message) or "", clean(traceback)

    def _add(self, members: Mapping[str, Any]) -> None:
        try:
            rules, said = self._rules, dict(members)
            response = to_plain(said.pop(record.RESPONSE, None), rules)
            plain = rules.members(to_plain(said, rules))
            given = said.get("provider_response") if rules.is_bare else None
            if given is not None:
                plain |= rules.response(to_plain(given, rules), "provider_response")
            if response is not None:
                plain |= rules.response(response, record.RESPONSE)
            super()._add(plain)
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("snapshot_failed", problem)

    def _unwind(
        self, tape: Tape, ending: str | None
    ) -> tuple[msgspec.Raw, StreamFacts]:
        packed, told = super()._unwind(tape, ending)
        if tape.cut and not self._rules.is_open:
            packed = self._rules.mend(packed, tape.seam)
        return packed, told

    def _end(
        self,
        returned: bool,
        result: Any,
        error: ErrorFacts | None,
        stream: StreamFacts | None,
    ) -> None:
        self.leave()
        if error is not None:
            error = (self._rules.clean_text(error[0]) or "", *error[1:])
        kept: Any = None
        problem: BaseException | None = None
        try:
            if self._emission is not None:
                self._emission.tell(self)
            if returned:
                kept = self._result(result, is_stream=stream is not None)
        except BaseException as raised:  # noqa: BLE001 - a user's transform, or ours
            problem = raised
            kept = {record.MARK: "output failed"} if returned else None
        super()._end(kept is not None, kept, error, stream)
        if problem is not None:  # the log has its end, also if this raises
            try:
                failure.note("output_failed", problem)
            finally:
                problem = None  # its frames, with the result in them, hold this one

    def _result(self, result: Any, *, is_stream: bool) -> Any:
        transform = self._plan.options.output_transform
        if transform is not None and is_stream:
            given = transform(to_plain(result, self._rules))
            result = None if given is None else msgspec.Raw(snapshot.encode(given))
        elif transform is not None:
            result = transform(result)
        if self._rules.is_open:
            return result
        # Whole texts only: a secret may be split over the chunks of a stream.
        plain = to_plain(result, self._rules, is_result=True)
        members = self._rules.response(plain, _WITHHELD)
        kept = members.pop(_WITHHELD, None)
        if members:
            super()._add(members)
        return kept


def withhold(recording: Recording) -> None:
    """Have a recording keep no payload from now on, nor what is not written yet.

    What is logged inside of it from now on keeps none, either.
    """
    if not isinstance(recording, Withholding):
        kind: Any = type(recording)
        recording.__class__ = _unsaved(kind)
    rules: Rules = recording._rules  # type: ignore[attr-defined] # it has got them
    recording.members = with_save(recording.members, save=False)
    said, recording._updates = recording._updates or [], None
    first, recording._first = recording._first, None
    for update in said:
        recording._add(_update_decoder.decode(update))
    if first is not None:  # the journal had no room for it
        *place, _, given = record.part_of_start.decode(first)
        kept = rules.members(to_plain(given, rules) or {})
        recording._first = encode_plain((*place, None, kept or None))


@functools.cache
def _unsaved(kind: Any) -> Any:
    """Return the class of recordings that are told so in mid-call."""
    members = {
        "__slots__": (),
        "_emission": None,
        "_plan": NO_PLAN,
        "_rules": property(lambda _: Rules(NO_OPTIONS, save=False)),
        "_withhold": lambda _: None,
    }
    return type("UnsavedRecording", (Withholding, kind), members)
