"""Text search: the same answers before a log is indexed, and after."""

import re
import threading
from contextlib import closing

import httpx
import pytest

from promptscribe.receiver import page_route, sqlite_search, sqlite_writer
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.sqlite_schema import connect
from promptscribe.receiver.sqlite_words import index_some, searched_text


@pytest.fixture
def index(tmp_path):
    """Index what there is now, as the writer does in a pause."""

    def run():
        with closing(connect(tmp_path / "logs.db")) as connection:
            while index_some(connection):
                pass

    return run


@pytest.fixture
def found(client):
    def search(text):
        page = client.get("/logs", params={"search": text}).json()
        assert page["total"] == len(page["records"])
        return {record["id"] for record in page["records"]}

    return search


@pytest.fixture(params=["late", "indexed"])
def indexed(request, post, index, monkeypatch):
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 60)
    monkeypatch.setattr(sqlite_writer, "_PATIENCE", 60)
    post(path="p", log_id="in", inputs={"q": ["Where is order 4431?"]})
    post(path="p", log_id="out", output='It says "order 44-31", 100% sure')
    post(path="p", log_id="turn", messages=[{"role": "user", "content": "Grüße"}])
    post(path="p", log_id="bad", error="TimeoutError: slow")
    post(path="p", log_id="cjk", output="東京都に行きます")
    post(path="p", log_id="thai", output="สวัสดีครับ GPT จ้า")
    post(path="p", log_id="else", source="order", metadata={"order": "order"})
    if request.param == "indexed":
        index()
    return request.param == "indexed"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("order", {"in", "out"}),
        ("ORDER 44", {"in", "out"}),
        ("order 4431", {"in"}),
        ("order 44-31", {"out"}),
        ("Grüße", {"turn"}),
        ("timeouterror", {"bad"}),
        ("京都", {"cjk"}),
        ("都に行きます", {"cjk"}),
        ("京に", set()),
        ("ดีครับ", {"thai"}),
        ("ครับ gpt จ้", {"thai"}),
        ("100%", {"out"}),
        ('"order', {"out"}),
        ("nowhere", set()),
        ('"', {"out"}),
        ("OR NOT (", set()),
        ("_", set()),
        ("*", set()),
    ],
)
def test_text_is_found_wherever_it_stands(indexed, found, text, ids):
    """Inputs, messages, outputs and errors; nothing else, in any case and script."""
    hits = found(text)

    if indexed and text == '"order':
        ids = {"in", "out"}  # the index knows words and no quotation marks
    if text == '"' or (text == "*" and not indexed):
        assert ids <= hits  # a sign may stand in the JSON of a list as well
    else:
        assert hits == ids


@pytest.mark.parametrize("indexed", [False, True])
def test_a_change_is_found_and_what_was_there_is_not(
    client, post, index, found, indexed
):
    """The index follows updates and deletions."""
    log = post(path="p", log_id="x", output="first words")
    post(path="p", log_id="y", output="first others")
    if indexed:
        index()

    client.patch(f"/prompts/{log['prompt_id']}/log/x", json={"output": "second"})
    assert found("second") == {"x"}
    assert found("first") == {"y"}
    client.delete("/logs", params={"id": "y"})

    assert found("first") == set()
    index()
    assert found("second") == {"x"}
    assert found("first") == set()


def test_an_index_takes_many_steps(client, index, found):
    """More logs than one step indexes."""
    lines = "\n".join('{"path":"p","output":"needle"}' for _ in range(250))
    client.post("/prompts/logs", content=lines)

    index()

    page = client.get("/logs", params={"search": "needle", "size": 0}).json()
    assert page["total"] == 250


def test_of_a_text_without_end_the_index_has_both_ends(client, post, index, tmp_path):
    """Whoever else writes waits for the indexing of a log, and for its deletion."""
    middle = " ".join(f"w{number}" for number in range(200_000))
    inputs = {"q": f"first {middle} last"}
    post(path="p", log_id="x", inputs=inputs, output="said", metadata=inputs)

    index()

    def total(**search):
        return client.get("/logs", params=search | {"size": 0}).json()["total"]

    assert [total(search=text) for text in ("first", "last", "said")] == [1, 1, 1]
    assert [total(metadata_search=text) for text in ("first", "last")] == [1, 1]
    with closing(connect(tmp_path / "logs.db")) as connection:
        count = "SELECT (SELECT sum(cnt) FROM words_terms) + sum(cnt) FROM labels_terms"
        (words,) = connection.execute(count).fetchone()
        assert words < 100_000  # of 400,000

        assert client.delete("/logs", params={"id": "x"}).status_code == 204
        (words,) = connection.execute(count).fetchone()
        assert words in {None, 0}


def test_a_step_of_the_index_takes_no_more_for_large_logs(post, tmp_path, monkeypatch):
    """A hundred of a megabyte in one transaction would keep all others waiting."""
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 60)
    monkeypatch.setattr(sqlite_writer, "_PATIENCE", 60)
    for _ in range(4):
        post(path="p", output="data " * 120_000)

    marks = []
    with closing(connect(tmp_path / "logs.db")) as connection:
        more = True
        while more:
            more = index_some(connection)
            marks += connection.execute("SELECT seq FROM indexed").fetchone()

    assert marks == [2, 4, 4]


def test_pictures_have_no_words():
    """A data: URL is left out, numbers are words as well."""
    members = {"inputs": {"a": "data:image/png;base64,AAAA", "b": [7, True, None]}}

    assert searched_text(members | {"output": "x"}) == "7\nTrue\nx"


@pytest.mark.parametrize("indexed", [False, True])
def test_metadata_are_found_by_name_and_value(client, post, index, indexed):
    """Before they are indexed and after; an update is found as it is now."""
    log = post(path="p", metadata={"region": "North Pole", "tries": 3})
    post(path="p", metadata={"region": "elsewhere"}, output="North Pole")
    if indexed:
        index()

    def number_of(text):
        return client.get("/logs", params={"metadata_search": text}).json()["total"]

    numbers = [number_of(text) for text in ("north pole", "Pole", "regio", "3")]
    assert numbers == [1, 1, 2, 1]
    client.patch(
        f"/prompts/{log['prompt_id']}/log/{log['id']}",
        json={"metadata": {"region": "south"}},
    )
    assert (number_of("north"), number_of("south")) == (0, 1)


def test_a_beginning_of_very_many_words_finds_whole_words_only(
    post, index, found, monkeypatch
):
    """Half a word is looked for while few words begin so; others would take seconds."""
    monkeypatch.setattr(sqlite_search, "_MOST_TERMS", 4)
    for number in range(5):
        post(path="p", log_id=f"{number}", output=f"Prüfung{number} pre{number // 3}")
    post(path="p", log_id="whole", output="pruf")
    index()

    assert found("pre") == {"0", "1", "2", "3", "4"}
    assert found("prüf") == {"whole"}
    assert found("prüfung3") == {"3"}


def test_a_page_counts_what_is_found_up_to_a_bound(client, index, monkeypatch):
    """Beyond it the page says "and more", and the API goes on to count."""
    lines = "\n".join(
        f'{{"path":"p{number % 2}","output":"needle"}}' for number in range(9)
    )
    client.post("/prompts/logs", content=lines)
    index()
    client.post("/prompts/logs", content='{"path":"p0","output":"late needle"}')

    everything = client.get("/?search=needle").text
    monkeypatch.setattr(page_route, "_MOST_FOUND", 4)
    bounded = client.get("/?search=needle").text

    assert 'id="count">10 logs found</span>' in everything
    # Of those that are indexed, and of the late one if it is none of them yet.
    assert re.search(r'id="count">[45]\+ logs found</span>', bounded)
    assert client.get("/logs", params={"search": "needle"}).json()["total"] == 10


def test_signs_are_looked_for_in_the_last_logs_only(client, post, monkeypatch):
    """A page says so; the API goes through all."""
    monkeypatch.setattr(sqlite_search, "MOST_WALKED", 3)
    for number in range(9):
        post(path="p", output=f"{number} ???")

    page = client.get("/?search=%3F%3F%3F").text
    words = client.get("/?search=8").text

    assert 'id="count">3+ logs found</span>' in page
    assert "looked for in the last logs only" in page
    assert "looked for in the last logs only" not in words
    assert client.get("/logs?search=%3F%3F%3F").json()["total"] == 9


def test_what_was_left_unindexed_is_indexed_at_the_start(tmp_path):
    """After a kill or an upgrade, and though no log comes any more."""
    path = tmp_path / "logs.db"
    running = start_in_thread(db=path)
    lines = "\n".join('{"path":"p","output":"needle"}' for _ in range(250))
    httpx.post(f"{running.url}/prompts/logs", content=lines)
    running.stop()
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        connection.execute("UPDATE indexed SET seq = 0")

    running = start_in_thread(db=path)
    with closing(connect(path, read_only=True)) as connection:
        for _ in range(1000):
            (mark,) = connection.execute("SELECT seq FROM indexed").fetchone()
            if mark == 250:
                break
            threading.Event().wait(0.01)
    running.stop()

    assert mark == 250


def test_a_damaged_log_stops_neither_the_index_nor_the_intake(
    client, post, tmp_path, found
):
    """One body that is no JSON any more is one log without words."""
    for name in ("before", "damaged", "after"):
        post(path="p", log_id=name, output="needle")
    with closing(connect(tmp_path / "logs.db")) as connection:
        connection.execute("UPDATE bodies SET body = '{' WHERE seq = 2")
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        connection.execute("UPDATE indexed SET seq = 0")

        post(path="p", log_id="later", output="needle")
        for _ in range(1000):
            (mark,) = connection.execute("SELECT seq FROM indexed").fetchone()
            if mark == 4:
                break
            threading.Event().wait(0.01)

    assert found("needle") == {"before", "after", "later"}
