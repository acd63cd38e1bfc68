"""Records of a client that means harm: what they cost others, and what stays."""

from __future__ import annotations

import asyncio
import struct
import time

import httpx
import msgspec
import pytest

from promptscribe._runtime import layers, packed
from promptscribe.receiver.bulk import take_records
from promptscribe.receiver.metrics import Metrics
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_store import SqliteStore

BEGAN = 1_700_000_000_000_000_000
OFTEN = 60_000

write = msgspec.msgpack.encode


def record(number, *, result=b"\xc0", **members):
    """Return the frames of a log; its result is MessagePack already."""
    key, nil = write(1 << 63 | number), b"\xc0"
    said = write({"path": "hostile/log", **members})
    start = [key, write(b"t" * 16), nil, write(BEGAN), said, nil, b"\x80", nil]
    end = [key, write(BEGAN + 1), b"\xc3", result, nil, nil, nil]
    return b"\x98" + b"".join(start), b"\x97" + b"".join(end)


def many(item):
    """Return an array of as many items as a record has room for."""
    return b"\xdd" + struct.pack(">I", OFTEN) + item * OFTEN


@pytest.fixture
def receiver(tmp_path, stopping):
    running = start_in_thread(db=tmp_path / "logs.db", reader=packed.reader())
    yield running
    stopping(running)


def send(receiver, *records):
    """Return the status of each record."""
    answer = httpx.post(
        f"{receiver.url}/prompts/logs",
        content=packed.PACKING.pack(list(records)),
        headers={"content-type": packed.MEDIA_TYPE},
        timeout=60,
    )
    assert answer.status_code == 200
    return [msgspec.json.decode(line)["status"] for line in answer.text.splitlines()]


class Costly(packed.Reader):
    """Each record keeps it busy for as long as 60,000 empty lists do."""

    def __init__(self):
        self.turn = 0
        self.read_in = []

    def write_line(self, record):
        self.read_in.append(self.turn)
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass
        return super().write_line(record)


def test_others_get_a_turn_after_each_record_that_costs_much(tmp_path):
    """Of a body that would keep the event loop busy for ten seconds."""
    reader = Costly()
    body = packed.PACKING.pack([record(number) for number in range(6)])

    async def count_turns():
        while True:
            reader.turn += 1
            await asyncio.sleep(0)

    async def take():
        counting = asyncio.create_task(count_turns())
        answer = await take_records(store, body, reader, BEGAN // 1000, Metrics())
        counting.cancel()
        return answer

    store = SqliteStore(tmp_path / "logs.db")
    try:
        answer = asyncio.run(take())
    finally:
        store.close()

    assert answer.count(b'"status":200') == 6
    assert len(set(reader.read_in)) == 6


def test_what_can_be_read_only_in_parts_is_read_by_its_own_program(receiver):
    """To look for the parts costs as often as they are nested: seven seconds."""
    inner = b"\x91" * 300 + b"\x92" + many(b"\x90") + b"\x81\x81\xc0\xc0\xc0"
    in_parts = b"\x81\x81\xa1a\x01\x02"  # a frozen dataclass as a key

    statuses = send(
        receiver, record(1, result=inner), record(2, result=in_parts), record(3)
    )

    assert statuses == [422, 422, 200]


def test_a_record_too_deep_for_everybody_is_refused(receiver):
    """And the next one is taken."""
    deep = record(1, result=b"\x91" * OFTEN + b"\xc0")

    assert send(receiver, deep, record(2)) == [422, 200]
    assert not packed.is_fit(*deep)


def test_a_deep_record_that_is_taken_can_be_shown(receiver):
    """Ten times as deep as anything that is recorded; Pythons differ in taking it."""
    deep = record(1, result=b"\x91" * 900 + b"\xc0")

    status, other = send(receiver, deep, record(2))
    logs = httpx.get(f"{receiver.url}/logs").json()["records"]
    shown = [httpx.get(f"{receiver.url}/log/{log['id']}").status_code for log in logs]

    assert (status, other) in {(200, 200), (422, 200)}
    assert shown == [200] * (1 + (status == 200))


def test_little_stays_of_what_decorators_said(receiver):
    """An empty list is a byte here and sixty in memory: 256 layers were 300 MB."""
    large = [[]] * (layers.LARGEST - 200)
    for at in range(0, 80, 40):
        sent = [record(n, metadata={"n": n, "x": large}) for n in range(at, at + 40)]
        assert send(receiver, *sent) == [200] * 40

    kept = sum(len(context) + len(said) for context, said in layers._known)
    assert 0 < kept <= layers.BUDGET
