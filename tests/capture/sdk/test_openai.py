"""OpenAI's own SDK: what its users hold, read and close, and what is logged."""

from __future__ import annotations

import asyncio
import collections.abc
import gc

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

openai = pytest.importorskip("openai")

ASK = [{"role": "user", "content": "Weather?"}]
CHAT = {"model": "gpt-5-mini", "messages": ASK}
USAGE = {"stream_options": {"include_usage": True}}
STREAM = CHAT | USAGE | {"stream": True}
RESPOND = {"model": "gpt-5-mini", "input": "Weather?"}
CHAT_FACTS = ("Let me look.", "tool_calls", 2006, 300)
RESPONSE_FACTS = ("Let me look.", "completed", 328, 152)


def facts(log):
    return log.output, log.finish_reason, log.prompt_tokens, log.output_tokens


def read_raw(response):
    return list(response.parse())


def read_entered(manager):
    with manager as stream:
        return list(stream)


def read_final(manager):
    with manager as stream:
        return [stream.get_final_completion()]


def read_final_response(manager):
    with manager as stream:
        stream.until_done()
        return [stream.get_final_response()]


def read_streaming_response(manager):
    with manager as response:
        assert response.headers["content-type"] == "text/event-stream"
        return list(response.parse())


WAYS = {
    "chat stream": (lambda c: c.chat.completions.create(**STREAM), list),
    "raw stream": (
        lambda c: c.chat.completions.with_raw_response.create(**STREAM),
        read_raw,
    ),
    "streaming response": (
        lambda c: c.chat.completions.with_streaming_response.create(**STREAM),
        read_streaming_response,
    ),
    "chat helper": (
        lambda c: c.chat.completions.stream(**CHAT, **USAGE),
        read_entered,
    ),
    "chat helper, final": (
        lambda c: c.chat.completions.stream(**CHAT, **USAGE),
        read_final,
    ),
    "responses stream": (lambda c: c.responses.create(**RESPOND, stream=True), list),
    "responses helper": (lambda c: c.responses.stream(**RESPOND), read_entered),
    "responses helper, final": (
        lambda c: c.responses.stream(**RESPOND),
        read_final_response,
    ),
}


@pytest.mark.parametrize(("ask", "read"), WAYS.values(), ids=WAYS)
def test_a_stream_from_a_plain_function_is_one_log_of_all_it_said(client, ask, read):
    """Output, reason, tokens, chunk count and time to first token, by every way in."""
    with captured_logs() as logs:
        chunks = read(log_prompt(ask)(client))
        assert chunks == read(ask(client)) or len(chunks) == len(read(ask(client)))

    expected = (
        RESPONSE_FACTS if "responses" in str(ask.__code__.co_names) else CHAT_FACTS
    )
    assert [facts(log) for log in logs] == [expected]
    assert logs[0].metadata["chunks"] > 1
    assert 0 < logs[0].metadata["time_to_first_token"] < logs[0].provider_latency
    assert "stream" not in logs[0].metadata
    assert logs[0].error is None


@pytest.mark.parametrize(("ask", "read"), WAYS.values(), ids=WAYS)
def test_a_stream_that_record_is_given_is_logged_the_same(client, ask, read):
    """`current_log().record(stream)` inside of a block."""
    with captured_logs() as logs, log_prompt("block") as log:
        read(log.record(ask(client)))

    expected = (
        RESPONSE_FACTS if "responses" in str(ask.__code__.co_names) else CHAT_FACTS
    )
    assert [facts(log) for log in logs] == [expected]
    assert logs[0].metadata["time_to_first_token"] > 0


async def read_async(stream):
    return [chunk async for chunk in stream]


async def read_async_raw(response):
    return await read_async(response.parse())


async def read_async_final(manager):
    async with manager as stream:
        return [await stream.get_final_completion()]


async def read_async_streaming_response(manager):
    async with manager as response:
        return await read_async(await response.parse())


ASYNC_WAYS = {
    "chat stream": (lambda c: c.chat.completions.create(**STREAM), read_async),
    "raw stream": (
        lambda c: c.chat.completions.with_raw_response.create(**STREAM),
        read_async_raw,
    ),
    "streaming response": (
        lambda c: c.chat.completions.with_streaming_response.create(**STREAM),
        read_async_streaming_response,
    ),
    "chat helper": (
        lambda c: c.chat.completions.stream(**CHAT, **USAGE),
        read_async_final,
    ),
}


@pytest.mark.parametrize("kind", ["coroutine function", "plain function"])
@pytest.mark.parametrize(("ask", "read"), ASYNC_WAYS.values(), ids=ASYNC_WAYS)
def test_the_asynchronous_client_is_logged_the_same(provider, kind, ask, read):
    """Also where a plain function returns what its caller awaits."""

    async def main():
        async with openai.AsyncOpenAI(
            base_url=f"{provider}/v1", max_retries=0
        ) as client:

            async def ask_later():
                made = ask(client)
                return await made if asyncio.iscoroutine(made) else made

            function = ask_later if kind == "coroutine function" else ask
            args = () if function is ask_later else (client,)
            made = log_prompt(function)(*args)
            await read(await made if asyncio.iscoroutine(made) else made)
            assert not current_log()

    with captured_logs() as logs:
        asyncio.run(main())

    assert [facts(log) for log in logs] == [CHAT_FACTS]
    assert logs[0].metadata["chunks"] > 1


def test_a_whole_response_that_a_plain_function_leaves_to_its_caller(provider):
    """An awaited coroutine of the SDK's gives its response, and the log has it."""

    async def main():
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            return await log_prompt(client.chat.completions.create)(**CHAT)

    with captured_logs() as logs:
        response = asyncio.run(main())

    assert isinstance(response, openai.types.chat.ChatCompletion)
    assert [facts(log) for log in logs] == [CHAT_FACTS]
    assert "chunks" not in (logs[0].metadata or {})


def test_a_coroutine_of_the_sdks_that_nobody_awaits_warns_once(provider):
    """As without us; the log says that it was abandoned."""

    async def main():
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            log_prompt(lambda: client.chat.completions.create(**CHAT))()

    with captured_logs() as logs:
        with pytest.warns(RuntimeWarning) as warned:
            asyncio.run(main())
        texts = [str(warned.pop(RuntimeWarning).message)]
        texts += [str(warning.message) for warning in warned]
        gc.collect()

    assert len(texts) == 1
    assert "create' was never awaited" in texts[0]
    assert logs[0].metadata["stream"] == "abandoned"


def test_a_raw_response_is_logged_and_handed_on_as_itself(client):
    """`with_raw_response`: the same object, and what `parse` gives is the same, too."""
    with captured_logs() as logs:
        for _ in range(2):
            raw = log_prompt(client.chat.completions.with_raw_response.create)(**CHAT)
            assert type(raw).__module__.startswith("openai")
            assert raw.parse() is raw.parse()

    assert [facts(log) for log in logs] == [CHAT_FACTS] * 2
    assert {log.provider_response["model"] for log in logs} == {raw.parse().model}


def test_what_stands_for_a_stream_is_one_to_everybody(client):
    """`isinstance`, attributes and methods are those of the SDK's object."""
    with captured_logs():
        stream = log_prompt(client.chat.completions.create)(**STREAM)
        undecorated = client.chat.completions.create(**STREAM)

    assert isinstance(stream, openai.Stream)
    assert stream.response.status_code == 200
    assert isinstance(stream, collections.abc.Iterator)
    assert not isinstance(stream, collections.abc.AsyncIterable)
    assert {n for n in dir(undecorated) if n[0] != "_"} <= set(dir(stream))
    with pytest.raises(AttributeError, match="'Stream' object has no attribute 'x'"):
        _ = stream.x
    stream.close()
    undecorated.close()
    assert stream.response.is_closed


def test_an_asynchronous_stream_is_no_iterable(provider):
    """Frameworks choose by `isinstance`: Starlette's StreamingResponse does."""

    async def main():
        async with openai.AsyncOpenAI(base_url=f"{provider}/v1") as client:
            stream = await log_prompt(client.chat.completions.create)(**STREAM)
            assert isinstance(stream, openai.AsyncStream)
            assert isinstance(stream, collections.abc.AsyncIterator)
            assert not isinstance(stream, collections.abc.Iterable)
            await stream.close()

    with captured_logs() as logs:
        asyncio.run(main())

    assert logs[0].metadata["stream"] == "closed early"
