"""Streams behind a real server that closes generators wherever it likes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import threading

import pytest

from promptscribe import current_log, log_prompt
from promptscribe.testing import captured_logs

starlette_responses = pytest.importorskip("starlette.responses")
starlette_applications = pytest.importorskip("starlette.applications")
starlette_routing = pytest.importorskip("starlette.routing")
uvicorn = pytest.importorskip("uvicorn")

pytestmark = pytest.mark.slow

ended = threading.Event()


@log_prompt(path="step")
def step():
    return "x" * 100


@log_prompt(path="endless")
async def endless():
    try:
        while True:
            yield step()
            await asyncio.sleep(0)
    finally:
        ended.set()


@log_prompt(path="endless")
def endless_plain():
    try:
        while True:
            yield step()
    finally:
        ended.set()


@log_prompt(path="endless")
async def waiting():
    try:
        yield step()
        await asyncio.Event().wait()
    finally:
        ended.set()


@log_prompt(path="endless")
async def three():
    yield "a"
    yield "b"
    yield "c"


class AsyncStream:
    """As an SDK's."""

    __module__ = "openai._streaming"

    async def __aiter__(self):
        while True:
            yield "x" * 100
            await asyncio.sleep(0)


@log_prompt(path="endless")
def of_an_sdk():
    return AsyncStream()


@log_prompt(path="request")
async def answer(request, stream):
    return starlette_responses.StreamingResponse(stream())


@contextlib.contextmanager
def serving(stream):
    """Serve a stream on a free port until the block ends, then stop in order."""

    async def endpoint(request):
        return await answer(request, stream)

    app = starlette_applications.Starlette(
        routes=[starlette_routing.Route("/", endpoint)]
    )
    config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextlib.contextmanager
def connected(port):
    """Ask for the stream on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        yield client


@pytest.mark.parametrize("stream", [endless, endless_plain, waiting, of_an_sdk])
def test_a_client_that_leaves_mid_stream_ends_the_log(stream, caplog, capsys):
    """One log with what came, under its request; nothing on stderr, nothing current."""
    ended.clear()

    with captured_logs() as logs, caplog.at_level(logging.DEBUG):
        with serving(stream) as port, connected(port) as client:
            while b"xxx" not in client.recv(4096):
                pass
        # Starlette leaves a plain generator to it, decorated or not; and what another
        # object's loop runs on it never closes.
        gc.collect()
        assert ended.is_set() or stream is of_an_sdk

    streams = [log for log in logs if log.path == "endless"]
    request = next(log for log in logs if log.path == "request")
    steps = [log for log in logs if log.path == "step"]
    assert len(streams) == 1
    assert streams[0].trace_parent_id == request.log_id
    assert streams[0].output.startswith("xxx")
    assert (streams[0].error or "CancelledError").startswith("CancelledError")
    assert streams[0].error or streams[0].metadata["stream"] == "closed early"
    assert {log.trace_parent_id for log in steps} <= {streams[0].log_id}
    assert steps or stream is of_an_sdk
    noise = caplog.text + capsys.readouterr().err
    assert "Context" not in noise
    assert "Traceback" not in noise
    assert not current_log()


def test_a_client_that_stays_gets_every_chunk(caplog, capsys):
    """The log is that of any stream that was read to its end."""
    with captured_logs() as logs, serving(three) as port, connected(port) as client:
        received = b"".join(iter(lambda: client.recv(4096), b""))

    stream = next(log for log in logs if log.path == "endless")
    assert received.endswith(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n")
    assert (stream.output, stream.error) == ("abc", None)
    assert "Context" not in caplog.text + capsys.readouterr().err
