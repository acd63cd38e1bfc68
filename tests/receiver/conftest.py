"""A receiver for each test: a real server, on a real port, with a file of its own."""

import json
import threading
from pathlib import Path

import httpx
import pytest

from promptscribe.receiver.server import start_in_thread

WIRE = Path(__file__).parent / "wire"


@pytest.fixture(scope="session")
def stopping():
    """Stop receivers beside the tests: a graceful stop takes 0.2 s of waiting."""
    threads = []

    def stop(running):
        thread = threading.Thread(target=running.stop)
        thread.start()
        threads.append(thread)

    yield stop
    for thread in threads:
        thread.join()


@pytest.fixture
def receiver(tmp_path, stopping):
    running = start_in_thread(db=tmp_path / "logs.db")
    yield running
    stopping(running)


@pytest.fixture(scope="session")
def session():
    # One for all: a client's TLS context alone costs 30 ms.
    with httpx.Client(timeout=60) as shared:
        yield shared


@pytest.fixture
def client(receiver, session):
    session.base_url = receiver.url
    return session


@pytest.fixture
def post(client):
    """Post the body of a Prompt's log and return the answer's JSON."""

    def send(**body):
        answer = client.post("/prompts/log", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


@pytest.fixture
def wire():
    """Load a request that a real client once sent."""

    def load(name):
        return json.loads((WIRE / f"{name}.json").read_text("utf-8"))

    return load
