"""The pytest plug-in: the fixture ``captured_logs``.

Its law: loaded with every pytest run of whoever has promptscribe installed, so nothing
of promptscribe is imported before a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.schema import PromptLog


@pytest.fixture
def captured_logs() -> Iterator[list[PromptLog]]:
    """The logs that the test makes, as a live list; none of them is sent."""
    from promptscribe import testing

    with testing.captured_logs() as logs:
        yield logs
