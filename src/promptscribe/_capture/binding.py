"""The binding: a function goes elsewhere and takes the current log along.

Its law: nothing is patched, and nothing but our own context goes along.

A log in another process has no recording here. What is made under it takes the time
from a clock anchor of its own: two processes' monotonic clocks need not agree.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import msgspec

from promptscribe._capture.context import current, is_unsaved, reset
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.header import Place
from promptscribe._capture.sink import sink
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.sink import Sink

P = ParamSpec("P")
R = TypeVar("R")


class Elsewhere:
    """The scope of a log that is open in another process."""

    __slots__ = ("anchor", "controlled", "dropped", "key", "members", "trace")

    recording = None

    def __init__(
        self, place: Place | None, members: msgspec.Raw | None, *, dropped: bool
    ) -> None:
        self.trace = None if place is None else place.trace
        self.key = None if place is None else place.key
        self.members = members if members is not None else runtime.members
        self.dropped = dropped
        self.controlled = dropped or is_unsaved(self.members)
        self.anchor = runtime.wall_ns() - runtime.monotonic_ns()


def propagate(function: Callable[P, R], /) -> Callable[P, R]:
    """Bind a function to the log that is current now, wherever it will be called.

    Logs that it makes are children of that log: in a thread, an executor of threads
    or of processes (it pickles if the function does; "spawn" or "fork"), another event
    loop. Bound outside of any log, it makes logs without a parent even in a worker
    that was forked inside of one. ``asyncio.to_thread`` and trio's and anyio's
    ``to_thread.run_sync`` need none of this.

    Args:
        function: A function or a coroutine function. May be called any number of
            times, also at once.

    Returns:
        One that takes and returns the same.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from promptscribe import log_prompt
        >>> from promptscribe import propagate
        >>> from promptscribe.testing import captured_logs
        >>> @log_prompt(path="support/leaf")
        ... def leaf(number: int) -> str:
        ...     return str(number)
        >>> with captured_logs() as logs:
        ...     with ThreadPoolExecutor() as pool, log_prompt("support/all") as log:
        ...         answers = list(pool.map(propagate(leaf), range(2)))
        >>> answers, {each.trace_parent_id == log.id for each in logs[:2]}
        (['0', '1'], {True})

        With processes, written the same::

            with ProcessPoolExecutor() as pool:
                answers = list(pool.map(propagate(leaf), range(2)))
    """
    scope, printed = current.get(), sink.get()
    if not inspect.iscoroutinefunction(function):
        return cast("Callable[P, R]", Bound(function, scope, printed))

    @functools.wraps(function)
    async def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
        tokens = current.set(scope), sink.set(printed)
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise
        finally:
            for token in tokens:
                reset(token)

    return cast("Callable[P, R]", bound)


class Bound:
    """A function with the scope that it runs in; as plain values, when pickled."""

    def __init__(
        self,
        function: Callable[..., Any],
        scope: Scope | None,
        printed: Sink | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self._function, self._scope, self._printed = function, scope, printed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tokens = current.set(self._scope), sink.set(self._printed)
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise
        finally:
            for token in tokens:
                reset(token)

    def __reduce__(self) -> tuple[Any, ...]:
        scope = self._scope
        if scope is None:
            return Bound, (self._function, None)
        members = None if scope.members is None else bytes(scope.members)
        place = (scope.trace, scope.key)
        return _bind_elsewhere, (self._function, place, members, scope.dropped)


def _bind_elsewhere(
    function: Callable[..., Any],
    place: tuple[bytes | None, int | None],
    members: bytes | None,
    dropped: bool,
) -> Bound:
    trace, key = place
    scope = Elsewhere(
        None if trace is None or key is None else Place(trace, key),
        None if members is None else msgspec.Raw(members),
        dropped=dropped,
    )
    return Bound(function, scope)
