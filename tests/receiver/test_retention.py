"""How long logs are kept, and how large the file may become."""

import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from promptscribe.receiver.server import start_in_thread


def ago(days):
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


@pytest.fixture
def aged(tmp_path):
    """A file with logs of today, of last week and of last year."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    lines = [f'{{"path":"p","created_at":"{ago(400)}","output":"x"}}'] * 250
    lines += [
        f'{{"path":"p","log_id":"{name}","created_at":"{ago(days)}","output":"{name}"}}'
        for name, days in (("week", 7), ("edge", 29.9), ("past", 30.1), ("today", 0))
    ]
    answer = httpx.post(f"{running.url}/prompts/logs", content="\n".join(lines))
    assert answer.text.count('"status":200') == len(lines)
    running.stop()
    return path


def left(url):
    """Ask again until nobody deletes any more, or time is up."""
    waiting = threading.Event()
    for _ in range(1000):  # each a hundredth of a second
        page = httpx.get(f"{url}/logs", params={"size": 300}).json()
        if page["total"] < 4:
            break
        waiting.wait(0.01)
    return page


def test_what_is_older_is_deleted_and_the_rest_is_kept(aged):
    """In many steps; the counts of versions and the text search follow."""
    running = start_in_thread(db=aged, keep_days=30)

    page = left(running.url)
    search = httpx.get(f"{running.url}/logs", params={"search": "past"}).json()
    running.stop()

    assert [log["id"] for log in page["records"]] == ["today", "week", "edge"]
    assert page["total"] == 3
    assert page["records"][0]["prompt"]["total_logs_count"] == 3
    assert search["total"] == 0


def test_nothing_is_deleted_unless_told(aged):
    """Logs are kept for ever by default."""
    running = start_in_thread(db=aged)
    page = httpx.get(f"{running.url}/logs").json()
    running.stop()

    assert page["total"] == 254


@pytest.mark.slow
def test_limits_are_given_on_the_command_line(aged):
    """`promptscribe serve` with all of its limits."""
    words = ["serve", "--port", "0", "--db", aged, "--keep-days", "30"]
    words += ["--max-bytes", "1.5M", "--rate-limit", "1000", "--allow-host", "logs.lan"]
    process = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        assert left(url)["total"] == 3
        proxied = httpx.get(f"{url}/logs", headers={"host": "logs.lan"})
        assert proxied.status_code == 200
        body = {"path": "p", "output": "x" * 200_000}
        statuses = [
            httpx.post(f"{url}/prompts/log", json=body).status_code for _ in range(10)
        ]
        assert set(statuses) == {200, 507}
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    "words",
    [
        ("--max-bytes", "12"),
        ("--max-bytes", "nan"),
        ("--max-bytes", "much"),
        ("--max-bytes", "infG"),
        ("--keep-days", "0"),
        ("--keep-days", "nan"),
        ("--rate-limit", "-1"),
    ],
)
@pytest.mark.slow
def test_a_limit_that_is_none_is_a_mistake(tmp_path, words):
    """Exit code 2 and one sentence, before anything is served."""
    command = [sys.executable, "-m", "promptscribe", "serve", "--db", tmp_path / "x.db"]

    done = subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert words[0] in done.stderr.splitlines()[-1]
    assert not (tmp_path / "x.db").exists()
