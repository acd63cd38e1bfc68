"""Who counts frames, or asks what runs, finds the user's own.

Each row is a scenario that runs twice, undecorated and decorated.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import subprocess
import sys
import traceback
import types
import warnings
from pathlib import Path

import pytest
from tests.environment import clean_environment
from tests.promises.twice import Scenarios, twice

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

row = Scenarios()
logger = logging.getLogger(__name__)


@row
def who_is_warned(d):
    """The caller's line, in the caller's module, and the caller's name in the log."""
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.funcName, record.lineno))

    own = logging.Logger("kept")  # noqa: LOG001 - it is nobody else's
    own.addHandler(Keep())

    def old(*_):
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        own.warning("old", stacklevel=2)

    def call_all():
        bot = type("Bot", (), {"old": d(old)})()
        for call in (d(old), bot.old, d(functools.partial(old)), d(d(old))):
            call()
        promptly(d)(old)()
        printing(d)(old)()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call_all()
    return seen, [(warning.filename, warning.lineno) for warning in caught]


def warn():
    """Return functions that warn, or log, in the name of who lets them run."""

    async def ask():
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        logger.warning("old", stacklevel=2)
        await asyncio.sleep(0)
        warnings.warn("old", DeprecationWarning, 2)

    def words():
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        yield "a"
        logger.warning("old", stacklevel=2)

    def words_and_more():
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        return (yield "a")

    async def words_later():
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        yield "a"
        logger.warning("old", stacklevel=2)

    @types.coroutine
    def ask_by_yield():
        warnings.warn("old", DeprecationWarning, stacklevel=2)
        yield
        logger.warning("old", stacklevel=2)

    return ask, ask_by_yield, words, words_and_more, words_later


async def let_run(decorate):
    """Have all of them run."""
    ask, ask_by_yield, words, words_and_more, words_later = map(decorate, warn())
    await ask()
    await asyncio.gather(ask())
    await ask_by_yield()
    async for _ in words_later():
        pass
    await anext(words_later())
    for _ in words():
        pass
    [*words_and_more()]


@row
def who_is_warned_while_something_runs(d):
    """The line that awaits a coroutine, or that reads on in a generator."""
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.pathname, record.funcName, record.lineno))

    async def main():
        for decorate in (d, lambda f: d(d(f)), promptly(d), printing(d)):
            await let_run(decorate)

    keep = Keep()
    logger.addHandler(keep)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(main())
    finally:
        logger.removeHandler(keep)
    return seen, [(warning.filename, warning.lineno) for warning in caught]


def promptly(d):
    """Have what is decorated deliver at its end, if it is decorated."""
    return log_prompt(flush=True) if d is log_prompt else d


def printing(d):
    """Have what is decorated record what it prints, if it is decorated."""
    return log_prompt(capture_stdout=True) if d is log_prompt else d


@row
def who_looks_at_the_stack(d):
    """Sees files that exist, and lines that can be read."""

    @d
    def words():
        stack = traceback.extract_stack()[-2:]
        yield [(Path(frame.filename).name, bool(frame.line)) for frame in stack]
        warnings.warn("old", DeprecationWarning, stacklevel=2)

    return next(words())


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


@pytest.mark.slow  # a process
def test_bytes_in_a_function_are_compared_with_no_text(tmp_path):
    """Which ``python -bb`` would raise for: as it is decorated, or as it is called."""
    program = """
import asyncio
from promptscribe import log_prompt
from promptscribe.testing import captured_logs

@log_prompt
def words(word):
    yield word in (b"a", b"b")

@log_prompt
async def ask(word):
    return word in (b"a", b"b")

print(*words(b"a"), asyncio.run(ask(b"c")))
with captured_logs() as logs:
    asyncio.run(ask({b"a": 1}))
print(logs[0].inputs)
"""
    ended = subprocess.run(
        [sys.executable, "-bb", "-c", program],
        env=clean_environment()
        | {"PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path), "PROMPTSCRIBE_EXPORT": "false"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    printed = """True False\n{'word': {"b'a'": 1}}\n"""
    assert (ended.stdout, ended.stderr) == (printed, "")
