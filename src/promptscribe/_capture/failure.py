"""The failure: what becomes of our own, and how the user's are written down.

Its law: whatever goes wrong on our side ends here, as one line in the log at most once
a minute and a number in `force_flush`'s result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._capture import adapter, cut
from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_MESSAGE: Final = 8_192
LONGEST_TRACEBACK: Final = 16_384
MOST_FRAMES: Final = 50


def note(kind: str, problem: object) -> None:
    """Count a failure of ours and say so.

    Args:
        kind: Name of the counter, for example ``snapshot_failed``.
        problem: The exception, or a sentence. Of an exception only the type is
            told: its message may quote what the user's prompt says.
    """
    if isinstance(problem, BaseException):
        problem = type(problem).__name__
    runtime.ledger.note(kind)
    runtime.ledger.warn(kind, "%s: %s", kind, problem)


def describe(
    error: BaseException, clean: Callable[[str], str] | None = None
) -> tuple[str, str, str | None]:
    """Return type name, message and traceback of the user's exception.

    Args:
        error: The exception.
        clean: Takes the secrets out of a text: where something is cut out, it is not
            through one of them. All others are in what is returned.
    """
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the user's __str__ may do anything
        message = "<no message: its __str__ failed>"
    try:
        import traceback  # not before something fails

        text = "".join(
            traceback.TracebackException(
                type(error), error, error.__traceback__, limit=-MOST_FRAMES
            ).format()
        )
    except Exception:  # noqa: BLE001 - same, and a deep chain of causes
        text = None
    name = adapter.full_name(type(error)).rpartition(".")[2]
    # The middle is cut out: a traceback says most at its two ends.
    shortened = cut.middle(message, LONGEST_MESSAGE, clean)
    return name, shortened, text and cut.middle(text, LONGEST_TRACEBACK, clean)
