"""Functions that only a mark says give coroutines: they run when they are called."""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="inspect.markcoroutinefunction is of 3.12"
)


def mark(function):
    return inspect.markcoroutinefunction(function)


async def answer(question):
    await asyncio.sleep(0)
    current_log().update(user="inside")
    return question


def test_what_it_gives_is_awaited_by_the_caller_and_logged():
    """It has begun by then: what it does before is done at the call."""
    begun = []

    @log_prompt
    @mark
    def ask(question):
        begun.append(question)
        return answer(question)

    with captured_logs() as logs:
        made = ask("why")
        assert begun == ["why"]
        assert inspect.iscoroutinefunction(ask)
        assert inspect.iscoroutine(made)
        assert made.__name__ == "answer"
        assert asyncio.run(made) == "why"

    assert [(log.inputs, log.output, log.user) for log in logs] == [
        ({"question": "why"}, "why", "inside")
    ]


def test_what_it_gives_is_the_very_object_if_it_is_no_coroutine():
    """A future, or nothing that can be awaited."""
    result = object()

    async def run():
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        return log_prompt(mark(lambda: future))() is future

    with captured_logs() as logs:
        assert asyncio.run(run())
        assert log_prompt(mark(lambda: result))() is result

    assert len(logs) == 2


@pytest.mark.parametrize("options", [{}, {"capture_stdout": True}], ids=["", "stdout"])
def test_what_it_raises_is_raised_by_the_call(options):
    """Not by what would be awaited."""

    @log_prompt(**options)
    @mark
    def ask():
        raise ValueError("no")

    with captured_logs() as logs, pytest.raises(ValueError, match="no"):
        ask()

    assert [log.error for log in logs] == ["ValueError: no"]
