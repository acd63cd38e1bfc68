"""Near Python's recursion limit, a call fails as undecorated.

A log takes some calls of its own. Where those do not fit any more, it is left out, or
ended in a thread; what is raised for want of room never takes the place of an error.
"""

from __future__ import annotations

import sys
import traceback

import pytest

import promptscribe
from promptscribe import current_log, log_prompt
from promptscribe.testing import MemoryTransport, captured_logs

ROOMS = range(3, 40)
"""Calls that are left where the decorated one is made."""


class Answers:
    """Functions of each kind that raise the same error, and note that they ran."""

    def __init__(self):
        self.error = ValueError("no answer")
        self.has_run = False

    def fail(self):
        self.has_run = True
        raise self.error

    def function(self):
        def answer():
            self.has_run = True
            raise self.error

        return answer, lambda made: made

    def generator(self):
        def answer():
            self.has_run = True
            raise self.error
            yield

        return answer, next

    def generator_that_returns(self):
        def answer():
            self.has_run = True
            raise self.error
            return (yield)

        return answer, next

    def coroutine(self):
        async def answer():
            self.has_run = True
            raise self.error

        return answer, lambda made: made.send(None)

    def asynchronous_generator(self):
        async def answer():
            self.has_run = True
            raise self.error
            yield

        return answer, lambda made: made.asend(None).send(None)


KINDS = [
    Answers.function,
    Answers.generator,
    Answers.generator_that_returns,
    Answers.coroutine,
    Answers.asynchronous_generator,
]


def depth():
    frame, levels = sys._getframe(), 0
    while frame is not None:
        frame, levels = frame.f_back, levels + 1
    return levels


def call_deep_down(levels, call):
    return call_deep_down(levels - 1, call) if levels else call()


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_deep_down_is_the_same_object_and_shows_the_user_alone(kind, room):
    """Or the one that says that there was no room, if the function did not run."""
    answers = Answers()
    body, use = kind(answers)
    answer = log_prompt(body)

    def call():
        use(answer())

    with captured_logs() as logs:
        with pytest.raises((ValueError, RecursionError)) as caught:
            call_deep_down(sys.getrecursionlimit() - depth() - room, call)
        assert not current_log()

    error = caught.value
    shown = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    assert (error is answers.error) is answers.has_run
    assert (error.__context__, shown) == (None, {__file__})
    assert {log.error for log in logs} <= {"ValueError: no answer"}


@pytest.mark.parametrize("kind", ["function", "generator"])
def test_an_endless_recursion_is_logged_and_told_as_undecorated(kind, tmp_path):
    """Each call has its log, but for the last few, which are counted."""
    calls = 0
    transport = MemoryTransport()
    promptscribe.configure(journal_dir=tmp_path, transport=transport, export=True)

    @log_prompt
    def ask():
        nonlocal calls
        calls += 1
        return ask()

    @log_prompt
    def words():
        nonlocal calls
        calls += 1
        yield from words()

    with pytest.raises(RecursionError) as caught:
        ask() if kind == "function" else list(words())
    told = promptscribe.force_flush(timeout=60)

    shown = traceback.extract_tb(caught.value.__traceback__)
    assert {frame.filename for frame in shown} == {__file__}
    assert caught.value.__context__ is None
    errors = [body["error"].partition(":")[0] for body in transport.bodies]
    assert calls - 5 < len(errors) <= calls
    assert set(errors) == {"RecursionError"}
    # From Python 3.12 on there may be room for one call more, but not for its body.
    lost = calls - len(errors)
    assert told.reasons["not_begun"] == told.dropped
    assert told.dropped in {lost, lost + 1} - {0}
    assert told.recorded == len(errors) + told.dropped
