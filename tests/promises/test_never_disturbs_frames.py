"""Who counts frames, or asks what runs, finds the user's own.

Each row is a scenario that runs twice, undecorated and decorated.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import sys
import warnings

import pytest
from tests.promises.twice import Scenarios, twice

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

row = Scenarios()


@row
def who_is_warned(d):
    """The caller's line, in the caller's module, and the caller's name in the log."""
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.funcName, record.lineno))

    logger = logging.Logger("kept")  # noqa: LOG001 - it is nobody else's
    logger.addHandler(Keep())

    def old(*_):
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        logger.warning("old", stacklevel=2)

    def call_all():
        bot = type("Bot", (), {"old": d(old)})()
        for call in (d(old), bot.old, d(functools.partial(old)), d(d(old))):
            call()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call_all()
    return seen, [(warning.filename, warning.lineno) for warning in caught]


@row
def what_is_said_of_a_task(d):
    """As in "Task was destroyed but it is pending": its function and where that is."""

    @d
    async def ask():
        await asyncio.sleep(0)

    async def main():
        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        names = [(f.f_code.co_name, f.f_code.co_filename) for f in task.get_stack()]
        said = repr(task.get_coro()), task.get_coro().cr_code.co_qualname
        await task
        return names, re.sub("0x[0-9a-f]+", "0x", str(said))

    return asyncio.run(main())


@row.each
def test_it_is_as_if_undecorated(see):
    """What the scenario shows of an undecorated one, it shows of a decorated one."""
    decorated, undecorated = twice(see)

    assert decorated == undecorated


def test_recursion_goes_as_deep_as_it_can():
    """Three levels of Python's limit a call before 3.12, two since."""
    deepest = 0

    @log_prompt
    def ask(depth):
        nonlocal deepest
        deepest = depth
        return ask(depth + 1)

    with captured_logs(), pytest.raises(RecursionError):
        ask(1)

    assert deepest > sys.getrecursionlimit() // 3.5
