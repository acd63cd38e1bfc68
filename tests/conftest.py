"""What every test gets: a fresh runtime, an empty journal, a clean environment."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from promptscribe.testing import MemoryTransport, isolated

# A busy machine is no failure: no deadlines, and slow generation is none either.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _fresh_runtime(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("PROMPTSCRIBE_", "HUMANLOOP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with isolated():
        yield


@pytest.fixture
def anyio_backend():
    """Coroutine tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def server(tmp_path):
    """A server in memory that promptscribe is configured to deliver to."""
    import promptscribe

    transport = MemoryTransport()
    promptscribe.configure(
        journal_dir=tmp_path / "journal", transport=transport, export=True
    )
    return transport
