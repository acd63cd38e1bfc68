"""PATCH of logs: what changes, what goes, what stays out."""

import pytest


def test_a_recorded_update_changes_the_log(client, post, wire):
    """What a real SDK sends as an update is there afterwards, and the rest stays."""
    log = post(
        path="a/b",
        log_id="log_full_1",
        prompt={"model": "m"},
        user="u",
        error="old",
        prompt_tokens=1,
    )
    request = wire("prompts_update_log")
    sent = request["json"]

    answer = client.patch(f"/v5/prompts/{log['prompt_id']}/log/log_full_1", json=sent)

    assert answer.status_code == 200, answer.text
    record = answer.json()
    for member in sent.keys() - {"start_time", "end_time", "created_at", "error"}:
        assert record[member] == sent[member]
    assert record["start_time"] == "2024-07-08T22:40:35.123456Z"
    assert record["end_time"] == "2024-07-08T20:40:39.000000Z"
    assert record["created_at"] == "2024-07-08T22:40:40.000000Z"
    assert record["user"] == "u"
    assert "error" not in record
    assert client.get("/logs", params={"failed": "true"}).json()["total"] == 0


def test_a_flow_is_completed_and_stays_complete(client, wire):
    """The status moves from incomplete to complete and never back."""
    client.post("/v5/flows/log", json=wire("flows_log_full")["json"])

    answer = client.patch(
        "/v5/flows/logs/flow_1", json=wire("flows_update_log")["json"]
    )
    back = client.patch("/flows/logs/flow_1", json={"trace_status": "incomplete"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["output"] == "done"
    assert answer.json()["log_status"] == answer.json()["trace_status"] == "complete"
    assert back.status_code == 409


def test_an_update_brings_no_payload_into_a_log_without(client, post, tmp_path):
    """save=false holds for ever: an update cannot smuggle content in."""
    log = post(path="a/b", log_id="quiet", save=False)

    client.patch(
        f"/prompts/{log['prompt_id']}/log/quiet",
        json={"output": "canary-1", "inputs": {"x": "canary-2"}, "prompt_tokens": 4},
    )

    record = client.get("/logs/quiet").json()
    assert record["prompt_tokens"] == 4
    assert "output" not in record
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()


@pytest.mark.parametrize(
    "route",
    ["/prompts/{prompt}/log/none", "/prompts/pr_other/log/x", "/tools/{prompt}/log/x"],
)
def test_an_update_of_what_is_not_there_is_404(client, post, route):
    """The log, its file and its kind have to agree."""
    log = post(path="a/b", log_id="x")

    answer = client.patch(route.format(prompt=log["prompt_id"]), json={"output": "y"})

    assert answer.status_code == 404


def test_an_update_is_checked_like_a_log(client, post):
    """Wrong types are named, unknown members passed over, as the contract has it."""
    log = post(path="a/b", log_id="x")
    route = f"/prompts/{log['prompt_id']}/log/x"

    wrong = client.patch(route, json={"output": 1, "prompt_cost": "x", "more": 1})
    unknown = client.patch(route, json={"more": 1})

    assert wrong.status_code == 422
    assert {tuple(p["loc"]) for p in wrong.json()["detail"]} == {
        ("body", "output"),
        ("body", "prompt_cost"),
    }
    assert unknown.status_code == 200


@pytest.mark.parametrize("first", ["flow", "children"])
def test_a_flow_covers_the_time_of_its_trace(client, post, first):
    """Start and end widen to the children, whichever comes first."""
    flow = {"path": "f", "log_id": "f", "flow": {"attributes": {}}, "start_time": 100}

    if first == "flow":
        client.post("/flows/log", json=flow)
    post(path="c", log_id="c1", trace_parent_id="f", start_time=90, end_time=95)
    post(path="c", log_id="c2", trace_parent_id="c1", start_time=110, end_time=120)
    if first == "children":
        client.post("/flows/log", json=flow)

    record = client.get("/logs/f").json()
    assert record["start_time"] == "1970-01-01T00:01:30.000000Z"
    assert record["end_time"] == "1970-01-01T00:02:00.000000Z"
