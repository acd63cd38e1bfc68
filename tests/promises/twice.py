"""Scenarios that run twice: what one shows undecorated, it shows decorated.

A scenario takes a decorator, uses what it decorates, and returns what could be seen.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

Scenario = Callable[[Callable], object]


class Scenarios(list[Scenario]):
    """Those of a file: ``@row`` adds one, ``@row.each`` gives all to a test."""

    def __call__(self, scenario: Scenario) -> Scenario:
        self.append(scenario)
        return scenario

    @property
    def each(self) -> pytest.MarkDecorator:
        return pytest.mark.parametrize("see", self, ids=lambda see: see.__name__)


def twice(see: Scenario) -> tuple[object, object]:
    """Return what a scenario shows decorated, and what undecorated."""
    with captured_logs():
        decorated = see(log_prompt)
    return decorated, see(lambda function: function)
