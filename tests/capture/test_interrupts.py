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
