"""All of it holds without wrapt's C extension as well: on PyPy, in odd builds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
PYTEST += ["-m", "not slow"]


@pytest.mark.slow
@pytest.mark.timeout(600)  # a thousand tests, on a busy machine
def test_everything_holds_with_wrapt_in_plain_python():
    """What wrapt has a part in: objects that stand for others, streams, stdout."""
    promises = sorted(map(str, Path(__file__).parent.glob("test_never_disturbs*.py")))
    capture = TESTS / "capture"
    chosen = [capture / "test_decorator.py", *capture.glob("test_st*.py")]
    chosen += [capture / "sdk", *promises]
    environment = os.environ | {"WRAPT_DISABLE_EXTENSIONS": "true"}
    probe = "import wrapt; print(wrapt.FunctionWrapper.__call__.__class__.__name__)"

    kind = subprocess.run(
        [sys.executable, "-c", probe],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    done = subprocess.run(
        [*PYTEST, *map(str, chosen)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )

    assert kind.stdout.strip() == "function"
    assert done.returncode == 0, done.stdout[-5_000:]
