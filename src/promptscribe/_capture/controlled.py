"""The controlled recording: a call of which not everything may be, or is, kept.

Its law: what is to be left out never reaches the journal. Where leaving out fails,
more is left out, never less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import schema
from promptscribe._capture import (
    ambient,
    emitted,
    failure,
    redaction,
    snapshot,
    template,
)
from promptscribe._capture.context import is_unsaved
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.recording import START, Recording, raw
from promptscribe._clock import getrandbits
from promptscribe._runtime.state import nowhere, runtime
from promptscribe._wire import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Options, Plan
    from promptscribe._runtime.state import Append

_decode: Final = msgspec.msgpack.Decoder().decode
_WITHHELD: Final = "withheld"


class ControlledRecording(Recording):
    """A recording that looks at each value before it is written."""

    __slots__ = ("_emission", "_inputs", "_plan", "_rules")

    _plan: Plan
    _rules: Rules
    _inputs: Any
    _emission: emitted.Emission | None

    @property
    def controlled(self) -> bool:  # type: ignore[override]
        """Whether what is made inside is not to be kept whole, either."""
        return self.dropped or is_unsaved(self.members)

    def enter(self) -> None:
        """Make the log's span active, if it has one."""
        if self._emission is not None:
            self._emission.enter()

    def leave(self) -> None:
        """Make the span active that was before."""
        if self._emission is not None:
            self._emission.leave()

    def finish(self, result: Any) -> None:
        """End the log of a call that returned."""
        self._end(True, result, None, None)

    def _describe(self, error: BaseException) -> tuple[str, str, str | None]:
        name, message, traceback = failure.describe(error)
        if self._rules.is_bare:
            return name, "", None
        clean = self._rules.clean_text
        return name, clean(message) or "", clean(traceback)

    def _add(self, members: Mapping[str, Any]) -> None:
        try:
            plain = to_plain(dict(members))
            response = plain.pop(record.RESPONSE, None)
            if response is not None:
                plain |= self._rules.response(response, record.RESPONSE)
            super()._add(self._rules.members(plain))
        except Exception as problem:  # noqa: BLE001 - ours
            failure.note("snapshot_failed", problem)

    def _end(
        self,
        returned: bool,
        result: Any,
        error: tuple[str, str, str | None] | None,
        stream: tuple[int | None, str | None, int] | None,
    ) -> None:
        self.leave()
        if self._emission is not None:
            self._emission.tell(self)
        kept: Any = None
        try:
            if returned:
                kept = self._result(result)
        except Exception as problem:  # noqa: BLE001 - a user's transform, or ours
            failure.note("output_failed", problem)
            kept = {record.MARK: "output failed"}
        super()._end(kept is not None, kept, error, stream)

    def _result(self, result: Any) -> Any:
        transform = self._plan.options.output_transform
        if transform is not None:
            result = transform(result)
        if self._rules.is_open:
            return result
        # Whole texts only: a secret may be split over the chunks of a stream.
        members = self._rules.response(to_plain(result), _WITHHELD)
        kept = members.pop(_WITHHELD, None)
        if members:
            super()._add(members)
        return kept

    def _fill_template(
        self, inputs: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        bound = self._inputs if type(self._inputs) is dict else {}
        known = {**bound, **inputs}
        kept: dict[str, Any] = _select(known, self._plan.options)
        return template.fill(self._plan.template, known), kept


class DroppedRecording(ControlledRecording):
    """A recording of a trace that sampling leaves out: only errors are kept."""

    __slots__ = ()

    dropped = True

    def _end(
        self,
        returned: bool,
        result: Any,
        error: tuple[str, str, str | None] | None,
        stream: tuple[int | None, str | None, int] | None,
    ) -> None:
        if error is None:
            self._append = None
            runtime.ledger.note("sampled_out")
        else:
            super()._end(returned, result, error, stream)


class Rules:
    """What may be kept of a call: the decorator's options over the settings.

    Attributes:
        is_bare: Whether payload is left out.
        is_open: Whether every value may be kept as it is.
    """

    __slots__ = ("_hook", "_redact", "is_bare", "is_open")

    def __init__(self, options: Options, save: Any) -> None:
        settings = runtime.controls
        capture, redact = options.capture, options.redact
        if redact is None and settings is not None:
            redact = settings.redact
        if capture is None and settings is not None:
            capture = settings.capture
        self.is_bare = capture == "metadata" or save is False
        self._redact = bool(redact)
        self._hook: Callable[[str], str] | None = redact if callable(redact) else None
        self.is_open = not (self.is_bare or self._redact)

    def clean(self, value: Any) -> Any:
        """Return a plain value without secrets."""
        return redaction.redact(value, self._hook) if self._redact else value

    def clean_text(self, text: str | None) -> str | None:
        """Return a text without secrets."""
        return redaction.redact_text(text, self._hook) if self._redact else text

    def members(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return what may be kept of a log's members."""
        if self.is_bare:
            left_out = {*schema.PAYLOAD_MEMBERS, record.REQUEST, record.RESPONSE}
            members = {k: v for k, v in members.items() if k not in left_out}
        return {name: self.clean(value) for name, value in members.items()}

    def response(self, value: Any, name: str) -> dict[str, Any]:
        """Return what may be kept of a response, as members and under *name*."""
        if not self.is_bare:
            return {name: self.clean(value)}
        from promptscribe._runtime import render

        facts = render.read_response(value)
        kept = {k: v for k, v in facts.items() if k not in schema.PAYLOAD_MEMBERS}
        return {record.CAPTURED: kept} if kept else {}


def begin_controlled(
    append: Append, plan: Plan, inputs: Any, given: Any, outer: Scope | None
) -> Recording:
    """Begin a log of which not everything is kept; see `recording.begin`."""
    said = {**plan.members, **(given or {})}
    inherited = None if outer is None else outer.members
    rules = Rules(plan.options, said.get("save", not is_unsaved(inherited)))
    given = dict(given or {})
    declared: Any = plan.declared
    if plan.make_prompt is not None:
        given["prompt"] = _make_prompt(plan.make_prompt, inputs)
    kept = None if rules.is_bare else _select(inputs, plan.options)
    span = None
    if (outer is None or outer.trace is None) and ambient.MODULE in ambient.modules:
        span = ambient.find_span()
    kept_trace, recording = _new(plan, outer, None if span is None else span[0])
    parent: int | str | None = None if outer is None else outer.key
    recorded_by = append
    recording._emission = emission = emitted.emit(said, outer) if kept_trace else None
    if emission is not None:
        recorded_by = emission.tap(append)
    if emission is not None and emission.trace is not None:
        parent = emitted.parent_of(outer, emission.trace)
        recording.trace, recording.key = emission.trace, emission.key
    labels: Any = recording.members
    if not rules.is_open:
        kept = rules.clean(to_plain(kept))
        given = rules.members(to_plain(given))
        declared = rules.members(to_plain(plan.members))
        labels = rules.members(_decode(labels)) if labels is not None else None
    if span is not None:
        given = ambient.with_parent(given, span[1])
    recording._plan = plan
    recording._rules = rules
    recording._inputs = inputs if inputs is not None else said.get("inputs")
    first = (
        recording.key,
        recording.trace,
        parent,
        recording.anchor + runtime.monotonic_ns(),
        declared if type(declared) is msgspec.Raw else raw(declared),
        labels if type(labels) is msgspec.Raw else raw(labels),
        raw(kept),
        raw(given or None),
    )
    payload = encode_plain(first)
    kept_by = recorded_by if kept_trace else nowhere
    took = kept_by(START, payload)
    if took is None:  # a fork without Python's hooks: the ids were the parent's next
        return begin_controlled(append, plan, inputs, said, outer)
    recording._append = recorded_by
    recording._first = None if took else payload
    recording.enter()
    return recording


def limit(given: dict[str, Any], labels: Any) -> tuple[dict[str, Any], Any]:
    """Return what may be kept of a log that is recorded after the fact."""
    rules = Rules(NO_OPTIONS, given.get("save", not is_unsaved(labels)))
    if rules.is_open:
        return given, labels
    labels = rules.members(_decode(labels)) if labels is not None else None
    return rules.members(to_plain(given)), labels


def is_kept(outer: Scope | None, trace: bytes, rate: float | None = None) -> bool:
    """Say whether sampling keeps a trace: decided at its root, by its id alone.

    As OpenTelemetry's ``TraceIdRatioBased``: by the last 8 bytes.
    """
    if outer is not None and outer.trace is not None:
        return not outer.dropped
    if rate is None and runtime.controls is not None:
        rate = runtime.controls.sample_rate
    return rate is None or int.from_bytes(trace[8:], "big") < rate * 2**64


def _new(
    plan: Plan, outer: Scope | None, found: bytes | None
) -> tuple[bool, ControlledRecording]:
    """Return whether the trace is kept, and a recording with its place in it."""
    trace = None if outer is None else outer.trace
    if trace is None or outer is None:
        trace = found or getrandbits(128).to_bytes(16, "big")
        anchor = runtime.wall_ns() - runtime.monotonic_ns()
    else:
        anchor = outer.anchor
    kept = is_kept(outer, trace, plan.options.sample_rate)
    kind = ControlledRecording if kept else DroppedRecording
    recording: ControlledRecording = kind.__new__(kind)
    recording.key = getrandbits(63) | record.KEY_TOP_BIT
    recording.trace = trace
    recording.anchor = anchor
    recording.members = runtime.members if outer is None else outer.members
    recording._updates = None
    return kept, recording


def to_plain(value: Any) -> Any:
    """Return a value as the plain data that the journal would give back."""
    decoded = record.decode(snapshot.encode(value))
    if isinstance(decoded, record.Chunks):
        from promptscribe._providers import registry

        return registry.join(record.plain(decoded), decoded.type_name)
    return record.plain(decoded)


def _select(inputs: Any, options: Options) -> Any:
    if type(inputs) is not dict:
        return inputs
    return {
        name: value
        for name, value in inputs.items()
        if name not in options.exclude
        and (options.include is None or name in options.include)
    }


def _make_prompt(make: Callable[[Any], Any], inputs: Any) -> Any:
    try:
        return make(inputs)
    except Exception as problem:  # noqa: BLE001 - the user's function
        failure.note("prompt_failed", problem)
        return None
