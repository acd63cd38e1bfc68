"""What one receiver process on SQLite can take in, and how fast its pages are.

``python tests/benchmarks/receiver.py [LOGS]``. The receiver runs in a process of its
own, this one is the load; every answer that is counted came after the commit. Pages
are timed over LOGS logs (100,000 unless told), the slowest of five; and once "cold",
with nothing of the file in the system's cache. Processor time is the receiver's.

At the end, what the time of a refusal tells about a key: how long one that is wrong
in its last letter takes, against one that is wrong in all; 1.00 tells nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from urllib.parse import urlsplit

from promptscribe.receiver.access import Access
from promptscribe.receiver.key import make_key
from promptscribe.receiver.sqlite_store import SqliteStore

SERVE = """
import sys
from promptscribe.receiver.server import Receiver, serve
serve(Receiver(port=0, db=sys.argv[1], announce=lambda url: print(url, flush=True)))
"""
CONNECTIONS = 32
LINES = 1000  # logs in one bulk request
WORDS = [f"word{number}" for number in range(5000)]
SIZES = {"600 B": 300, "3.4 KB": 3000}
PAGES = (
    "/",
    "/?view=logs",
    "/?view=logs&page={last}",
    "/?page={middle}",
    "/?failed=1",
    "/?path=bench/path-3",
    "/?path=bench/path-3&failed=1&user=user-3",
    "/?search=word77",
    "/?search=an+answer",
    "/?search=word77&path=bench/path-3",
    "/?search=wo",
    "/?search=answer&failed=1",
    "/logs?search=an+answer",
    "/logs?in_trace_filter=true",
    "/logs?file_id={file}&page=100",
    "/logs?file_id={file}&size=50",
    "/logs?file_id={file}&in_trace_filter=true",
    "/logs?file_id={file}&in_trace_filter=false",
    "/logs?file_id={file}&metadata_search=m77",
    "/logs?user=user-7",
    "/logs?start_date=2024-01-01&end_date=2024-02-01",
    "/library",
)


def log(number: int, size: int) -> bytes:
    """Return a log of a Prompt whose messages have about so many characters."""
    chosen = random.Random(number)  # noqa: S311 - a benchmark
    text = " ".join(chosen.choices(WORDS, k=max(size // 9, 1)))
    body = {
        "path": f"bench/path-{number % 20}",
        "prompt": {"model": "gpt-4o", "temperature": 0.7},
        "messages": [{"role": "user", "content": text}],
        "output": "An answer.",
        "metadata": {"m": f"m{number % 1000}"},
        "user": f"user-{number % 100}",
        "prompt_tokens": 100,
        "output_tokens": 20,
    }
    if number % 10 == 0:
        body["trace_parent_id"] = f"bench-{number + 1}"
    if number % 10 == 1:
        body["log_id"] = f"bench-{number}"
    if number % 100 == 0:
        body["error"] = "TimeoutError"
    return json.dumps(body).encode()


async def ask(address: tuple[str, int], path: str, bodies: list[bytes]) -> None:
    """Post bodies over one connection, each after the answer to the last."""
    reader, writer = await asyncio.open_connection(*address, limit=2**24)
    for body in bodies:
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            "".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        answer = await reader.readexactly(length)
        if answer.count(b'"status":200') != body.count(b"\n") + 1 and "logs" in path:
            raise RuntimeError("a line was refused")
    writer.close()
    await writer.wait_closed()


async def load(
    address: tuple[str, int], path: str, bodies: list[bytes], connections: int
) -> float:
    """Return the seconds that all bodies took over so many connections."""
    began = time.perf_counter()
    await asyncio.gather(
        *[ask(address, path, bodies[at::connections]) for at in range(connections)]
    )
    return time.perf_counter() - began


def fetch(url: str) -> float:
    """Return the milliseconds that a page took."""
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own
        answer.read()
    return (time.perf_counter() - began) * 1000


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used; 0 where that is unknown."""
    status = pathlib.Path(f"/proc/{pid}/stat")
    if not status.exists():
        return 0.0
    fields = status.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget(db: str) -> None:
    """Have the system forget what it has cached of a file."""
    for name in (db, f"{db}-wal"):
        with open(name, "rb") as file:  # noqa: PTH123 - one word
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rss_mib(pid: int) -> float:
    """Return the memory that a process has resident; 0 where that is unknown."""
    status = pathlib.Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def row(name: str, value: str) -> None:
    print(f"{name:<48}{value:>20}", flush=True)


def main(total: int) -> None:
    folder = tempfile.TemporaryDirectory()
    db = os.path.join(folder.name, "logs.db")  # noqa: PTH118 - one word
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, db], stdout=subprocess.PIPE, text=True
    )
    try:
        url = process.stdout.readline().strip()
        fetch(f"{url}/health")
        row("idle RSS", f"{rss_mib(process.pid):.0f} MiB")
        beside_idle(url)
        measure(url, total, process.pid, db)
        row("RSS after the load", f"{rss_mib(process.pid):.0f} MiB")
        guesses(folder.name)
    finally:
        process.terminate()
        process.wait()
        folder.cleanup()


def beside_idle(url: str) -> None:
    """Time a page while 1,000 connections are open that say nothing."""
    parts = urlsplit(url)
    idle = "import socket, sys; kept = [socket.create_connection((sys.argv[1], "
    idle += "int(sys.argv[2]))) for _ in range(1000)]; print(1, flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", idle, parts.hostname, str(parts.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    row("a page beside 1,000 idle", f"{max(fetch(url) for _ in range(20)):.0f} ms")
    process.communicate("\n")


def measure(url: str, total: int, pid: int, db: str) -> None:
    parts = urlsplit(url)
    address = (parts.hostname, parts.port)
    number = 0
    for name, size in SIZES.items():
        bodies = [log(number + each, size) for each in range(5000)]
        number += len(bodies)
        took = asyncio.run(load(address, "/prompts/log", bodies, CONNECTIONS))
        row(f"single posts, {name}", f"{len(bodies) / took:,.0f} /s")
    for name, size in reversed(SIZES.items()):
        took = logs = used = 0
        amount = 20_000 if size > 1000 else max(total - number, 20_000)
        while logs < amount:
            some = [log(number + each, size) for each in range(20_000)]
            number += len(some)
            bulk = [b"\n".join(some[at : at + LINES]) for at in range(0, 20_000, LINES)]
            used -= cpu_s(pid)
            took += asyncio.run(load(address, "/prompts/logs", bulk, 4))
            used += cpu_s(pid)
            logs += len(some)
        row(f"bulk, {name}", f"{logs / took:,.0f} logs/s")
        row(f"bulk, {name}: processor time", f"{used / logs * 1e6:.0f} us a log")
    wait_for_index(url)
    print(f"pages over {number:,} logs", flush=True)
    with urllib.request.urlopen(f"{url}/logs?path=bench/path-3") as answer:  # noqa: S310
        file_id = json.load(answer)["records"][0]["prompt"]["id"]
    for page in PAGES:
        address_of = url + page.format(
            file=file_id, last=number // 50 - 1, middle=number // 100
        )
        forget(db)
        cold = fetch(address_of)
        warm = max(map(fetch, [address_of] * 5))
        row(f"{page}", f"{warm:.0f} ms, cold {cold:.0f}")


def guesses(folder: str) -> None:
    """Time the refusal of keys that are nearly right against ones that are not."""
    store = SqliteStore(pathlib.Path(folder) / "keys.db")
    made = [make_key(str(number)) for number in range(100)]
    access = Access(["configured-" + made[0][0]], store)

    async def measured() -> dict[str, float]:
        for _, entry in made:
            await store.add_key(entry)
        right = made[50][0]
        last = "A" if right[-1] != "A" else "B"
        keys = {"near": right[:-1] + last, "far": "x" * len(right), "none": ""}
        best = dict.fromkeys(keys, float("inf"))
        for _ in range(200):
            for name, key in keys.items():
                headers = {"x-api-key": key}
                began = time.perf_counter()
                for _ in range(50):
                    await access.verdict(headers, "read")
                took = (time.perf_counter() - began) / 50
                best[name] = min(best[name], took)
        return best

    best = asyncio.run(measured())
    store.close()
    row("a wrong key is refused in", f"{best['far'] * 1e6:.1f} us")
    row("one that is nearly right", f"{best['near'] / best['far']:.2f} x")
    row("none at all", f"{best['none'] / best['far']:.2f} x")


def wait_for_index(url: str) -> None:
    """Wait until text is indexed, which waits for a pause: a search is fast then."""
    began = time.perf_counter()
    while fetch(f"{url}/?search=nothinghasthis") > 25:
        if time.perf_counter() - began > 600:
            raise TimeoutError
        time.sleep(1)
    row("text indexed after", f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
