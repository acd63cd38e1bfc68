"""A signal's handler that raises, wherever the program is: Ctrl-C, a time limit."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from tests.environment import clean_environment

pytestmark = [
    pytest.mark.slow,  # hundreds of moments
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on Windows"),
]

PROGRAM = """
import contextlib, signal, sys
from promptscribe import current_log, log_prompt

MOMENTS = 600  # before the mend, a log stayed current after one in nine

class Interrupt(BaseException):
    pass

@log_prompt
def ask():
    pass

@log_prompt
async def ask_later():
    pass

def ask_by_hand():
    with contextlib.suppress(StopIteration):
        ask_later().send(None)

def on_alarm(*_):
    global armed
    if armed:
        armed = False
        raise Interrupt

def call_until_interrupted():
    global armed
    armed = True
    while armed:
        call()

call = globals()[sys.argv[1]]
armed = False
call()
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
stuck = 0
for _ in range(MOMENTS):
    if current_log():
        stuck += 1
        break
    try:
        call_until_interrupted()
    except Interrupt:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
print(stuck)
"""


@pytest.mark.parametrize("call", ["ask", "ask_by_hand"])
def test_no_log_stays_current(call, tmp_path):
    """Else whatever is logged afterwards would be inside of it."""
    environment = clean_environment() | {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, call],
        env=environment,
        capture_output=True,  # Python tells of what was raised in its own finalizers
        text=True,
        check=True,
        timeout=120,
    )

    assert ended.stdout == "0\n"


LATE = """
import signal, sys
from promptscribe import log_prompt

@log_prompt
def ask(question):
    return question

class Late(Exception):
    pass

def on_alarm(*_):
    raise Late

def strike(frame, event, argument):
    global left
    if frame.f_code.co_name == "is_plain" and event == "call":
        left -= 1
        if left < 0:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGALRM)

ask(["why"])
signal.signal(signal.SIGALRM, on_alarm)
for left in (0, 1):  # the first value is what is asked, the second what is answered
    sys.setprofile(strike)
    try:
        ask(["why"])
    except Late:
        print("late")
"""


def test_a_time_limit_ends_the_call_also_while_values_are_looked_at(tmp_path):
    """Before, one in six that struck in our code was taken for an odd value."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    run = subprocess.run(
        [sys.executable, "-c", LATE],
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.split() == ["late", "late"], run.stderr


CHANGING = """
import signal, sys
import promptscribe
from promptscribe import log_prompt

@log_prompt
def ask(question):
    return len(question)

class Late(BaseException):
    pass

def on_alarm(*_):
    raise Late

def strike(frame, event, argument):
    global left, is_changing
    if frame.f_code.co_name == "_append_slowly" and event in ("call", "return"):
        is_changing = event == "call"
    left -= is_changing
    if left < 0:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGALRM)

def fill_segment():
    global is_changing
    is_changing = False
    sys.setprofile(strike)
    try:
        for _ in range(100):
            ask("x" * 20_000)
    finally:
        sys.setprofile(None)

ask("")
signal.signal(signal.SIGALRM, on_alarm)
struck = []
for moment in range(50):
    left = moment
    try:
        fill_segment()
    except Late as problem:
        struck.append(problem)  # and with it all the frames that it went through
ended = promptscribe.shutdown(timeout=1)
print(len(struck), sum(ended.reasons.values()))
"""


def test_a_time_limit_leaves_nothing_locked_while_the_journal_changes_files(tmp_path):
    """Before, the program waited at its end for a lock that nobody had, for ever."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    run = subprocess.run(
        [sys.executable, "-c", CHANGING],
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert run.stdout.split() == ["50", "0"], run.stderr


LET_GO = """
import gc, signal, sys, weakref
from promptscribe import log_prompt
from promptscribe.testing import captured_logs

class Late(BaseException):
    pass

@log_prompt
def ask(question):
    return "because"

def on_alarm(*_):
    raise Late

def strike(frame, event, argument):
    if frame.f_code.co_name == where and event == "call":
        sys.setprofile(None)
        signal.raise_signal(signal.SIGALRM)

gc.disable()
signal.signal(signal.SIGALRM, on_alarm)
with captured_logs():
    ask("")
    for where in sys.argv[1:]:
        sys.setprofile(strike)
        try:
            ask(["why"])
        except Late as late:
            struck = weakref.ref(late)
        print(where, struck() is None)
"""


def test_what_is_let_through_holds_on_to_nothing(tmp_path):
    """A time limit has all of a call's frames, and its values, in its traceback."""
    places = ["begin", "is_plain", "finish", "append"]

    run = subprocess.run(
        [sys.executable, "-c", LET_GO, *places],
        env=clean_environment() | {"PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.splitlines() == [f"{where} True" for where in places]
