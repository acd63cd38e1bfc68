"""Filters: whatever is combined, a page and its number are those of a plain look."""

import itertools
import json
from contextlib import closing

import pytest

from promptscribe.receiver import sqlite_every
from promptscribe.receiver.sqlite_schema import connect
from promptscribe.receiver.sqlite_words import index_some

MEMBERS = ("path", "user", "source", "environment", "error", "trace_parent_id")


@pytest.fixture
def logs(client):
    """Sixty-four logs, one for each combination of members."""
    made = []
    for number, chosen in enumerate(itertools.product((0, 1), repeat=len(MEMBERS))):
        log = {"path": "other", "log_id": f"{number:02}", "created_at": number // 3}
        log |= {
            name: f"this-{name}" for name, on in zip(MEMBERS, chosen, strict=True) if on
        }
        if number % 5 == 0:
            log["prompt"] = {"model": "m"}
        if number % 3:
            log["output"] = f"a needle{'s' * (number % 3 - 1)}"
        made.append(log)
    lines = "\n".join(map(json.dumps, made))
    answers = client.post("/prompts/logs", content=lines).text.splitlines()
    for log, answer in zip(made, answers, strict=True):
        log["version"] = json.loads(answer)["version_id"]
        log["file"] = json.loads(answer)["prompt_id"]
    return made


@pytest.mark.parametrize(
    ("status", "number"),
    [("committed", 64), ("", 64), ("uncommitted", 0), ("deleted", 0)],
)
def test_every_version_is_committed(client, logs, status, number):
    """Clients of the seed's generation may ask for logs of others: there are none."""
    page = client.get("/logs", params={"version_status": status}).json()
    route = f"/prompts/{logs[0]['file']}/versions"
    versions = client.get(route, params={"status": status}).json()["records"]

    assert page["total"] == number
    assert versions == (client.get(route).json()["records"] if number else [])


def test_any_filters_together_are_answered(client, logs):
    """Whatever is combined: found or not, and never a failure of ours."""
    filters = {
        "version_status": ("committed", "deleted"),
        "failed": ("true", "false"),
        "search": ("needle", "??", "\u6771"),
        "sample": ("5",),
        "start_date": ("1970-01-01",),
        "id": ("01",),
    }

    for choice in itertools.product(*[("", *values) for values in filters.values()]):
        params = {k: v for k, v in zip(filters, choice, strict=True) if v}
        for route in ("/logs", "/"):
            answer = client.get(route, params=params)
            assert answer.status_code == 200, params


def test_a_status_that_there_is_not_is_422(client, logs):
    """As any other word that the contract does not have."""
    route = f"/prompts/{logs[0]['file']}/versions"

    assert client.get("/logs?version_status=x").status_code == 422
    assert client.get(route, params={"status": "x"}).status_code == 422


def test_every_combination_of_filters_finds_what_it_should(client, logs):
    """By file, version, user, source, environment, failure, trace and time."""
    version, file = logs[32]["version"], logs[32]["file"]
    filters = {
        "path": ("this-path", lambda log: log["path"] == "this-path"),
        "file_id": (file, lambda log: log["file"] == file),
        "version_id": (version, lambda log: log["version"] == version),
        "user": ("this-user", lambda log: "user" in log),
        "source": ("this-source", lambda log: "source" in log),
        "environment": ("this-environment", lambda log: "environment" in log),
        "failed": ("true", lambda log: "error" in log),
        "in_trace_filter": ("false", lambda log: "trace_parent_id" not in log),
        "end_date": ("1970-01-01T00:00:15", lambda log: log["created_at"] <= 15),
    }

    for number in range(4):
        for names in itertools.combinations(filters, number):
            wanted = [
                log["log_id"]
                for log in reversed(logs)
                if all(filters[name][1](log) for name in names)
            ]
            params = {name: filters[name][0] for name in names}
            pages = [
                client.get("/logs", params=params | {"page": page, "size": 20}).json()
                for page in (1, 2, 3, 4, 5)
            ]

            found = [log["id"] for page in pages for log in page["records"]]
            assert found == wanted, names
            assert {page["total"] for page in pages} == {len(wanted)}, names


# For a few and for many of what is found, and of what else is asked for.
TOGETHER = {"_FEW": 10**9, "_MOST_ASKED": 0}
ASKED = {"_FEW": 0, "_MOST_ASKED": 10**9, "_FOUND_FOR_ASKED": 0}
PAGE_ASKED = {"_FEW": 0, "_MOST_ASKED": 60, "_FOUND_FOR_ASKED": 10**9}
GIVEN_UP = PAGE_ASKED | {"_TRIED": 3}
GATHERED = {"_FEW": 0, "_MOST_ASKED": 0}


@pytest.fixture(params=[TOGETHER, ASKED, PAGE_ASKED, GIVEN_UP, GATHERED])
def indexed(request, logs, tmp_path, monkeypatch):
    """The same logs with their words indexed, and one way to look for them."""
    for name, value in request.param.items():
        monkeypatch.setattr(sqlite_every, name, value)
    with closing(connect(tmp_path / "logs.db")) as connection:
        while index_some(connection):
            pass
    return logs


@pytest.mark.parametrize("text", ["needles", "need", "a needle"])
def test_a_text_is_found_whichever_way_is_the_shortest(client, indexed, text):
    """Alone and with filters; most of the logs are indexed, the last is not."""
    late = {"path": "this-path", "output": "a needles", "error": "e", "log_id": "late"}
    client.post("/prompts/log", json=late | {"created_at": 15})
    everything = [*indexed[:48], late, *indexed[48:]]
    filters = {
        "path": ("this-path", lambda log: log["path"] == "this-path"),
        "failed": ("true", lambda log: "error" in log),
        "user": ("this-user", lambda log: "user" in log),
        "end_date": ("1970-01-01T00:00:15", lambda log: everything.index(log) < 49),
        "start_date": ("1970-01-01T00:00:00", lambda log: True),
    }

    for number in range(len(filters)):
        for names in itertools.combinations(filters, number):
            wanted = [
                log["log_id"]
                for log in reversed(everything)
                if text in log.get("output", "")
                and all(filters[name][1](log) for name in names)
            ]
            params = {name: filters[name][0] for name in names} | {"search": text}
            pages = [
                client.get("/logs", params=params | {"page": page, "size": 20}).json()
                for page in (1, 2, 3, 4)
            ]

            found = [log["id"] for page in pages for log in page["records"]]
            assert found == wanted, names
            assert {page["total"] for page in pages} == {len(wanted)}, names


def test_bounds_that_everything_is_within_are_none(client, logs):
    """The first log and the last are within, and out where the bound is closer."""
    bounds = {
        "start_date": ("1970-01-01T00:00:00", "1970-01-01T00:00:00.000001", 3),
        "end_date": ("1970-01-01T00:00:21", "1970-01-01T00:00:20.999999", 1),
    }

    for name, (wide, close, less) in bounds.items():
        for more in ({}, {"search": "needle"}, {"in_trace_filter": "false"}):
            total = client.get("/logs", params=more).json()["total"]
            widely = client.get("/logs", params=more | {name: wide}).json()["total"]
            assert widely == total
        closely = client.get("/logs", params={name: close}).json()["total"]
        assert closely == len(logs) - less
