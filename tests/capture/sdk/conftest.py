"""A provider on this machine: what the real SDKs talk to.

The answers are those of ``tests/providers/documented*.py``, by the same server with
which ``tests/providers/record.py`` recorded what the SDKs make of them.
"""

from __future__ import annotations

import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "providers"))

from record import Provider


class Faulty(Provider):
    """The same; under ``/cut`` it breaks a stream off in the middle."""

    def end_headers(self):
        super().end_headers()
        if self.path.startswith("/cut"):
            self.wfile = _Half(self.wfile)


class _Half:
    """Writes half of what it is given."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        self._file.flush()
        self._file.write(data[: len(data) // 2])

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.fixture(scope="session")
def _server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Faulty) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(_server, monkeypatch):
    """The address of a server that answers as every provider does."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # nothing is fetched
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return _server


@pytest.fixture
def client(provider):
    """A client of OpenAI's SDK."""
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{provider}/v1", max_retries=0) as client:
        yield client
