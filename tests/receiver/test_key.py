"""API keys that are made for a receiver's file, and how much they may ask for."""

import asyncio
import re

import httpx
import pytest

from promptscribe.errors import ConfigurationError
from promptscribe.receiver.access import Access
from promptscribe.receiver.key import digest
from promptscribe.receiver.keyring import Keyring
from promptscribe.receiver.rate import Limit
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_store import SqliteStore


class StillClock:
    """A clock that moves when it is told to."""

    now_ns = 0

    def wall_ns(self):
        return self.now_ns

    def monotonic_ns(self):
        return self.now_ns


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "logs.db")


def test_a_key_is_needed_as_soon_as_one_exists(client, keyring):
    """The first key locks a running receiver, and opens it again to its owner."""
    assert client.get("/logs").status_code == 200

    key, entry = keyring.add("laptop")

    assert re.fullmatch(r"psk_[\w-]{43}", key)
    assert client.get("/logs").status_code == 401
    assert client.get("/logs", headers={"x-api-key": key}).status_code == 200
    assert [each.name for each in keyring.list()] == ["laptop"]
    assert entry.hint == key[-4:]


def test_a_revoked_key_is_refused_at_once(client, keyring):
    """And the door stays locked, though no key is left that fits."""
    key, entry = keyring.add("old")

    assert keyring.revoke(entry.id)

    assert client.get("/logs", headers={"x-api-key": key}).status_code == 401
    assert client.get("/logs").status_code == 401
    assert not keyring.revoke(entry.id)
    assert not keyring.revoke("key_unknown")
    assert keyring.list()[0].revoked_us is not None


def test_no_key_is_in_the_file(client, keyring, tmp_path):
    """Whoever steals the file has no key."""
    key, _ = keyring.add("laptop")
    client.get("/logs", headers={"x-api-key": key})

    for file in tmp_path.iterdir():
        assert key.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("ingest", {"post", "bulk", "patch", "spans"}),
        ("read", {"list", "page", "by_path"}),
        ("manage", {"put", "delete"}),
    ],
)
def test_a_key_does_what_it_is_for(client, keyring, scope, allowed):
    """A key in a service can send logs, and read nobody's."""
    everything, _ = keyring.add("everything")
    client.headers["x-api-key"] = everything
    log = client.post("/prompts/log", json={"path": "a", "log_id": "x"}).json()
    key, _ = keyring.add("narrow", [scope])
    client.headers["x-api-key"] = key
    requests = {
        "post": ("POST", "/v5/prompts/log", {"path": "a"}),
        "bulk": ("POST", "/prompts/logs", {"path": "a"}),
        "patch": ("PATCH", f"/prompts/{log['prompt_id']}/log/x", {"output": "y"}),
        "spans": ("POST", "/v1/traces", {"resourceSpans": []}),
        "list": ("GET", "/logs", None),
        "page": ("GET", "/", None),
        "by_path": ("POST", "/files/retrieve-by-path", {"path": "a"}),
        "put": ("POST", "/prompts", {"path": "b", "model": "m"}),
        "delete": ("DELETE", "/logs?id=none", None),
    }

    statuses = {
        name: client.request(method, route, json=body).status_code
        for name, (method, route, body) in requests.items()
    }
    del client.headers["x-api-key"]

    assert {name for name, status in statuses.items() if status < 300} == allowed
    assert {statuses[name] for name in statuses.keys() - allowed} == {403}


def test_a_nearly_right_key_is_as_much_work_as_any_other(keyring, tmp_path):
    """The same statements, and only the hash of a key in them: time tells nothing.

    How much it is in numbers says tests/benchmarks/receiver.py.
    """
    right, _ = keyring.add("laptop")
    guesses = [right[:-1] + "!", "x" * len(right), "", right]

    async def work():
        store = SqliteStore(tmp_path / "logs.db")
        access = Access(["configured"], store)
        said = []
        store._connection().set_trace_callback(said.append)
        done = []
        for key in guesses:
            verdict = await access.verdict({"x-api-key": key}, "read")
            done.append((verdict, [text.replace(digest(key), "?") for text in said]))
            said.clear()
        store.close()
        return done

    done = asyncio.run(work())

    assert [verdict for verdict, _ in done] == ["unknown"] * 3 + ["pass"]
    statements = done[0][1]
    assert any("?" in text for text in statements)
    assert all(each == statements for _, each in done)


def test_a_scope_that_there_is_not_is_refused(keyring):
    """A misspelt scope makes no key."""
    for scopes in (["reed"], [], ["read", "reed"]):
        with pytest.raises(ConfigurationError):
            keyring.add("x", scopes)
    assert keyring.list() == []


def test_more_requests_than_the_limit_are_429(tmp_path, stopping, session):
    """The answer says when to come back; another key is not held up."""
    running = start_in_thread(
        db=tmp_path / "few.db", api_keys=["one", "two"], rate_limit=5
    )

    def status(key):
        return session.get(f"{running.url}/logs", headers={"x-api-key": key})

    answers = [status("one") for _ in range(20)]
    other = status("two")
    stopping(running)

    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses
    late = answers[statuses.index(429)]
    assert int(late.headers["retry-after"]) >= 1
    assert other.status_code == 200


def test_less_than_a_request_a_second_still_lets_the_first_one_through(
    tmp_path, stopping, session
):
    """One in a thousand seconds is one, and not none for ever."""
    running = start_in_thread(db=tmp_path / "few.db", rate_limit=0.001)

    statuses = [session.get(f"{running.url}/logs").status_code for _ in range(3)]
    stopping(running)

    assert statuses == [200, 429, 429]


def test_guessing_keys_is_slowed_down(tmp_path, stopping, session):
    """After many wrong keys an address has to wait; a right one passes all the same."""
    running = start_in_thread(db=tmp_path / "few.db", api_keys=["right"])

    statuses = [
        session.get(f"{running.url}/logs", headers={"x-api-key": "wrong"}).status_code
        for _ in range(60)
    ]
    right = httpx.get(f"{running.url}/logs", headers={"x-api-key": "right"})
    stopping(running)

    assert statuses[:30] == [401] * 30
    assert 429 in statuses
    assert right.status_code == 200


def test_a_bucket_fills_with_time():
    """What was taken comes back at the rate, and never more than the burst."""
    clock = StillClock()
    limit = Limit(rate=2, burst=3, clock=clock)

    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.wait("b") == 0
    clock.now_ns = 500_000_000
    assert limit.wait("a") == 0
    assert limit.wait("a") == 0.5
    clock.now_ns = 10**12
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_only_so_many_clients_are_remembered():
    """Memory is bounded, whoever calls."""
    limit = Limit(rate=1, burst=1, clock=StillClock())

    for number in range(20_000):
        limit.wait(str(number))

    assert len(limit._buckets) == 10_000
