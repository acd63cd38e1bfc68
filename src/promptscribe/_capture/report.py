"""The report: what somebody else saw of a call whose log is still open.

Its law: what is reported is taken as it is; who reports has kept to the log's rules. It
may be taken back for as long as the log is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptscribe._capture.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Mapping


def is_open(recording: Recording) -> bool:
    """Say whether a log's call is still under way."""
    return recording._append is not None


class Report:
    """What was added to a log, by one who can take it back."""

    def __init__(self, recording: Recording, members: Mapping[str, Any]) -> None:
        Recording._add(recording, members)  # not the rules' own, they were kept to
        self._recording = recording
        self._update = recording._updates[-1] if recording._updates else None

    def withdraw(self) -> None:
        """Have the log say nothing of it."""
        said = self._recording._updates or []
        self._recording._updates = [u for u in said if u is not self._update]
