"""Addresses and keys: nothing that is configured, or answered, steers a request."""

from __future__ import annotations

import string
from urllib.parse import urlsplit

from hypothesis import example, given
from hypothesis import strategies as st
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import log_prompt
from promptscribe._runtime.state import runtime
from promptscribe.errors import ConfigurationError
from promptscribe.testing import isolated

PARTS = st.sampled_from(
    [
        *("http://", "https://", "file://", "//", "user:pw@", "@", "host", "127.0.0.1"),
        *(":80", ":0", ":99999", "/v5", "?q=1", "#f", "\r\nX-Evil: 1", "\n", "\t", " "),
        *("\0", "\x7f", "\u2028", "[::1]", "[", "%0d%0a", "\\", "..", "\xe9"),
    ]
)
URLS = st.lists(PARTS | st.text(max_size=4), max_size=7).map("".join)


def refusal(**settings):
    """Return why settings are refused, None if they are not."""
    try:
        promptscribe.configure(**settings)
    except ConfigurationError as refused:
        return refused
    return None


@given(URLS)
@example("http://host/\r\nX-Evil: 1")
@example("http://ho\nst")
@example("https://user@host")
def test_a_url_is_legal_or_refused(text):
    """What is accepted is http or https, has a host, no user name, no control bytes."""
    with isolated():
        problem = refusal(base_url=text, allow_insecure=True)
        url = runtime.settings.base_url
    if problem is not None:
        assert problem.name == "base_url"
        return
    parts = urlsplit(url)
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    assert parts.username is None
    assert parts.password is None
    assert parts.query + parts.fragment == ""
    assert url.isprintable()
    assert " " not in url


VISIBLE = set(string.ascii_letters + string.digits + string.punctuation)


@given(st.text() | st.text(st.characters(min_codepoint=1, max_codepoint=130)))
@example("key\r\nX-Evil: 1")
@example("key\x7f")
@example(" key")
def test_a_key_is_printable_ascii_or_refused(text):
    """So that it stays one header field; the refusal does not show it."""
    with isolated():
        problem = refusal(api_key=text)
        key = runtime.settings.api_key
    if problem is not None:
        assert problem.name == "api_key"
        assert len(text) < 12 or text not in str(problem)
        return
    key = key.reveal()
    assert key == text
    assert set(key[:1] + key[-1:]) <= VISIBLE
    assert set(key) <= VISIBLE | {" "}


@log_prompt(path="address/call")
def call(mark):
    return mark


def test_no_answer_leads_a_log_elsewhere(server, tmp_path):
    """Whatever the server names, in headers or body: the next log goes to itself."""
    with_other = Server()
    other = with_other.url
    headers = {
        "Location": f"{other}/prompts/log",
        "Content-Location": other,
        "Refresh": f"0; url={other}",
        "Alt-Svc": f'h2="{other}"',
        "Link": f"<{other}>; rel=canonical",
        "Set-Cookie": "session=evil",
    }
    body = f'{{"url": "{other}", "base_url": "{other}"}}'.encode()
    server.offer = {"bulk": False, "url": other, "bulk_url": other}
    statuses = iter([200, 201, 202])
    server.judge = lambda _seen: Reply(next(statuses, 200), headers, body, store=True)
    promptscribe.configure(
        base_url=server.url, journal_dir=tmp_path / "journal", export=True
    )
    for mark in range(5):
        call(mark)
        promptscribe.force_flush(30)
    with_other.close()

    assert promptscribe.stats().delivered == 5
    assert with_other.requests == []
    assert len(server.stored) == 5
    assert all("cookie" not in seen.headers for seen in server.requests)
