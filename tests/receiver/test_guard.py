"""The gate: hosts, origins, media types, keys."""

import httpx
import pytest

from promptscribe.errors import ConfigurationError
from promptscribe.receiver.server import start_in_thread

BODY = {"path": "a/b"}


@pytest.fixture
def locked(tmp_path):
    running = start_in_thread(db=tmp_path / "locked.db", api_keys=["key-1", "key-2"])
    yield running
    running.stop()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8420", "[::1]:1", "LOCALHOST"]
)
def test_the_loopback_has_three_names(client, host):
    """A browser or client may call the receiver by any of them."""
    assert client.get("/logs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "[",
        "",
        "evil@localhost",
        "localhost/x",
    ],
)
def test_a_rebound_name_is_refused(client, host):
    """A page that points its own name at 127.0.0.1 reads nothing."""
    assert client.get("/logs", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_origin_cannot_write(client, headers):
    """Origin is checked on every method that changes something."""
    answer = client.post("/prompts/log", json=BODY, headers=headers)

    assert answer.status_code == 403
    assert client.get("/logs").json()["total"] == 0


def test_our_own_pages_may_write(client, receiver):
    """The receiver's own origin passes."""
    answer = client.post("/prompts/log", json=BODY, headers={"origin": receiver.url})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "TEXT/PLAIN; charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_what_a_form_can_send_is_415(client, media_type):
    """A form on any page may post these without being asked; they are refused."""
    answer = client.post(
        "/prompts/log", content=b'{"path":"a"}', headers={"content-type": media_type}
    )

    assert answer.status_code == 415


def test_a_body_without_a_media_type_is_read(client):
    """Some clients name none, and no browser can leave it out."""
    answer = client.post("/prompts/log", content=b'{"path":"a"}')

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "key-1"},
        {"x-api-key": "key-2"},
        {"authorization": "Bearer key-2"},
        {"authorization": "bearer key-1"},
    ],
)
def test_a_key_opens(locked, headers):
    """The contract's header and a bearer token are taken alike."""
    answer = httpx.post(f"{locked.url}/prompts/log", json=BODY, headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "key-3"},
        {"x-api-key": "ké"},
        {"authorization": "Bearer"},
        {"authorization": "Basic ???"},
        {"authorization": "Digest key-1"},
    ],
)
def test_no_key_or_a_wrong_one_is_401(locked, headers):
    """Nothing is read, nothing written, and the answer is the contract's."""
    encoded = {name: value.encode() for name, value in headers.items()}
    for answer in (
        httpx.get(f"{locked.url}/v5/logs/none", headers=encoded),
        httpx.post(f"{locked.url}/prompts/log", json=BODY, headers=encoded),
        httpx.get(f"{locked.url}/", headers=encoded),
    ):
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Invalid API key"}


def test_a_browser_signs_in_with_the_key_as_password(locked):
    """Pages need a key as well; a browser asks for it by itself."""
    assert "Basic" in httpx.get(locked.url).headers["www-authenticate"]
    assert httpx.get(locked.url, auth=("anyone", "key-1")).status_code == 200


def test_a_receiver_for_others_needs_a_key(tmp_path):
    """Listening beyond this machine without a key is refused at the start."""
    with pytest.raises(ConfigurationError, match="key"):
        start_in_thread(host="0.0.0.0", db=tmp_path / "open.db")  # noqa: S104


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
@pytest.mark.parametrize("name", ["rate_limit", "min_rate"])
def test_a_rate_of_nothing_is_refused_at_the_start(tmp_path, name, rate):
    """And not with every request; no file is made for it."""
    with pytest.raises(ConfigurationError, match=f"{name}: not more than 0"):
        start_in_thread(db=tmp_path / "logs.db", **{name: rate})

    assert list(tmp_path.iterdir()) == []


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({}, 401, "Reload the page"),
        ({"host": "evil.example"}, 403, "does not answer to this host name"),
    ],
)
def test_whom_the_gate_holds_up_is_told_on_a_page(locked, headers, status, sentence):
    """People in a browser; programs get JSON, with the same status and headers."""
    page = httpx.get(f"{locked.url}/", headers=headers | BROWSER)
    answer = httpx.get(f"{locked.url}/", headers=headers)

    assert (page.status_code, answer.status_code) == (status, status)
    assert page.headers["content-type"].startswith("text/html")
    assert sentence in page.text
    assert isinstance(answer.json()["detail"], str)
    for name in ("www-authenticate", "content-security-policy"):
        assert page.headers.get(name) == answer.headers.get(name)


def test_who_asks_too_often_is_told_on_a_page(tmp_path):
    """And when to come again."""
    running = start_in_thread(db=tmp_path / "logs.db", rate_limit=0.001)
    pages = [httpx.get(running.url, headers=BROWSER) for _ in range(9)]
    style = httpx.get(f"{running.url}/static/style.css")
    running.stop()

    refused = [page for page in pages if page.status_code == 429]
    assert refused
    assert "<h1>Too many requests</h1>" in refused[0].text
    assert int(refused[0].headers["retry-after"]) > 0
    assert style.status_code == 200


def test_without_a_key_a_page_has_its_looks(locked):
    """The style sheet is no secret; whatever else there is, is one."""
    assert httpx.get(f"{locked.url}/static/style.css").status_code == 200
    for path in ("/static/../logs", "/static/%2e%2e/logs", "/static/..%2flogs"):
        assert httpx.get(f"{locked.url}{path}").status_code in {401, 404}


@pytest.mark.parametrize("key", ["", " ", "a b ", "ключ", "a\nb"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - it is refused
def test_a_key_that_nobody_can_present_opens_no_door(tmp_path, host, key):
    """A variable that is empty is a mistake, not a receiver that lets everybody in."""
    with pytest.raises(ConfigurationError, match="api_keys: must be printable ASCII"):
        start_in_thread(host, db=tmp_path / "logs.db", api_keys=["right", key])


@pytest.mark.parametrize(
    "name", ["", "http://logs.example", "logs.example:80", "logs.example/", "bücher.de"]
)
def test_a_host_that_no_browser_would_name_is_refused(tmp_path, name):
    """At the start, and not with every request that comes by that name."""
    with pytest.raises(ConfigurationError, match="hosts: must be a host name"):
        start_in_thread(db=tmp_path / "logs.db", hosts=[name])


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("Logs.Example", "logs.example"),
        ("127.0.0.2", "127.0.0.2:8420"),
        ("fd00::1", "[fd00::1]:8420"),
    ],
)
def test_one_more_name_is_answered_to(tmp_path, name, host):
    """In whatever case it was written."""
    running = start_in_thread(db=tmp_path / "logs.db", hosts=[name])
    answer = httpx.get(f"{running.url}/logs", headers={"host": host})
    running.stop()

    assert answer.status_code == 200


def test_this_machine_s_own_name_needs_no_key_in_any_case(tmp_path):
    """It is the same machine."""
    running = start_in_thread("LocalHost", db=tmp_path / "logs.db")
    answer = httpx.get(f"{running.url}/logs")
    running.stop()

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/logs", "/logs/nope", "/nope", "/static/style.css"]
)
def test_every_answer_carries_the_policy(client, path):
    """No answer may run script, be framed, or be guessed at."""
    headers = client.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("PUT", "/prompts/log", 405),
        ("DELETE", "/prompts/log/x", 404),
    ],
)
def test_unknown_routes_answer_in_the_contracts_form(client, method, path, status):
    """Even a route that is not there answers with a detail."""
    answer = client.request(method, path)

    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
