"""The first log of a process, which is made before any setting was asked for."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest

import promptscribe
from promptscribe import _fork, log_prompt
from promptscribe.testing import MemoryTransport, captured_logs, isolated

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"  # noqa: S105

PROGRAM = f"""
from promptscribe import log_prompt

with log_prompt("a", inputs={{"key": "{SECRET}"}}):
    pass
"""


@pytest.mark.parametrize(
    "setting",
    [{"PROMPTSCRIBE_REDACT": "true"}, {"PROMPTSCRIBE_CAPTURE": "metadata"}],
    ids=["redact", "capture"],
)
def test_the_environment_holds_for_the_first_log_as_well(tmp_path, setting):
    """What is to be left out never reaches the disk, not even once."""
    journal = tmp_path / "journal"
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(journal),
        "PROMPTSCRIBE_EXPORT": "false",
        **setting,
    }

    subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | settings, check=True
    )

    written = b"".join(p.read_bytes() for p in journal.rglob("*") if p.is_file())
    assert written
    assert SECRET.encode() not in written


ODD = """
import sys
from promptscribe import log_prompt

@log_prompt
def call(value):
    return value

call("usual")
call({"odd": object(), "texts": ["x"], "error": ValueError("x"), "set": {1, 2}})
print(*sorted({"fractions", "sysconfig", "zoneinfo"} & sys.modules.keys()))
print(*sorted(name for name in sys.modules if name.endswith(".redaction")))
"""


def test_the_first_odd_value_loads_little(tmp_path):
    """On the caller's thread: no time zones, and nothing that looks for secrets."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    told = subprocess.run(
        [sys.executable, "-c", ODD],
        env=os.environ | settings,
        check=True,
        capture_output=True,
        text=True,
    )

    assert told.stdout.split() == []


TIMED = """
import sys, time
import promptscribe
from promptscribe import log_prompt

exec(sys.argv[1])

@log_prompt
def call():
    return time.time()

asked = time.time()
inside = call()
print(asked, inside)
"""


@pytest.mark.parametrize(
    "before",
    ["", "promptscribe.configure(environment='test')"],
    ids=["unasked", "configured"],
)
def test_what_the_first_call_has_to_load_is_no_part_of_it(tmp_path, before):
    """It begins when the function does: nearer to that than to where it was called."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_EXPORT": "false",
    }
    told, shown = (
        subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | settings,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for arguments in (
            ["-c", TIMED, before],
            ["-m", "promptscribe", "journal", "show"],
        )
    )

    asked, inside = map(float, told.split())
    (log,) = map(json.loads, shown.splitlines())
    start = dt.datetime.fromisoformat(log["start_time"]).timestamp()
    assert inside - start < start - asked


LEFT = """
import os
from promptscribe import log_prompt
from promptscribe.testing import MemoryTransport, isolated
import promptscribe

if os.environ["PART"] == "isolated":
    with isolated():
        promptscribe.configure(transport=MemoryTransport(), journal_dir="own")
        with log_prompt("a"):
            pass
        assert promptscribe.force_flush(30).delivered == 1
else:
    with log_prompt("a"):
        pass
"""


def test_what_is_logged_in_isolation_delivers_nothing_of_other_programs(tmp_path):
    """Not at the end of the process, either: that may be one of tests."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
    }
    told = {}
    for part, export in (("left", "false"), ("isolated", "true")):
        run = subprocess.run(
            [sys.executable, "-c", LEFT],
            env=os.environ | settings | {"PART": part, "PROMPTSCRIBE_EXPORT": export},
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        told[part] = run.stderr

    assert told == {"left": "", "isolated": ""}


FORKS_IN_A_FORK = """
import os, signal, threading

def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

calls = [fork]  # one: its own fork is not interrupted
signal.signal(signal.SIGUSR1, lambda *_: calls.pop()() if calls else None)
os.register_at_fork(before=lambda: signal.raise_signal(signal.SIGUSR1))

from promptscribe import log_prompt

fork()
first = threading.Thread(target=log_prompt(lambda: print("called")))
first.start()
first.join()
"""


def test_a_signal_handler_may_fork_in_the_middle_of_a_fork(tmp_path):
    """As one that replaces a worker that has died; no call waits for ever then."""
    told = subprocess.run(
        [sys.executable, "-c", FORKS_IN_A_FORK],
        env=os.environ | {"PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.stdout == "called\n"


FORKING = """
import os

child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_fork_in_the_middle_of_an_import_does_not_wait_for_itself(
    tmp_path, monkeypatch
):
    """A plug-in of ours may be imported by who forks just then."""
    (tmp_path / "forking.py").write_text(FORKING)
    paths = [*promptscribe.__path__, str(tmp_path)]
    monkeypatch.setattr(promptscribe, "__path__", paths)
    monkeypatch.setattr(_fork, "_LONGEST", 300.0)  # as no machine takes for this
    began = time.monotonic()

    importlib.import_module("promptscribe.forking")

    assert time.monotonic() - began < _fork._LONGEST
    del sys.modules["promptscribe.forking"]


STRUCK = """
import signal
import sys
import threading

from promptscribe import log_prompt, stats

made = []
importing = threading.get_ident()


@log_prompt
def call(mark):
    made.append(mark)


def strike(event, args):
    if (
        event == "exec"  # the body of a module, which is half made until it returns
        and threading.get_ident() == importing
        and "promptscribe" in getattr(args[0], "co_filename", "")
    ):
        signal.raise_signal(signal.SIGUSR1)


signal.signal(signal.SIGUSR1, lambda *_: call("SECRET"))
sys.addaudithook(strike)
call("first")
call("last")
reasons = dict(stats().reasons)
print(len(made) > 20, stats().recorded == len(made), *sorted(reasons))
""".replace("SECRET", SECRET)


@pytest.mark.parametrize(
    ("redact", "reasons"), [("0", "by_others"), ("1", "by_others redaction_failed")]
)
def test_a_signal_handler_may_log_wherever_the_first_log_is(tmp_path, redact, reasons):
    """As in each module that it loads; while there is no redaction yet, bare."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_EXPORT": "0",
        "PROMPTSCRIBE_REDACT": redact,
    }

    told = subprocess.run(
        [sys.executable, "-c", STRUCK],
        env=os.environ | settings,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    shown = subprocess.run(
        [sys.executable, "-m", "promptscribe", "journal", "show"],
        env=os.environ | settings,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.stdout == f"True True {reasons}\n", told.stderr
    assert all('"path": ' in line for line in shown.stdout.splitlines())
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert (SECRET.encode() in written) is (redact == "0")


INTERRUPTED = """
import os, signal, sys
import promptscribe
from promptscribe import log_prompt

@log_prompt
def call():
    return "answer"

ACTS = {"call": call, "flush": lambda: promptscribe.force_flush(0.1)}

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "promptscribe._journal.reader":
            signal.raise_signal(signal.SIGUSR1)

signal.signal(signal.SIGUSR1, lambda *_: ACTS[os.environ["HANDLER"]]())
sys.meta_path.insert(0, Interrupts())
ACTS[os.environ["FIRST"]]()
call()
told = promptscribe.stats()
print(told.recorded, told.reasons.get("recording_failed"))
"""


@pytest.mark.parametrize("handler", ["call", "flush"])
@pytest.mark.parametrize("first", ["call", "flush"])
def test_a_signal_handler_may_come_first_in_the_middle_of_it(tmp_path, first, handler):
    """It finds modules that are half loaded: before, an ImportError or no log."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
        "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
        "FIRST": first,
        "HANDLER": handler,
    }
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env=os.environ | settings,
        check=True,
        capture_output=True,
        text=True,
    )

    logs = [first, handler, "call"].count("call")
    assert told.stdout == f"{logs} None\n", told.stderr


AT_ONCE = """
import threading
import promptscribe

ready = threading.Barrier(4)

def flush():
    ready.wait()
    promptscribe.force_flush(1)

threads = [threading.Thread(target=flush) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(t.name == "promptscribe-exporter" for t in threading.enumerate()))
"""


def test_threads_that_flush_first_and_at_once_start_one_thread(tmp_path):
    """Before, each had its own, for as long as the program ran."""
    told = subprocess.run(
        [sys.executable, "-c", AT_ONCE],
        env=os.environ | {"PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert told.stdout == "1\n"


@pytest.mark.parametrize("block", [captured_logs, isolated])
def test_what_comes_after_a_block_of_tests_is_not_taken_for_the_blocks(
    server, tmp_path, block
):
    """Nor is a first call that was on its way as the block began."""
    on_its_way, inside = threading.Event(), threading.Event()

    def wait(text):
        on_its_way.set()
        inside.wait(60)
        return text

    @log_prompt(redact=wait)
    def call(text):
        return "answer"

    first = threading.Thread(target=call, args=("question",))
    first.start()
    on_its_way.wait(60)
    with block():
        if block is isolated:
            promptscribe.configure(
                transport=MemoryTransport(),
                journal_dir=tmp_path / "its own",
                export=True,
            )
        inside.set()
        first.join()
    call("question")
    promptscribe.force_flush(60)

    assert len(server.requests) == 2


TOLD_TO_STOP = """
import signal, sys
from promptscribe import log_prompt

@log_prompt
def call(value):
    return value

class Stop(Exception):
    pass

def handle(*_):
    call("from the handler")
    raise {how}

class Signal:
    def find_spec(self, name, path=None, target=None):
        if name == "promptscribe._runtime.pipeline":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGTERM)

signal.signal(signal.SIGTERM, handle)
sys.meta_path.insert(0, Signal())
try:
    call("the first")
except Stop:
    call("a later one")
"""


@pytest.mark.parametrize("how", ["SystemExit", "Stop"])
def test_what_a_handler_logs_that_ends_the_first_call_is_kept(tmp_path, how):
    """A worker that is told to stop while it loads what its first log takes."""
    journal = tmp_path / "journal"
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(journal),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    subprocess.run(
        [sys.executable, "-c", TOLD_TO_STOP.format(how=how)],
        env=os.environ | settings,
        check=True,
    )

    written = b"".join(p.read_bytes() for p in journal.rglob("*") if p.is_file())
    assert b"from the handler" in written
    assert (b"a later one" in written) is (how == "Stop")


FORKED_IN_C = """
import ctypes, os
from promptscribe import current_log, log_prompt, record_log

@log_prompt
def call():
    return current_log().id

def record():
    return record_log("a", output="yes")

for _ in range(3):
    if ctypes.PyDLL(None).fork() == 0:
        os.write(1, {what}().encode() + b"\\n")
        os._exit(0)
    os.wait()
"""


@pytest.mark.parametrize("what", ["call", "record"])
def test_children_that_were_forked_in_c_before_any_log_have_ids_of_their_own(
    tmp_path, what
):
    """As uWSGI does it. Before, but for the millisecond their first ids were alike."""
    settings = {
        "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
        "PROMPTSCRIBE_EXPORT": "false",
    }

    run = subprocess.run(
        [sys.executable, "-c", FORKED_IN_C.format(what=what)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )

    ids = run.stdout.split()
    assert len(ids) == 3
    assert len({log_id[-37:] for log_id in ids}) == 3
