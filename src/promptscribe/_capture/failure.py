"""The failure: what becomes of our own, and how the user's are written down.

Its law: whatever goes wrong on our side ends here, as one line in the log at most once
a minute and a number in `force_flush`'s result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._capture import adapter, cut
from promptscribe._interrupt import let_through
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._wire.record import ErrorFacts

LONGEST_TRACEBACK: Final = 16_384


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
            problem = name_of(problem)  # what is let through holds this frame
    runtime.ledger.note(kind)
    runtime.ledger.warn(kind, "%s: %s", kind, problem)


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
