"""Moving in from the hosted service, with what its own export tool wrote."""

import json
import shutil
from pathlib import Path

import httpx
import pytest

from promptscribe.receiver.importer import import_humanloop

SAMPLE = Path(__file__).parent / "export_sample"


@pytest.fixture
def export(tmp_path):
    return Path(shutil.copytree(SAMPLE, tmp_path / "export"))


def records():
    """Every record of a log that the export has, by id, children included."""
    found = {}
    stack = [
        json.loads(line)
        for path in SAMPLE.rglob("*.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    while stack:
        record = stack.pop()
        found[record["id"]] = record
        stack += record["trace_children"]
    return found


def test_everything_arrives_under_its_own_id(receiver, client, export, tmp_path):
    """Files, versions, deployments and logs, into a receiver that is running."""
    steps = []

    report = import_humanloop(
        export, tmp_path / "logs.db", lambda done, total: steps.append((done, total))
    )

    assert report.missing == []
    assert report.skipped == {}
    assert (len(report.files), len(report.versions)) == (3, 4)
    assert steps == [(6, 6)]
    sample = records()
    assert report.logs == set(sample)
    for log_id, record in sample.items():
        ours = client.get(f"/logs/{log_id}").json()
        kind = next(k for k in ("prompt", "tool", "flow") if k in record)
        for member in ("id", "path", "version_id", "environments"):
            if member != "environments":
                assert ours[kind][member] == record[kind][member]
        for member in record.keys() - {kind, "trace_children", "trace_id"}:
            assert ours[member] == record[member], member
    versions = client.get("/prompts/pr_nzzS79LePY1UjmFQ/versions").json()["records"]
    deployed = {
        v["version_id"]: [e["name"] for e in v["environments"]] for v in versions
    }
    assert deployed == {
        "prv_AQnwnGkq0VUP7zoo": ["production"],
        "prv_OBfjBwryhzd33sYD": [],
    }


def test_a_second_run_changes_nothing(receiver, client, export, tmp_path):
    """Whoever is not sure runs it again."""

    def state():
        files = client.get("/files").json()
        logs = client.get("/logs", params={"size": 100}).json()
        return files["total"], logs["total"], [log["id"] for log in logs["records"]]

    import_humanloop(export, tmp_path / "logs.db")
    first = state()

    again = import_humanloop(export, tmp_path / "logs.db")

    assert state() == first
    assert again.missing == []


def test_new_logs_find_the_prompt_that_moved_in(post, export, tmp_path):
    """The same path and details go to the version from there."""
    import_humanloop(export, tmp_path / "logs.db")

    log = post(
        path="demo/assistant",
        prompt={
            "model": "gpt-4o",
            "temperature": 0.7,
            "template": [{"role": "system", "content": "You are {{person}}."}],
        },
    )

    assert log["prompt_id"] == "pr_nzzS79LePY1UjmFQ"
    assert log["version_id"] == "prv_AQnwnGkq0VUP7zoo"


def test_what_is_missing_is_named(export, tmp_path):
    """Lost pages, broken lines, unfinished files and other kinds."""
    prompt = export / "files" / "pr_nzzS79LePY1UjmFQ"
    lines = (prompt / "logs" / "1.jsonl").read_text("utf-8").splitlines()
    wrong = json.loads(lines[1]) | {"output": 7, "id": "wrong"}
    (prompt / "logs" / "1.jsonl").write_text(
        "\n".join([lines[0], "{broken", json.dumps(wrong)]), "utf-8"
    )
    (prompt / ".done").unlink()
    dataset = export / "files" / "ds_1"
    dataset.mkdir()
    (dataset / "file.json").write_text('{"id": "ds_1", "type": "dataset"}', "utf-8")

    report = import_humanloop(export, tmp_path / "logs.db")

    told = "\n".join(report.missing)
    assert "demo/assistant: the export has 3 of 4 logs" in told
    assert "1.jsonl:2: body: JSON decode error" in told
    assert "1.jsonl:3: body.output: Input should be a valid string" in told
    assert "pr_nzzS79LePY1UjmFQ: its export did not finish" in told
    assert report.skipped == {"dataset": 1}


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    """A mistyped path is no success."""
    report = import_humanloop(tmp_path, tmp_path / "logs.db")

    assert "has no files in it" in report.missing[0]


def test_a_path_that_is_taken_is_shared_or_refused(post, client, export, tmp_path):
    """A Prompt that is here already takes the moved versions; a Tool does not."""
    mine = post(path="demo/assistant", prompt={"model": "mine"})
    client.post("/tools/log", json={"path": "demo/agent"})

    report = import_humanloop(export, tmp_path / "logs.db")

    assert any("There is a tool at demo/agent" in each for each in report.missing)
    page = client.get(f"/prompts/{mine['prompt_id']}/versions").json()["records"]
    assert len(page) == 3
    assert client.get("/logs/log_EGFczc3xKe7PaxGp").status_code == httpx.codes.OK
