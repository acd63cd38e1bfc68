"""The SQLite file: old ones, newer ones, full ones, and one writer for all."""

import asyncio
import contextlib
import itertools
import random
import re
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from promptscribe._clock import SystemClock
from promptscribe.receiver import (
    sqlite_checkpoint,
    sqlite_schema,
    sqlite_writer,
    store,
)
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_checkpoint import Checkpointer
from promptscribe.receiver.sqlite_schema import (
    MIGRATIONS,
    NewerFile,
    connect,
    migrate,
)
from promptscribe.receiver.sqlite_store import SqliteStore
from promptscribe.receiver.sqlite_writer import Writer
from promptscribe.receiver.store import StoreUnavailable


def schema(path):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name")
        return rows.fetchall()


def test_only_the_store_knows_sql():
    """What another database has to bring is the protocol in `store`, and no more."""
    knowing = {
        path.name
        for path in Path(store.__file__).parent.glob("*.py")
        if re.search(
            r"\b(SELECT|INSERT INTO|DELETE FROM|PRAGMA|BEGIN|COMMIT)\b",
            path.read_text("utf-8"),
        )
        and not path.name.startswith("sqlite_")
    }

    assert knowing == set()


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_a_file_of_every_older_version_is_brought_up(tmp_path, version, monkeypatch):
    """Whatever version wrote it, the file ends up as a new one would be."""
    migrate(tmp_path / "new.db")
    old = tmp_path / "old.db"
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", MIGRATIONS[:version])
    migrate(old)
    monkeypatch.undo()

    migrate(old)
    migrate(old)

    assert schema(old) == schema(tmp_path / "new.db")


def test_logs_survive_a_migration(tmp_path, monkeypatch):
    """What an older receiver stored is shown by a newer one."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    httpx.post(f"{running.url}/prompts/log", json={"path": "a", "log_id": "x"})
    running.stop()
    more = (*MIGRATIONS, "ALTER TABLE logs ADD COLUMN colour TEXT;")
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", more)

    running = start_in_thread(db=path)
    answer = httpx.get(f"{running.url}/logs/x")
    running.stop()

    assert answer.status_code == 200


def test_old_logs_are_found_by_new_filters(tmp_path, monkeypatch):
    """What a filter needs is worked out for the logs that were there before it."""
    path = tmp_path / "logs.db"
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", MIGRATIONS[:4])
    migrate(path)
    monkeypatch.undo()
    bodies = ('{"metadata":{"session_id":"s"}}', '{"metadata":{"session_id":7}}', "{}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO files VALUES ('f','prompt','p',0,0,NULL,'{}')")
        connection.execute(
            "INSERT INTO versions (id, file_id, digest, details, created_us, logs)"
            " VALUES ('v', 'f', 'd', '{}', 0, 3)"
        )
        for seq, (name, parent) in enumerate([("a", None), ("b", "a"), ("c", None)]):
            connection.execute(
                "INSERT INTO logs (seq, id, kind, file_id, version_id, trace_id,"
                " trace_parent_id, root, created_us, failed)"
                " VALUES (?, ?, 'prompt', 'f', 'v', ?, ?, ?, 0, 0)",
                (seq, name, parent or name, parent, parent is None),
            )
            connection.execute("INSERT INTO bodies VALUES (?, ?)", (seq, bodies[seq]))

    running = start_in_thread(db=path)
    pages = {
        name: httpx.get(f"{running.url}/logs", params={name: value}).json()
        for name, value in (
            ("session_id", "s"),
            ("in_trace_filter", "true"),
            ("in_trace_filter_no", ""),
            ("roots", "true"),
        )
    }
    found = {
        name: [log["id"] for log in page["records"]] for name, page in pages.items()
    }
    running.stop()

    assert found == {
        "session_id": ["a"],
        "in_trace_filter": ["b", "a"],
        "in_trace_filter_no": ["c", "b", "a"],
        "roots": ["c", "a"],
    }
    assert all(len(found[name]) == page["total"] for name, page in pages.items())


@pytest.mark.slow
def test_what_is_counted_is_what_is_there(client, receiver):
    """Whatever happens to logs: what is written down of their number stays right."""
    dice = random.Random(6)  # noqa: S311 - no secret
    names = [f"n{number}" for number in range(40)]
    for _ in range(300):
        name = dice.choice(names)
        action = dice.randrange(4)
        if action < 2:
            body = {"path": f"p{dice.randrange(3)}", "log_id": name}
            if dice.randrange(2):
                body["trace_parent_id"] = dice.choice(names)
            if dice.randrange(3) == 0:
                body["error"] = "e"
            client.post("/prompts/log", json=body)
        elif action == 2:
            log = client.get(f"/logs/{name}").json()
            error = dice.choice(["e", None])
            if "prompt" in log:
                route = f"/prompts/{log['prompt']['id']}/log/{name}"
                client.patch(route, json={"error": error})
        else:
            client.delete("/logs", params={"id": dice.sample(names, 2)})

    filters = {
        "path": ("p0", "p1"),
        "roots": ("true",),
        "failed": ("true", "false"),
        "in_trace_filter": ("true", "false"),
    }
    totals = set()
    for choice in itertools.product(*[(None, *values) for values in filters.values()]):
        params = {k: v for k, v in zip(filters, choice, strict=True) if v}
        page = client.get("/logs", params=params | {"size": 100}).json()
        assert page["total"] == len(page["records"]), params
        totals.add(page["total"])
    assert len(totals) > 5


def test_a_file_from_the_future_is_left_alone(tmp_path, monkeypatch):
    """An older promptscribe does not touch what it does not know."""
    path = tmp_path / "logs.db"
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, "SELECT 1;"))
    migrate(path)
    monkeypatch.undo()

    with pytest.raises(NewerFile, match="update promptscribe"):
        start_in_thread(db=path)


def test_a_full_disk_is_507_and_nothing_is_half_stored(tmp_path, stopping):
    """The client is told to come back, keeps its log, and delivers it later."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path, max_bytes=640_000)
    body = {"path": "a", "output": "x" * 20_000}

    answers = [
        httpx.post(f"{running.url}/prompts/log", json=body | {"log_id": f"n{number}"})
        for number in range(20)
    ]
    statuses = [answer.status_code for answer in answers]
    stored = httpx.get(f"{running.url}/logs").json()["total"]
    bulk = httpx.post(f"{running.url}/prompts/logs", json=body)
    stopping(running)

    assert set(statuses) == {200, 507}
    assert stored == statuses.count(200)
    late = answers[statuses.index(507)]
    assert int(late.headers["retry-after"]) > 0
    assert isinstance(late.json()["detail"], str)
    assert '"status":507' in bulk.text
    with closing(sqlite3.connect(path)) as connection:
        (bodies,) = connection.execute("SELECT count(*) FROM bodies").fetchone()
    assert bodies == stored


def test_one_bad_operation_harms_no_other(tmp_path):
    """Operations that share a commit fail alone."""
    path = tmp_path / "some.db"
    migrate(path)
    writer = Writer(path, SystemClock())

    def bad(batch):
        batch.connection.execute("INSERT INTO t VALUES ('bad')")
        raise RuntimeError("no")

    def good(batch):
        return batch.connection.execute("INSERT INTO t VALUES ('good')").rowcount

    async def race():
        await writer.run(lambda batch: batch.connection.execute("CREATE TABLE t (x)"))
        return await asyncio.gather(
            writer.run(good), writer.run(bad), writer.run(good), return_exceptions=True
        )

    first, second, third = asyncio.run(race())
    writer.close()

    assert (first, third) == (1, 1)
    assert isinstance(second, RuntimeError)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [("good",)] * 2


def test_a_chore_is_done_in_a_pause_and_may_fail(tmp_path, monkeypatch):
    """After the writes, step by step; a busy file only puts it off."""
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 0.01)
    path = tmp_path / "some.db"
    migrate(path)
    done = threading.Event()
    steps = []

    def chore(connection):
        steps.append(1)
        if len(steps) == 4:
            done.set()
            connection.execute("BEGIN")
            raise sqlite3.OperationalError("busy")
        return len(steps) in {1, 3}

    writer = Writer(path, SystemClock(), chore)

    def write(batch):
        return batch.connection.execute("SELECT 1").fetchone()

    first = asyncio.run(writer.run(write))
    while len(steps) < 2:
        done.wait(0.01)
    second = asyncio.run(writer.run(write))
    assert done.wait(5)
    third = asyncio.run(writer.run(write))
    writer.close()

    assert first == second == third == (1,)


def test_a_chore_that_fails_for_good_keeps_no_log_out(tmp_path, monkeypatch, caplog):
    """Whatever goes wrong in a pause: it is told once, and logs are kept."""
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 0.01)
    path = tmp_path / "some.db"
    migrate(path)
    tries = []

    def chore(_):
        tries.append(1)
        raise ValueError("broken")

    writer = Writer(path, SystemClock(), chore)
    for number in range(3):
        assert asyncio.run(writer.run(lambda _: 1)) == 1
        while len(tries) <= number:
            threading.Event().wait(0.01)
    writer.close()

    told = [record.getMessage() for record in caplog.records]
    assert told == ["what waits for a pause in writing cannot be done"]


def test_a_chore_is_not_put_off_for_ever(tmp_path, monkeypatch):
    """Where writes leave no pause, a step is done between them."""
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 60)
    monkeypatch.setattr(sqlite_writer, "_PATIENCE", 0)
    path = tmp_path / "some.db"
    migrate(path)
    done = threading.Event()
    writer = Writer(path, SystemClock(), lambda _: done.set() or False)

    asyncio.run(writer.run(lambda _: 1))

    assert done.wait(5)
    writer.close()


def test_a_client_that_has_gone_holds_nobody_up(tmp_path):
    """Its log is stored; only the answer finds nobody."""
    path = tmp_path / "some.db"
    migrate(path)
    writer = Writer(path, SystemClock())
    entered, leave = threading.Event(), threading.Event()

    def slow(batch):
        entered.set()
        return leave.wait(5)

    async def impatient():
        waiting = asyncio.create_task(writer.run(slow))
        await asyncio.to_thread(entered.wait, 5)
        waiting.cancel()
        leave.set()
        return await writer.run(lambda batch: "next")

    async def gone():
        return asyncio.ensure_future(writer.run(lambda batch: None))

    assert asyncio.run(impatient()) == "next"
    asyncio.run(gone())
    assert asyncio.run(writer.run(lambda batch: "still here")) == "still here"
    writer.close()


def test_a_closed_store_says_so(tmp_path):
    """Nothing waits for a writer that has ended."""
    store = SqliteStore(tmp_path / "logs.db")
    store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        asyncio.run(store.delete_logs(["x"]))


def test_a_copy_of_the_file_is_a_backup(tmp_path):
    """After a clean stop everything is in the one file."""
    running = start_in_thread(db=tmp_path / "logs.db")
    httpx.post(f"{running.url}/prompts/log", json={"path": "a", "log_id": "x"})
    running.stop()
    shutil.copy(tmp_path / "logs.db", tmp_path / "copy.db")

    copied = start_in_thread(db=tmp_path / "copy.db")
    answer = httpx.get(f"{copied.url}/logs/x")
    copied.stop()

    assert answer.status_code == 200


def test_what_was_written_gets_into_the_file_beside_the_writer(tmp_path):
    """The log beside the file does not grow for as long as the receiver runs."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    waiting = threading.Event()

    httpx.post(f"{running.url}/prompts/log", json={"path": "a", "log_id": "x" * 400})

    for _ in range(1000):  # each a hundredth of a second
        if b"x" * 400 in path.read_bytes():
            break
        waiting.wait(0.01)
    else:
        pytest.fail("it is in the WAL alone")
    running.stop()


def test_a_checkpointer_ends_whenever_it_is_told(tmp_path, monkeypatch):
    """In the midst of its work, before it, and after it."""
    monkeypatch.setattr(sqlite_checkpoint, "_PAUSE", 0.0001)
    path = tmp_path / "some.db"
    migrate(path)

    for number in range(300):
        checkpointer = Checkpointer(path)
        for _ in range(number % 3):
            checkpointer.nudge()
        threading.Event().wait(number / 1e6)  # another moment each time
        closing = threading.Thread(target=checkpointer.close, daemon=True)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()


def test_a_file_that_cannot_be_opened_is_told_and_tried_again(tmp_path, monkeypatch):
    """Nobody waits for ever, and the first write after the trouble is kept."""
    opened = threading.Event()

    def locked_at_first(path, **options):
        if opened.is_set():
            return connect(path, **options)
        raise sqlite3.OperationalError("unable to open database file")

    path = tmp_path / "some.db"
    migrate(path)
    monkeypatch.setattr(sqlite_writer, "connect", locked_at_first)
    writer = Writer(path, SystemClock())

    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        asyncio.run(writer.run(lambda _: 1))
    opened.set()
    with contextlib.suppress(StoreUnavailable):  # what came before it was tried
        asyncio.run(writer.run(lambda _: 1))

    assert asyncio.run(writer.run(lambda _: 2)) == 2
    writer.close()
