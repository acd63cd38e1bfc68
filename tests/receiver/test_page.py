"""The pages: what they show, and that nothing a log contains gets out of its box."""

import pytest

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
        '<tr>\n      <td class="main"><span class="step d1">',
        '<tr class="chosen">\n      <td class="main"><span class="step d1">',
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
    assert text.count("<script") == 1  # our own
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


def test_calls_inside_stand_in_the_order_of_time(client, post):
    """Whatever the order of their arrival, the first call is the first in the list."""
    post(path="top", log_id="top")
    for second, path in ((103, "third"), (101, "first"), (102, "second")):
        post(path=path, trace_parent_id="top", start_time=second)

    page = client.get("/log/top").text

    places = [page.index(f">{path}<") for path in ("first", "second", "third")]
    assert places == sorted(places)
