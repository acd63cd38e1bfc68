"""No input at all makes the receiver stumble: whatever comes, no 500."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptscribe.receiver.request import LOG_REQUEST, LOG_UPDATE
from promptscribe.receiver.server import start_in_thread

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
TEXT = st.text(max_size=8)
SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(
        ["a/b", "x", "2024-01-01", "complete", "user", "1e400", "%00", ".."]
    ),
)
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
MESSAGE = st.fixed_dictionaries(
    {"role": TEXT},
    optional={
        "content": TEXT | st.lists(OBJECT, max_size=2),
        "name": TEXT,
        "tool_calls": st.lists(OBJECT, max_size=2),
        "thinking": st.lists(OBJECT, max_size=2),
    },
)
COUNT = st.integers(-(2**70), 2**70)
AMOUNT = COUNT | st.floats(allow_nan=False, allow_infinity=False)
KERNEL = st.fixed_dictionaries(
    {"model": TEXT},
    optional={
        "template": TEXT | st.lists(MESSAGE, max_size=2),
        "temperature": AMOUNT,
        "max_tokens": COUNT,
        "tools": st.lists(st.fixed_dictionaries({"name": TEXT}), max_size=2),
        "other": OBJECT,
        "attributes": OBJECT,
        "stop": TEXT | st.lists(TEXT, max_size=2),
    },
)
GOOD = {
    "messages": st.lists(MESSAGE, max_size=2),
    "output_message": MESSAGE,
    "prompt": KERNEL | TEXT,
    "tool": st.fixed_dictionaries({}, optional={"attributes": OBJECT}),
    "flow": st.fixed_dictionaries({"attributes": OBJECT}),
    "tool_choice": st.sampled_from(["none", "auto"]),
    "save": st.booleans(),
    "log_status": st.sampled_from(["complete", "incomplete"]),
    "trace_status": st.sampled_from(["complete", "incomplete"]),
    "trace_parent_id": st.sampled_from(["x", "never", "%00", "a/b"]),
    "log_id": st.text(
        st.characters(categories=["L", "P", "S"]), min_size=1, max_size=5
    ).filter(lambda name: name not in {".", ".."}),  # no client asks for these: a URL
    **dict.fromkeys(("prompt_tokens", "output_tokens", "reasoning_tokens"), COUNT),
    **dict.fromkeys(("prompt_cost", "output_cost", "provider_latency"), AMOUNT),
    **dict.fromkeys(
        ("inputs", "metadata", "provider_request", "provider_response"), OBJECT
    ),
    **dict.fromkeys(
        ("start_time", "end_time", "created_at"),
        st.datetimes().map(str) | st.floats(-6e10, 2.5e11),
    ),
}


@st.composite
def bodies(draw, names):
    """Draw members of the right types, and now and then one of any type."""
    known = {name: GOOD.get(name, TEXT) for name in sorted(names - {"path", "id"})}
    body = draw(st.fixed_dictionaries({}, optional=known))
    if draw(st.integers(0, 3)) == 0:
        body[draw(st.sampled_from(sorted(names)))] = draw(JSON)
    return body


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory):
    running = start_in_thread(db=tmp_path_factory.mktemp("any") / "logs.db")
    with httpx.Client(base_url=running.url, timeout=60) as session:
        session.post("/prompts/log", json={"path": "a/b", "log_id": "x"})
        yield session
    running.stop()


def fine(answer):
    assert answer.status_code < 500, answer.text
    return answer


def shown(session, log_id):
    for page in ("/", "/?view=logs", f"/log/{log_id}", f"/trace/{log_id}"):
        assert fine(session.get(page)).status_code in {200, 404}
    fine(session.get(f"/logs/{log_id}"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["prompt", "tool", "flow"])
@SETTINGS
@given(data=st.data())
def test_any_log(anywhere, kind, data):
    """Any members of any type: stored and shown, or refused by name."""
    body = {"path": f"any/{kind}"} | data.draw(bodies(LOG_REQUEST[kind]))

    answer = fine(anywhere.post(f"/{kind}s/log", json=body))

    assert answer.status_code in {200, 409, 422, 404}
    if answer.status_code == 200:
        shown(anywhere, quote(answer.json()["id"], safe=""))


@pytest.mark.slow
@SETTINGS
@given(body=bodies(LOG_UPDATE["prompt"]))
def test_any_update(anywhere, body):
    """An update changes what fits, and refuses what does not."""
    file_id = anywhere.get("/logs/x").json()["prompt"]["id"]

    fine(anywhere.patch(f"/prompts/{file_id}/log/x", json=body))

    shown(anywhere, "x")


@pytest.mark.slow
@SETTINGS
@given(body=KERNEL | JSON, path=TEXT)
def test_any_upsert(anywhere, body, path):
    """Details of any shape make a version or are refused."""
    if isinstance(body, dict):
        body = body | {"path": path}

    fine(anywhere.post("/prompts", json=body))

    fine(anywhere.get("/prompts", params={"size": 100}))
    fine(anywhere.get("/directories/root"))


@pytest.mark.slow
@SETTINGS
@given(body=JSON)
def test_any_json_on_any_route(anywhere, body):
    """JSON that nobody expects there."""
    for route in (
        "/prompts/logs",
        "/import/otel/v1/traces",
        "/files/retrieve-by-path",
        "/flows",
    ):
        fine(anywhere.post(route, json=body))


@pytest.mark.slow
@SETTINGS
@given(
    name=st.sampled_from(("page", "size", "file_id", "search", "start_date", "id"))
    | st.sampled_from(("in_trace_filter", "path", "user", "sort_by", "order", "type")),
    value=st.text(max_size=20),
)
def test_any_query(anywhere, name, value):
    """Query strings of any text."""
    for route in ("/logs", "/", "/prompts", "/files", "/evaluations"):
        fine(anywhere.get(route, params={name: value}))


@pytest.mark.slow
@SETTINGS
@given(raw=st.binary(max_size=30))
def test_any_path(anywhere, raw):
    """Ids of any bytes in the path of a request."""
    quoted = "".join(f"%{byte:02x}" for byte in raw)
    for route in (
        "/logs/",
        "/log/",
        "/trace/",
        "/prompts/",
        "/directories/",
        "/static/",
    ):
        fine(anywhere.get(f"{route}{quoted}"))
    fine(anywhere.delete("/logs", params={"id": quoted}))
