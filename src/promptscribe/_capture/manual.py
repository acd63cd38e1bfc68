"""The manual ways: logs without a decorated function, and members for all inside.

Its law: as everywhere here, bad values are told and passed over, never raised; only a
name that does not exist is, as by any Python function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import _clock, schema
from promptscribe._capture import ambient, emitted, failure, snapshot
from promptscribe._capture.beginning import begin, new_key
from promptscribe._capture.context import Inherited, current
from promptscribe._capture.options import NO_PLAN
from promptscribe._capture.plain import encode_plain
from promptscribe._capture.presence import NOTHING
from promptscribe._capture.recording import WHOLE
from promptscribe._runtime.state import nowhere, runtime
from promptscribe._wire.record import CAPTURED
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Unpack

    from promptscribe._capture.context import Scope
    from promptscribe._capture.recording import Recording
    from promptscribe._runtime.state import Append

_decode: Final = msgspec.msgpack.Decoder().decode


_DETAILS: Final = frozenset(
    {
        "endpoint", "frequency_penalty", "max_tokens", "model", "presence_penalty",
        "provider", "reasoning_effort", "response_format", "seed", "stop",
        "temperature", "template", "tools", "top_p",
    }
)  # fmt: skip
"""What the contract has in *prompt*; the hosted service's own decorator took them as
arguments."""


def check_names(members: dict[str, Any], others: Iterable[str] = ()) -> None:
    """Raise for a member that does not exist.

    Args:
        members: What was given.
        others: What else might have been meant.

    Raises:
        ConfigurationError: Names the member.
    """
    import difflib

    for name in members:
        if name not in schema.MEMBERS:
            near = difflib.get_close_matches(name, [*schema.MEMBERS, *others], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            if name in _DETAILS:
                hint = f"; it is part of the prompt: prompt={{{name!r}: …}}"
            elif name == "name":
                hint = "; did you mean 'path'?"
            elif name in {"session_id", "tags"}:
                hint = f"; it has a place in metadata={{{name!r}: …}}"
            raise ConfigurationError(name, f"a prompt log has no such member{hint}")


class log_context:  # noqa: N801 - used as a function, like contextlib.suppress
    """Give every log that is made inside of the block these members.

    Use it with ``with`` or ``async with``. Blocks add up; the inner one wins, and what
    a decorator says wins over both. ``metadata`` is merged. Values are what a program
    has at hand, and are never refused: a number becomes text where text is wanted; what
    cannot become what is wanted is left out, and named in the log's
    ``metadata.not_recorded``.

    Args:
        **members: Any member of a prompt log, see `PromptLog`, for example *user*,
            *environment*, *batch_id*, *metadata*.

    Raises:
        ConfigurationError: There is no member of that name.

    Example:
        >>> from promptscribe import log_context
        >>> with log_context(user="user-7", metadata={"plan": "pro"}):
        ...     pass  # every log in here has them
    """

    __slots__ = ("_before", "_members")

    def __init__(self, **members: Unpack[schema.LogMembers]) -> None:
        check_names(dict(members))
        self._members = dict(members)
        self._before: list[Any] = []

    def __enter__(self) -> None:
        outer = current.get()
        try:
            inherited = outer.members if outer is not None else runtime.members
            merged = _merge(inherited, self._members)
            scope: Any = Inherited(outer, msgspec.Raw(snapshot.encode(merged)))
        except BaseException as problem:  # noqa: BLE001 - ours
            failure.note("context_failed", problem)
            scope = outer
        current.set(scope)
        self._before.append((scope, outer))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scope = current.get()
        for place in range(len(self._before) - 1, -1, -1):
            if self._before[place][0] is scope:  # ours, whatever other tasks do
                current.set(self._before.pop(place)[1])
                return

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def start_log(path: str, **members: Unpack[schema.LogDetails]) -> Recording:
    """Begin a log that no block encloses; end it with `Recording.end`.

    It is nested under the log that is current now, and does not become current itself.

    Args:
        path: Path of the Prompt, for example ``support/answer``.
        **members: Any other member of a prompt log, see `PromptLog`.

    Raises:
        ConfigurationError: There is no member of that name.

    Example:
        >>> from promptscribe import start_log
        >>> log = start_log("support/stream", inputs={"question": "why?"})
        >>> log.end("because")
    """
    check_names(dict(members))
    append = runtime.append or nowhere
    try:
        log = begin(append, NO_PLAN, None, {**members, "path": path})
    except BaseException as problem:  # noqa: BLE001 - ours
        runtime.unbegun += 1
        failure.note("recording_failed", problem)
        return NOTHING
    log.leave()  # it encloses nothing
    return log


def record_log(path: str | None = None, **members: Unpack[schema.LogDetails]) -> str:
    """Record a call that already happened.

    What *provider_response* and *provider_request* say (output, tokens, cost, model,
    messages …) fills what is not given.

    Args:
        path: Path of the Prompt; without it, and without *id*, it is ``log``.
        **members: Any other member of a prompt log, see `PromptLog`. Times that are
            not given are now.

    Returns:
        The log's id: *log_id* if it was given, else a new one.

    Raises:
        ConfigurationError: There is no member of that name.

    Example:
        >>> from promptscribe import record_log
        >>> log_id = record_log("support/answer", output="yes", prompt_tokens=12)
    """
    check_names(dict(members))
    outer = current.get()
    given: dict[str, Any] = dict(members)
    if path or "id" not in members:  # as of a block: no server takes a log without
        given = {"path": path or "log", **members}
    _clock.reseed_in_child()  # before: a log that is whole is not begun again
    key = new_key()
    trace = outer.trace if outer is not None else None
    if trace is None and ambient.MODULE in ambient.modules:
        span = ambient.find_span()
        if span is not None:
            trace, given = span[0], ambient.with_parent(given, span[1])
    trace = trace or _clock.new_trace(_clock.SystemClock.wall_ns())
    append = runtime.append
    try:
        if append is not None:
            trace, key = _record(append, outer, key, trace, given)
    except BaseException as problem:  # noqa: BLE001 - ours
        runtime.unbegun += 1
        failure.note("recording_failed", problem)
    own = members.get("log_id")
    if type(own) is str:
        return own
    return _clock.join_log_id(trace, key)


def _record(
    append: Append, outer: Scope | None, key: int, trace: bytes, given: dict[str, Any]
) -> tuple[bytes, int]:
    """Write a log; return its ids, which are its span's if it is one as well."""
    response = given.get("provider_response")
    if response is not None:
        from promptscribe._capture import stream

        given = {**given, "provider_response": stream.payload(response)}
    labels: Any = outer.members if outer is not None else runtime.members
    updates: list[Any] | None = None
    if (
        runtime.controls is not None
        or given.get("save") is False
        or is_controlled(outer)
    ):
        from promptscribe._capture import controlled

        if not controlled.is_kept(outer, trace) and not given.get("error"):
            runtime.ledger.note("sampled_out")
            return trace, key
        given, labels = controlled.limit(given, labels, outer)
        if CAPTURED in given:
            updates = [{CAPTURED: given.pop(CAPTURED)}]
    parent: int | str | None = outer.key if outer is not None else None
    emission = emitted.emit(given, outer)
    if emission is not None:
        append = emission.tap(append)
        if emission.trace is not None and emission.key is not None:
            trace, key = emission.trace, emission.key
            parent = emitted.parent_of(outer, trace)
    now = runtime.wall_ns()
    encoded = msgspec.Raw(snapshot.encode(given))
    first = (key, trace, parent, now, None, labels, None, encoded)
    last = (key, now, None, None, None, updates, None)
    append(WHOLE, encode_plain((key, first, last)))
    return trace, key


def is_controlled(scope: Scope | None) -> bool:
    """Say whether not everything of what is made in a scope may be kept."""
    return scope is not None and scope.controlled


def _merge(inherited: msgspec.Raw | None, members: dict[str, Any]) -> dict[str, Any]:
    before = _decode(inherited) if inherited is not None else {}
    merged = {**before, **members}
    ours, theirs = before.get("metadata"), members.get("metadata")
    if type(ours) is dict and type(theirs) is dict:
        merged["metadata"] = {**ours, **theirs}
    return merged
