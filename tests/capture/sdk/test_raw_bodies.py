"""``with_streaming_response``: what is read of an answer without parsing it, is logged.

Needs the SDKs (``pip install promptscribe[sdks]``).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import time

import pytest

from promptscribe import log_prompt
from promptscribe._capture.raw_body import RawBody, reading
from promptscribe._capture.tape import Tape
from promptscribe.testing import captured_logs

openai = pytest.importorskip("openai")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ASK = [{"role": "user", "content": "Weather?"}]
CHAT = {"model": "gpt-5-mini", "messages": ASK}
STREAM = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
CLAUDE = {"model": "claude-sonnet-5", "max_tokens": 99, "messages": ASK}
FACTS = ("Let me look.", "tool_calls", 2006, 300)
CLAUDE_FACTS = ("Let me look.", "tool_use", 2009, 393)
PIECES = ["iter_lines", "iter_text", "iter_bytes"]
WHOLE = ["read", "text"]


def facts(log):
    return log.output, log.finish_reason, log.prompt_tokens, log.output_tokens


def read(manager, way):
    with manager as answer:
        found = getattr(answer, way)()
        return list(found) if way in PIECES else found


async def read_async(manager, way):
    async with manager as answer:
        found = getattr(answer, way)()
        return [x async for x in found] if way in PIECES else await found


@pytest.mark.parametrize("way", [*PIECES, *WHOLE])
@pytest.mark.parametrize("asked", [CHAT, STREAM], ids=["whole", "stream"])
def test_what_is_read_is_logged_as_if_it_was_parsed(client, way, asked):
    """It arrives as undecorated, and the log has output, reason and tokens."""
    ask = client.chat.completions.with_streaming_response.create
    undecorated = read(ask(**asked), way)

    with captured_logs() as logs:
        got = read(log_prompt(ask)(**asked), way)

    assert got == undecorated
    assert facts(logs[0]) == FACTS
    assert logs[0].output_message["tool_calls"][0]["function"]["name"]
    assert len(logs) == 1
    assert ("time_to_first_token" in logs[0].metadata) == (asked is STREAM)


@pytest.mark.parametrize("way", [*PIECES, *WHOLE])
def test_an_asynchronous_client_is_read_likewise(provider, way):
    """The same of events that are read by an event loop."""

    async def main(d):
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            ask = client.chat.completions.with_streaming_response.create
            return await read_async(d(ask)(**STREAM), way)

    undecorated = asyncio.run(main(lambda f: f))
    with captured_logs() as logs:
        got = asyncio.run(main(log_prompt))

    assert got == undecorated
    assert facts(logs[0]) == FACTS


def test_inspect_finds_what_it_found_undecorated(client, provider):
    """Whether a method gives a generator, and what it takes."""
    ask = client.chat.completions.with_streaming_response.create

    def kinds(answer):
        found = [getattr(answer, way) for way in [*PIECES, *WHOLE, "json"]]
        ask = inspect.isgeneratorfunction, inspect.isasyncgenfunction
        ask += inspect.iscoroutinefunction, inspect.signature
        return [[question(method) for question in ask] for method in found]

    async def main(d):
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as other:
            ask = other.chat.completions.with_streaming_response.create
            async with d(ask)(**STREAM) as answer:
                return kinds(answer)

    for d in (log_prompt, lambda f: log_prompt(log_prompt(f))):
        with captured_logs(), ask(**STREAM) as undecorated, d(ask)(**STREAM) as answer:
            assert kinds(answer) == kinds(undecorated)
            assert asyncio.run(main(d)) == asyncio.run(main(lambda f: f))


def test_what_goes_into_a_file_is_read_like_any(client, tmp_path):
    """Speech mostly does; its log said that the answer was closed early."""
    ask = {"model": "tts-1", "voice": "alloy", "input": "why?"}
    speak = log_prompt(client.audio.speech.with_streaming_response.create)

    with captured_logs() as logs, speak(**ask) as answer:
        answer.stream_to_file(tmp_path / "speech")

    assert (tmp_path / "speech").read_bytes() == b'{"said": "aloud"}'
    (log,) = logs
    assert (log.output, log.metadata) == ('{"said":"aloud"}', None)


@pytest.mark.parametrize("way", [*PIECES, *WHOLE, "parse"])
@pytest.mark.parametrize("asked", [CHAT, STREAM], ids=["whole", "stream"])
def test_a_function_that_calls_a_decorated_one_is_told_likewise(client, way, asked):
    """Each of them has the answer."""
    ask = client.chat.completions.with_streaming_response.create

    def parse(manager):
        with manager as answer:
            parsed = answer.parse()
            return list(parsed) if asked is STREAM else parsed

    with captured_logs() as logs:
        manager = log_prompt(log_prompt(ask))(**asked)
        parse(manager) if way == "parse" else read(manager, way)

    assert [facts(log) for log in logs] == [FACTS, FACTS]


@pytest.mark.parametrize("way", [*PIECES, *WHOLE, "parse"])
def test_an_asynchronous_function_that_calls_one_likewise(provider, way):
    """The same of events that are read by an event loop."""

    async def parse(manager):
        async with manager as answer:
            return [x async for x in await answer.parse()]

    async def main():
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            ask = client.chat.completions.with_streaming_response.create
            manager = log_prompt(log_prompt(ask))(**STREAM)
            await (parse(manager) if way == "parse" else read_async(manager, way))

    with captured_logs() as logs:
        asyncio.run(main())

    assert [facts(log) for log in logs] == [FACTS, FACTS]


@pytest.mark.parametrize("way", PIECES)
def test_what_is_thrown_into_pieces_reaches_the_sdk(client, way):
    """And what it makes of that, its consumer."""
    ask = client.chat.completions.with_streaming_response.create
    problem = ValueError("the consumer's")

    def throw(manager):
        with manager as answer:
            pieces = getattr(answer, way)()
            next(pieces)
            with pytest.raises(ValueError, match="consumer's") as caught:
                pieces.throw(problem)
            names = [entry.name for entry in caught.traceback]
            problem.__traceback__ = None
            return caught.value is problem, names[names.index(way) :], list(pieces)

    undecorated = throw(ask(**STREAM))
    with captured_logs():
        assert throw(log_prompt(ask)(**STREAM)) == undecorated


@pytest.mark.parametrize("way", ["iter_lines", "text", "json"])
def test_anthropics_answers_are_read_likewise(provider, way):
    """Its classes are of the same make."""
    client = pytest.importorskip("anthropic").Anthropic(base_url=provider)
    asked = CLAUDE | {"stream": way == "iter_lines"}

    with client, captured_logs() as logs:
        read(log_prompt(client.messages.with_streaming_response.create)(**asked), way)

    assert facts(logs[0]) == CLAUDE_FACTS


def test_a_loop_over_lines_that_stops_leaves_what_came(client):
    """As of a stream that is parsed: partial output, closed early, no error."""
    ask = log_prompt(client.chat.completions.with_streaming_response.create)

    with captured_logs() as logs, ask(**STREAM) as answer:
        for line in answer.iter_lines():
            if "Let" in line:
                break

    assert logs[0].output.startswith("Let")
    assert logs[0].metadata["stream"] == "closed early"
    assert logs[0].error is None


def test_a_connection_that_breaks_is_the_logs_error(provider):
    """The SDK's own exception passes, with what came before in the log."""
    with openai.OpenAI(base_url=f"{provider}/cut/v1", max_retries=0) as client:
        ask = log_prompt(client.chat.completions.with_streaming_response.create)

        with captured_logs() as logs, contextlib.ExitStack() as stack:
            answer = stack.enter_context(ask(**STREAM))
            with pytest.raises(Exception, match="peer closed") as caught:
                list(answer.iter_lines())

    assert logs[0].error.startswith(type(caught.value).__name__)
    assert logs[0].output


def test_the_readers_look_as_the_sdk_made_them(client):
    """Names, signatures and kinds; and nothing is left on the SDK's object."""
    with client.chat.completions.with_streaming_response.create(**CHAT) as plain:
        members = set(vars(plain))
        with (
            captured_logs(),
            log_prompt(client.chat.completions.with_streaming_response.create)(
                **CHAT
            ) as answer,
        ):
            for name in [*PIECES, *WHOLE, "json"]:
                ours, theirs = getattr(answer, name), getattr(plain, name)
                assert ours.__name__ == theirs.__name__
                assert inspect.signature(ours) == inspect.signature(theirs)
            answer.read()
            assert set(vars(answer)) == members


def test_of_an_answer_that_nobody_read_there_is_no_output(client):
    """Not an empty one, which would say that the model was silent."""
    ask = log_prompt(client.chat.completions.with_streaming_response.create)

    with captured_logs() as logs, ask(**CHAT) as answer:
        assert answer.status_code == 200

    assert logs[0].output is None
    assert logs[0].metadata["stream"] == "closed early"


def answering(content):
    """Return a client's transport that gives one answer: a stream of events."""
    httpx = pytest.importorskip("httpx")
    kind = {"content-type": "text/event-stream"}
    answer = httpx.Response(200, headers=kind, content=content)
    return httpx.MockTransport(lambda _: answer)


def test_an_event_of_very_many_lines_holds_nobody_up():
    """Each of its lines may be an event's last: it is not read anew at each."""
    few, many = (min(read_lines(n) for _ in range(3)) for n in (1_000, 8_000))

    assert many < 24 * few  # eight times as many; by a square it would be 64


def read_lines(most):
    """Return the CPU seconds that an event of so many lines takes to be read."""
    httpx = pytest.importorskip("httpx")
    text = json.dumps({"id": "x", "padding": ["p" * 1_000] * most}, indent=0)
    events = "".join(f"data: {line}\n" for line in text.splitlines()).encode()
    http = httpx.Client(transport=answering(events))
    local = {"base_url": "http://none", "api_key": "none"}

    with openai.OpenAI(http_client=http, **local) as client:
        ask = log_prompt(client.chat.completions.with_streaming_response.create)
        begun = time.thread_time()
        with captured_logs() as logs, ask(**STREAM) as answer:
            lines = sum(1 for _ in answer.iter_lines())
        took = time.thread_time() - begun

    assert lines == len(text.splitlines())
    assert len(logs) == 1
    return took


def test_a_loop_that_stops_is_closed_once_as_its_event_loop_ends():
    """Not by the event loop and by ours at a time, of which one would fail."""
    told, kept, closed = [], [], []

    class Answer:
        async def iter_bytes(self):
            try:
                while True:
                    yield b"data: {}\n\n"
            finally:
                await asyncio.sleep(0)
                closed.append(self)

    async def main(iter_bytes):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        pieces = iter_bytes()
        async for _ in pieces:
            break
        kept.append(pieces)

    asyncio.run(main(Answer().iter_bytes))
    body = RawBody(Tape(lambda *_: None))
    asyncio.run(main(reading(Answer().iter_bytes, body)))

    assert len(closed) == len(kept) == 2
    assert not told
