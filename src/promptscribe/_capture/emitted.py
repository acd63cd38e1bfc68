"""The emitted: a log that is also a span of the application's OpenTelemetry.

Its law: only with ``otel_spans`` and its like. The plug-in is found by its name, as
OpenTelemetry finds its own: nothing here imports it, nor OpenTelemetry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe._capture import failure
from promptscribe._capture.guise import passing
from promptscribe._clock import join_log_id
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.recording import Recording
    from promptscribe._runtime.state import Append

_PLUG_IN: Final = "promptscribe.otel.emitter"


class Emission(Protocol):
    """One span, begun together with a log.

    Attributes:
        trace: Its trace id, 16 bytes; None if it is no span, but a place for
            reports.
        key: Its span id, or None.
    """

    trace: bytes | None
    key: int | None

    def tap(self, append: Append) -> Append:
        """Return an append that passes frames on, and ends the span with the log."""
        ...

    def enter(self) -> None:
        """Make the span active: spans that are started now are its children."""
        ...

    def leave(self) -> None:
        """Make active what was before; without `enter`, do nothing."""
        ...

    def tell(self, recording: Recording) -> None:
        """Tell the log, about to end, what was learned of its call."""
        ...


def emit(members: dict[str, Any], outer: Scope | None) -> Emission | None:
    """Begin a span for a log.

    Args:
        members: What is known of the log; its path names the span.
        outer: The log around it.

    Returns:
        The span; None if none is asked for, or there is nobody to take it.
    """
    settings = runtime.controls
    if settings is None or not settings.emits():
        return None
    try:
        plug_in: Any = import_module(_PLUG_IN)
        emission: Emission | None = plug_in.emit(members, outer)
    except BaseException as problem:  # noqa: BLE001 - the call goes first
        failure.note("otel_failed", problem)
        return None
    return emission


def attempt(step: Callable[[], None]) -> None:
    """Make a span active, or no more; the log goes on where that fails."""
    try:
        step()
    except BaseException as problem:  # noqa: BLE001 - OpenTelemetry's context
        failure.note("otel_failed", problem)


def parent_of(outer: Scope | None, trace: bytes) -> int | str | None:
    """Return the parent as it is written down: in another trace, by its whole id."""
    if outer is None or outer.key is None:
        return None
    if outer.trace is None or outer.trace == trace:
        return outer.key
    return join_log_id(outer.trace, outer.key)


def is_active() -> bool:
    """Say whether logs are spans as well."""
    settings = runtime.controls
    return settings is not None and (settings.otel_spans or settings.otel_context)


class Steps:
    """A generator, plain or asynchronous, with its log's span active in each step."""

    def __init__(
        self, generator: Any, recording: Callable[[], Recording | None]
    ) -> None:
        self._generator = generator
        self._recording = recording

    @passing
    def send(self, value: Any) -> Any:
        """Make a step."""
        return self._step(self._generator.send, value)

    @passing
    def throw(self, error: BaseException) -> Any:
        """Raise an error in the body."""
        return self._step(self._generator.throw, error)

    def asend(self, value: Any) -> Awaitable[Any]:
        """Make an asynchronous step."""
        return self._await(self._generator.asend(value))

    def athrow(self, error: BaseException) -> Awaitable[Any]:
        """Raise an error in the asynchronous body."""
        return self._await(self._generator.athrow(error))

    @passing
    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        recording = self._recording()
        if recording is None:
            return step(value)
        recording.enter()
        try:
            return step(value)
        finally:
            recording.leave()

    @passing
    async def _await(self, step: Awaitable[Any]) -> Any:
        recording = self._recording()
        if recording is None:
            return await step
        recording.enter()
        try:
            return await step
        finally:
            recording.leave()
