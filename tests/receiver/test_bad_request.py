"""Bodies that break the contract: the right status, every problem, nothing stored."""

import json

import pytest


def problems(answer):
    assert answer.status_code == 422, answer.text
    return {tuple(problem["loc"]) for problem in answer.json()["detail"]}


def test_all_problems_are_named_at_once(client):
    """A client learns of every mistake with one answer."""
    body = {
        "path": "a/b",
        "prompt": {"temperature": "hot"},
        "prompt_tokens": "many",
        "messages": [{"role": "user"}, {"content": "x"}],
        "surprise": 1,
    }

    answer = client.post("/prompts/log", json=body)

    assert problems(answer) == {
        ("body", "prompt", "model"),
        ("body", "prompt", "temperature"),
        ("body", "prompt_tokens"),
        ("body", "messages", 1, "role"),
        ("body", "surprise"),
    }
    for problem in answer.json()["detail"]:
        assert set(problem) == {"loc", "msg", "type"}
    assert client.get("/logs").json()["total"] == 0


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("path", 1),
        ("path", ""),
        ("path", "../../etc/passwd"),
        ("path", "a//b"),
        ("path", "a\\b"),
        ("path", "a\0b"),
        ("path", "a/\uff0e\uff0e/b"),
        ("path", "x" * 513),
        ("id", []),
        ("log_id", 7),
        ("messages", {}),
        ("messages", ["hi"]),
        ("output", {}),
        ("output_message", "hi"),
        ("inputs", []),
        ("metadata", "x"),
        ("prompt_tokens", 1.5),
        ("prompt_tokens", True),
        ("prompt_cost", "1"),
        ("start_time", "yesterday"),
        ("start_time", True),
        ("start_time", 1e300),
        ("end_time", "0001-01-01T00:00:00+14:00x"),
        ("tool_choice", "maybe"),
        ("tool_choice", 1),
        ("prompt", 3),
        ("prompt", {}),
        ("save", "no"),
        ("log_status", "half"),
        ("session_id", "x"),
        ("tool", {}),
    ],
)
def test_a_wrong_type_is_refused_by_name(client, member, value):
    """Each member has its type, and a problem names the member."""
    body = {"path": "a/b", member: value}

    answer = client.post("/prompts/log", content=json.dumps(body))

    assert {loc[:2] for loc in problems(answer)} == {("body", member)}
    assert client.get("/logs").json()["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{'path': 1}",
        b'{"path": "a/b", "inputs": {"x": NaN}}',
        b'{"path": "a/b", "provider_latency": Infinity}',
        b'{"path": "a/b", "provider_latency": 1e999}',
        b'{"path": "a/b", "output": "\\ud800"}',
        b'{"path": "a/b", "output": "\\udc00 x"}',
        b'{"path": "a/b", "output": "\xff"}',
        b'{"path": "a/b", "prompt_tokens": ' + b"9" * 5000 + b"}",
        b'{"path": "a/b", "inputs": {"x": ' + b"[" * 100 + b"]" * 100 + b"}}",
        b'{"path": "a/b", "inputs": {"x": ' + b"[" * 100_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
    ],
)
def test_what_is_no_json_of_ours_is_422(client, body):
    """Broken JSON, NaN, lone surrogates and bottomless nesting are refused."""
    answer = client.post("/prompts/log", content=body)

    assert problems(answer)
    assert client.get("/logs").json()["total"] == 0


def test_a_log_needs_a_path_or_an_id(client):
    """Without either nobody could say whose log it is."""
    assert problems(client.post("/prompts/log", json={})) == {("body", "path")}


def test_a_body_over_the_limit_is_413(client):
    """Declared or chunked, more than 10 MB is not taken."""
    big = b'{"path": "a/b", "output": "' + b"x" * (10 * 1024 * 1024) + b'"}'

    def chunks():
        yield from (big[at : at + 65536] for at in range(0, len(big), 65536))

    assert client.post("/prompts/log", content=big).status_code == 413
    assert client.post("/prompts/log", content=chunks()).status_code == 413
    assert client.get("/logs").json()["total"] == 0


@pytest.mark.parametrize(
    ("member", "piece", "number"),
    [
        ("{%b}", b'"%d":1', 500_000),
        ("[%b]", b"{}", 500_000),
        ("[%b]", b"[" * 60 + b"]" * 60, 10_000),
        ("[%b]", b'{"":""}', 500_000),
    ],
    ids=["members", "objects", "arrays", "texts"],
)
def test_a_body_of_a_million_parts_is_refused(client, member, piece, number):
    """It would cost more memory than any log, and others a minute of waiting."""
    pieces = (piece % each if b"%" in piece else piece for each in range(number))
    body = member.encode() % b",".join(pieces)

    answer = client.post("/prompts/log", content=b'{"path":"a/b","inputs":%b}' % body)

    assert problems(answer) == {("body",)}
    assert answer.json()["detail"][0]["type"] == "too_long"


@pytest.mark.parametrize(
    "text", ["12:30:45 [x] {y}\n", 'say: \\"{x}\\"\\\\', "[" * 9], ids=repr
)
def test_a_text_may_be_full_of_signs(client, post, text):
    """A listing, or JSON in a text: what is said is one part, however it is written."""
    said = text * (3_000_000 // len(text))

    made = post(path="a/b", output=said, inputs={"a": said})

    assert client.get(f"/logs/{made['id']}").json()["output"] == said


@pytest.mark.parametrize(
    "body",
    [
        b'{"path":"a","messages":[%b]}' % b",".join([b"1"] * 1_000_000),
        b'{"path":"a","messages":[%b]}' % b",".join([b"{}"] * 400_000),
        b'{"path":"a",%b}' % b",".join(b'"%d":1' % n for n in range(200_000)),
    ],
    ids=["numbers", "messages", "members"],
)
def test_a_million_mistakes_are_told_in_a_short_answer(client, body):
    """The first of them: a person learns from these, and memory is not without end."""
    answer = client.post("/prompts/log", content=body)

    assert answer.status_code == 422
    assert 50 <= len(answer.json()["detail"]) <= 200
    assert len(answer.content) < 50_000


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "x"},
        {"page": "9" * 30},
        {"size": -1},
        {"size": 10**9},
        {"start_date": "soon"},
        {"in_trace_filter": "perhaps"},
    ],
)
def test_a_query_that_does_not_fit_is_422(client, query):
    """Values of a list's filters are checked like any other."""
    (name,) = query

    assert problems(client.get("/logs", params=query)) == {("query", name)}


def test_a_delete_without_ids_is_422(client):
    """Nobody deletes everything by leaving something out."""
    assert problems(client.delete("/logs")) == {("query", "id")}
