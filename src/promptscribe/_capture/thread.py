"""The thread: new threads, and the tasks of pools, take the current log along.

Its law: only with ``propagate_threads``, and only our own context. The standard
library's methods are replaced once; each stand-in calls what it stands for, whatever
it was, and is put away when no settings ask for it. One that another library wrapped
meanwhile stays beneath it and only passes on.

A thread that a pool keeps for its work is nobody's: each task brings its own log, else
the one that was current when the pool grew would have all of them. OpenTelemetry's
threading instrumentation wraps ``Thread.run``, which a subclass overrides; a thread's
own ``run`` is taken here, so that both go together. Sentry's SDK takes it as well, in
``start``: whichever was there first, each runs what the other has put there.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._capture.context import current, reset
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.sink import sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.sink import Sink

    Along = tuple[Scope | None, Sink | None]
    Method = Callable[..., Any]

_POOLS: Final = ("concurrent.futures.", "multiprocessing.")
"""Modules whose threads work off tasks, or serve processes."""

_OURS: Final = "promptscribe-"
_NOTHING: Final = (None, None)
_MISSING: Final[Any] = object()


def follow(asked: bool) -> None:
    """Begin, or cease, to have threads take the current log along.

    Called with the runtime's lock held, when settings change.
    """
    for stand_in in _stand_ins() if asked else reversed(_stand_ins()):
        if asked:
            stand_in.put_up()
        else:
            stand_in.put_away()


class StandIn:
    """Stands for one method of the standard library while somebody asks for it.

    Args:
        owner: The class.
        name: The method's name.
        make: Makes the replacement, given the method and what to take along.
    """

    def __init__(
        self, owner: type, name: str, make: Callable[[Method, StandIn], Method]
    ) -> None:
        self._owner, self._name, self._make = owner, name, make
        self._before: Any = _MISSING
        self._replacement: Method | None = None
        self._is_asked = False

    def put_up(self) -> None:
        """Stand in; beneath another's that has wrapped this one, it is there still."""
        self._is_asked = True
        if self._replacement is not None:
            return
        before: Method = getattr(self._owner, self._name)
        self._before = vars(self._owner).get(self._name, _MISSING)
        if self._before is _MISSING:
            before = _inherited(self._owner, before)
        self._replacement = functools.wraps(before)(self._make(before, self))
        setattr(self._owner, self._name, self._replacement)

    def put_away(self) -> None:
        """Put the method back, if nobody has wrapped the replacement."""
        self._is_asked = False
        if vars(self._owner).get(self._name, _MISSING) is not self._replacement:
            return
        self._replacement = None
        if self._before is _MISSING:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._before)

    def along(self) -> Along | None:
        """Return what goes along now, or None if nothing does."""
        found = (current.get(), sink.get()) if self._is_asked else _NOTHING
        return None if found == _NOTHING else found


def _inherited(owner: type, method: Method) -> Method:
    """Return what calls the base's method, also when another replaces that later."""

    @functools.wraps(method)
    def inherited(receiver: Any, *args: Any, **kwargs: Any) -> Any:
        found = getattr(super(owner, receiver), method.__name__)
        try:
            return found(*args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return inherited


def _starting(before: Method, stand_in: StandIn) -> Method:
    def start(thread: threading.Thread, *args: Any, **kwargs: Any) -> Any:
        along = stand_in.along()
        run = None if along is None else _take_along(thread, along)
        try:
            return before(thread, *args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            if run is not None:
                run.put_back()
            raise

    return start


def _take_along(thread: threading.Thread, along: Along) -> _Run | None:
    """Have a thread that is about to start run with what goes along."""
    try:
        if type(vars(thread).get("run")) is _Run:  # a Timer: it starts as a thread
            return None
        kind = getattr(thread, "_target", None) or type(thread)
        if str(kind.__module__).startswith(_POOLS) or thread.name.startswith(_OURS):
            return None
        run = _Run(thread, along)
        # The thread's own: a subclass, an instrumentation or the user may say what.
        thread.run = run  # type: ignore[method-assign]
    except BaseException as problem:  # noqa: BLE001 - an odd thread starts as it is
        failure.note("propagation_failed", problem)
        return None
    return run


class _Run:
    """What a thread runs instead of its own ``run``, once."""

    def __init__(self, thread: threading.Thread, along: Along) -> None:
        self._before = vars(thread).get("run", _MISSING)
        self._run, self._thread = thread.run, thread
        self._along: Along | None = along

    def put_back(self) -> Along | None:
        """Give the thread its own back; beneath another's that wraps this, pass on.

        Returns:
            What goes along, for this once.
        """
        along, self._along = self._along, None
        if vars(self._thread).get("run") is not self:
            return along
        if self._before is _MISSING:
            del self._thread.run
        else:
            self._thread.run = self._before
        return along

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if args and args[0] is self._thread:
            args = args[1:]  # Sentry's SDK calls what it wraps as a class's function
        along = self.put_back()
        try:
            if along is None:
                self._run(*args, **kwargs)
            else:
                _within(along, self._run, *args, **kwargs)
        except BaseException as error:
            hide_frame(error)
            raise


def _submitting(before: Method, stand_in: StandIn) -> Method:
    def submit(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        along = stand_in.along()
        if along is None:
            return before(pool, function, *args, **kwargs)
        return before(pool, _within, along, function, *args, **kwargs)

    return submit


def _giving(before: Method, stand_in: StandIn) -> Method:
    def give(pool: Any, *args: Any, **kwargs: Any) -> Any:
        along = stand_in.along()
        if along is not None and args:
            args = functools.partial(_within, along, args[0]), *args[1:]
        elif along is not None and "func" in kwargs:
            kwargs["func"] = functools.partial(_within, along, kwargs["func"])
        return before(pool, *args, **kwargs)

    return give


def _within(along: Along, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call a function with what has gone along."""
    tokens = current.set(along[0]), sink.set(along[1])
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        hide_frame(error)
        raise
    finally:
        for token in tokens:
            reset(token)


@functools.cache
def _stand_ins() -> list[StandIn]:
    from concurrent.futures.thread import ThreadPoolExecutor
    from multiprocessing.pool import ThreadPool

    # What `map`, `starmap` and the others of a ThreadPool come down to.
    names = ("apply_async", "_map_async", "imap", "imap_unordered")
    return [
        StandIn(threading.Thread, "start", _starting),
        # OpenTelemetry's instrumentation leaves a Timer with a ``start`` of its own.
        StandIn(threading.Timer, "start", _starting),
        StandIn(ThreadPoolExecutor, "submit", _submitting),
        *(StandIn(ThreadPool, name, _giving) for name in names),
    ]
