"""What the tests of security share: a real server, and programs that log to it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.environment import clean_environment
from tests.promises.faults_server import Server


@pytest.fixture
def server():
    """A server that stores what it is sent."""
    server = Server(offer={"bulk": True})
    yield server
    server.close()


@pytest.fixture
def run(tmp_path):
    """Run a program in a process of its own; return it with what it printed."""

    def program(code, url, **environment):
        path = tmp_path / "program.py"
        path.write_text(code)
        return subprocess.run(
            [sys.executable, path],
            cwd=tmp_path,
            env=clean_environment("SSL_CERT_")
            | {
                "PROMPTSCRIBE_BASE_URL": url,
                "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path / "journal"),
                "PROMPTSCRIBE_FLUSH_TIMEOUT": "30",  # a busy machine's exit is slow
            }
            | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return program
