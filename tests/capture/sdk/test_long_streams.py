"""Long streams of the real SDKs: all is in the log, and nothing of it is held."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import tracemalloc
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")

pytestmark = pytest.mark.slow

ASK = [{"role": "user", "content": "Weather?"}]
GPT = {"model": "gpt-5-mini", "messages": ASK}
GPT_STREAM = GPT | {"stream": True, "stream_options": {"include_usage": True}}
CLAUDE = {"model": "claude-sonnet-5", "max_tokens": 99, "messages": ASK}
MIB = 1 << 20


def openai_lines(words):
    def line(choices, usage=None):
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-5-mini",
            "choices": choices,
            "usage": usage,
        }

    def choice(delta, reason=None):
        return [{"index": 0, "delta": delta, "finish_reason": reason}]

    yield line(choice({"role": "assistant", "content": ""}))
    for word in words:
        yield line(choice({"content": word}))
    yield line(choice({}, "stop"))
    yield line([], {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12})


def anthropic_lines(words):
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 1},
    }
    block = {"type": "text", "text": ""}
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for word in words:
        delta = {"type": "text_delta", "text": word}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 7},
    }
    yield {"type": "message_stop"}


class Talkative(BaseHTTPRequestHandler):
    """Sends as many words, of as many letters, as its address says."""

    def do_POST(self):
        size = int(self.headers.get("content-length") or 0)
        self.rfile.read(size)
        _, count, length, *_ = self.path.split("/")
        words = (f"{n} ".ljust(int(length)) for n in range(int(count)))
        is_claude = self.path.endswith("/messages")
        lines = anthropic_lines(words) if is_claude else openai_lines(words)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for line in lines:
            if "type" in line:
                self.wfile.write(f"event: {line['type']}\n".encode())
            self.wfile.write(f"data: {json.dumps(line)}\n\n".encode())
        if not is_claude:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Talkative) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def gpt(base):
    client = openai.OpenAI(api_key="none", base_url=f"{base}/v1", max_retries=0)
    clients.append(client)
    return client.chat.completions


def gpt_async(base):
    return openai.AsyncOpenAI(
        api_key="none", base_url=f"{base}/v1", max_retries=0
    ).chat.completions


def claude(base):
    client = anthropic.Anthropic(api_key="none", base_url=base, max_retries=0)
    clients.append(client)
    return client.messages


def claude_async(base):
    return anthropic.AsyncAnthropic(
        api_key="none", base_url=base, max_retries=0
    ).messages


clients = []


def entered(manager):
    with manager as stream:
        yield from stream


def texts(manager):
    with manager as stream:
        yield from stream.text_stream


def final(manager):
    with manager as stream:
        whole = stream.get_final_message()
        yield whole.content[0].text


async def entered_later(manager):
    async with manager as stream:
        async for event in stream:
            yield event


async def texts_later(manager):
    async with manager as stream:
        async for text in stream.text_stream:
            yield text


async def awaited(made):
    async for chunk in await made:
        yield chunk


WAYS = {
    "openai": (lambda b: gpt(b).create(**GPT_STREAM), iter),
    "openai helper": (
        lambda b: gpt(b).stream(**GPT, stream_options={"include_usage": True}),
        entered,
    ),
    "anthropic": (lambda b: claude(b).create(**CLAUDE, stream=True), iter),
    "anthropic helper": (lambda b: claude(b).stream(**CLAUDE), entered),
    "anthropic texts": (lambda b: claude(b).stream(**CLAUDE), texts),
    "anthropic final": (lambda b: claude(b).stream(**CLAUDE), final),
    "openai async": (lambda b: gpt_async(b).create(**GPT_STREAM), awaited),
    "anthropic async": (
        lambda b: claude_async(b).create(**CLAUDE, stream=True), awaited
    ),
    "anthropic async helper": (
        lambda b: claude_async(b).stream(**CLAUDE), entered_later
    ),
    "anthropic async texts": (lambda b: claude_async(b).stream(**CLAUDE), texts_later),
}  # fmt: skip
each_way = pytest.mark.parametrize(("ask", "read"), WAYS.values(), ids=WAYS)


def consume(ask, read, base, use=lambda chunk: None):
    """Read a stream to its end by one of the ways above."""
    chunks = read(log_prompt(ask)(base))
    if hasattr(chunks, "__aiter__"):

        async def main():
            async for chunk in chunks:
                use(chunk)
                assert not current_log()

        asyncio.run(main())
        return
    for chunk in chunks:
        use(chunk)
        assert not current_log()
    clients.pop().close()


@each_way
def test_every_word_of_a_long_answer_is_logged(address, ask, read):
    """Reason and usage with it, by every way in."""
    with captured_logs() as logs:
        consume(ask, read, f"{address}/3000/5")

    log = logs[0]
    assert len(logs) == 1
    assert log.output == "".join(f"{n} ".ljust(5) for n in range(3000))
    assert log.finish_reason in {"stop", "end_turn"}
    assert (log.prompt_tokens, log.output_tokens) == (5, 7)
    assert log.metadata["chunks"] > 3000
    assert "chunks_cut" not in log.metadata


@each_way
def test_no_chunk_is_held(address, ask, read):
    """What the consumer lets go of goes."""
    seen, most = [], [0]

    def alive():
        return sum(chunk() is not None for chunk in seen)

    def use(chunk):
        if not isinstance(chunk, str):
            seen.append(weakref.ref(chunk))
            most[0] = max(most[0], alive())

    with captured_logs():
        consume(ask, read, f"{address}/500/5", use)

    del use
    gc.collect()
    assert most[0] < 50
    assert alive() == 0


def spoil(chunk):
    """Change all that can be changed of a chunk."""
    for name, value in list(vars(chunk).items()):
        if isinstance(value, list):
            value.clear()
        elif isinstance(value, str) and name != "type":
            setattr(chunk, name, "spoiled")
        elif hasattr(value, "__dict__") and name != "snapshot":
            spoil(value)


@pytest.mark.parametrize("name", ["openai", "anthropic", "openai async"])
def test_what_a_consumer_does_with_its_chunks_does_not_show(address, name):
    """Some frameworks fill in, shorten or reuse them."""
    ask, read = WAYS[name]

    with captured_logs() as logs:
        consume(ask, read, f"{address}/20/5", spoil)

    assert logs[0].output == "".join(f"{n} ".ljust(5) for n in range(20))
    assert "spoiled" not in str(logs[0])
    assert (logs[0].prompt_tokens, logs[0].output_tokens) == (5, 7)


@pytest.mark.parametrize(
    "name", ["openai", "anthropic", "anthropic helper", "anthropic async"]
)
def test_of_an_endless_answer_reason_and_usage_are_right(address, name):
    """It is more than is kept: both ends are there, and how much is missing is said."""
    ask, read = WAYS[name]

    with captured_logs() as logs:
        tracemalloc.start()
        try:
            consume(ask, read, f"{address}/2500/5000")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    log = logs[0]
    assert log.finish_reason in {"stop", "end_turn"}
    assert (log.prompt_tokens, log.output_tokens) == (5, 7)
    assert log.metadata["chunks"] > 2500
    assert log.metadata["chunks_cut"] > 100
    assert log.output.startswith("0 ")
    # The helper's last event holds the whole answer: that is cut, and says so.
    assert log.output.rstrip().endswith(("2499", "characters cut]"))
    assert peak < 150 * MIB  # the SDKs' own snapshot of 12 MB among it
