"""The trouble: what ends the demo early, told in one sentence.

Its law: whoever runs the demo sees the sentence and never a traceback.
"""

from __future__ import annotations


class Trouble(Exception):  # noqa: N818 - it is told to a person, not handled
    """The demo cannot go on; its text says why, and what to do about it."""


def missing_package(missing: ImportError) -> Trouble:
    """Return the trouble of a package that is not installed."""
    package = (missing.name or "a package").partition(".")[0]
    return Trouble(f"The demo needs {package}: pip install 'promptscribe[receiver]'")
