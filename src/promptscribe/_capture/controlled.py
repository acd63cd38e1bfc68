"""The controlled recording: a call of which not everything may be, or is, kept.

Its law: what is to be left out never reaches the journal. Where leaving out fails,
more is left out, never less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from promptscribe._capture import (
    ambient,
    emitted,
    failure,
    template,
)
from promptscribe._capture.context import is_unsaved, with_save
from promptscribe._capture.options import NO_OPTIONS
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.recording import START, Recording, raw
from promptscribe._capture.rule import Rules, rules_of, to_plain
from promptscribe._capture.withholding import Withholding, withhold
from promptscribe._clock import getrandbits, new_trace
from promptscribe._runtime.state import nowhere, runtime
from promptscribe._wire import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Options, Plan
    from promptscribe._runtime.state import Append
    from promptscribe._wire.record import ErrorFacts, StreamFacts


class ControlledRecording(Withholding, Recording):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A recording that looks at each value before it is written."""

    __slots__ = ("_emission", "_inputs", "_plan", "_rules", "_template")

    _plan: Plan
    _rules: Rules
    _inputs: Any
    """What a template is filled with; None where there is none: it may be large."""
    _template: Any
    _emission: emitted.Emission | None

    def enter(self) -> None:
        """Make the log's span active, if it has one."""
        if self._emission is not None:
            emitted.attempt(self._emission.enter)

    def leave(self) -> None:
        """Make the span active that was before."""
        if self._emission is not None:
            emitted.attempt(self._emission.leave)

    def _withhold(self) -> None:
        self._rules = Rules(self._plan.options, save=False, outer=self._rules)
        withhold(self)

    def _remember(self, given: dict[str, Any], inputs: Any) -> None:
        """Keep what `populate` needs, if there is a template."""
        plan = self._plan
        is_made = plan.make_prompt is not None
        self._template = template.of(given["prompt"]) if is_made else plan.template
        self._inputs = None if self._template is None else inputs

    def _take(self, response: Any) -> None:
        """Keep what a response that is not kept has counted, as of a later one."""
        if response is not None and self._rules.is_bare:
            self._add({"provider_response": response})

    def _fill_template(
        self, inputs: dict[str, Any]
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        bound = self._inputs if type(self._inputs) is dict else {}
        known = {**bound, **inputs}
        kept: dict[str, Any] = _select(known, self._plan.options)
        return template.fill(self._template, known), kept


class DroppedRecording(ControlledRecording):
    """A recording of a trace that sampling leaves out: only errors are kept."""

    __slots__ = ()

    dropped = True

    def _end(
        self,
        returned: bool,
        result: Any,
        error: ErrorFacts | None,
        stream: StreamFacts | None,
    ) -> None:
        if error is None:
            self._append = None
            runtime.ledger.note("sampled_out")
        else:
            super()._end(returned, result, error, stream)


def begin_controlled(
    append: Append, plan: Plan, inputs: Any, given: Any, outer: Scope | None
) -> Recording:
    """Begin a log of which not everything is kept; see `beginning.begin`."""
    inputs = _thawed(inputs)
    said = {**plan.members, **(given or {})}
    save = said.get("save", not is_unsaved(None if outer is None else outer.members))
    rules = Rules(plan.options, save, rules_of(outer))
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
    labels: Any = recording.members
    shown = said
    if not rules.is_open:
        kept = rules.clean(to_plain(kept, rules))
        labels, given = _limited(rules, labels), _limited(rules, given)
        cleaned, declared = rules.declared(plan)
        shown = {**cleaned, **given}
    recording._emission = emission = emitted.emit(shown, outer) if kept_trace else None
    recorded_by = append if emission is None else emission.tap(append)
    if emission is not None and emission.trace is not None:
        parent = emitted.parent_of(outer, emission.trace)
        recording.trace, recording.key = emission.trace, emission.key
    if span is not None:
        given = ambient.with_parent(given, span[1])
    recording._plan, recording._rules = plan, rules
    recording.members = _members_inside(recording.members, save, plan.options)
    recording._remember(given, inputs if inputs is not None else said.get("inputs"))
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
    recording._append, recording._first = recorded_by, None if took else payload
    recording._take(said.get("provider_response"))
    recording.enter()
    return recording


def _members_inside(
    members: msgspec.Raw | None, save: Any, options: Options
) -> msgspec.Raw | None:
    """Return what is inherited inside of a log: its own word on payloads as well.

    What a function calls is about what it was called with.
    """
    is_saved = save is not False and options.capture != "metadata"
    if is_unsaved(members) is not is_saved:
        return members
    return with_save(members, is_saved)


def limit(
    given: dict[str, Any], labels: Any, scope: Scope | None
) -> tuple[dict[str, Any], Any]:
    """Return what may be kept of a log that is recorded after the fact.

    Of a response that is not, what it says besides is under `record.CAPTURED`.
    """
    save = given.get("save", not is_unsaved(labels))
    rules = Rules(NO_OPTIONS, save, rules_of(scope))
    if rules.is_open:
        return given, labels
    kept = _limited(rules, given)
    response = given.get("provider_response")
    if rules.is_bare and response is not None:
        kept |= rules.response(to_plain(response, rules), "provider_response")
    return kept, _limited(rules, labels)


def _limited(rules: Rules, members: Any) -> Any:
    """Return what may be kept of members, encoded ones as well; of None, None."""
    return None if members is None else rules.members(to_plain(members, rules))


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
        trace = found or new_trace(runtime.wall_ns())
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


def _thawed(inputs: Any) -> Any:
    """Return arguments, those of a generator as they were when it was made."""
    if type(inputs) is msgspec.Raw:
        return record.plain(record.decode(bytes(inputs)))
    return inputs


def _select(inputs: Any, options: Options) -> Any:
    if type(inputs) is not dict:
        return inputs
    include, exclude, rest = options.include, options.exclude, options.rest
    more = None if rest is None else inputs.get(rest)
    kept = {
        name: value
        for name, value in inputs.items()
        if name not in exclude and (include is None or name in include)
    }
    if type(more) is dict and rest not in exclude:
        if include is not None and rest in include:
            include = None  # all of them, but for what is excluded
        some = _select(more, replace(options, include=include, rest=None))
        if some or include is None:
            kept[rest] = some
    return kept


def _make_prompt(make: Callable[[Any], Any], inputs: Any) -> Any:
    try:
        return make(inputs)
    except BaseException as problem:  # noqa: BLE001 - the user's function
        failure.note("prompt_failed", problem)
        return None
