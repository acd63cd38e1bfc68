"""A full disk: what cannot be kept is refused, and what was refused is not there."""

import asyncio
import json
import resource
import subprocess

import httpx
import pytest
from tests.serving import serving

from promptscribe.receiver.log_entry import LogPage, LogQuery
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_store import READERS, SqliteStore
from promptscribe.receiver.store import StoreUnavailable

BYTES = 3 * 1024 * 1024
CALL = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "1" * 32,
                            "spanId": "2" * 16,
                            "name": "chat m",
                            "attributes": [
                                {
                                    "key": "gen_ai.request.model",
                                    "value": {"stringValue": "m"},
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    ]
}


def fill(url):
    """Post until nothing goes any more; return the names that were taken."""
    taken = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for number in range(2000):
            body = {"path": f"p{number}", "log_id": f"{number}", "output": "x" * 3000}
            answer = client.post("/prompts/log", json=body)
            if answer.status_code != 200:
                break
            taken.append(f"{number}")
        assert answer.status_code in {503, 507}, answer.text
        assert int(answer.headers["retry-after"]) > 0
        # What the checkpoint brought into the file has made room again, perhaps.
        for number in range(2000, 4000):
            body = {"path": f"p{number}", "log_id": f"{number}", "output": "x" * 9000}
            answer = client.post("/prompts/logs", content=json.dumps(body))
            if answer.json()["status"] != 200:
                break
            taken.append(f"{number}")
        assert answer.json()["status"] in {503, 507}
        assert client.get("/health").status_code == 200
        assert client.get("/logs", params={"size": 1}).json()["total"] == len(taken)
        assert "p0" in client.get("/library?sort_by=created_at&order=asc").text
    return taken


def kept(db):
    """What a receiver with room finds: logs, and files that have a log."""
    running = start_in_thread(db=db)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        logs = client.get("/logs", params={"size": 10_000}).json()["records"]
        files = client.get("/files", params={"size": 10_000}).json()
        after = client.post("/prompts/log", json={"path": "room", "log_id": "room"})
    running.stop()
    assert after.status_code == 200
    assert files["total"] == len(logs)
    return sorted((log["id"] for log in logs), key=int)


@pytest.fixture
def tmpfs(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_keeps_whole_logs_only(tmpfs, tmp_path):
    """507, and the file moved to a larger disk has what was acknowledged."""
    running = start_in_thread(db=tmpfs / "logs.db")
    taken = fill(running.url)
    running.stop()

    for file in tmpfs.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())

    assert kept(tmp_path / "logs.db") == taken


@pytest.mark.slow
def test_a_file_that_may_not_grow_keeps_whole_logs_only(tmp_path):
    """The same where the system limits the size of a file (RLIMIT_FSIZE)."""
    with serving(tmp_path / "logs.db") as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (BYTES, BYTES))
        taken = fill(process.url)

    assert kept(tmp_path / "logs.db") == taken


@pytest.mark.slow
def test_a_quota_is_a_full_disk_until_something_is_deleted(tmp_path):
    """507 with Retry-After; deleting logs makes room again."""
    running = start_in_thread(db=tmp_path / "logs.db", max_bytes=BYTES)
    taken = fill(running.url)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        answer = client.post("/prompts/log", json={"path": "a", "output": "x" * 9000})
        assert answer.status_code == 507
        client.delete("/logs", params={"id": taken[:50]})
        answer = client.post("/prompts/log", json={"path": "a", "output": "x" * 9000})
        assert answer.status_code == 200
    running.stop()


def test_a_damaged_file_is_503_and_clients_keep_their_logs(tmp_path, stopping, caplog):
    """An SDK would throw away what a 500 answers; whoever runs it is told, once."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        client.post("/prompts/log", json={"path": "a"}).raise_for_status()
    running.stop()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    damaged = start_in_thread(db=path)
    with httpx.Client(base_url=damaged.url, timeout=60) as client:
        answers = [client.post("/prompts/log", json={"path": "a"}) for _ in range(3)]
        answers.append(client.post("/v1/traces", json=CALL))
        answers.append(client.get("/logs"))
    stopping(damaged)

    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    told = [each for each in caplog.records if "put a copy" in each.message]
    assert len(told) == 1


async def test_a_reader_that_cannot_open_the_file_says_so(tmp_path):
    """503 as well, not 500: where files run out, or a disk was taken away."""
    path = tmp_path / "logs.db"
    store = SqliteStore(path)
    path.rename(tmp_path / "elsewhere.db")
    path.mkdir()

    pages = [store.find_logs(LogQuery()) for _ in range(10 * READERS)]
    found = await asyncio.gather(*pages, return_exceptions=True)
    store.close()

    # One of them may have had it open from the beginning.
    assert {type(each) for each in found} - {LogPage} == {StoreUnavailable}
