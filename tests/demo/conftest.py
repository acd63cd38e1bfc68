"""The demo as a process of its own, in a home of its own, with the scripted model."""

import socket
import subprocess
import sys

import pytest
from tests.environment import clean_environment

_PROGRAM = """
import sys
{prelude}
from promptscribe.demo.run import run_demo
raise SystemExit(run_demo(port={port}, keep_serving={keep_serving}))
"""

_NOT_INHERITED = ("OPENAI_", "XDG_", "NO_COLOR", "COLUMNS")

WITHOUT_LOCAL_MODEL = "sys.modules['xllamacpp'] = None"


class Demo:
    """A demo that can be started any number of times, in one home."""

    def __init__(self, home):
        self.home = home
        self.db = home / "data" / "promptscribe" / "logs.db"

    def command(self, port=0, keep_serving=None, prelude=WITHOUT_LOCAL_MODEL):
        program = _PROGRAM.format(port=port, keep_serving=keep_serving, prelude=prelude)
        return [sys.executable, "-W", "error", "-c", program]

    def environment(self, **more):
        return clean_environment(*_NOT_INHERITED) | {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "PYTHONIOENCODING": "utf-8",
            **more,
        }

    def start(self, port=0):
        """Start it; its output is read from the process."""
        return subprocess.Popen(
            self.command(port),
            env=self.environment(),
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, port=0, *, prelude=WITHOUT_LOCAL_MODEL, **environment):
        return subprocess.run(
            self.command(port, prelude=prelude),
            env=self.environment(**environment),
            cwd=self.home,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


@pytest.fixture
def demo(tmp_path):
    return Demo(tmp_path)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run the demo once for all tests that only look at what it did."""
    demo = Demo(tmp_path_factory.mktemp("home"))
    return demo, demo.run()


@pytest.fixture
def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
