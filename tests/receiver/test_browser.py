"""The pages in real Chromium: they work, stay at home, and run nothing of a log's."""

import re
import shutil
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from promptscribe.receiver.request import KERNELS, LOG_REQUEST
from promptscribe.receiver.server import start_in_thread

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A receiver with a trace, two versions, an error, and a hostile log a kind."""
    running = start_in_thread(db=tmp_path_factory.mktemp("site") / "logs.db")
    with httpx.Client(base_url=running.url, timeout=60) as client:
        fill(client)
    yield running.url
    running.stop()


@pytest.fixture
def open_page(browser, site):
    """Open a page whose complaints, dialogs and requests are watched."""
    contexts = []
    complaints = []

    def watched(path, **options):
        context = browser.new_context(base_url=site, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda shown: complaints.append(f"ran: {shown.message}"))
        page.on("request", lambda asked: leaves(asked.url))
        page.goto(path)
        return page

    def leaves(url):
        if not url.startswith((f"{site}/", "data:")):
            complaints.append(f"left: {url}")

    yield watched
    for context in contexts:
        context.close()
    assert complaints == []


def fill(client):
    def post(kind, **body):
        answer = client.post(f"/{kind}s/log", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    post(
        "flow",
        path="shop/agent",
        log_id="top",
        flow={"attributes": {"v": 1}},
        start_time=100,
        end_time=104,
    )
    for number, temperature in enumerate((0.2, 0.9)):
        post(
            "prompt",
            path="shop/answer",
            log_id=f"call-{number}",
            trace_parent_id="top",
            prompt={"model": "gpt-4o", "temperature": temperature},
            messages=[{"role": "user", "content": "Where is my parcel?"}],
            output_message={"role": "assistant", "content": f"On its way: {number}."},
            output=f"On its way: {number}.",
            provider_response={"id": "chatcmpl-1"},
            start_time=101 + number,
            end_time=102 + number,
        )
    post("tool", path="shop/look-up", log_id="broken", error="KeyError: 'parcel'")
    for kind, log in HOSTILE_LOGS.items():
        post(kind, **log)
    post("prompt", path="x", log_id=f"id-{HOSTILE}", trace_parent_id=HOSTILE)


# Every way in that there is: a tag, a handler, the end of an attribute, of a text
# area and of a script, an address that is a script, and a template.
HOSTILE = (
    "</script></title></textarea></pre><script>alert(1)</script>"
    "<img src=x onerror=alert(2)><svg onload=alert(3)>"
    "\"'><a href=\"javascript:alert(4)\" onmouseover='alert(5)' autofocus "
    "onfocus=alert(6)>x</a>{{7*7}}${7*7}<!--<iframe srcdoc='<script>alert(7)</script>'>"
)
STRANGE_SCRIPT = (
    "script:not([src='/static/htmx/htmx.min.js'], [src='/static/pages.js'])"
)
LINK = "javascript:alert(8)"
NASTY = {HOSTILE: HOSTILE, "list": [HOSTILE, {HOSTILE: LINK}], LINK: LINK}
MESSAGE = {
    "role": HOSTILE,
    "name": HOSTILE,
    "tool_call_id": HOSTILE,
    "content": [
        {"type": "text", "text": HOSTILE},
        {"type": "image_url", "image_url": {"url": LINK}},
        {"type": "image_url", "image_url": {"url": f"data:text/html,{HOSTILE}"}},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,PHN2"}},
        {"type": HOSTILE, HOSTILE: HOSTILE},
    ],
    "tool_calls": [
        {"id": HOSTILE, "function": {"name": HOSTILE, "arguments": HOSTILE}},
        {HOSTILE: HOSTILE},
    ],
    "thinking": [{"thinking": HOSTILE}, {HOSTILE: HOSTILE}],
}
TOOL = {"name": HOSTILE, "description": HOSTILE, "parameters": NASTY}
KERNEL = {
    **dict.fromkeys(("model", "provider", "source_code", "stop"), HOSTILE),
    **dict.fromkeys(("other", "attributes", "setup_values"), NASTY),
    "template": [MESSAGE | {"content": HOSTILE}],
    "tools": [TOOL],
    "function": TOOL,
    "linked_tools": [HOSTILE],
    "response_format": {"type": HOSTILE, "json_schema": NASTY},
    "reasoning_effort": HOSTILE,
}
MEMBERS = {
    "path": HOSTILE.replace("//", "/"),
    "tool_choice": {"type": HOSTILE, "function": {"name": HOSTILE}},
    "messages": [MESSAGE, MESSAGE],
    "output_message": MESSAGE,
    "metadata": NASTY | {"traceback": HOSTILE},
    **dict.fromkeys(("inputs", "provider_request", "provider_response"), NASTY),
}
# What has no text that anybody could choose.
CLOSED = re.compile(
    r".*_(tokens|cost|time|latency|status|at)|id|save|endpoint|template_language"
    r"|max_tokens|temperature|top_p|.*_penalty|seed"
)


def hostile_log(kind):
    members = {
        name: MEMBERS.get(name, HOSTILE)
        for name in LOG_REQUEST[kind]
        if not CLOSED.fullmatch(name)
    }
    kernel = {
        name: KERNEL[name] for name in KERNELS[kind] if not CLOSED.fullmatch(name)
    }
    own = {"path": f"{kind}/{members['path']}", "log_id": f"hostile-{kind}"}
    return members | own | {kind: kernel}


HOSTILE_LOGS = {kind: hostile_log(kind) for kind in ("prompt", "tool", "flow")}


@pytest.mark.parametrize("script", [True, False])
def test_from_the_list_to_a_log(open_page, script):
    """A click leads to the trace, another to the log; with and without script."""
    page = open_page("/", java_script_enabled=script)

    page.get_by_role("link", name="shop/agent").click()
    assert page.locator(".waterfall tbody tr").count() == 3
    page.get_by_role("link", name="shop/answer").first.click()
    assert page.locator(".turn.user").inner_text().endswith("Where is my parcel?")
    assert "On its way: 0." in page.locator(".turn.assistant").inner_text()
    page.get_by_text("Response of the provider").click()
    assert page.get_by_text('"chatcmpl-1"').first.is_visible()
    page.get_by_role("link", name="Trace", exact=True).click()
    assert "/trace/" in page.url


@pytest.mark.parametrize("script", [True, False])
def test_lists_are_filtered(open_page, script):
    """Text, path and errors, by the form, as a person does it."""
    page = open_page("/?view=logs", java_script_enabled=script)

    rows = page.locator("tbody tr")
    page.get_by_label("Text", exact=True).fill("parcel")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(3)
    page.get_by_label("errors only").check()
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("shop/look-up")
    page.get_by_label("Path").fill("nowhere")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_a_time_of_another_zone_is_in_the_form_as_it_filters(open_page):
    """In UTC, as all of the page; else the next filter would drop it."""
    page = open_page("/?view=logs&start_date=2030-01-01T00:30:00%2B02:00")

    field = page.get_by_label("from (UTC)")
    assert field.input_value() == "2029-12-31T22:30"
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("start_date=2029-12-31T22%3A30"))
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def step_back(page):
    """Go back, and wait for the page to have loaded itself anew; `go_back` does not."""
    with page.expect_event("load"):
        page.evaluate("history.back()")


def test_with_script_a_list_changes_in_place(open_page):
    """Typing filters it, a page leads to the next, and back is back; no reload."""
    page = open_page("/?view=logs&size=2")
    page.evaluate("window.same = true")
    rows, number = page.locator("tbody tr"), page.locator("#count")
    total = number.inner_text()

    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    assert "page=2" in page.url
    page.get_by_label("Text", exact=True).fill("parcel")
    expect(number).to_have_text("3")
    expect(rows).to_have_count(3)
    assert "search=parcel" in page.url
    page.get_by_text("More filters").click()
    page.get_by_label("User", exact=True).fill("nobody")
    expect(number).to_have_text("0")
    assert page.evaluate("window.same") is True

    step_back(page)
    expect(number).to_have_text("3")
    step_back(page)
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    expect(number).to_have_text(total)
    step_back(page)
    expect(page.get_by_text("Page 1 of")).to_be_visible()
    expect(number).to_have_text(total)


def test_new_logs_are_told_and_shown(open_page, site):
    """A page that is open says what has come since, and a click brings it."""
    page = open_page("/?path=shop/new")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    httpx.post(f"{site}/prompts/log", json={"path": "shop/new"})
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)

    httpx.post(f"{site}/prompts/log", json={"path": "shop/new"})
    httpx.post(f"{site}/prompts/log", json={"path": "shop/else"})

    page.get_by_text("1 new").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 logs found")
    expect(page.get_by_text("1 new")).to_have_count(0)


def test_the_first_log_appears_by_itself(browser, tmp_path):
    """Whoever waits for it on the empty page sees it come."""
    running = start_in_thread(db=tmp_path / "empty.db")
    page = browser.new_page(base_url=running.url)
    page.goto("/")
    expect(page.get_by_text("Waiting for the first log")).to_be_visible()

    httpx.post(f"{running.url}/prompts/log", json={"path": "first/log"})

    expect(page.locator("tbody tr")).to_contain_text("first/log")
    page.close()
    running.stop()


def test_a_page_says_when_the_receiver_is_gone_and_when_it_is_back(browser, tmp_path):
    """What is asked for in place fails where it is seen, until it works again."""
    db = tmp_path / "gone.db"
    running = start_in_thread(db=db)
    port = int(running.url.rpartition(":")[2])
    httpx.post(f"{running.url}/prompts/log", json={"path": "some/log"})
    page = browser.new_page(base_url=running.url)
    page.goto("/")
    trouble = page.get_by_role("alert")
    expect(trouble).to_be_hidden()

    running.stop()
    page.get_by_label("Path").fill("some/log")
    expect(trouble).to_contain_text("does not answer")
    running = start_in_thread(db=db, port=port)
    expect(trouble).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(1)

    page.close()
    running.stop()


def test_a_page_says_what_is_wrong_with_what_it_asked_for(browser, site):
    """As the page of an error would, had the form led there."""
    page = browser.new_page(base_url=site)
    page.goto("/")
    page.evaluate("document.querySelector('[name=start_date]').type = 'text'")

    page.get_by_text("More filters").click()
    page.get_by_label("from (UTC)").fill("x")

    expect(page.get_by_role("alert")).to_contain_text("query start_date: Input should")
    page.get_by_label("from (UTC)").fill("")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.close()


@pytest.mark.parametrize("log_id", [".", "..", "a/../b", "a//b/."])
def test_a_log_of_any_id_is_opened_by_a_click(browser, tmp_path, log_id):
    """Ids that a browser takes for folders, too; as a page and as JSON."""
    running = start_in_thread(db=tmp_path / "ids.db")
    body = {"path": "some/log", "log_id": log_id}
    httpx.post(f"{running.url}/prompts/log", json=body)
    page = browser.new_page(base_url=running.url)

    page.goto("/")
    page.get_by_role("link", name="some/log").click()
    expect(page.locator(".waterfall tbody tr")).to_have_count(1)
    page.get_by_role("link", name="some/log").first.click()
    expect(page.locator(".sub code")).to_have_text(log_id)
    page.get_by_role("link", name="As JSON").click()
    expect(page.locator("body")).to_contain_text(f'"log_id":"{log_id}"')

    page.close()
    running.stop()


def test_nothing_stays_in_the_browser(open_page):
    """Its storage holds the address that is shown, and that until the tab is closed."""
    page = open_page("/?view=logs")
    page.get_by_label("Text", exact=True).fill("parcel")
    expect(page.locator("#count")).to_have_text("3")
    page.get_by_role("link", name="shop/answer").first.click()

    assert page.evaluate("Object.keys(localStorage)") == []
    kept = page.evaluate("Object.entries(sessionStorage)")
    assert [name for name, _ in kept] == ["htmx-current-path-for-history"]
    assert "On its way" not in str(kept)


@pytest.mark.parametrize("script", [True, False])
def test_versions_are_compared(open_page, script):
    """The library leads to a Prompt; what its versions differ in is shown."""
    page = open_page("/library", java_script_enabled=script)

    page.get_by_role("link", name="shop/answer").click()

    assert "0.2" in page.locator(".diff .removed").inner_text()
    assert "0.9" in page.locator(".diff .added").inner_text()
    page.get_by_role("button", name="Compare").click()
    assert page.locator(".diff .added").count() == 1


def test_a_version_far_up_in_a_long_list_shows_its_details(open_page, site):
    """Whoever chooses one sees what it is, and what it was compared with."""
    with httpx.Client(base_url=site, timeout=60) as client:
        for number in range(40):
            body = {"path": "shop/often", "prompt": {"model": f"m{number}"}}
            client.post("/prompts/log", json=body).raise_for_status()
    page = open_page("/library")
    page.get_by_role("link", name="shop/often").click()
    details = page.locator(".diff")
    expect(details).not_to_be_in_viewport()

    page.locator("tbody a").first.click()

    expect(details).to_be_in_viewport()
    page.get_by_role("button", name="Compare").click()
    expect(details).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/", "/trace/call-0", "/log/call-0", "/log/broken"])
def test_light_and_dark(open_page, path):
    """Both can be read (WCAG AA: 4.5 to 1), and are not the same."""
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(path, color_scheme=scheme)
        colors = page.evaluate(
            "[...document.querySelectorAll('h1, p, td, th, a, dd, dt, code, pre')]"
            ".filter(each => each.innerText.trim()).map(each => {"
            " let ground = each;"
            " while (ground && getComputedStyle(ground).backgroundColor"
            "   === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;"
            " return [getComputedStyle(each).color,"
            "  getComputedStyle(ground || document.body).backgroundColor]})"
        )
        worst = min(contrast(*pair) for pair in map(tuple, colors))
        assert worst >= 4.5, (scheme, worst)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


@pytest.mark.parametrize(
    "path", ["/", "/?view=logs", "/?search=parcel", "/library", "/trace/call-0"]
)
def test_lists_fit_a_phone(open_page, path):
    """Nothing has to be moved sideways to be seen."""
    page = open_page(path, viewport={"width": 390, "height": 844})

    for box in ("html", ".table-wrap"):
        wider = page.locator(box).evaluate("e => e.scrollWidth - e.clientWidth")
        assert wider <= 0, box


@pytest.mark.parametrize("path", ["/", "/trace/call-0", "/log/call-0", "/library"])
def test_four_times_as_large_a_page_still_fits(open_page, path):
    """On a screen of 1280 pixels; only a table is moved sideways, in its own box."""
    page = open_page(path, viewport={"width": 320, "height": 256})

    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_trace_is_read_log_by_log(open_page):
    """In the order of the picture, from the top to the last call and back."""
    page = open_page("/log/top")

    seen = [page.locator("h1").inner_text()]
    for _ in range(2):
        page.get_by_role("link", name="After").click()
        seen.append(page.locator(".sub").inner_text())
    assert page.get_by_role("link", name="After").count() == 0
    page.get_by_role("link", name="Before").click()

    assert seen == ["shop/agent", "call-0", "call-1"]
    expect(page).to_have_url(re.compile("/log/call-0$"))


def test_a_path_breaks_where_a_step_ends(open_page, site):
    """On a phone a name stays whole as long as it fits into its line."""
    body = {"path": "billing/monthly-report/summarise", "log_id": "narrow"}
    httpx.post(f"{site}/prompts/log", json=body)
    page = open_page(f"/?path={body['path']}", viewport={"width": 390, "height": 844})

    name = page.locator(".name", has_text="summarise").first
    lines = name.evaluate("e => e.getClientRects().length")

    assert lines == 1


def test_what_scrolls_is_reached_by_the_keyboard(open_page, site):
    """A long text is moved by the arrow keys, once the tabulator has come to it."""
    said = [{"role": "user", "content": "a line\n" * 100}]
    long = {"messages": said, "error": "e\n" * 100, "output": "o\n" * 100}
    httpx.post(f"{site}/prompts/log", json={"path": "p", "log_id": "scrolls", **long})
    page = open_page("/log/scrolls")

    unreached = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.tabIndex < 0"
        " && e.scrollHeight > e.clientHeight + 1 && e.clientHeight"
        " && getComputedStyle(e).overflowY === 'auto').length"
    )
    reached = page.locator("[tabindex='0']:visible").count()

    assert (unreached, reached) == (0, 3)


def test_a_traceback_keeps_its_lines_on_a_phone(open_page, site):
    """It is moved sideways in its own box, by the keyboard as well."""
    line = f'  File "/srv/{"long/" * 40}app.py", line 3, in answer'
    body = {"path": "p", "log_id": "raised", "error": "KeyError: 'x'"}
    body["metadata"] = {"traceback": f"Traceback:\n{line}\nKeyError: 'x'"}
    httpx.post(f"{site}/prompts/log", json=body)
    page = open_page("/log/raised", viewport={"width": 390, "height": 844})

    box = page.get_by_role("region", name="Traceback")
    box.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")

    sizes = "e => [e.scrollWidth > e.clientWidth, e.innerText.split('\\n').length * 30]"
    wide, enough = box.evaluate(sizes)
    assert wide
    assert box.bounding_box()["height"] < enough
    page_wide = "document.documentElement.scrollWidth"
    assert page.evaluate(page_wide) == 390


@pytest.mark.parametrize("width", [390, 1280])
def test_the_shortest_call_is_seen_in_its_trace(open_page, site, width):
    """A millisecond in an hour is two pixels, and not a fifth of one."""
    calls = [("long", {"start_time": 0, "end_time": 3600})]
    calls += [
        (
            f"short-{at}",
            {"start_time": at, "end_time": at + 0.001, "trace_parent_id": "long"},
        )
        for at in (0, 1800, 3599)
    ]
    for name, body in calls:
        httpx.post(f"{site}/prompts/log", json={"path": "p", "log_id": name, **body})
    page = open_page("/trace/long", viewport={"width": width, "height": 844})

    for bar in page.locator("rect").all()[1:]:
        seen = bar.evaluate(
            "e => { const box = e.getBoundingClientRect();"
            " const y = (box.top + box.bottom) / 2; let n = 0;"
            " for (let x = box.left - 5; x < box.right + 5; x += 0.125)"
            "  n += document.elementFromPoint(x, y) === e;"
            " return n / 8 }"
        )
        assert 2 <= seen < 8


@pytest.mark.parametrize("path", ["/", "/log/call-0", "/trace/call-0", "/library"])
def test_a_screen_reader_finds_its_way(open_page, path):
    """One main part, one heading at the top, every place and field with a name."""
    page = open_page(path)

    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("navigation", name="Pages", exact=True).count() == 1
    assert page.locator("nav:not([aria-label]), img:not([alt])").count() == 0
    fields = page.locator("input:not([type=hidden]), select").all()
    for field in fields:
        named = field.evaluate("e => e.ariaLabel || e.labels.length")
        assert named, field


def test_a_text_is_printed_to_its_end(open_page, site):
    """On paper nothing scrolls, and the ground is white."""
    body = {"path": "shop/long", "log_id": "long", "output": "a line\n" * 500}
    httpx.post(f"{site}/prompts/log", json=body)
    page = open_page("/log/long", color_scheme="dark")
    page.emulate_media(media="print")

    block = page.locator("pre.block").first
    hidden = block.evaluate("e => e.scrollHeight - e.clientHeight")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert hidden <= 0
    assert ground == "rgb(255, 255, 255)"
    assert not page.locator(".bar nav").is_visible()


def test_a_text_has_the_direction_of_its_words(open_page, site):
    """Arabic begins at the right, whatever is around it."""
    message = {"role": "user", "content": "\u0645\u0631\u062d\u0628\u0627"}
    body = {"path": "shop/rtl", "log_id": "rtl", "messages": [message]}
    httpx.post(f"{site}/prompts/log", json=body)
    page = open_page("/log/rtl")

    left = page.locator(".said").evaluate(
        "e => { const words = document.createRange(); words.selectNodeContents(e);"
        " return words.getBoundingClientRect().left - e.getBoundingClientRect().left }"
    )

    assert left > 500


def contrast(ink, ground):
    """The WCAG's contrast of two colours as Chromium writes them."""

    def luminance(color):
        parts = [int(float(part)) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(ink), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def test_the_hostile_logs_leave_no_field_out():
    """What the next test proves holds for every member that has text."""
    for kind, log in HOSTILE_LOGS.items():
        left_out = LOG_REQUEST[kind] - log.keys()
        assert all(CLOSED.fullmatch(name) for name in left_out), left_out


@pytest.mark.parametrize(
    ("kind", "bypass_csp"),
    [("prompt", False), ("prompt", True), ("tool", True), ("flow", True)],
)
def test_nothing_that_a_log_holds_runs(open_page, site, kind, bypass_csp):
    """Stored script stays text on every page, even if the policy did not help."""
    file_id = httpx.get(f"{site}/logs/hostile-{kind}").json()[kind]["id"]
    text = quote(HOSTILE, safe="")
    page = open_page("/", bypass_csp=bypass_csp)

    for path in (
        "/",
        "/?view=logs",
        f"/?view=logs&search={text}&path={text}&user={text}",
        f"/?view=logs&session_id={text}&version_id={text}",
        f"/log/hostile-{kind}",
        f"/trace/hostile-{kind}",
        f"/log/{quote('id-' + HOSTILE, safe='')}",
        f"/trace/{quote('id-' + HOSTILE, safe='')}",
        "/library",
        f"/library?name={text}",
        f"/library/{file_id}",
    ):
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.click()
        page.mouse.move(200, 300)
        found = page.locator(
            f"{STRANGE_SCRIPT}, iframe, svg[onload], img[src=x],"
            " a[href^='javascript:'], [onerror], [onfocus], [onmouseover], [srcdoc]"
        )
        assert found.count() == 0, path
        assert "49" not in page.title()


def test_neither_a_missing_name_nor_a_raw_log_runs(browser, site):
    """The name in an address is anybody's text as well; JSON is never a page."""
    context = browser.new_context(base_url=site, bypass_csp=True)
    page = context.new_page()
    ran = []
    page.on("dialog", lambda shown: ran.append(shown.message))

    for path in ("/log/", "/trace/", "/library/"):
        answer = page.goto(path + quote(HOSTILE.replace("/", "|"), safe=""))
        assert answer.status == 404
        strange = page.locator(f"{STRANGE_SCRIPT}, [onerror], [onload]")
        assert strange.count() == 0
    page.goto("/logs/hostile-prompt")
    assert page.locator("script, [onerror], [onload]").count() == 0
    context.close()

    assert ran == []
