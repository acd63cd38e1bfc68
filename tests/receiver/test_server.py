"""The running receiver: its file, its port, and its death."""

import os
import signal
import stat
import threading

import httpx
import pytest
from tests.serving import serving

from promptscribe.receiver.server import start_in_thread


@pytest.fixture
def process(tmp_path):
    with serving(tmp_path / "logs.db") as running:
        yield running


def kill_under_load(db, round_number):
    """Run a receiver, kill it while eight clients post; return what it acknowledged."""
    enough = threading.Event()
    acknowledged = []

    def load(number):
        with httpx.Client(base_url=process.url, timeout=60) as session:
            for count in range(100_000):
                name = f"log-{round_number}-{number}-{count}"
                body = {"path": "load", "log_id": name, "output": "x" * 2000}
                try:
                    answer = session.post("/prompts/log", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                acknowledged.append(name)
                if len(acknowledged) > 150:
                    enough.set()

    threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
    with serving(db) as process:
        for thread in threads:
            thread.start()
        assert enough.wait(30)
    for thread in threads:
        thread.join()
    return acknowledged


@pytest.mark.slow
def test_a_killed_receiver_has_every_log_that_it_acknowledged(tmp_path):
    """SIGKILL under load, again and again: nothing is lost, and nothing doubled."""
    db = tmp_path / "logs.db"

    acknowledged = [name for n in range(4) for name in kill_under_load(db, n)]

    after = start_in_thread(db=db)
    with httpx.Client(base_url=after.url, timeout=60) as session:
        page = session.get("/logs", params={"size": 10_000}).json()
        roots = session.get("/logs", params={"roots": "true", "size": 0}).json()
    after.stop()
    kept = [log["id"] for log in page["records"]]
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept)) == roots["total"]
    assert page["total"] == page["records"][0]["prompt"]["total_logs_count"]


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_receiver_ends_by_itself_when_asked(process, tmp_path, told):
    """Ctrl-C or SIGTERM: the store is closed, and the exit is a clean one."""
    httpx.post(f"{process.url}/prompts/log", json={"path": "a"})

    process.send_signal(told)

    assert process.wait(10) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["logs.db"]


def test_logs_are_there_after_a_restart(tmp_path):
    """What was stored by one receiver is shown by the next."""
    first = start_in_thread(db=tmp_path / "logs.db")
    httpx.post(f"{first.url}/prompts/log", json={"path": "a", "log_id": "x"})
    first.stop()

    second = start_in_thread(db=tmp_path / "logs.db")
    answer = httpx.get(f"{second.url}/logs/x")
    second.stop()

    assert answer.status_code == 200


def test_two_receivers_may_share_a_file(tmp_path):
    """A second process sees what the first has stored, and the ids agree."""
    one = start_in_thread(db=tmp_path / "logs.db")
    two = start_in_thread(db=tmp_path / "logs.db")

    body = {"path": "a", "prompt": {"model": "m"}}
    answers = [httpx.post(f"{each.url}/prompts/log", json=body) for each in (one, two)]
    total = httpx.get(f"{one.url}/logs").json()["total"]
    one.stop()
    two.stop()

    assert total == 2
    assert len({answer.json()["version_id"] for answer in answers}) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_the_file_is_for_this_user_alone(tmp_path):
    """Prompts are private: the folder is 0700, and every file in it 0600."""
    path = tmp_path / "data" / "promptscribe" / "logs.db"
    mask = os.umask(0)
    try:
        running = start_in_thread(db=path)
        httpx.post(f"{running.url}/prompts/log", json={"path": "a"})
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode)
            for file in path.parent.iterdir()
        }
        running.stop()
    finally:
        os.umask(mask)

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


def test_a_port_in_use_is_an_error(receiver, tmp_path):
    """Two receivers cannot have one port, and the second says so."""
    port = int(receiver.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        start_in_thread(port=port, db=tmp_path / "other.db")
