"""POST /prompts/log and its kin, over real HTTP."""

import json
import threading
from urllib.parse import quote

import httpx
import pytest

from promptscribe.receiver import log_route, sqlite_read

KERNEL = {"model": "gpt-4o", "temperature": 0.2}


def replay(client, request, **changes):
    return client.request(
        request["method"],
        request["path"],
        params=changes.get("query", request["query"]),
        headers=request["headers"],
        json=changes.get("json", request["json"]),
    )


@pytest.mark.parametrize(
    "name",
    ["prompts_log_minimal", "prompts_log_full_sync", "seed_sdk_0_8_8_prompts_log"],
)
def test_recorded_clients_are_understood(client, wire, name):
    """What real SDKs of both generations sent is stored and answered."""
    request = wire(name)

    answer = replay(client, request)

    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id", "prompt_id", "version_id", "session_id"}
    record = client.get(f"/v5/logs/{answer.json()['id']}").json()
    for member in ("inputs", "messages", "output", "metadata", "prompt_tokens"):
        if request["json"].get(member) is not None:
            assert record[member] == request["json"][member]
    assert record["prompt"]["path"] == request["json"]["path"]
    assert record["prompt"]["model"] == request["json"]["prompt"]["model"]


def test_members_of_the_seed_generation_are_kept(client, wire):
    """A batch is made on first use, and evaluation and datapoint can be queried."""
    log_id = replay(client, wire("seed_sdk_0_8_8_prompts_log")).json()["id"]

    record = client.get(f"/logs/{log_id}").json()

    assert record["batches"] == ["batch_1"]
    for query in (
        {"batch_id": "batch_1"},
        {"evaluation_id": "evr_1"},
        {"source_datapoint_id": "dp"},
    ):
        assert client.get("/logs", params=query).json()["total"] == 1
    assert client.get("/logs", params={"batch_id": "other"}).json()["total"] == 0


def test_a_log_of_a_run_is_found_by_it(client, post):
    """What took the place of evaluation and batch in later generations."""
    post(path="p", log_id="x", run_id="run_1")
    post(path="p", log_id="y")

    page = client.get("/logs", params={"run_id": "run_1"}).json()

    assert [(log["id"], log["run_id"]) for log in page["records"]] == [("x", "run_1")]


def test_the_query_picks_a_version_or_what_is_deployed(client, wire):
    """version_id and environment in the query target an existing version."""
    first = replay(client, wire("prompts_log_full_sync")).json()

    by_version = replay(
        client,
        wire("prompts_log_query_version_id"),
        query={"version_id": first["version_id"]},
    )
    by_environment = replay(
        client,
        wire("prompts_log_query_environment"),
        json={"id": first["prompt_id"], "output": "x"},
    )

    assert by_version.json()["version_id"] == first["version_id"]
    assert by_environment.json()["version_id"] == first["version_id"]


def test_a_log_without_details_goes_to_the_first_version(post):
    """The first version is deployed by default; later ones are not."""
    first = post(path="a/b", prompt=KERNEL)
    second = post(path="a/b", prompt={"model": "other"})

    assert post(path="a/b")["version_id"] == first["version_id"]
    assert second["version_id"] != first["version_id"]


def test_a_log_without_details_may_be_the_first(client, post):
    """A plain function logs without details; its Prompt has an empty version."""
    log = post(path="app/agent", inputs={"q": 1})

    record = client.get(f"/logs/{log['id']}").json()

    assert record["prompt"]["path"] == "app/agent"
    assert record["prompt"]["model"] == ""


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({}, {"id": "pr_unknown"}),
        ({"version_id": "prv_unknown"}, {"path": "a/b"}),
        ({"version_id": "prv_unknown"}, {"path": "never/seen", "prompt": KERNEL}),
        ({"environment": "nowhere"}, {"path": "a/b"}),
        ({"environment": "staging"}, {"path": "a/b"}),
        ({"environment": "production"}, {"path": "never/seen"}),
    ],
)
def test_unknown_names_are_404_and_nothing_is_kept(client, post, params, body):
    """An id, version or environment that is not there is answered with 404."""
    post(path="a/b", prompt=KERNEL)

    answer = client.post("/prompts/log", params=params, json=body)

    assert answer.status_code == 404
    assert isinstance(answer.json()["detail"], str)
    assert client.get("/logs").json()["total"] == 1
    assert client.get("/logs", params={"path": "never/seen"}).json()["total"] == 0


def test_a_first_log_may_name_the_default_environment(client):
    """The first version is deployed there by being the first."""
    answer = client.post(
        "/prompts/log",
        params={"environment": "production"},
        json={"path": "new", "prompt": KERNEL},
    )

    assert answer.status_code == 200


def test_a_file_of_another_kind_is_409(client, post):
    """A path is a Prompt or a Tool, by path and by id."""
    log = post(path="a/b")

    by_path = client.post("/tools/log", json={"path": "a/b"})
    by_id = client.post("/flows/log", json={"id": log["prompt_id"]})

    assert (by_path.status_code, by_id.status_code) == (409, 409)


def test_counts_beyond_every_column_are_kept(client, post):
    """A nonsense count comes back as sent, and stays out of the sums."""
    post(path="a", log_id="x", prompt_tokens=2**80, prompt_cost=10**400)

    record = json.loads(client.get("/logs/x").text)

    assert record["prompt_tokens"] == 2**80
    assert record["prompt_cost"] == 10**400
    assert client.get("/trace/x").status_code == 200


def test_a_repeat_answers_as_the_first_time(client, post):
    """A log_id that is known stores nothing, whatever else the repeat says."""
    first = post(path="a/b", log_id="mine", prompt=KERNEL, output="first")

    again = post(path="a/b", log_id="mine", prompt={"model": "x"}, output="second")

    assert again == first
    assert client.get("/logs/mine").json()["output"] == "first"
    assert client.get("/logs").json()["total"] == 1


def test_a_log_id_is_unique_over_all_kinds(client, post):
    """The id of a Prompt's log cannot be a Tool's log as well."""
    post(path="a/b", log_id="mine")

    answer = client.post("/tools/log", json={"path": "t", "log_id": "mine"})

    assert answer.status_code == 409


def test_fifty_first_logs_at_once_make_one_prompt_and_one_version(receiver):
    """However many callers race, a path is one Prompt and its details one version."""
    barrier = threading.Barrier(50)
    answers = []

    def race(number):
        with httpx.Client(base_url=receiver.url, timeout=60) as session:
            barrier.wait()
            body = {"path": "race/me", "prompt": KERNEL, "output": str(number)}
            answers.append(session.post("/prompts/log", json=body).json())

    threads = [threading.Thread(target=race, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({answer["id"] for answer in answers}) == 50
    assert len({answer["prompt_id"] for answer in answers}) == 1
    assert len({answer["version_id"] for answer in answers}) == 1
    record = httpx.get(f"{receiver.url}/logs/{answers[0]['id']}").json()
    assert record["prompt"]["total_logs_count"] == 50


@pytest.mark.parametrize("value", ["a\0b", 2**53 + 1, -(10**40), 0.1, "☂ 𝄞 \u2028"])
def test_values_come_back_exactly(client, value):
    """NUL characters, integers beyond 2**53 and every script are kept."""
    body = {
        "path": "a/b",
        "log_id": "x",
        "inputs": {"v": value},
        "metadata": {"v": [value]},
    }

    client.post("/prompts/log", content=json.dumps(body))

    record = json.loads(client.get("/logs/x").text)
    assert record["inputs"] == {"v": value}
    assert record["metadata"] == {"v": [value]}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2024-07-08T22:40:35.123456Z", "2024-07-08T22:40:35.123456Z"),
        ("2024-07-08T22:40:39+02:00", "2024-07-08T20:40:39.000000Z"),
        ("2024-07-08T22:40:39", "2024-07-08T22:40:39.000000Z"),
        (1720478435.5, "2024-07-08T22:40:35.500000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1.5, "1969-12-31T23:59:58.500000Z"),
    ],
)
def test_times_of_every_client_are_utc(client, post, sent, stored):
    """ISO times with and without an offset and epoch seconds are understood."""
    log = post(path="a/b", start_time=sent, end_time=sent, created_at=sent)

    record = client.get(f"/logs/{log['id']}").json()

    for member in ("start_time", "end_time", "created_at"):
        assert record[member] == stored


def test_every_optional_member_may_be_null(client):
    """The SDKs send an argument that is None as null."""
    from promptscribe.schema import BODY_MEMBERS

    body = {**dict.fromkeys(BODY_MEMBERS), "path": "a/b"}

    assert client.post("/prompts/log", json=body).status_code == 200


def test_save_false_stores_no_payload(receiver, client, post, tmp_path):
    """With save=false the content of a call gets nowhere near the disk."""
    post(
        path="a/b",
        log_id="quiet",
        save=False,
        inputs={"q": "canary-1"},
        messages=[{"role": "user", "content": "canary-2"}],
        output="canary-3",
        output_message={"role": "assistant", "content": "canary-4"},
        stdout="canary-5",
        provider_request={"x": "canary-6"},
        provider_response={"x": "canary-7"},
        prompt_tokens=3,
        metadata={"kept": True},
    )

    record = client.get("/logs/quiet").json()

    assert record["save"] is False
    assert record["prompt_tokens"] == 3
    assert record["metadata"] == {"kept": True}
    assert record["inputs"] == {}
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()


def test_a_tool_and_a_flow_are_logged_as_well(client, wire):
    """Recorded requests of flows and tools are stored with their own file objects."""
    flow = replay(client, wire("flows_log_full"))
    tool = replay(client, wire("tools_log_full"))

    assert set(flow.json()) == {
        "id",
        "flow_id",
        "version_id",
        "log_status",
        "trace_status",
    }
    assert set(tool.json()) == {"id", "tool_id", "version_id", "session_id"}
    record = client.get(f"/logs/{flow.json()['id']}").json()
    assert record["flow"]["attributes"] == {"v": 1}
    (child,) = record["trace_children"]
    assert child["tool"]["function"]["name"] == "mul"
    assert child["trace_flow_id"] == flow.json()["flow_id"]


@pytest.mark.parametrize("path", ["/logs/nope", "/v5/logs/nope"])
def test_an_unknown_log_is_404(client, path):
    """Reading a log that is not there says so, under both prefixes."""
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.json() == {"detail": "Log nope not found"}


def test_deleted_logs_are_gone_and_their_children_stay(client, post):
    """DELETE answers 204, unknown ids included; a child becomes a top."""
    post(path="a/b", log_id="top")
    post(path="a/b", log_id="child", trace_parent_id="top")

    answer = client.delete("/logs", params={"id": ["top", "unknown"]})

    assert answer.status_code == 204
    assert answer.content == b""
    assert client.get("/logs/top").status_code == 404
    assert client.get("/logs", params={"roots": "true"}).json()["total"] == 1
    assert client.get("/logs/child").json()["prompt"]["total_logs_count"] == 1


def test_pages_are_newest_first_and_empty_past_the_end(client, post):
    """The SDKs' pager goes on until a page is empty, so that one must be a 200."""
    for number in range(5):
        post(path="a/b", log_id=f"log-{number}", created_at=1_700_000_000 + number)
    post(path="other", log_id="other")

    query = {"path": "a/b", "size": 2}
    pages = [client.get("/logs", params=query | {"page": n}).json() for n in (1, 3, 4)]

    assert [log["id"] for log in pages[0]["records"]] == ["log-4", "log-3"]
    assert [log["id"] for log in pages[1]["records"]] == ["log-0"]
    assert pages[2] == {"records": [], "page": 4, "size": 2, "total": 5}


def test_health_needs_no_key(client):
    """A load balancer asks under both prefixes."""
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/v5/health").json()["status"] == "ok"


def test_a_sample_is_some_of_the_logs_and_stays_the_same(client, post):
    """Its pages fit together, and it never has more than was asked for."""
    everything = {post(path="p")["id"] for _ in range(20)}

    def pages(**query):
        params = {"size": 3, **query}
        answers = [
            client.get("/logs", params=params | {"page": page}).json()
            for page in (1, 2, 3)
        ]
        return answers[0]["total"], [
            log["id"] for answer in answers for log in answer["records"]
        ]

    total, drawn = pages(sample=7)
    assert total == len(set(drawn)) == 7
    assert set(drawn) < everything
    assert pages(sample=7)[1] == drawn
    assert pages(sample=0) == (0, [])
    assert pages(sample=99)[0] == 20
    assert client.get("/logs", params={"sample": "some"}).status_code == 422


def test_more_than_an_answer_can_hold_is_said(client, post, monkeypatch):
    """Ten thousand logs of megabytes would be the end of the receiver."""
    monkeypatch.setattr(sqlite_read, "MAX_ANSWER", 5000)
    for number in range(10):
        post(path="p", log_id=f"{number}", trace_parent_id="0", output="x" * 900)

    page = client.get("/logs", params={"size": 10})
    whole = client.get("/logs/0")
    fewer = client.get("/logs", params={"size": 5})

    assert (page.status_code, whole.status_code) == (422, 422)
    assert page.json()["detail"][0]["loc"] == ["query", "size"]
    assert len(fewer.json()["records"]) == 5


def test_a_page_of_a_deep_trace_does_not_multiply(client, monkeypatch):
    """Each log of a chain with all below it would be as many again for each."""
    monkeypatch.setattr(log_route, "MAX_RECORDS", 100)
    lines = [
        f'{{"path":"p","log_id":"n{n}","trace_parent_id":"n{n - 1}"}}'
        for n in range(30)
    ]
    client.post("/prompts/logs", content="\n".join(lines))
    params = {"include_trace_children": "true"}

    page = client.get("/logs", params=params | {"size": 30})
    fewer = client.get("/logs", params=params | {"size": 10}).json()["records"]

    assert page.status_code == 422
    assert [log["id"] for log in fewer] == [f"n{29 - n}" for n in range(10)]
    assert fewer[9]["trace_children"][0]["id"] == "n21"


def test_a_trace_that_is_cut_says_so(client, monkeypatch):
    """What is below is never left out without a word."""
    monkeypatch.setattr(log_route, "MAX_TRACE_LOGS", 10)
    lines = ['{"path":"p","log_id":"top"}', '{"path":"p","log_id":"alone"}']
    lines += ['{"path":"p","trace_parent_id":"top"}'] * 20
    client.post("/prompts/logs", content="\n".join(lines))

    answers = {
        route: client.get(route)
        for route in (
            "/logs/top",
            "/logs?include_trace_children=true&roots=true",
            "/logs/alone",
            "/logs?trace_id=top&size=50",
        )
    }

    cut = {route for route in answers if "x-trace-cut" in answers[route].headers}
    assert cut == {"/logs/top", "/logs?include_trace_children=true&roots=true"}
    assert len(answers["/logs?trace_id=top&size=50"].json()["records"]) == 21


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_that_utc_does_not_have_is_the_last_that_it_has(client, sent, kept):
    """Legal where it was written; one such log must not make every list fail."""
    times = dict.fromkeys(("start_time", "end_time", "created_at"), sent)
    client.post("/prompts/log", json={"path": "p", "log_id": "x", **times})

    (log,) = client.get("/logs").json()["records"]
    pages = ["/", "/?view=logs", "/log/x", "/trace/x", "/library"]
    pages += [f"/?view=logs&start_date={quote(sent)}"]

    assert {log[name] for name in times} == {kept}
    assert [client.get(page).status_code for page in pages] == [200] * len(pages)


@pytest.mark.parametrize("route", ["prompts", "tools", "flows"])
def test_an_empty_id_is_none(client, route):
    """As it comes from a variable that is not set: no reason to lose a log."""
    details = {"flow": {"attributes": {}}} if route == "flows" else {}
    body = {"path": "p", "log_id": "", "trace_parent_id": "", **details}

    answers = [client.post(f"/{route}/log", json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    one, two = (answer.json()["id"] for answer in answers)
    assert one != two
    record = client.get(f"/logs/{one}").json()
    assert record["trace_parent_id"] is None
    assert record["trace_id"] in {None, one}
