import json
import socket
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from promptscribe.demo import script
from promptscribe.demo.agent import ANSWER, CLASSIFY, SUM_UP
from promptscribe.demo.scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def server():
    with ScriptedServer(pace=0) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as connected:
        yield connected


def ask(client, system="You are helpful.", **more):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "?"}]
    return client.chat.completions.create(
        **{"model": "gpt-4o-mini", "messages": messages, **more}
    )


def test_a_completion_is_read_by_the_real_client(client):
    """Text, reason, usage and the model's dated name are where they belong."""
    completion = ask(client)

    assert completion.choices[0].message.content == "This is a scripted answer."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "gpt-4o-mini-2024-07-18"
    usage = completion.usage
    assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens
    assert usage.completion_tokens == 6


@pytest.mark.parametrize(
    ("system", "begins"),
    [
        (CLASSIFY, "delivery"),
        (SUM_UP, "Order 4711 was paid"),
        (ANSWER, "I am sorry"),
    ],
)
def test_each_of_the_agents_prompts_has_its_answer(client, system, begins):
    """The script knows the agent's part."""
    completion = ask(client, system)

    assert completion.choices[0].message.content.startswith(begins)


def test_a_stream_brings_the_same_text_in_pieces_and_its_usage(client):
    """With ``include_usage`` the last chunk has the usage and no choice."""
    whole = ask(client, SUM_UP)
    chunks = list(
        ask(client, SUM_UP, stream=True, stream_options={"include_usage": True})
    )

    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert len(texts) > 20
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_has_no_usage_unless_asked_for(client):
    """As with the real provider."""
    chunks = list(ask(client, stream=True))

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_a_busy_server_turns_every_request_away(server):
    """The client raises what it raises for the real provider."""
    with (
        openai.OpenAI(base_url=server.busy_url, api_key="x", max_retries=0) as client,
        pytest.raises(openai.RateLimitError, match="Rate limit reached") as caught,
    ):
        ask(client)

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after-ms"] == "100"


def test_another_model_does_not_exist(client):
    """A wrong name is found out."""
    with pytest.raises(openai.NotFoundError, match="`gpt-9` does not exist") as caught:
        ask(client, model="gpt-9")

    assert caught.value.code == "model_not_found"


def test_the_models_are_listed(client):
    """There is one."""
    assert [model.id for model in client.models.list()] == ["gpt-4o-mini"]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/chat/completions", b"{", 400),
        ("POST", "/chat/completions", b"[]", 400),
        ("POST", "/chat/completions", b"\xff", 400),
        ("POST", "/chat/completions", b'{"model": "gpt-4o-mini"}', 400),
        ("POST", "/embeddings", b"{}", 404),
        ("GET", "/files", b"", 404),
    ],
)
def test_a_wrong_request_gets_an_error_body(server, method, path, content, status):
    """It has the shape that clients read messages from."""
    with httpx.Client() as client:
        answer = client.request(method, server.url + path, content=content)

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("messages", [[], [None], [{"content": 7}], ["text"]])
def test_odd_messages_are_answered_as_well(server, messages):
    """The script looks for text and does without."""
    body = {"model": "gpt-4o-mini", "messages": messages}
    with httpx.Client() as client:
        answer = client.post(f"{server.url}/chat/completions", json=body)

    assert answer.status_code == 200


def test_a_client_that_hangs_up_is_no_news(server, capfd):
    """It stops a stream in the middle, and the next one is answered."""
    body = json.dumps(
        {
            "model": "gpt-4o-mini",
            "stream": True,
            "messages": [{"role": "system", "content": ANSWER}],
        }
    ).encode()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    )
    port = urlsplit(server.url).port
    with socket.create_connection(("127.0.0.1", port)) as caller:
        # Closing with unread data resets the connection.
        caller.sendall(head % len(body) + body)
        caller.recv(10)

    with httpx.Client() as client:
        assert client.get(f"{server.url}/models").status_code == 200
    assert capfd.readouterr().err == ""


def test_pieces_make_up_the_text():
    """Nothing is lost between the pieces of a stream."""
    for reply in (*script.REPLIES, script.DEFAULT_REPLY):
        assert "".join(reply.pieces) == reply.text
