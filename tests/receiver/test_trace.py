"""Traces: trees out of logs that arrive in any order."""

import itertools
import json

import pytest

from promptscribe.receiver.log_entry import LogOutline
from promptscribe.receiver.trace import Tree, total


def outline(name, parent=None, start=0, **values):
    return LogOutline(
        id=name,
        trace_id="t",
        trace_parent_id=parent,
        path="p",
        kind="prompt",
        created_us=start,
        start_us=start,
        **values,
    )


def shape(record):
    return {record["id"]: [shape(child) for child in record["trace_children"]]}


FAMILY = {"top": None, "a": "top", "b": "top", "c": "b"}


@pytest.mark.parametrize("order", list(itertools.permutations(FAMILY)))
def test_a_trace_is_the_same_in_every_order_of_arrival(client, post, order):
    """Children may come before their parents; the tree comes out the same."""
    for name in order:
        start = 1_700_000_000 + list(FAMILY).index(name)
        post(path="p", log_id=name, trace_parent_id=FAMILY[name], start_time=start)

    tree = client.get("/logs/top").json()

    assert shape(tree) == {"top": [{"a": []}, {"b": [{"c": []}]}]}
    for name, parent in FAMILY.items():
        record = client.get(f"/logs/{name}").json()
        assert record["trace_id"] == "top"
        assert record["trace_parent_id"] == parent
    roots = client.get("/logs", params={"roots": "true"}).json()
    assert [log["id"] for log in roots["records"]] == ["top"]


def test_a_session_is_what_the_metadata_say(client, post):
    """It is answered, the first time and again; it filters; an update moves it."""
    body = {"path": "p", "log_id": "a", "metadata": {"session_id": "s 1", "x": 1}}
    first = post(**body)
    post(path="p", log_id="b", metadata={"session_id": "s 1"}, save=False)
    post(path="p", log_id="c", metadata={"session_id": 7}, source="old")

    def members(session):
        page = client.get("/logs", params={"session_id": session}).json()
        return [log["id"] for log in page["records"]]

    assert first["session_id"] == "s 1"
    assert post(**body) == first
    assert post(path="p", log_id="c")["session_id"] is None
    assert members("s 1") == ["b", "a"]
    assert members("7") == []
    route = f"/prompts/{first['prompt_id']}/log/c"
    change = {"metadata": {"session_id": "s 1"}, "source": "new"}
    assert client.patch(route, json=change).status_code == 200
    assert members("s 1") == ["c", "b", "a"]
    assert client.get("/logs", params={"source": "new"}).json()["total"] == 1
    assert client.get("/logs", params={"source": "old"}).json()["total"] == 0
    page = client.get("/log/a").text
    assert 'href="/?view=logs&amp;session_id=s+1"' in page or "session_id=s%201" in page


@pytest.fixture(params=["one by one", "in bulk"])
def arrive(request, client, post):
    """Post logs one by one, or all in one transaction."""

    def send(logs):
        if request.param == "in bulk":
            lines = "\n".join(map(json.dumps, logs))
            assert client.post("/prompts/logs", content=lines).status_code == 200
        else:
            for log in logs:
                post(**log)

    return send


@pytest.mark.parametrize("order", list(itertools.permutations(FAMILY)))
def test_what_is_in_a_trace_is_known_in_every_order(client, arrive, order):
    """A log with a parent or a child is in a trace; deleting may leave one alone."""

    def in_trace(value):
        params = {"in_trace_filter": value, "size": 100}
        records = client.get("/logs", params=params).json()["records"]
        return {record["id"] for record in records}

    logs = [{"path": "p", "log_id": n, "trace_parent_id": FAMILY[n]} for n in order]
    arrive([*logs[:2], {"path": "p", "log_id": "alone"}, *logs[2:]])
    arrive([{"path": "p", "log_id": "orphan", "trace_parent_id": "never"}])

    assert in_trace("true") == {*FAMILY, "orphan"}
    assert in_trace("false") == {"alone"}
    client.delete("/logs", params={"id": ["a", "b"]})
    assert in_trace("true") == {"c", "orphan"}
    assert in_trace("false") == {"alone", "top"}
    arrive([{"path": "p", "log_id": "late", "trace_parent_id": "top"}])
    assert in_trace("true") == {"c", "orphan", "top", "late"}


def test_a_child_whose_parent_never_comes_is_shown_as_a_top(client, post):
    """A dangling parent id is kept, and the log is not hidden."""
    post(path="p", log_id="child", trace_parent_id="never")

    record = client.get("/logs/child").json()

    assert record["trace_parent_id"] == "never"
    assert record["trace_id"] == "never"
    assert client.get("/logs", params={"roots": "true"}).json()["total"] == 1


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_ring_of_parents_is_cut(client, post, order):
    """Logs that name each other as parents are all readable, and one is the top."""
    parents = {"a": "c", "b": "a", "c": "b"}
    for name in order:
        post(path="p", log_id=name, trace_parent_id=parents[name], start_time=1)

    assert client.get("/logs", params={"roots": "true"}).json()["total"] == 1
    for name in "abc":
        assert client.get(f"/logs/{name}").status_code == 200
        assert client.get(f"/trace/{name}").status_code == 200


def test_a_log_may_name_itself_as_parent(client, post):
    """The shortest ring of all."""
    post(path="p", log_id="self", trace_parent_id="self")

    assert shape(client.get("/logs/self").json()) == {"self": []}
    assert client.get("/trace/self").status_code == 200


def test_a_chain_of_thousands_is_no_recursion():
    """A tree is built and walked without recursion, however deep."""
    chain = [outline(str(n), str(n - 1) if n else None, n) for n in range(5000)]

    walked = list(Tree(chain).walk())

    assert walked[-1][1] == 4999
    assert total(chain).logs == 5000


def test_a_deep_trace_is_written_out_as_json(client, post):
    """The answer nests as deep as the trace does."""
    for number in range(400):
        post(path="p", log_id=f"n{number}", trace_parent_id=f"n{number - 1}")

    answer = client.get("/logs/n0")

    assert answer.text.count('"trace_children":[') == 400
    assert answer.text.endswith("]}" * 400)


def test_a_parent_that_repeats_its_childs_usage_adds_nothing():
    """Tokens and cost of a trace are those of its innermost calls."""
    logs = [
        outline("top", prompt_tokens=30, prompt_cost=3.0),
        outline("inner", "top", prompt_tokens=30, prompt_cost=3.0),
        outline("call", "inner", prompt_tokens=10, output_tokens=1, prompt_cost=1.0),
        outline("next", "inner", prompt_tokens=20, prompt_cost=2.0),
        outline("plain", "top"),
    ]

    totals = total(logs)

    assert (totals.prompt_tokens, totals.output_tokens) == (30, 1)
    assert totals.cost == 3.0


def test_a_parent_counts_where_nothing_below_it_has_usage():
    """Usage that only the parent knows is not lost."""
    logs = [outline("top", prompt_tokens=5), outline("tool", "top")]

    assert total(logs).prompt_tokens == 5
    assert total(logs).cost is None


def test_siblings_stand_in_order_of_time():
    """Whatever the order of arrival, the first call comes first."""
    logs = [outline("top"), outline("late", "top", 9), outline("early", "top", 3)]

    assert [log.id for log in Tree(logs).children["top"]] == ["early", "late"]
