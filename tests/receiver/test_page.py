"""The pages: what they show, and that nothing a log contains gets out of its box."""

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest

from promptscribe.receiver import page_route, waterfall
from promptscribe.receiver.log_entry import LogQuery

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\"'></pre>"


def test_the_first_page_waits_for_logs(client):
    """An empty receiver says what to do."""
    assert "Waiting for the first log" in client.get("/").text


def test_traces_are_listed_with_their_totals(client, post):
    """A trace is one line: its top's path, all its tokens, cost and errors."""
    post(path="app/agent", log_id="top", start_time=100, end_time=104)
    post(
        path="app/call",
        trace_parent_id="top",
        start_time=101,
        end_time=102,
        prompt_tokens=1200,
        output_tokens=34,
        prompt_cost=0.002,
        output_cost=0.001,
        error="TimeoutError: slow",
    )

    page = client.get("/").text

    assert page.count('href="/trace/') == 1
    for shown in ("agent", "1 error inside", "4.00 s", "1,200", "34", "$0.003"):
        assert shown in page


def test_any_log_leads_to_its_whole_trace(client, post):
    """The waterfall of a child is the waterfall of its trace."""
    post(path="app/agent", log_id="top", start_time=100, end_time=104)
    post(
        path="app/call",
        log_id="in",
        trace_parent_id="top",
        start_time=101,
        end_time=102,
    )

    page = client.get("/trace/in").text

    assert page.count("<rect") == 2
    assert 'x="250.0" y="2" width="250.0"' in page
    assert page == client.get("/trace/top").text.replace(
        '<tr>\n      <td class="main"><div class="step d1">',
        '<tr class="chosen">\n      <td class="main"><div class="step d1">',
    )


def test_one_log_is_shown_in_full(client, post):
    """Messages as a conversation, inputs, output, figures, error and traceback."""
    post(
        path="app/call",
        log_id="x",
        prompt={"model": "gpt-4o"},
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "what is this?"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"deep":1}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "a square"},
        ],
        output_message={"role": "assistant", "content": "It is a square."},
        output="It is a square.",
        inputs={"picture": "square.png"},
        error="ValueError: no circle",
        metadata={"traceback": "Traceback (most recent call last): here"},
        provider_request={"n": 1},
        provider_response={"id": "chatcmpl-1"},
        prompt_tokens=12,
        finish_reason="stop",
    )

    page = client.get("/log/x").text

    for shown in (
        "gpt-4o",
        "what is this?",
        "look",
        "a square",
        "square.png",
        "ValueError: no circle",
        "Traceback (most recent call last): here",
        "chatcmpl-1",
    ):
        assert shown in page
    assert "<h2>Output</h2>" not in page  # the conversation ends with it


def test_what_tells_of_news_is_a_page_for_whoever_goes_there(client, post):
    """Only the page's own script gets the piece that it puts in its place."""
    post(path="app/call")

    piece = client.get("/?after=5", headers={"HX-Request": "true"}).text
    page = client.get("/?after=5").text

    assert "1 new" in piece
    assert "<html" not in piece
    assert "<html" in page
    assert "1 new" not in page


def test_a_file_with_times_beyond_the_calendar_is_read(client, post, tmp_path):
    """As earlier receivers took them: they are shown as the calendar's edge."""
    made = post(path="app/call", log_id="x", start_time=1, end_time=2)
    with closing(sqlite3.connect(tmp_path / "logs.db")) as connection, connection:
        connection.execute(
            "UPDATE logs SET created_us = ?, start_us = ?, end_us = ?",
            (2**62, -(2**62), 2**62),
        )
        connection.execute("UPDATE versions SET created_us = ?", (2**62,))
        connection.execute("UPDATE files SET created_us = ?", (-(2**62),))

    for path in ("/", "/?view=logs", "/log/x", "/trace/x", "/library"):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/library/{made['prompt_id']}").status_code == 200
    log = client.get("/logs/x").json()
    assert log["created_at"] == "9999-12-31T23:59:59.999999Z"
    assert log["start_time"] == "0001-01-01T00:00:00.000000Z"
    assert client.get("/logs").json()["total"] == 1
    assert client.get("/prompts").json()["total"] == 1


@pytest.mark.parametrize(
    "page", ["/", "/?view=logs", "/?search=alert", "/trace/x", "/log/x"]
)
def test_hostile_text_stays_text(client, post, page):
    """Whatever a field holds, no page has a tag of it."""
    nasty = {HOSTILE: HOSTILE, "list": [HOSTILE]}
    message = {
        "role": HOSTILE,
        "name": HOSTILE,
        "content": [
            {"type": "text", "text": HOSTILE},
            {"type": "image_url", "image_url": {"url": "javascript:" + HOSTILE}},
            {"type": HOSTILE},
        ],
        "tool_calls": [{"function": {"name": HOSTILE, "arguments": HOSTILE}}],
        "thinking": [{"thinking": HOSTILE}],
    }
    post(
        path=HOSTILE.replace("/", "-"),
        log_id="x",
        prompt={"model": HOSTILE, "template": HOSTILE, "attributes": nasty},
        inputs=nasty,
        messages=[message],
        output=HOSTILE + "?",
        output_message=message,
        finish_reason=HOSTILE,
        error=HOSTILE,
        stdout=HOSTILE,
        provider_request=nasty,
        provider_response=nasty,
        source=HOSTILE,
        metadata=nasty | {"traceback": HOSTILE},
        user=HOSTILE,
        environment=HOSTILE,
        batch_id=HOSTILE,
        evaluation_id=HOSTILE,
        source_datapoint_id=HOSTILE,
    )
    post(path="p", log_id=HOSTILE, trace_parent_id="x")

    answer = client.get(page)

    assert answer.status_code == 200
    text = answer.text
    assert text.count("<script") == 2  # those of every page
    assert "<img src=x" not in text
    assert "onerror=alert(1)>" not in text
    assert ">49" not in text
    assert 'href="javascript:' not in text


def test_pictures_are_shown_only_from_the_log_itself(client, post):
    """A data: URL of a bitmap is shown, any other address is only text."""
    pictures = ["data:image/png;base64,AAAA", "https://tracker.example/x.png"]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    post(path="p", log_id="x", messages=[{"role": "user", "content": parts}])

    page = client.get("/log/x").text

    assert 'src="data:image/png;base64,AAAA"' in page
    assert 'src="https://tracker' not in page
    assert "https://tracker.example/x.png" in page


@pytest.mark.parametrize("path", ["/trace/nope", "/log/nope"])
def test_an_unknown_log_has_a_page(client, path):
    """A link to a log that was deleted says so."""
    answer = client.get(path)

    assert answer.status_code == 404
    assert "No log nope" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/nope", 404, "Not found"),
        ("GET", "/static/nope.css", 404, "Not found"),
        ("GET", "/logs/nope", 404, "Log nope not found"),
        ("GET", "/prompts/nope/versions", 404, "Prompt nope not found"),
        ("GET", "/?page=none", 422, "query page: Input should be an integer"),
        ("GET", "/v1/traces", 405, "Method not allowed"),
    ],
)
def test_a_browser_is_told_of_an_error_on_a_page(
    client, method, path, status, sentence
):
    """Where a client gets JSON; with the same status, and a way back."""
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.request(method, path, headers=browser)
    answer = client.request(method, path)

    assert (page.status_code, answer.status_code) == (status, status)
    assert page.headers.keys() == answer.headers.keys()
    assert page.headers.get("allow") == answer.headers.get("allow")
    assert page.headers["content-type"].startswith("text/html")
    assert sentence in page.text
    assert '<a href="/">' in page.text
    assert isinstance(answer.json(), dict)


def test_a_program_that_takes_pages_as_well_gets_json_for_what_it_posts(client):
    """That is what Java's ``HttpURLConnection`` sends, if nobody tells it otherwise."""
    accept = {"accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
    answer = client.post("/prompts/log", json={}, headers=accept)

    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_fault_of_ours_is_told_on_a_page_and_says_no_more(client, post, tmp_path):
    """A body that somebody spoilt in the file."""
    post(path="p", log_id="x", output="secret")
    with closing(sqlite3.connect(tmp_path / "logs.db")) as connection, connection:
        connection.execute("UPDATE bodies SET body = ?", ('{"output": "secret',))

    page = client.get("/log/x", headers={"accept": "text/html"})
    answer = client.get("/logs/x")

    assert (page.status_code, answer.status_code) == (500, 500)
    assert "<p>Internal error</p>" in page.text
    assert answer.json() == {"detail": "Internal error"}
    assert "secret" not in page.text


def test_lists_are_searched_filtered_and_paged(client, post):
    """Text, path and errors narrow a list; more than fifty make a second page."""
    for number in range(51):
        post(path="bulk", output=f"answer {number}")
    post(path="odd", output="needle 100%", error="boom")

    assert 'rel="next"' in client.get("/").text
    for query in ("search=needle", "search=100%25", "path=odd", "failed=1"):
        page = client.get(f"/?{query}").text
        assert "odd" in page
        assert "bulk" not in page
    assert "Nothing matches" in client.get("/?search=nowhere").text


@pytest.mark.parametrize(
    "query",
    ["failed=1", "path=app/call", "search=needle", "metadata_search=tag", "user=u"],
)
def test_what_is_inside_a_trace_is_found_and_shown_in_it(client, post, query):
    """One line a trace, whatever was found of it; the hits lead to their logs."""
    post(path="app/agent", log_id="top", created_at=1, prompt_tokens=1)
    hit = {"path": "app/call", "error": "needle", "metadata": {"a": "tag"}, "user": "u"}
    for number in range(7):
        post(**hit, log_id=f"hit-{number}", trace_parent_id="top", created_at=2)
    post(path="app/other", log_id="other")

    page = client.get(f"/?{query}").text

    assert "7 logs found" in page
    assert page.count('href="/trace/') == 1
    assert 'href="/trace/hit-6"' in page  # where it is marked
    assert ">agent<" in page
    assert page.count('href="/log/hit-') == 5
    assert "and 2 more" in page
    assert "7 errors inside" in page
    assert ">other<" not in page


def test_a_top_that_is_found_is_no_hit_inside_itself(client, post):
    """The line of its trace says it all."""
    post(path="p", log_id="top", error="boom")

    page = client.get("/?failed=1").text

    assert "1 log found" in page
    assert 'href="/trace/top"' in page
    assert "/log/top" not in page


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/?page=9&size=1", "/?size=1&amp;page=2"),
        ("/?view=logs&page=9", "/?view=logs&amp;page=1"),
        ("/?search=word&page=3", "/?search=word&amp;page=1"),
        ("/library?page=7", "/library?page=1"),
    ],
)
def test_beyond_the_last_page_is_the_way_back(client, post, path, last):
    """Nobody waits there for a first log that came long ago."""
    for _ in range(2):
        post(path="p", output="word")

    page = client.get(path).text

    assert "There is no page" in page
    assert f'href="{last}"' in page
    assert "Waiting for" not in page
    assert "Nothing matches" not in page


def test_a_page_has_room_for_something(client, post):
    """A size of 0 is the API's way to ask for the number alone."""
    post(path="p")

    assert 'href="/trace/' in client.get("/?size=0").text
    assert 'href="/library/' in client.get("/library?size=0").text


def test_calls_inside_stand_in_the_order_of_time(client, post):
    """Whatever the order of their arrival, the first call is the first in the list."""
    post(path="top", log_id="top")
    for second, path in ((103, "third"), (101, "first"), (102, "second")):
        post(path=path, trace_parent_id="top", start_time=second)

    page = client.get("/log/top").text

    places = [page.index(f">{path}<") for path in ("first", "second", "third")]
    assert places == sorted(places)


def test_a_log_of_megabytes_has_a_page_of_kilobytes(client, post):
    """Long texts and long lists are cut, and the page says where the rest is."""
    post(
        path="big",
        log_id="big",
        inputs={f"k{number}": number for number in range(2000)},
        messages=[{"role": "user", "content": f"turn {n}"} for n in range(700)],
        output="x" * 3_000_000,
        error="e" * 200_000,
    )

    page = client.get("/log/big").text

    assert len(page) < 1_000_000
    assert "2,900,000 characters more" in page
    assert "100,000 characters more" in page
    assert "1,500 more inputs" in page
    assert "200 more messages" in page
    assert 'href="/logs/big"' in page
    assert "turn 499" in page
    assert ">turn 500<" not in page


def test_a_filter_without_a_field_is_shown_and_stays(client, post):
    """A link to a session, a batch: seen, kept by the next search, and taken away."""
    for session in ("one", "two"):
        post(path="p", metadata={"session_id": session}, batch_id="b", output="word")

    page = client.get("/?view=logs&session_id=one&batch_id=b").text

    assert page.count("/log/") == 1
    assert (
        '<input type="hidden" name="session_id" value="one">session <b>one</b>' in page
    )
    assert 'href="/?view=logs&amp;batch_id=b" aria-label="Without session_id"' in page


def test_a_log_leads_to_its_version_and_a_missing_prompt_has_a_page(client, post):
    """From what was answered to what was asked with."""
    log = post(path="p", log_id="x", prompt={"model": "m"})

    page = client.get("/log/x").text
    missing = client.get("/library/pr_nope")

    link = f"/library/{log['prompt_id']}?version={log['version_id']}"
    assert f'href="{link}"' in page
    assert client.get(link).status_code == 200
    assert missing.status_code == 404
    assert "No Prompt pr_nope" in missing.text


def test_a_deep_trace_says_how_deep(client):
    """Where no more indentation helps, a number does."""
    lines = [
        f'{{"path":"p","log_id":"n{n}","trace_parent_id":"n{n - 1}"}}'
        for n in range(1, 500)
    ]
    client.post(
        "/prompts/logs", content="\n".join(['{"path":"p","log_id":"n0"}', *lines])
    )

    page = client.get("/trace/n0").text

    assert page.count('class="step d12"') == 488
    assert 'title="Depth">499<' in page
    assert 'title="Depth">12<' not in page


def test_the_chosen_log_is_in_the_picture_of_a_huge_trace(client, monkeypatch):
    """Whatever is left out of it: a search has led there."""
    monkeypatch.setattr(waterfall, "MAX_ROWS", 5)
    lines = [
        f'{{"path":"p","log_id":"n{n}","trace_parent_id":"n0","start_time":{n}}}'
        for n in range(1, 20)
    ]
    client.post(
        "/prompts/logs", content="\n".join(['{"path":"p","log_id":"n0"}', *lines])
    )

    page = client.get("/trace/n15").text

    (chosen,) = re.findall(r'class="chosen">\s*<td[^\n]*?href="/log/(\w+)"', page)
    assert chosen == "n15"
    assert page.count("<rect") == 6
    assert "14 more logs are not shown" in page
    assert client.get("/trace/n2").text.count("<rect") == 5


def test_messages_of_other_providers_are_read_as_well(client, post):
    """Thoughts, calls, results and pictures as Anthropic has them."""
    parts = [
        {"type": "thinking", "thinking": "hm, a square"},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"deep": 1}},
        {"type": "tool_result", "tool_use_id": "t", "content": "it is red"},
        {"type": "image", "source": picture("base64", data="AAAA")},
        {"type": "image", "source": picture("url", url="https://x.example/p.png")},
        {"type": "image", "source": picture("base64", data="AAAA", media="text/html")},
    ]
    post(path="p", log_id="x", messages=[{"role": "user", "content": parts}])

    page = client.get("/log/x").text

    assert '<div class="said">hm, a square</div>' in page
    assert "<code>look</code>" in page
    assert "it is red</div>" in page
    assert 'src="data:image/png;base64,AAAA"' in page
    assert page.count("<img class") == 1
    assert "https://x.example/p.png</div>" in page


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (
            r'{"city":"\u6771\u4eac \ud83d\ude00","n":1}',
            "{\n  “city”: “東京 😀”,\n  “n”: 1\n}",
        ),
        ('{"n":18446744073709551616}', "{\n  “n”: 18446744073709551616\n}"),
        ({"city": "東京"}, "{\n  “city”: “東京”\n}"),
        ("{not json", "{not json"),
        ("[" * 5000, "[" * 5000),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
        ('{"n":1e400}', "{“n”:1e400}"),
        ("", ""),
    ],
    ids=["letters", "number", "object", "broken", "endless", "deep", "beyond", "none"],
)
def test_the_arguments_of_a_call_are_read_as_a_person_would(
    client, post, arguments, shown
):
    """Letters, not their numbers; what a model went astray in is as it wrote it."""
    call = {"type": "function", "function": {"name": "look", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    post(path="p", log_id="x", output_message=message)

    page = client.get("/log/x").text

    quoted = shown.replace("“", "&#34;").replace("”", "&#34;")
    assert f"<code>look</code></p><pre>{quoted}</pre>" in page


def test_an_empty_text_is_seen_to_be_empty(client, post):
    """A model that has used up its tokens answers so; it is no answer left out."""
    answer = {"role": "assistant", "content": ""}
    post(path="p", log_id="said", output_message=answer, output="")
    post(path="p", log_id="alone", output="", inputs={"question": ""})

    said = client.get("/log/said").text
    alone = client.get("/log/alone").text

    assert '<div class="said"><span class="plain none">empty</span></div>' in said
    assert '<h2>Output</h2><span class="plain none">empty</span>' in alone
    assert '<dt>question</dt><dd><span class="plain none">empty</span>' in alone


def test_a_result_of_several_parts_is_read_like_any_message(client, post):
    """Anthropic's results have texts and pictures; what is strange stays JSON."""
    parts = [
        {"type": "text", "text": "a red square"},
        {"type": "image", "source": picture("base64", data="AAAA")},
        "and a word",
        {"type": "search_result", "title": "else"},
        {"type": "tool_result", "content": [{"type": "text", "text": "within"}]},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "t", "content": parts},
        {"type": "tool_result", "tool_use_id": "t", "content": []},
        {"type": "tool_result", "tool_use_id": "nothing"},
    ]
    post(path="p", log_id="x", messages=[{"role": "user", "content": results}])

    page = client.get("/log/x").text.partition("<h2>Raw</h2>")[0]

    assert '<span class="kind">result</span> a red square</div>' in page
    assert "and a word</div>" in page
    assert 'src="data:image/png;base64,AAAA"' in page
    for told in ("search_result", "within", "nothing"):
        assert f"&#34;{told}&#34;" in page
    assert "red square&#34;" not in page


def picture(kind, media="image/png", **where):
    """Return where Anthropic has a picture."""
    return {"type": kind, "media_type": media} | where


def test_a_list_reads_no_content(receiver, client, post):
    """Megabytes of a log hold up nobody who only looks at the list."""
    post(path="p", log_id="x", output="long")
    store = receiver._store

    bare = asyncio.run(store.find_logs(LogQuery(bare=True)))
    whole = asyncio.run(store.find_logs(LogQuery()))

    assert (bare.total, bare.logs[0].id, bare.logs[0].members) == (1, "x", {})
    assert whole.logs[0].members == {"output": "long"}


def test_no_log_of_a_huge_trace_is_left_out_of_a_list(client, monkeypatch):
    """Figures may be cut, and say so; rows are not."""
    monkeypatch.setattr(page_route, "_MAX_OUTLINES", 20)
    lines = [
        f'{{"path":"p","log_id":"n{n}","created_at":{n + 1},"trace_parent_id":"n0"}}'
        for n in range(1, 60)
    ]
    lines += ['{"path":"p","log_id":"n0","created_at":1}', '{"path":"p"}']
    client.post("/prompts/logs", content="\n".join(lines))

    listed = client.get("/?view=logs").text
    traces = client.get("/").text
    trace = client.get("/trace/n59").text
    log = client.get("/log/n59").text

    assert [f"/log/n{n}" in listed for n in range(59, 10, -1)] == [True] * 49
    assert traces.count("/trace/") == 2
    assert re.search(r">\d\d\+</td>", traces)
    assert 'href="/log/n59"' in trace
    assert 'href="/log/n0"' in log
    assert client.get("/?view=logs&trace_id=n0").text.count('class="main"') == 50
