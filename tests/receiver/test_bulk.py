"""POST /prompts/logs: many logs in one request, an answer for each line."""

import gzip
import itertools
import json

import pytest

import promptscribe


def lines(*bodies):
    return b"\n".join(
        body if isinstance(body, bytes) else json.dumps(body).encode()
        for body in bodies
    )


def send(client, content, **headers):
    answer = client.post("/prompts/logs", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_health_announces_what_is_more_than_the_contract(client):
    """A client detects the bulk route without trying it."""
    assert client.get("/health").json() == {
        "status": "ok",
        "server": "promptscribe",
        "version": promptscribe.__version__,
        "bulk": True,
        "gzip": True,
        "records": False,
    }


def test_each_line_has_its_own_answer(client, post):
    """Good lines are stored, bad ones named, and none harms another."""
    known = post(path="a/b", log_id="known", prompt={"model": "m"})

    answers = send(
        client,
        lines(
            {"path": "a/b", "log_id": "one", "prompt": {"model": "m"}},
            {"path": "a/b", "prompt_tokens": "many", "extra": 1},
            b"{broken",
            b"[]",
            b"",
            {"path": "a/b", "log_id": "known"},
            {"id": "pr_unknown"},
            {"path": "a/b", "version_id": "prv_unknown"},
            {"path": "a/b", "version_id": known["version_id"]},
            {"path": "a/b", "version_environment": "production"},
            {"path": "a/b", "version_environment": 1},
        ),
    )

    statuses = [answer.pop("status") for answer in answers]
    assert statuses == [200, 422, 422, 422, 200, 404, 404, 200, 200, 422]
    assert answers[0]["version_id"] == known["version_id"]
    assert [problem["loc"] for problem in answers[1]["detail"]] == [
        ["body", "prompt_tokens"],
        ["body", "extra"],
    ]
    assert answers[4] == known
    assert client.get("/logs").json()["total"] == 4


def test_a_thousand_lines_are_one_request(client):
    """Answers come in the order of the lines, and everything is stored once."""
    bodies = [
        {"path": "a/b", "log_id": f"n{n}", "inputs": {"n": n}} for n in range(999)
    ]

    answers = send(client, lines(*bodies, bodies[0]))

    assert [answer["id"] for answer in answers] == [
        *(f"n{n}" for n in range(999)),
        "n0",
    ]
    assert client.get("/logs").json()["total"] == 999


@pytest.mark.parametrize("route", ["/prompts/log", "/v5/prompts/logs"])
def test_bodies_may_be_gzipped(client, route):
    """One member or several, on every route."""
    content = gzip.compress(b'{"path":') + gzip.compress(b'"a/b"}')

    answer = client.post(route, content=content, headers={"content-encoding": "gzip"})

    assert answer.status_code == 200
    assert client.get("/logs").json()["total"] == 1


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (b"no gzip", "gzip", 422),
        (gzip.compress(b'{"path":"a"}')[:-4], "gzip", 422),
        (gzip.compress(b"\0" * 30_000_000), "gzip", 413),
        (gzip.compress(gzip.compress(b'{"path":"a"}')), "gzip", 422),
        (b'{"path":"a"}', "br", 415),
        (b'{"path":"a"}', "gzip, gzip", 415),
        (b"\n".join([b"{}"] * 10_001), "identity", 413),
    ],
    # Bytes as ids would change with the time of day, which gzip writes into them.
    ids=["no gzip", "cut", "bomb", "twice", "brotli", "said twice", "many"],
)
def test_bombs_and_strange_encodings_are_refused(client, content, encoding, status):
    """Inflating stops at a limit, and only gzip is inflated, once."""
    route = "/prompts/logs" if status == 413 else "/prompts/log"

    answer = client.post(route, content=content, headers={"content-encoding": encoding})

    assert answer.status_code == status
    assert client.get("/logs").json()["total"] == 0


def shape(record):
    return {record["id"]: [shape(child) for child in record["trace_children"]]}


@pytest.mark.parametrize("order", list(itertools.permutations("tabc")))
def test_a_trace_in_one_request_is_the_same_in_every_order(client, order):
    """Exporters send children first: they finish first."""
    parents = {"t": None, "a": "t", "b": "a", "c": "b"}
    bodies = [
        {"path": "p", "log_id": name, "trace_parent_id": parents[name], "start_time": 1}
        for name in order
    ]

    send(client, lines(*bodies))

    assert shape(client.get("/logs/t").json()) == {"t": [{"a": [{"b": [{"c": []}]}]}]}
    roots = client.get("/logs", params={"roots": "true"}).json()
    assert [log["id"] for log in roots["records"]] == ["t"]
    assert {client.get(f"/logs/{name}").json()["trace_id"] for name in "abc"} == {"t"}


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_ring_in_one_request_is_cut(client, order):
    """One of the logs is the top, and all can be read."""
    parents = {"a": "c", "b": "a", "c": "b"}
    bodies = [
        {"path": "p", "log_id": name, "trace_parent_id": parents[name]}
        for name in order
    ]

    send(client, lines(*bodies))

    assert client.get("/logs", params={"roots": "true"}).json()["total"] == 1
    assert len({client.get(f"/logs/{n}").json()["trace_id"] for n in "abc"}) == 1


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_trace_may_be_split_over_requests(client, cut):
    """Some of it waits in the file, some comes now."""
    parents = {"c": "b", "b": "a", "a": "t", "t": None}
    bodies = [
        {"path": "p", "log_id": name, "trace_parent_id": parent}
        for name, parent in parents.items()
    ]

    send(client, lines(*bodies[:cut]))
    send(client, lines(*bodies[cut:]))

    assert shape(client.get("/logs/t").json()) == {"t": [{"a": [{"b": [{"c": []}]}]}]}
    assert client.get("/logs", params={"roots": "true"}).json()["total"] == 1
