"""The stream: results of providers that come in pieces, recorded as they are read.

Its law: what is no stream of a provider is handed on as the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._capture.context import current
from promptscribe._capture.generator import hide_frame, leave_scope
from promptscribe._capture.guise import driver_for, named_as
from promptscribe._capture.stand_in import stand_in
from promptscribe._capture.stream_kind import RUNNING, is_providers, kind_of
from promptscribe._capture.tape import ABANDONED, Tape

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.tape import Finish

_RESPONSES: Final = frozenset({"response", "async response"})
_HOLDERS: Final = ("stream", "body")
"""Where boto3's ``converse_stream`` puts the stream in its answer, a dict, and where
``invoke_model_with_response_stream`` does."""
_HELD: Final = frozenset({"iterable", "async iterable"})


def is_provider_stream(value: Any) -> bool:
    """Say whether a value is a stream of a provider's SDK, or gives one.

    A raw response (``with_raw_response``) whose body has been read holds none.
    """
    if type(value) is dict:
        return _holder(value) is not None
    kind = kind_of(value)
    if kind in RUNNING:
        return is_providers(value)
    if kind is None or kind == "raw":
        return False
    return kind not in _RESPONSES or not value.is_closed


def _holder(answer: dict[Any, Any]) -> str | None:
    """Return where an answer of boto3's holds its stream, if it does."""
    for name in _HOLDERS:
        if name in answer and kind_of(answer[name]) in _HELD:
            return name
    return None


def is_stream(value: Any) -> bool:
    """Say whether a value is a provider's stream, or gives one, or any generator."""
    return kind_of(value) in {"generator", "async generator"} or is_provider_stream(
        value
    )


def record_stream(
    stream: Any,
    finish: Finish,
    whole: Callable[[Any], None] | None = None,
    scope: Scope | None = None,
) -> Any:
    """Return a stand-in for a stream that is recorded while somebody reads it.

    Args:
        stream: See `is_stream`.
        finish: Takes what came.
        whole: Takes the response, if it turns out to be whole after all.
        scope: What is current while the stream's own code runs, if it is a generator.
    """
    return _stand_in(stream, Tape(finish, whole), scope)


def _stand_in(stream: Any, tape: Tape, scope: Scope | None) -> Any:
    if type(stream) is dict:
        name = _holder(stream)
        stream[name] = stand_in(stream[name], tape)
        return stream
    if kind_of(stream) == "coroutine":
        driver = driver_for(stream, _await)
        return named_as(driver(Unawaited(stream, tape), tape, scope), stream)
    return stand_in(stream, tape, scope)


async def _await(unawaited: Unawaited, tape: Tape, scope: Scope | None) -> Any:
    """Await a coroutine of an SDK and record what it gives, or stand in for that."""
    coroutine = unawaited.take()
    token = current.set(scope)
    try:
        result = await coroutine
    except BaseException as error:
        leave_scope(token)
        hide_frame(error)
        tape.finish(None, error)
        raise
    leave_scope(token)
    if is_provider_stream(result):
        return _stand_in(result, tape, scope)
    tape.finish_whole(payload(result))
    return result


class Unawaited:
    """Holds a coroutine until it is awaited.

    If it never is, the warning about that is the stand-in's: one, as before.

    Args:
        coroutine: The coroutine.
        tape: What ends if it never is, or None.
    """

    __slots__ = ("_coroutine", "_tape")

    def __init__(self, coroutine: Any, tape: Tape | None = None) -> None:
        self._coroutine = coroutine
        self._tape = tape

    def take(self) -> Any:
        """Return the coroutine to await."""
        coroutine, self._coroutine = self._coroutine, None
        return coroutine

    def __del__(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()
            if self._tape is not None:
                self._tape.finish(ABANDONED)


def payload(value: Any) -> Any:
    """Return what a result says: of a raw response, what the SDK parses it to.

    The SDK keeps what it has parsed, so the user gets the same object from ``parse()``.
    """
    kind = kind_of(value)
    if kind not in _RESPONSES and kind != "raw":
        return value
    try:
        parsed = value.data if kind == "raw" else value.parse()
        return _run(parsed) if kind == "async response" else parsed
    except BaseException as problem:  # noqa: BLE001 - the SDK's, or the body was odd
        failure.note("snapshot_failed", problem)
        return None


def _run(coroutine: Any) -> Any:
    """Return what a coroutine gives that has nothing to wait for: the body is read."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("parsing a response that has been read waited for something")
