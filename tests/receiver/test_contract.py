"""Every answer, held to the contract's own document instead of the receiver's.

``contract.json`` is what the contract says of answers, put together from the hosted
service's clients and pages. Two answers are in none of these and stand below.
"""

import json
import re
from pathlib import Path

import pytest
import schemathesis

CONTRACT = json.loads(Path(__file__).with_name("contract.json").read_text("utf-8"))
SCHEMA = schemathesis.openapi.from_dict(CONTRACT)
# Longer ones first: /prompts/log is no /prompts/{id}.
ROUTES = sorted(CONTRACT["paths"], key=lambda path: (path.count("{"), path))
# An unknown id, and an end that is taken back: general errors of the contract.
UNWRITTEN = {("POST", "/prompts", 404), ("PATCH", "/flows/logs/{log_id}", 409)}
FULL = {
    "path": "shop/answer",
    "log_id": "one",
    "prompt": {"model": "m", "template": [{"role": "user", "content": "{{q}}"}]},
    "inputs": {"q": "why?"},
    "messages": [{"role": "user", "content": "why?"}],
    "output": "because",
    "output_message": {"role": "assistant", "content": "because"},
    "error": "TimeoutError",
    "metadata": {"session_id": "s"},
    "prompt_tokens": 1,
    "prompt_cost": 0.1,
    "start_time": "2024-01-01T00:00:00",
    "end_time": 1704067201.5,
    "provider_request": {},
    "tool_choice": {"type": "function", "function": {"name": "f"}},
}


@pytest.fixture
def ask(client):
    """Send a request under ``/v5``; the answer is as the contract says."""

    def send(method, path, *, query="", **body):
        answer = client.request(method, f"/v5{path}", params=query or None, **body)
        shapes = {each: re.sub(r"\{\w+\}", "[^/]+", each) for each in ROUTES}
        route = next(each for each in ROUTES if re.fullmatch(shapes[each], path))
        responses = CONTRACT["paths"][route][method.lower()]["responses"]
        if f"{answer.status_code}" in responses:
            SCHEMA[route][method].validate_response(answer)
        else:
            assert (method, route, answer.status_code) in UNWRITTEN
        return answer

    return send


def test_what_clients_once_sent_is_answered_as_they_expect(ask, wire):
    """The recorded requests of both generations, in an order that makes sense."""
    names = sorted(path.stem for path in (Path(__file__).parent / "wire").glob("*"))

    statuses = []
    for name in names:
        recorded = wire(name)
        for request in recorded.get("requests", [recorded]):
            path = request["path"].removeprefix("/v5")
            body = {"json": request["json"]} if request.get("json") else {}
            query = request.get("query", "")
            statuses.append(ask(request["method"], path, query=query, **body))

    assert {answer.status_code for answer in statuses} <= {200, 404}
    assert [answer.status_code for answer in statuses].count(200) >= 9


def test_routes_of_logs_answer_as_the_contract_says(ask):
    """Found and not found, of every kind, with every member and with none."""
    made = ask("POST", "/prompts/log", json=FULL).json()
    prompt = made["prompt_id"]
    below = {"trace_parent_id": "one"}
    tool = ask("POST", "/tools/log", json={"path": "t", "log_id": "two", **below})
    flow = {"path": "f", "flow": {"attributes": {}}, "log_id": "three"}
    ask("POST", "/flows/log", json=flow)
    for end in ("complete", "incomplete"):
        ask("PATCH", "/flows/logs/three", json={"log_status": end})
    for log in ("one", "none"):
        ask("PATCH", f"/prompts/{prompt}/log/{log}", json={"output": "else"})
    for log in ("two", "none"):
        route = f"/tools/{tool.json()['tool_id']}/log/{log}"
        ask("PATCH", route, json={"output": "else"})
    for log in ("one", "two", "three", "none"):
        ask("GET", f"/logs/{log}")
    ask("GET", "/logs", query=f"file_id={prompt}&include_trace_children=true")
    for log in ("two", "none"):
        ask("DELETE", "/logs", query=f"id={log}")


def test_routes_of_prompts_answer_as_the_contract_says(ask):
    """Found and not found, deployed and taken away, moved and deleted."""
    made = ask("POST", "/prompts/log", json=FULL).json()
    prompt, version = made["prompt_id"], made["version_id"]
    upsert = {"path": "made", "model": "m", "version_name": "first"}
    for body in (upsert, upsert | {"model": "n"}, {"id": "none", "model": "m"}):
        ask("POST", "/prompts", json=body)
    ask("GET", "/prompts", query="size=2&name=a")
    environment = ask("GET", f"/prompts/{prompt}/environments").json()[0]["id"]
    deployments = f"/prompts/{prompt}/environments"
    for name in (environment, "none"):
        ask("POST", f"{deployments}/{name}", query=f"version_id={version}")
        ask("DELETE", f"{deployments}/{name}")
    for each in (prompt, "none"):
        ask("GET", f"/prompts/{each}")
        ask("GET", f"/prompts/{each}/versions")
        ask("PATCH", f"/prompts/{each}", json={"path": "moved"})
    for body in ({"path": "moved"}, {"path": "none"}):
        ask("POST", "/files/retrieve-by-path", json=body)
    for _ in range(2):
        ask("DELETE", f"/prompts/{prompt}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": 1},
        {"path": "a", "nope": 1},
        {"path": "a", "messages": "x"},
        {"path": "a/../b"},
        {"path": "a", "created_at": "x"},
        {"id": "none"},
        [],
        "x",
    ],
    ids=str,
)
def test_what_is_wrong_is_told_in_the_contract_s_form(ask, body):
    """By the routes of all kinds, and nothing is stored."""
    for kind in ("prompts", "tools", "flows"):
        assert ask("POST", f"/{kind}/log", json=body).status_code in {404, 422}
    assert ask("GET", "/logs").json()["total"] == 0
