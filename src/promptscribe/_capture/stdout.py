"""The stdout: what a call prints and logs, beside its log.

Its law: a text belongs to the innermost call around it that captures, by the context
that it is written in, and to no other; so concurrent tasks, and threads that were
given their context, do not mix. A call that does not capture takes no part in this:
what it prints belongs to the one around it.

Only what goes through ``sys.stdout`` and ``sys.stderr`` is seen; not bytes written to
their ``buffer``, the output of other programs, or what somebody redirects elsewhere.
"""

from __future__ import annotations

import contextlib
from types import AsyncGeneratorType, GeneratorType, coroutine
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._capture.context import current, reset
from promptscribe._capture.generator import hide_frame
from promptscribe._capture.guise import is_awaited, named_as, passing
from promptscribe._capture.rule import rules_of
from promptscribe._capture.sink import Sink, sink, stage
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from promptscribe._capture.context import Scope
    from promptscribe._capture.recording import Recording


class Capture:
    """Collects what is printed inside of ``with``, for one log; never raises.

    Args:
        outer: The scope around the call: if it is current still when the call begins,
            the call has no log.
        log: The call's log; None is the one that is current when it begins.
    """

    __slots__ = ("_log", "_outer", "_sink", "_token")

    def __init__(self, outer: Scope | None, log: Recording | None = None) -> None:
        self._outer = outer
        self._log = log
        self._sink = Sink(sink.get())
        self._token: Any = None

    def __enter__(self) -> None:
        self.resume()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pause()
        self.finish()

    def resume(self) -> None:
        """Collect from now on."""
        scope = current.get()
        if self._log is None and scope is not None and scope is not self._outer:
            self._log = scope.recording
        self._token = sink.set(self._sink)
        _attempt(stage.enter, self._sink)

    def pause(self) -> None:
        """Collect nothing from now on."""
        _attempt(stage.leave, self._sink)
        reset(self._token)

    def finish(self) -> None:
        """Hand over what was printed."""
        _attempt(self._hand_over)

    def _hand_over(self) -> None:
        rules = rules_of(self._log)
        text = self._sink.close(None if rules is None else rules.cleaner())
        if not text or self._log is None:
            return
        # In front of what the user said: that wins over what is captured.
        said, self._log._updates = self._log._updates, []
        self._log.update(stdout=text)
        self._log._updates += said or []


def _attempt(step: Callable[..., None], *arguments: Any) -> None:
    """Take a step of ours; the call goes on where that fails."""
    try:
        step(*arguments)
    except BaseException as problem:  # noqa: BLE001 - ours must not reach the call
        failure.note("stdout_failed", problem)


_blocks: Final[dict[int | None, Capture]] = {}
"""The captures of the blocks that are open, by the key of their log."""


def open_block(log: Recording) -> None:
    """Begin to collect what a ``with log_prompt(…)`` block prints."""
    capture = _blocks[log.key] = Capture(None, log)
    capture.resume()


def close_block(log: Recording) -> None:
    """End it, before the log ends."""
    capture = _blocks.pop(log.key)
    capture.pause()
    capture.finish()


@passing
def capturing(
    call: Callable[[Any, Any, Any], Any], kind: str
) -> Callable[[Any, Any, Any], Any]:
    """Return a wrapper like *call* whose function's prints go into its log.

    Args:
        call: What stands between a caller and a decorated function.
        kind: Of the function: ``function``, ``marked``, ``coroutine``, ``generator``
            or ``async generator``.
    """
    run = _RUN[kind]

    def captured(wrapped: Any, args: Any, kwargs: Any) -> Any:
        if runtime.append is None:
            return wrapped(*args, **kwargs)
        capture = Capture(current.get())

        def function(*args: Any, **kwargs: Any) -> Any:
            try:
                return run(capture, wrapped, args, kwargs)
            except BaseException as error:
                hide_frame(error)
                hide_frame(error)
                raise

        for name in ("__name__", "__qualname__"):
            with contextlib.suppress(AttributeError):
                setattr(function, name, getattr(wrapped, name))
        try:
            return call(function, args, kwargs)
        except BaseException as error:
            hide_frame(error)
            raise

    return captured


@passing
def _run_function(capture: Capture, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function."""
    with capture:
        return function(*args, **kwargs)


def _run_coroutine(capture: Capture, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a coroutine function; its arguments are checked now, it runs later."""
    return _await(capture, function(*args, **kwargs))


@passing
async def _await(capture: Capture, made: Any) -> Any:
    try:
        with capture:
            return await made
    except BaseException as error:
        hide_frame(error)
        raise


def _run_generator(capture: Capture, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a generator function; what it makes may be a coroutine all the same."""
    made = function(*args, **kwargs)
    if is_awaited(made):
        return named_as(_delegate(capture, made), made)
    return Steps(capture, made) if type(made) is GeneratorType else made


@coroutine
@passing
def _delegate(capture: Capture, made: Any) -> Any:
    """Run a coroutine that is a generator, as `_await` does."""
    try:
        with capture:
            return (yield from made)
    except BaseException as error:
        hide_frame(error)
        raise


def _run_async_generator(
    capture: Capture, function: Any, args: Any, kwargs: Any
) -> Any:
    """Call an asynchronous generator function."""
    made = function(*args, **kwargs)
    return AsyncSteps(capture, made) if type(made) is AsyncGeneratorType else made


_RUN: Final = {
    "function": _run_function,
    "marked": _run_function,
    "coroutine": _run_coroutine,
    "generator": _run_generator,
    "async generator": _run_async_generator,
}


class Steps:
    """A generator whose steps are captured, as far as `generator.drive` needs one."""

    __slots__ = ("__name__", "__qualname__", "_capture", "_generator")

    def __init__(self, capture: Capture, generator: Any) -> None:
        self._capture = capture
        self._generator = generator
        self.__name__ = generator.__name__
        self.__qualname__ = generator.__qualname__

    @passing
    def send(self, value: Any) -> Any:
        """Make a step."""
        try:
            return self._step(self._generator.send, value)
        except BaseException as error:
            hide_frame(error)
            raise

    @passing
    def throw(self, thrown: BaseException) -> Any:
        """Make a step that begins with an exception."""
        try:
            return self._step(self._generator.throw, thrown)
        except BaseException as error:
            del thrown  # it may be the error, whose frames lead back to this one
            hide_frame(error)
            raise

    @passing
    def _step(self, step: Callable[..., Any], *value: Any) -> Any:
        self._capture.resume()
        try:
            result = step(*value)
        except BaseException as error:
            del value  # as in `throw`
            self._capture.pause()
            self._capture.finish()
            hide_frame(error)
            raise
        self._capture.pause()
        return result


class AsyncSteps(Steps):
    """The same for an asynchronous generator and `generator.drive_async`."""

    __slots__ = ()

    def asend(self, value: Any) -> Any:
        """Make a step; the generator gets to know of it now, not when it is awaited."""
        return self._await(self._generator.asend(value))

    def athrow(self, thrown: BaseException) -> Any:
        """Make a step that begins with an exception."""
        return self._await(self._generator.athrow(thrown))

    @passing
    async def _await(self, step: Any) -> Any:
        self._capture.resume()
        try:
            result = await step
        except BaseException as error:
            del step  # it holds what was thrown, see `throw`
            self._capture.pause()
            self._capture.finish()
            hide_frame(error)
            raise
        self._capture.pause()
        return result
