"""What delivery tests share: a server that can do anything, and a short patience."""

from __future__ import annotations

import pytest
from tests.promises.faults_server import MANY, RECORDS, Server

import promptscribe
from promptscribe._delivery import retry


@pytest.fixture(params=[None, MANY, RECORDS], ids=["single", "bulk", "records"])
def sink(request):
    """A real server; every test meets one with the bulk route and one without.

    And a third one, which reads the journal's records.
    """
    server = Server(offer=request.param)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Wait for hundredths of seconds where a real exporter waits for seconds."""
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(retry, "HOLD_DELAY", 0.05)


@pytest.fixture
def deliver(sink, tmp_path):
    """Have promptscribe deliver to the server, and return its journal's folder."""

    def configure(**settings):
        folder = tmp_path / "journal"
        promptscribe.configure(
            base_url=sink.url, journal_dir=folder, **{"export": True, **settings}
        )
        return folder

    return configure
