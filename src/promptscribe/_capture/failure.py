"""The failure: what becomes of our own, and how the user's are written down.

Its law: whatever goes wrong on our side ends here, as one line in the log at most once
a minute and a number in `force_flush`'s result.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident, start_new_thread
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import adapter, cut
from promptscribe._interrupt import let_through
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._wire.record import ErrorFacts

LONGEST_TRACEBACK: Final = 16_384
_LONGEST_WAIT: Final = 1.0
"""Seconds; what is told of an error may wait for a lock that the caller holds."""
_elsewhere: Final[set[int]] = set()
"""The threads that `elsewhere` has started and that run."""


def note(kind: str, problem: BaseException | str) -> None:
    """Count a failure of ours and say so.

    Args:
        kind: Name of the counter, for example ``snapshot_failed``.
        problem: The exception, or a sentence. Of an exception only the type is
            told: its message may quote what the user's prompt says.

    Raises:
        BaseException: The problem itself, if it is none of ours, see `let_through`.
    """
    if isinstance(problem, BaseException):
        try:
            let_through(problem)
        finally:
            is_deep = type(problem) is RecursionError
            problem = type(problem).__name__ if is_deep else name_of(problem)
            # What is let through holds this frame.
    try:
        runtime.ledger.note(kind)
        runtime.ledger.warn(kind, "%s: %s", kind, problem)
    except RecursionError:
        elsewhere(note, kind, problem)


def elsewhere(function: Callable[..., Any], *given: Any) -> None:
    """Run a function to its end in a thread of its own, where it has all the room.

    Near Python's recursion limit there is still room to begin a log, but not to tell
    of an error, and what is raised for want of it would take the place of the user's.
    """
    if get_ident() in _elsewhere:
        return
    try:
        done = allocate_lock()
        done.acquire()

        def run() -> None:
            _elsewhere.add(get_ident())
            try:
                function(*given)
            finally:
                _elsewhere.discard(get_ident())
                done.release()

        start_new_thread(run, ())
        done.acquire(timeout=_LONGEST_WAIT)
    except RuntimeError:  # no room for that either, or the interpreter ends
        return


def sentence(error: BaseException) -> str:
    """Return type and message of an exception, as ``error`` says them."""
    name, message, _ = describe(error)
    return f"{name}: {message}" if message else name


def describe(
    error: BaseException, clean: Callable[[str], str] | None = None
) -> ErrorFacts:
    """Return type name, message and traceback of the user's exception.

    Args:
        error: The exception.
        clean: Takes the secrets out of a text: where something is cut out, it is not
            through one of them. All others are in what is returned.

    Raises:
        BaseException: Only what `let_through` does.
    """
    from promptscribe._capture import account  # not before something fails

    try:
        message = account.message_of(error, clean)
    except BaseException as problem:  # noqa: BLE001 - the user's __str__
        let_through(problem)
        message = "<no message: its __str__ failed>"
    try:
        text = account.traceback_of(error, message, clean)
    except BaseException as problem:  # noqa: BLE001 - its notes and causes as well
        let_through(problem)
        text = None
    # The middle is cut out: a traceback says most at its two ends.
    shortened = cut.middle(message, account.LONGEST_MESSAGE, clean)
    return (
        name_of(error),
        shortened,
        text and cut.middle(text, LONGEST_TRACEBACK, clean),
    )


def name_of(error: BaseException) -> str:
    """Return the name of an exception's type, which the type has no say in."""
    return adapter.full_name(type(error)).rpartition(".")[2]
