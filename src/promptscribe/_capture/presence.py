"""The current log, and what stands in for it where nothing is recorded.

Its law: whoever asks gets something to talk to, and need not ask first whether there
is anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture.context import current
from promptscribe._capture.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Mapping


class _NoRecording(Recording):
    """What `current_log` returns where nothing is recorded."""

    __slots__ = ()

    def __init__(self) -> None:
        self.key = None
        self.trace = None
        self.anchor = 0
        self.members = None
        self._append = None
        self._first = None
        self._updates = None

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<Recording of nothing>"

    def _add(self, members: Mapping[str, Any]) -> None:
        """Forget."""


NOTHING: Final = _NoRecording()


def current_log() -> Recording:
    """Return the log of the call that this code runs in.

    Returns:
        The innermost log. Outside of any, and while nothing is recorded, one that is
        false and forgets what it is told, so that no caller has to ask first.

    Example:
        >>> from promptscribe import current_log
        >>> current_log().update(user="user-7", metadata={"plan": "pro"})
    """
    scope = current.get()
    return (scope.recording or NOTHING) if scope is not None else NOTHING
