"""The environment of the programs that tests run: nothing in it is of a test's."""

from __future__ import annotations

import os

OURS = ("PYTEST_", "PROMPTSCRIBE_", "HUMANLOOP_")


def clean_environment(*others: str) -> dict[str, str]:
    """Return the environment without what is ours, nor what begins with *others*."""
    left_out = OURS + others
    return {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
