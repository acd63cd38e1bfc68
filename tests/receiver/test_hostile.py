"""Hostile clients: bombs, injections, paths that lead out, connections without end.

One test for each of the risks that the gate (`test_guard`), the keys (`test_key`) and
the pages (`test_browser`) have no test for.
"""

import gzip
import json
import random
import select
import socket
import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.serving import serving

from promptscribe.receiver.server import start_in_thread

# A process of its own: so many sockets, besides the receiver's, are more than most
# systems let one have.
IDLE = """
import socket, sys
sockets = [socket.create_connection(("127.0.0.1", int(sys.argv[1])))
           for _ in range(int(sys.argv[2]))]
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process(tmp_path):
    with serving(tmp_path / "own.db") as running:
        yield running


def peak_bytes(pid):
    """The most memory that a process has ever had resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_ten_megabytes_that_are_ten_gigabytes(process):
    """A bomb is put out at the limit, and never takes up more memory than that."""
    member = gzip.compress(bytes(19 * 2**20))  # within the limit, each by itself
    bomb = member * (9 * 2**20 // len(member))
    before = peak_bytes(process.pid)

    for route in ("prompts/log", "prompts/logs", "import/otel/v1/traces"):
        answer = httpx.post(
            f"{process.url}/{route}", content=bomb, headers={"content-encoding": "gzip"}
        )
        assert answer.status_code == 413

    assert len(bomb) * 1000 > 9e9
    assert peak_bytes(process.pid) - before < 150 * 2**20


@pytest.mark.parametrize("route", ["prompts/log", "v5/prompts/logs", "v1/traces"])
def test_a_body_that_becomes_a_hundred_times_as_large_is_a_bomb(client, route):
    """Well below the limit in bytes, and said in the answer."""
    content = gzip.compress(b'{"path":"a","output":"%b"}' % (b"-" * 5_000_000))

    answer = client.post(
        f"/{route}",
        content=content,
        headers={"content-encoding": "gzip", "content-type": "application/json"},
    )

    assert (answer.status_code, len(content) < 10_000) == (413, True)
    assert "100 times what was sent" in answer.json()["detail"]
    assert client.get("/logs").json()["total"] == 0


def test_what_repeats_itself_is_no_bomb(client):
    """A long line of dashes, or one conversation over and over, is stored."""
    dashes = json.dumps({"path": "a", "output": "-" * 3_000_000}).encode()
    chosen = random.Random(0)  # noqa: S311 - a test
    text = "".join(chosen.choices(string.ascii_letters + " ", k=31_000))
    same = {"path": "a", "messages": [{"role": "user", "content": text}]}
    ids = [chosen.randbytes(24).hex() for _ in range(300)]
    lines = [json.dumps({**same, "log_id": f"log_{each}"}).encode() for each in ids]

    for route, body in [("log", dashes), ("logs", b"\n".join(lines))]:
        answer = client.post(
            f"/prompts/{route}",
            content=gzip.compress(body),
            headers={"content-encoding": "gzip"},
        )
        assert answer.status_code == 200, answer.text

    assert client.get("/logs").json()["total"] == 301


@pytest.mark.parametrize("encoding", ["zstd", "deflate", "compress", "gzip, zstd", "x"])
def test_other_encodings_are_refused(client, encoding):
    """What is not inflated cannot explode."""
    headers = {"content-encoding": encoding}

    answer = client.post("/prompts/log", content=b'{"path":"a"}', headers=headers)

    assert answer.status_code == 415


@pytest.mark.parametrize("digits", [5_000, 1_000_000])
@pytest.mark.parametrize(
    "body", ['{"path":"a","inputs":{"n":%s}}', '{"path":"a","start_time":%s}']
)
def test_a_number_of_a_million_digits_is_no_failure(client, digits, body):
    """CPython refuses to read or to write so many; we do before it does."""
    answer = client.post("/prompts/log", content=(body % ("9" * digits)).encode())

    assert answer.status_code == 422
    assert client.get("/logs").json()["total"] == 0


INJECTIONS = (
    "'",
    '"',
    "' OR '1'='1",
    "' OR 1=1 --",
    "1; DROP TABLE logs; --",
    "' UNION SELECT digest, id, name FROM keys --",
    "%' OR '%'='",
    "_%",
    "\\",
    "x') OR ('1'='1",
    '" OR "1"="1',
    "words:*",
    "NEAR(a b)",
    'a" AND "b',
    "{text}: x",
    "^a + b",
    "a\0b",
    "(((((",
    "\u2019 OR 1=1",
    "0x27",
)
NAMES = (
    "file_id",
    "path",
    "version_id",
    "id",
    "search",
    "metadata_search",
    "user",
    "source",
    "environment",
    "batch_id",
    "evaluation_id",
    "run_id",
    "source_datapoint_id",
    "trace_id",
)


def test_no_value_is_sql(client, post):
    """A corpus of injections, through every filter: data, found by itself alone."""
    for number, text in enumerate(INJECTIONS):
        post(path="plain", log_id=f"{number}", user=text, output=text)

    for name in NAMES:
        for text in INJECTIONS:
            page = client.get("/logs", params={name: text})
            assert page.status_code == 200
            if name == "user":
                found = [INJECTIONS[int(log["id"])] for log in page.json()["records"]]
                assert found == [text]
            elif "search" not in name:
                assert page.json()["total"] == 0
    for name in ("sort_by", "order", "type", "name", "path", "environment"):
        for text in INJECTIONS:
            answer = client.get("/prompts", params={name: text})
            assert answer.status_code in {200, 422}
            if name in {"sort_by", "order"}:
                assert answer.status_code == 422
    assert client.get("/logs").json()["total"] == len(INJECTIONS)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "a//b",
        "//",
        "a/ /b",
        "%2e%2e/x",
        "a/%2E%2e/b",
        "a%2f..%2fb",
        "a%5cb",
        "a%00b",
        "C:\\x",
        "a\\..\\b",
        "a\0b",
        "a\nb",
        "\u2025/x",
        "\uff0e\uff0e/x",
        "a\uff0f..\uff0fb",
        "a/\uff3c/b",
        "x" * 513,
    ],
)
def test_a_path_is_no_way_out(client, path):
    """Names that lead out of a folder, in any spelling, name no Prompt."""
    answer = client.post("/prompts/log", json={"path": path})

    assert answer.status_code == 422
    assert client.get("/files").json()["total"] == 0


@pytest.mark.parametrize("path", ["100% off", "a.b/c..d", "…", "a:b", "é/ü", "x" * 512])
def test_an_odd_path_is_still_a_name(client, path):
    """What only looks odd is kept as it is, and its page is there."""
    posted = client.post("/prompts/log", json={"path": path}).json()

    assert client.get(f"/prompts/{posted['prompt_id']}").json()["path"] == path
    assert client.get(f"/?path={quote(path)}").text.count("/trace/") == 1


@pytest.mark.slow
def test_a_thousand_idle_connections_keep_nobody_waiting(process):
    """They say nothing; a client that does is answered, and its log is kept."""
    port = process.url.rpartition(":")[2]
    idle = subprocess.Popen(
        [sys.executable, "-c", IDLE, port, "1000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert idle.stdout.readline() == "open\n"

    with httpx.Client(base_url=process.url, timeout=5) as client:
        pages = [client.get("/").status_code for _ in range(20)]
        posted = client.post("/prompts/log", json={"path": "a", "log_id": "good"})
        kept = client.get("/logs/good").status_code
    idle.communicate("")

    assert pages == [200] * 20
    assert (posted.status_code, kept) == (200, 200)


def test_headers_without_end_are_431(receiver):
    """More than 16 KB of headers is no request; the connection is closed."""
    address = ("127.0.0.1", int(receiver.url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'{"detail":' in answer


def test_what_is_no_http_is_400_in_the_contracts_form(receiver):
    """Even nonsense has a detail for an answer."""
    address = ("127.0.0.1", int(receiver.url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"detail":"Invalid HTTP request received."}')


@pytest.mark.slow
def test_slow_clients_keep_nobody_waiting(receiver, client):
    """A drop of a header, a drop of a body: others are answered meanwhile."""
    address = ("127.0.0.1", int(receiver.url.rpartition(":")[2]))
    head = (
        b"POST /prompts/log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
    )
    drops = [head[:1]] * 50 + [head + b"{"] * 50
    slow = []
    for drop in drops:
        connection = socket.create_connection(address)
        connection.sendall(drop)
        slow.append(connection)

    answers = [client.post("/prompts/log", json={"path": "a"}) for _ in range(20)]
    for connection in slow:
        connection.close()

    assert {answer.status_code for answer in answers} == {200}
    assert client.get("/logs").json()["total"] == 20


@pytest.fixture
def brisk(tmp_path, stopping):
    """A receiver for clients that send 40 KB a second at least."""
    running = start_in_thread(db=tmp_path / "brisk.db", min_rate=40_000)
    yield running
    stopping(running)


@pytest.mark.parametrize("drop", [b"{", b""], ids=["drips", "never comes"])
@pytest.mark.parametrize(
    ("path", "status"), [("/prompts/log", 408), ("/v1/traces", 503)]
)
def test_a_body_that_drips_is_not_waited_for(brisk, session, path, status, drop):
    """Each byte comes in time, and all of them never: that is told long before."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n"
    head += "Content-Type: application/json\r\n\r\n"
    address = ("127.0.0.1", int(brisk.url.rpartition(":")[2]))

    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(head.encode())
        for _ in range(500):  # 5 s; a body may take 30
            if select.select([connection], [], [], 0.01)[0]:
                break
            connection.sendall(drop)
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert session.get(f"{brisk.url}/logs").json()["total"] == 0


def test_a_large_body_that_comes_steadily_is_waited_for(brisk, session):
    """It may take as long as the rate says: ten times what a small one may."""
    body = json.dumps({"path": "a", "output": "x" * 100_000}).encode()

    def pieces():
        for at in range(0, len(body), 5000):
            select.select([], [], [], 0.01)
            yield body[at : at + 5000]

    answer = session.post(f"{brisk.url}/prompts/log", content=pieces())

    assert answer.status_code == 200
