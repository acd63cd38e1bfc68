"""The stream: results of providers that come in pieces, recorded as they are read.

Its law: what is no stream of a provider is handed on as the same object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._capture.stand_in import stand_in
from promptscribe._capture.stream_kind import is_providers, kind_of
from promptscribe._capture.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.tape import Finish

_RESPONSES: Final = frozenset({"response", "async response"})
_HELD: Final = "stream"
"""Where boto3's ``converse_stream`` puts the stream in its answer, a dict."""


def is_provider_stream(value: Any) -> bool:
    """Say whether a value is a stream of a provider's SDK, or holds one.

    A raw response (``with_raw_response``) whose body has been read holds none.
    """
    if type(value) is dict:
        value = value.get(_HELD)
    kind = kind_of(value)
    if kind in {"generator", "async generator"}:
        return is_providers(value)
    return kind is not None and (kind not in _RESPONSES or not value.is_closed)


def is_stream(value: Any) -> bool:
    """Say whether a value is a provider's stream, or holds one, or any generator."""
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
    tape = Tape(finish, whole)
    if type(stream) is dict:
        stream[_HELD] = stand_in(stream[_HELD], tape)
        return stream
    return stand_in(stream, tape, scope)


def payload(value: Any) -> Any:
    """Return what a result says: of a raw response, what the SDK parses it to.

    The SDK keeps what it has parsed, so the user gets the same object from ``parse()``.
    """
    kind = kind_of(value)
    if kind not in _RESPONSES:
        return value
    try:
        parsed = value.parse()
        return _run(parsed) if kind == "async response" else parsed
    except Exception as problem:  # noqa: BLE001 - the SDK's, or the body was odd
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
