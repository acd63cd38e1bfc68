"""Moving out and in again: nothing is lost on the way."""

import json

import pytest

from promptscribe.__main__ import main
from promptscribe.receiver import sqlite_read
from promptscribe.receiver.exporter import export_files, export_lines, slug
from promptscribe.receiver.importer import import_humanloop, import_lines


def tree(root):
    """Every record of an export."""
    records = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.suffix == ".jsonl":
            lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            records[name] = sorted(lines, key=lambda log: log["id"])
        elif path.is_file() and not path.name.startswith("."):
            records[name] = json.loads(path.read_bytes())
    return records


@pytest.fixture
def filled(client, post, wire):
    """A receiver with a bit of everything; returns how many logs there are."""
    for name in ("prompts_log_full_sync", "seed_sdk_0_8_8_prompts_log"):
        post(**wire(name)["json"])
    client.post("/flows/log", json=wire("flows_log_full")["json"])
    client.post("/tools/log", json=wire("tools_log_full")["json"])
    post(path="plain", inputs={"big": 2**70, "nul": "a\0b"}, trace_parent_id="never")
    post(path="quiet", save=False, output="x", prompt={"model": "m"})
    made = client.post("/prompts", json=wire("prompts_upsert_full")["json"]).json()
    client.post("/prompts", json={"path": "wire/upsert", "model": "second"})
    client.post(
        f"/prompts/{made['id']}/environments/env_stag",
        params={"version_id": made["version_id"]},
    )
    return 6


def lines(path):
    """Every record in a file of lines, in order, without what counts and time tell."""
    passing = {"updated_at", "version_logs_count", "total_logs_count"}

    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in passing}
        return [plain(each) for each in value] if isinstance(value, list) else value

    text = path.read_text("utf-8")
    return [plain(json.loads(line)) for line in text.splitlines()]


def test_a_tree_for_stdout_is_no_folder_of_that_name(
    filled, tmp_path, monkeypatch, capsys
):
    """Whoever types a dash is told how lines are written there."""
    monkeypatch.chdir(tmp_path)

    assert main(["export", "-", "--db", "logs.db"]) == 1
    assert "for stdout there is --jsonl -" in capsys.readouterr().err
    assert not (tmp_path / "-").exists()


def test_lines_exported_and_imported_are_the_same(filled, tmp_path):
    """One log a line, oldest first: the same lines out of the receiver they went to."""
    steps = []
    with (tmp_path / "one").open("wb") as file:
        export_lines(tmp_path / "logs.db", file, lambda *step: steps.append(step))

    report = import_lines(
        tmp_path / "one", tmp_path / "fresh.db", lambda *step: steps.append(step)
    )
    again = import_lines(tmp_path / "one", tmp_path / "fresh.db")
    with (tmp_path / "two").open("wb") as file:
        export_lines(tmp_path / "fresh.db", file)

    assert report.missing == again.missing == []
    assert len(report.logs) == len(again.logs) == filled
    assert steps == [(filled, filled), (filled, filled)]
    assert len(lines(tmp_path / "one")) == filled
    assert lines(tmp_path / "two") == lines(tmp_path / "one")


def test_export_import_export_is_the_same(filled, tmp_path):
    """Files, versions, deployments, traces and every member of a log."""
    steps = []

    number = export_files(
        tmp_path / "logs.db", tmp_path / "one", lambda *step: steps.append(step)
    )
    report = import_humanloop(tmp_path / "one", tmp_path / "fresh.db")
    again = export_files(tmp_path / "fresh.db", tmp_path / "two")

    assert number == again == filled
    assert report.missing == []
    assert steps[-1] == (filled, filled)
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


@pytest.mark.slow
def test_what_is_deleted_meanwhile_takes_no_other_log_with_it(client, tmp_path):
    """Every log that is there all the time is written, and written once."""
    bodies = [f'{{"path":"p","log_id":"{n}","created_at":{n}}}' for n in range(2500)]
    client.post("/prompts/logs", content="\n".join(bodies))

    def delete_some(written, _):
        if written == 1000:
            client.delete("/logs", params={"id": [str(n) for n in range(300)]})
            client.post("/prompts/log", json={"path": "p", "created_at": 1})

    with (tmp_path / "lines").open("wb") as file:
        number = export_lines(tmp_path / "logs.db", file, delete_some)

    assert number == 2500
    assert [log["id"] for log in lines(tmp_path / "lines")] == [
        str(n) for n in range(2500)
    ]


def test_large_logs_are_exported_a_few_at_a_time(client, post, tmp_path, monkeypatch):
    """What is too much for one step goes into the next; no log is too large."""
    monkeypatch.setattr(sqlite_read, "_MOST_STEP", 1500)
    for number in range(7):
        post(path="p", log_id=f"{number}", created_at=number // 2, output="x" * 900)
    steps = []

    with (tmp_path / "lines").open("wb") as file:
        export_lines(tmp_path / "logs.db", file, lambda *step: steps.append(step))

    assert [log["id"] for log in lines(tmp_path / "lines")] == list("0123456")
    assert steps == [(number, 7) for number in range(1, 8)]


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".", "ä", "x" * 200, "a\0b"])
def test_an_id_is_no_way_out_of_the_folder(name):
    """Whatever an id is, its file name is plain and its own."""
    assert "/" not in slug(name)
    assert slug(name).strip("._") != ""
    assert slug(name) != slug(name + "x")
    assert slug("pr_KgSGud0KbySNLCUL") == "pr_KgSGud0KbySNLCUL"
