"""What every test gets: a fresh runtime, an empty journal, a clean environment."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from promptscribe.testing import MemoryTransport, isolated

# A busy machine is no failure: no deadlines, and slow generation is none either.
settings.register_profile(
    "steady", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


NOT_THEIRS = ("PROMPTSCRIBE_", "HUMANLOOP_", "PYTEST_ADDOPTS", "PYTEST_XDIST_")
"""Variables that say how these tests are run, not how those that a test runs are."""


def pytest_configure():
    """Have Ctrl-C reach the programs of tests, also of those run in the background.

    A shell has these ignore it, and whoever they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Where several processes share the files, have them begin with the longest."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if item.get_closest_marker("peers")}
        long |= {item.path for item in items if item.path.stem == "test_never_loses"}
        items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True, scope="module")
def _old_objects_stay():
    """Have collections look at a file's own objects only: 1 s otherwise, in the end.

    Ten SDKs and what pytest knows are 2 million objects; 60 tests collect, some twice.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _fresh_runtime(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(NOT_THEIRS):
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
