"""How a program ends is not changed: its shell, or its supervisor, sees the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.environment import clean_environment

LOGS = """
from promptscribe import log_prompt

log_prompt(len)("x")
"""

ENDINGS = {
    "at its end": "",
    "by sys.exit": "raise SystemExit(3)",
    "by an exception": "raise ValueError",
    "by Ctrl-C": "import signal; signal.raise_signal(signal.SIGINT)",
    "by SIGTERM": "import signal; signal.raise_signal(signal.SIGTERM)",
    "by a Ctrl-C of another kind": "class K(KeyboardInterrupt): pass\nraise K",
    "after a Ctrl-C that it handled": """
try:
    raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
""",
    "after a Ctrl-C in a console": """
import code
code.interact(local=globals())
""",
}


def end(program, folder, how):
    """Return how a program ends that is run from a file, by name or as a text."""
    (folder / "program.py").write_text(program)
    target = {"file": ["program.py"], "module": ["-m", "program"]}
    ended = subprocess.run(
        [sys.executable, *target.get(how, ["-c", program])],
        cwd=folder,
        # Nobody listens there: whatever delivery needs is loaded, all the same.
        env=clean_environment()
        | {
            "PROMPTSCRIBE_JOURNAL_DIR": str(folder / "journal"),
            "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
        },
        input="raise KeyboardInterrupt\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "how"),
    [
        *((ending, "file") for ending in ENDINGS),
        ("by Ctrl-C", "module"),
        ("by Ctrl-C", "text"),
    ],
)
def test_a_program_that_logs_ends_as_without_a_log(ending, how, tmp_path):
    """With the same exit code, or by the same signal."""
    program = ENDINGS[ending]

    bare = end(program, tmp_path, how)

    assert end(LOGS + program, tmp_path, how) == bare


LIMITED = """
import resource
import signal
import sys

from promptscribe import log_prompt, stats

signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
log = log_prompt(len)
for _ in range(500):
    log("x" * 4000)
print(stats().recorded)
"""


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [0, 100, 1_000_000])
def test_a_program_whose_files_may_not_grow_goes_on(most_bytes, tmp_path):
    """The system would end it at the first byte too many: that is asked for before."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(most_bytes)],
        env=clean_environment()
        | {
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
            "PROMPTSCRIBE_BASE_URL": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "500\n"), ended.stderr


FORKS = """
import gc, os
from promptscribe import log_prompt

def descriptors():
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}").endswith(".seg"):
                yield number
        except FileNotFoundError:
            pass

log_prompt(len)("x")
gc.disable()
if child := os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
before = set(descriptors())
gc.collect()
os._exit(before != set(descriptors()))
"""


@pytest.mark.slow
def test_what_a_program_opens_as_a_daemon_is_not_closed_under_it(tmp_path):
    """It forks, closes all descriptors and opens its own, which get the same numbers.

    Whatever of the parent's is closed later would be one of these.
    """
    assert end(FORKS, tmp_path, "file") == 0
