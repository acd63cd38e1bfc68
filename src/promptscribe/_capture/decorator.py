"""The decorator: `log_prompt`, bare, called, and as a block.

Its law: what is wrong with an argument is said where the function is decorated, by
name. After that, nothing here raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from promptscribe._capture import callable_kind, failure, template
from promptscribe._capture.beginning import begin
from promptscribe._capture.context import current
from promptscribe._capture.manual import check_names
from promptscribe._capture.options import (
    NAMES,
    NO_PLAN,
    fit_to,
    make_plan,
    take_options,
)
from promptscribe._capture.presence import NOTHING
from promptscribe._runtime.state import runtime
from promptscribe._wire import member
from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Unpack

    from promptscribe._capture.options import LogArguments, Plan
    from promptscribe._capture.recording import Recording

F = TypeVar("F", bound="Callable[..., Any]")


class LogPrompt:
    """What `log_prompt` returns when it is called: a decorator, and a block.

    One object may be used any number of times, nested and in several tasks at once.
    """

    __slots__ = ("_block", "_entered", "_members", "_options")

    def __init__(self, given: dict[str, Any]) -> None:
        self._options = take_options(given)
        check_names(given, NAMES)
        self._members = given
        self._entered: list[tuple[Recording, Any]] = []
        self._block: Plan | None = None
        for name in ("path", "prompt"):
            _check(name, given.get(name))

    def __call__(self, function: F) -> F:
        """Decorate a function.

        Raises:
            ConfigurationError: An argument is wrong, or there is nothing to call.
        """
        members = dict(self._members)
        for name, value in members.items():
            _check(name, value)
        if members.get("path") is not None and not members["path"].strip():
            raise ConfigurationError("path", "must not be blank")
        target: Any = function
        if isinstance(target, type) or not _can_be_decorated(target):
            raise ConfigurationError("log_prompt", _no_function(target))
        options = fit_to(self._options, members.get("prompt"), function)
        if not options.enabled or options.capture == "none":
            return function
        members.setdefault("path", default_path(function))
        decorated: F = callable_kind.wrap(function, make_plan(members, options))
        return decorated

    def __enter__(self) -> Recording:
        append, options = runtime.append, self._options
        if append is None or not options.enabled or options.capture == "none":
            return NOTHING
        outer = current.get()
        try:
            if self._block is None:
                self._block = self._plan_block()
            recording = begin(append, self._block, None, self._given())
        except BaseException as problem:  # noqa: BLE001 - ours must not reach the block
            runtime.unbegun += 1
            failure.note("recording_failed", problem)
            return NOTHING
        current.set(recording)  # at once: what has begun has to end
        self._entered.append((recording, outer))
        if options.capture_stdout:
            from promptscribe._capture import stdout

            stdout.open_block(recording)
        if options.flush:
            from promptscribe._capture import flushing

            flushing.open_block(recording)
        return recording

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._close(error):
            from promptscribe._capture import flushing

            flushing.deliver()

    def _close(self, error: BaseException | None) -> bool:
        """End the block's log; say whether it has to be delivered now."""
        recording = self._leave()
        if recording is None:
            return False
        if self._options.capture_stdout:
            from promptscribe._capture import stdout

            stdout.close_block(recording)
        if error is not None:
            recording.fail(error)
        else:
            recording.end()
        if not self._options.flush:
            return False
        from promptscribe._capture import flushing

        return flushing.close_block(recording, error)

    async def __aenter__(self) -> Recording:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._close(error):
            from promptscribe._capture import flushing

            await flushing.deliver_async()

    def _plan_block(self) -> Plan:
        """Return what controls the block: all it says is said anew at each entry."""
        prompt = self._members.get("prompt")
        plan = make_plan({} if prompt is None else {"prompt": prompt}, self._options)
        return plan if plan.controlled else NO_PLAN

    def _given(self) -> dict[str, Any]:
        if "path" not in self._members and "id" not in self._members:
            return {**self._members, "path": "log"}
        return self._members

    def _leave(self) -> Recording | None:
        """Make what was current before the block current again."""
        entered = self._entered
        scope = current.get()
        mine = scope.recording if scope is not None else None
        for place in range(len(entered) - 1, -1, -1):
            if entered[place][0] is mine:
                recording, outer = entered.pop(place)
                current.set(outer)
                return recording
        if entered:  # left in another context than it was entered in
            return entered.pop()[0]
        return None  # nothing was being recorded


@overload
def log_prompt(function: F, /) -> F: ...


@overload
def log_prompt(
    target: str | None = None, /, **members: Unpack[LogArguments]
) -> LogPrompt: ...


def log_prompt(target: Any = None, /, **members: Any) -> Any:
    """Record every call of a function, or of a block.

    Bare (``@log_prompt``), called (``@log_prompt(path=…)``), and as
    ``with log_prompt("support/answer") as log:`` or ``async with``.
    It takes functions, coroutine functions, generators and asynchronous ones, methods,
    classmethods and staticmethods on either side, and callable objects.

    The function's arguments become ``inputs`` (an argument named ``messages`` becomes
    ``messages``); what it returns becomes ``output``, ``output_message``, tokens and so
    on, if it is the response of a provider that is known. `current_log` is the way to
    say more from inside.

    Args:
        target: The function, or the path of the Prompt.
        **members: Any member of a prompt log, see `PromptLog`. *path* defaults to
            the function's module and qualified name, ``support/bot/Agent/answer``.
            *prompt* may also be a function of (some of) the arguments, by name.
        include: Names of the arguments to record; all of them if None. One that is
            nearly an argument's name is refused.
        exclude: Names of arguments not to record, likewise.
        output_transform: Makes what is logged of what the function returned.
        capture: ``all``; ``metadata`` keeps tokens, cost, timing and configuration
            but no payload, and, as ``save=False``, none of what is logged inside
            unless that says ``save=True``; ``none`` does not log the call.
        redact: Takes secrets out of every text before it is written, see
            `configure`; also out of what is logged inside, unless that says
            ``redact=False``.
        sample_rate: Part of the traces begun here that is kept, 0 to 1.
        capture_stdout: Whether what the call prints becomes ``stdout``.
        flush: Whether the call returns only when its log, and what was recorded before,
            is delivered, or *flush_timeout* is over; for processes that are frozen
            afterwards, as in AWS Lambda. Asynchronous functions and blocks wait
            without blocking the event loop, generators wait at their end. Inside
            of another call that does so it waits no second time. A provider's
            stream that a function hands on is delivered as any other log.
        enabled: False leaves the function alone.

    Returns:
        The function, wrapped; or what decorates it or encloses a block.

    Raises:
        ConfigurationError: An argument is wrong; names it.

    Example:
        >>> from promptscribe import log_prompt
        >>> @log_prompt(path="support/answer", prompt={"model": "gpt-4o-mini"})
        ... def answer(question: str) -> str:
        ...     return "42"
        >>> answer("What is it?")
        '42'
    """
    if target is None or isinstance(target, str):
        if target is not None and "path" in members:
            raise ConfigurationError("path", "was given twice")
        return LogPrompt(members if target is None else {"path": target, **members})
    if not _can_be_decorated(target) and not hasattr(type(target), "__get__"):
        problem = f"needs a function or a path, not a {type(target).__name__}"
        raise ConfigurationError("log_prompt", problem)
    return LogPrompt(members)(target)


def _check(name: str, value: Any) -> None:
    if name == "prompt" and callable(value):
        return
    if name == "prompt" and template.is_file_name(value):
        raise ConfigurationError(
            name, "must be the text of the file: pathlib.Path(…).read_text()"
        )
    if name == "prompt" and template.is_model_name(value):
        raise ConfigurationError(
            name, f'is a model\'s name? That is {{"model": {value!r}}}'
        )
    problem = member.problem(name, value)
    if problem is not None:
        raise ConfigurationError(name, problem)


def _no_function(target: Any) -> str:
    """Return why something cannot be decorated, and what can."""
    kind = type(target).__name__
    hint = ""
    if isinstance(target, type):
        hint = ": decorate its methods"
    elif hasattr(type(target), "__get__"):  # property, cached_property and their kind
        hint = f": put @log_prompt next to the function, under @{kind}"
    return f"decorates functions and methods, not a {kind}{hint}"


def _can_be_decorated(target: Any) -> bool:
    return callable(target) or isinstance(target, classmethod | staticmethod)


def default_path(function: Any) -> str:
    """Return module and qualified name, dots as slashes, ``<locals>`` left out."""
    inner = getattr(function, "__func__", function)
    inner = getattr(inner, "func", inner)  # functools.partial
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    module = getattr(named, "__module__", None) or "python"
    name = getattr(named, "__qualname__", "function")
    dotted = (
        f"{module}.{name}".replace(".<locals>", "").replace("<", "").replace(">", "")
    )
    return dotted.replace(".", "/")
