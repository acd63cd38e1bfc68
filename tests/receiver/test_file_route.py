"""Prompts, Tools and Flows: versions put, listed, deployed, moved and deleted."""

import pytest

KERNEL = {"model": "gpt-4o", "temperature": 0.9}


@pytest.fixture
def put(client):
    def send(kind="prompts", **body):
        answer = client.post(f"/v5/{kind}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


def test_a_recorded_upsert_makes_a_version(client, wire):
    """What a real SDK sends is stored and answered as a complete file object."""
    sent = wire("prompts_upsert_full")["json"]

    answer = client.post("/v5/prompts", json=sent)

    assert answer.status_code == 200, answer.text
    record = answer.json()
    for member in sent:
        if member != "linked_tools":
            assert record[member] == sent[member]
    assert record["inputs"] == [{"name": "person"}]
    assert record["environments"][0]["tag"] == "default"
    assert record["total_logs_count"] == 0


def test_a_version_was_used_when_its_newest_log_was_made(client, post):
    """Whenever that comes in: late, out of order, and whatever is deleted later."""
    post(path="p", log_id="new", created_at="2026-02-01T00:00:00Z")
    made = post(path="p", log_id="old", created_at="2026-01-01T00:00:00Z")
    client.delete("/logs", params={"id": "old"})

    record = client.get(f"/prompts/{made['prompt_id']}").json()

    assert record["last_used_at"].startswith("2026-02-01T00:00:00")
    post(path="p", created_at="2999-01-01T00:00:00Z")  # by a clock that is ahead
    record = client.get(f"/prompts/{made['prompt_id']}").json()
    assert record["last_used_at"] < "2999"


def test_an_upsert_and_a_log_find_the_same_version(put, post):
    """Versions are told apart by their details, not by who made them."""
    made = put(path="a/b", **KERNEL)

    log = post(path="a/b", prompt=KERNEL | {"endpoint": "chat"})

    assert (log["prompt_id"], log["version_id"]) == (made["id"], made["version_id"])
    assert put(id=made["id"], **KERNEL)["version_id"] == made["version_id"]


def test_the_first_version_is_deployed_and_others_on_request(client, put, post, wire):
    """Deploying, targeting an environment, and taking the version away again."""
    first = put(path="a/b", **KERNEL)
    second = put(path="a/b", model="other")
    staging = f"/v5/prompts/{first['id']}/environments/env_stag"
    request = wire("prompts_set_deployment")

    deployed = client.post(
        staging,
        params={"version_id": second["version_id"]},
        headers=request["headers"],
    )

    assert deployed.status_code == 200, deployed.text
    assert [e["name"] for e in deployed.json()["environments"]] == ["staging"]
    route = f"/prompts/{first['id']}"
    listed = client.get(f"{route}/environments").json()
    assert {e["name"]: e["file"] and e["file"]["version_id"] for e in listed} == {
        "production": first["version_id"],
        "staging": second["version_id"],
    }
    assert client.get(route).json()["version_id"] == first["version_id"]
    there = client.get(route, params={"environment": "staging"}).json()
    assert there["version_id"] == second["version_id"]
    log = client.post(
        "/prompts/log", params={"environment": "staging"}, json={"path": "a/b"}
    )
    assert log.json()["version_id"] == second["version_id"]
    assert client.delete(staging).status_code == 204
    assert client.get(route, params={"environment": "staging"}).status_code == 404


def test_versions_are_listed_newest_first(client, put, post, wire):
    """Each with its details, its logs and where it is deployed."""
    first = put(path="a/b", version_name="cold", **KERNEL)
    second = put(path="a/b", model="other")
    post(path="a/b", prompt={"model": "other"})

    query = wire("prompts_list_versions")["query"]
    records = client.get(f"/prompts/{first['id']}/versions?{query}").json()["records"]

    assert [r["version_id"] for r in records] == [
        second["version_id"],
        first["version_id"],
    ]
    assert [r["version_logs_count"] for r in records] == [1, 0]
    assert records[1]["version_name"] == "cold"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["a/one", "a/sub/two", "b/three"]),
        ({"name": "T"}, ["a/sub/two", "b/three"]),
        ({"size": 1, "page": 2}, ["a/sub/two"]),
        ({"page": 9}, []),
        ({"order": "desc"}, ["b/three", "a/sub/two", "a/one"]),
    ],
)
def test_prompts_are_listed_by_page(client, put, query, names):
    """Filtered by name and sorted as the contract says."""
    for path in ("a/one", "b/three", "a/sub/two"):
        put(path=path, **KERNEL)
    put("flows", path="f", attributes={})

    page = client.get("/prompts", params={"sort_by": "name", "order": "asc"} | query)

    assert [record["path"] for record in page.json()["records"]] == names
    if "name" not in query:
        assert page.json()["total"] == 3


def test_files_of_all_kinds_are_found_by_folder_and_type(client, put):
    """What the hosted service's export tool asks for."""
    put(path="a/p", **KERNEL)
    put("tools", path="a/sub/t", function={"name": "t", "description": "d"})
    put("flows", path="f", attributes={"x": 1})

    def paths(**query):
        records = client.get("/files", params=query).json()["records"]
        return {record["path"] for record in records}

    assert paths() == {"a/p", "a/sub/t", "f"}
    assert paths(path="a") == {"a/p", "a/sub/t"}
    assert paths(type=["tool", "flow"]) == {"a/sub/t", "f"}
    assert client.get("/files", params={"type": "dream"}).status_code == 422


def test_directories_are_the_folders_of_the_paths(client, put):
    """The root, a folder, what is in it and what is above it."""
    put(path="a/p", **KERNEL)
    put(path="a/sub/q", **KERNEL)

    root = client.get("/directories/root").json()
    (folder,) = root["subdirectories"]
    inside = client.get(f"/directories/{folder['id']}").json()

    assert (root["path"], root["files"], root["parents"]) == ("", [], [])
    assert inside["path"] == "a"
    assert [file["path"] for file in inside["files"]] == ["a/p"]
    assert inside["files"][0]["directory_id"] == inside["id"]
    assert [each["path"] for each in inside["subdirectories"]] == ["a/sub"]
    assert [each["id"] for each in inside["parents"]] == [root["id"]]
    assert client.get("/directories/dir_nope").status_code == 404
    assert len(client.get("/directories").json()) == 3


def test_a_file_is_found_by_its_path(client, put):
    """Whatever its kind."""
    made = put("tools", path="a/t", function={"name": "t", "description": "d"})

    found = client.post("/files/retrieve-by-path", json={"path": "a/t"})
    missing = client.post("/files/retrieve-by-path", json={"path": "a/x"})

    assert found.json() == made
    assert missing.status_code == 404
    assert client.post("/files/retrieve-by-path", json={}).status_code == 422


def test_a_prompt_moves_unless_the_path_is_taken(client, put, post):
    """A moved Prompt keeps its id, its versions and its logs."""
    made = put(path="a/b", **KERNEL)
    put(path="taken", **KERNEL)
    route = f"/prompts/{made['id']}"

    assert client.patch(route, json={"path": "c/d"}).json()["path"] == "c/d"
    assert client.patch(route, json={"name": "e"}).json()["path"] == "c/e"
    assert client.patch(route, json={"path": "taken"}).status_code == 409
    assert client.patch(route, json={"path": "../x"}).status_code == 422
    assert post(path="c/e")["prompt_id"] == made["id"]
    assert post(path="a/b")["prompt_id"] != made["id"]


def test_a_deleted_prompt_gives_its_path_away(client, put, post):
    """Its logs stay readable, and a new Prompt takes the path."""
    made = put(path="a/b", **KERNEL)
    log = post(path="a/b")

    assert client.delete(f"/prompts/{made['id']}").status_code == 204

    assert client.get(f"/prompts/{made['id']}").status_code == 404
    assert client.delete(f"/prompts/{made['id']}").status_code == 404
    assert client.get(f"/logs/{log['id']}").status_code == 200
    assert client.get("/prompts").json()["total"] == 0
    assert post(path="a/b")["prompt_id"] != made["id"]


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("GET", "/prompts/{tool}", 404),
        ("GET", "/prompts/{prompt}?version_id=prv_x", 404),
        ("GET", "/prompts/{prompt}?environment=nowhere", 404),
        ("GET", "/prompts/none/versions", 404),
        ("GET", "/prompts/none/environments", 404),
        ("PATCH", "/prompts/none", 404),
        ("DELETE", "/prompts/{tool}", 409),
        ("POST", "/prompts/{prompt}/environments/env_stag", 422),
        ("POST", "/prompts/{prompt}/environments/env_x?version_id={version}", 404),
        ("POST", "/prompts/{prompt}/environments/env_stag?version_id=x", 404),
        ("DELETE", "/prompts/none/environments/env_stag", 404),
        ("GET", "/prompts?sort_by=mood", 422),
    ],
)
def test_what_is_not_there_is_said(client, put, method, route, status):
    """Ids of another kind, unknown versions and environments."""
    prompt = put(path="p", **KERNEL)
    tool = put("tools", path="t", function={"name": "t", "description": "d"})
    route = route.format(
        tool=tool["id"], prompt=prompt["id"], version=prompt["version_id"]
    )

    answer = client.request(method, route, json={} if method == "PATCH" else None)

    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "wrong"),
    [
        ("prompts", {"model": "m"}, {"path"}),
        ("prompts", {"path": "a"}, {"model"}),
        ("prompts", {"path": "a", "model": 1, "tags": "x"}, {"model", "tags"}),
        ("flows", {"path": "a"}, {"attributes"}),
        ("tools", {"path": "a", "function": {}}, {"function"}),
        ("tools", [], set()),
    ],
)
def test_an_upsert_is_checked(client, kind, body, wrong):
    """Every problem is named, and nothing is made."""
    answer = client.post(f"/{kind}", json=body)

    assert answer.status_code == 422
    assert {p["loc"][1] for p in answer.json()["detail"] if p["loc"][1:]} == wrong
    assert client.get("/files").json()["total"] == 0


def test_every_filter_of_the_sdk_is_understood(client, post, wire):
    """A recorded list request with every filter there is finds its log."""
    log = post(
        path="wire/full",
        log_id="log_full_1",
        inputs={"weather": "Sunny"},
        metadata={"trace": "abc"},
        created_at="2024-07-08T22:40:40Z",
    )
    request = wire("logs_list_all_filters")
    query = request["query"].replace("pr_ocLow3VGTGrDBetj", log["prompt_id"])
    query = query.replace("prv_EziwsGneGdhwo7xr", log["version_id"])

    answer = client.get(f"{request['path']}?{query}")

    assert answer.status_code == 200, answer.text
    assert [record["id"] for record in answer.json()["records"]] == ["log_full_1"]


PROMPT_FILE = "---\nmodel: gpt-4o\n---\n<user>\nWho is {{name}}?\n</user>\n"


def test_the_text_of_a_prompt_file_comes_back_as_it_was(client, post):
    """By path and in lists, as `pull` of the hosted service's SDK asks for it."""
    post(path="a/file", prompt=PROMPT_FILE)
    post(path="a/plain", prompt=KERNEL)
    asked = {"include_raw_file_content": "true"}

    read = {
        path: client.post(
            "/v5/files/retrieve-by-path", params=asked, json={"path": path}
        ).json()
        for path in ("a/file", "a/plain")
    }
    listed = client.get("/v5/files", params=asked | {"path": "a"}).json()["records"]

    assert read["a/file"]["raw_file_content"] == PROMPT_FILE
    assert read["a/file"]["model"] == "gpt-4o"
    # What was never such a file is no such file: nothing is made up.
    assert "raw_file_content" not in read["a/plain"]
    assert {file["path"]: file.get("raw_file_content") for file in listed} == {
        "a/file": PROMPT_FILE,
        "a/plain": None,
    }


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("/prompts?user_filter=ada", 0),
        ("/prompts?user_filter=", 1),
        ("/files?template=true", 0),
        ("/files?template=false", 1),
        ("/logs?include_parent=true", 1),
        ("/logs?include_parent=false", 1),
    ],
)
def test_what_cannot_be_here_is_not_found(client, post, query, number):
    """Users of a file, templates, evaluators: a filter is never passed over."""
    post(path="a/b", prompt=KERNEL, user="ada")

    page = client.get(f"/v5{query}").json()

    assert (page["total"], len(page["records"])) == (number, number)


def test_there_are_no_evaluators_to_add_up(client, post):
    """Asked for or not, the list of what they found is empty."""
    log = post(path="a/b", prompt=KERNEL)
    route = f"/v5/prompts/{log['prompt_id']}/versions"

    for wanted in ("true", "false"):
        answer = client.get(route, params={"evaluator_aggregates": wanted}).json()
        assert [each["evaluator_aggregates"] for each in answer["records"]] == [[]]


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", "/prompts/{id}/versions?evaluator_aggregates=x"),
        ("GET", "/logs?include_parent=x"),
        ("GET", "/files?include_raw_file_content=x"),
        ("GET", "/files?template=x"),
        ("POST", "/files/retrieve-by-path?include_raw_file_content=x"),
    ],
)
def test_what_is_no_yes_or_no_is_422(client, post, method, route):
    """Even where the answer would be the same."""
    log = post(path="a/b", prompt=KERNEL)

    answer = client.request(
        method, route.format(id=log["prompt_id"]), json={"path": "a/b"}
    )

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "query"
