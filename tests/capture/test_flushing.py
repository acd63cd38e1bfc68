"""``flush=True``: delivered before the caller goes on, or the time is up."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import types
import weakref

import pytest
from tests.environment import clean_environment
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import ConfigurationError, log_prompt
from promptscribe.testing import MemoryTransport

pytestmark = pytest.mark.slow

LONG = 600
"""Seconds that nothing here takes on any machine, unless it waits for what it must
not: what has to be waited for comes at once."""

FROZEN = """
import asyncio, inspect, os, signal, sys
from promptscribe import log_prompt

def freeze():
    os.kill(os.getpid(), signal.SIGSTOP)

@log_prompt(path="frozen/inner", flush=True)
def inner():
    return "in"

@log_prompt(path="frozen/call", flush=True)
def function():
    return inner()

@log_prompt(path="frozen/call", flush=True)
def failing():
    inner()
    raise ValueError("told")

@log_prompt(path="frozen/call", flush=True)
async def coroutine():
    return inner()

@log_prompt(path="frozen/call", flush=True)
def generator():
    yield inner()
    yield "more"

@log_prompt(path="frozen/call", flush=True)
async def async_generator():
    yield inner()
    yield "more"

if sys.version_info >= (3, 12):
    @log_prompt(path="frozen/call", flush=True)
    @inspect.markcoroutinefunction
    def marked():
        return answer()

async def answer():
    return inner()

def call_function():
    function()

def call_failing():
    try:
        failing()
    except ValueError:
        pass

def call_coroutine():
    asyncio.run(coroutine())

def call_marked():
    asyncio.run(marked())

def call_generator():
    list(generator())

def call_closed():
    steps = generator()
    next(steps)
    steps.close()

def call_async_generator():
    async def main():
        async for _ in async_generator():
            pass
        freeze()
    asyncio.run(main())

def call_block():
    with log_prompt("frozen/call", flush=True):
        inner()

def call_async_block():
    async def main():
        async with log_prompt("frozen/call", flush=True):
            inner()
        freeze()
    asyncio.run(main())

globals()["call_" + sys.argv[1]]()
freeze()
"""


@pytest.fixture
def server():
    """A real server that stores what it is sent."""
    server = Server(offer={"bulk": True})
    yield server
    server.close()


@pytest.fixture
def configured(server, tmp_path):
    """Have promptscribe deliver to the server; further settings by keyword."""

    def configure(**settings):
        usual = {"base_url": server.url, "export": True, "flush_timeout": LONG}
        promptscribe.configure(journal_dir=tmp_path, **{**usual, **settings})

    configure()
    return configure


def paths(server):
    return sorted(log["path"] for log in server.stored.values())


@pytest.mark.parametrize(
    "kind",
    [
        *("function", "failing", "coroutine", "generator", "closed"),
        *("async_generator", "block", "async_block"),
        pytest.param(
            "marked",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 12),
                reason="inspect.markcoroutinefunction is of 3.12",
            ),
        ),
    ],
)
def test_a_process_that_is_frozen_at_once_has_delivered(kind, server, tmp_path):
    """It stops itself in the line after the call, with all of its threads."""
    process = subprocess.Popen(
        [sys.executable, "-c", FROZEN, kind],
        env=clean_environment()
        | {
            "PROMPTSCRIBE_BASE_URL": server.url,
            "PROMPTSCRIBE_JOURNAL_DIR": str(tmp_path),
            "PROMPTSCRIBE_FLUSH_TIMEOUT": "30",
        },
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert paths(server) == ["frozen/call", "frozen/inner"]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_the_outermost_call_waits_once(server, configured):
    """Not each call inside: the server hears of them together."""
    answers, all_made = [], threading.Event()
    server.judge = lambda seen: all_made.wait(LONG / 4) and Reply()

    @log_prompt(path="flush/inner", flush=True)
    def inner():
        answers.append(len(server.stored))

    @log_prompt(path="flush/outer", flush=True)
    def outer():
        for _ in range(20):
            inner()
        all_made.set()

    @log_prompt(path="flush/around")
    def around():
        outer()
        answers.append(len(server.stored))

    around()

    # Those inside did not wait, each for its own; the one around does not ask for it.
    assert answers == [0] * 20 + [21]


def test_a_server_that_hangs_costs_the_timeout_and_no_more(server, configured):
    """The call returns what it returned, and the log is kept."""
    release = threading.Event()
    server.judge = lambda seen: release.wait(LONG) and Reply()
    configured(flush_timeout=0.3)

    @log_prompt(flush=True)
    def answer():
        return "42"

    begun = time.monotonic()
    said = answer()
    took = time.monotonic() - begun
    stored = len(server.stored)
    release.set()

    assert (said, stored) == ("42", 0)
    assert 0.1 <= took < LONG
    assert promptscribe.force_flush(20).pending == 0


def test_a_server_that_is_down_costs_one_attempt(server, configured, tmp_path):
    """Each call tries once, and goes on when that fails."""
    server.close()

    @log_prompt(flush=True)
    def answer():
        return "42"

    begun = time.monotonic()
    assert [answer() for _ in range(5)] == ["42"] * 5
    assert time.monotonic() - begun < LONG
    assert promptscribe.stats().pending == 5


def test_a_server_that_asks_to_be_left_alone_is(server, configured):
    """For an hour, if it says so; the calls go on without waiting."""
    asked = []

    def judge(_seen):
        asked.append(time.monotonic())
        return Reply(429, {"Retry-After": "3600"}, whole=True)

    server.judge = judge

    @log_prompt(flush=True)
    def answer():
        return "42"

    begun = time.monotonic()
    assert [answer() for _ in range(5)] == ["42"] * 5
    assert len(asked) == 1
    assert time.monotonic() - begun < LONG


def test_the_event_loop_goes_on_meanwhile(server, configured):
    """While the server takes its time, other tasks run."""
    is_asked, has_ticked = threading.Event(), threading.Event()
    went_on = []

    def judge(_seen):
        is_asked.set()
        went_on.append(has_ticked.wait(LONG / 4))
        return Reply()

    @log_prompt(flush=True)
    async def answer():
        return "42"

    async def tick():
        await asyncio.to_thread(is_asked.wait, LONG)
        for _ in range(20):
            await asyncio.sleep(0.001)
        has_ticked.set()

    async def main():
        server.judge = judge
        await asyncio.gather(tick(), answer())

    asyncio.run(main())

    assert len(server.stored) == 1
    assert went_on == [True]  # the server waited for that


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_it_works_in_every_loop(server, configured, anyio_backend):
    """Asyncio and trio."""

    @log_prompt(path="flush/coroutine", flush=True)
    async def coroutine():
        return "42"

    @log_prompt(path="flush/steps", flush=True)
    async def steps():
        sent = yield 1
        yield sent

    assert await coroutine() == "42"
    assert paths(server) == ["flush/coroutine"]
    made = steps()
    assert await made.asend(None) == 1
    assert await made.asend("back") == "back"
    await made.aclose()
    assert paths(server) == ["flush/coroutine", "flush/steps"]


async def test_what_a_coroutine_lets_go_of_is_free_while_it_waits(configured):
    """An argument that nobody else holds goes with the body's own name for it."""

    class Large:
        pass

    @log_prompt(flush=True)
    async def call(document):
        held = weakref.ref(document)
        del document
        await asyncio.sleep(0)
        return held() is None

    assert await call(Large())


def test_busy_threads_of_trio_do_not_hold_it_up(server, configured):
    """It waits for its own delivery, not for the program's other work."""
    trio = pytest.importorskip("trio")
    has_ended = threading.Event()
    was_let_go = []

    @log_prompt(path="flush/coroutine", flush=True)
    async def answer():
        return "42"

    async def main():
        trio.to_thread.current_default_thread_limiter().total_tokens = 1
        async with trio.open_nursery() as nursery:
            is_busy = threading.Event()

            def work():
                is_busy.set()
                was_let_go.append(has_ended.wait(LONG))

            nursery.start_soon(trio.to_thread.run_sync, work)
            while not is_busy.is_set():
                await trio.lowlevel.checkpoint()
            await answer()
            stored = paths(server), list(was_let_go)
            has_ended.set()
        return stored

    assert trio.run(main) == (["flush/coroutine"], [])
    assert was_let_go == [True]  # the thread was busy until then


def test_who_is_cancelled_is_not_held_up(server, configured):
    """A timeout around the call is kept, also while it waits for the server."""
    release = threading.Event()
    server.judge = lambda seen: release.wait(LONG) and Reply()

    @log_prompt(flush=True)
    async def answer(seconds):
        await asyncio.sleep(seconds)

    async def main(seconds):
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer(seconds), 0.2)
        return time.monotonic() - begun

    took = asyncio.run(main(LONG)), asyncio.run(main(0))
    release.set()

    assert sum(took) < LONG


def test_a_decorated_function_is_what_it_was(configured):
    """Kinds, names, values sent and thrown, and the exception itself."""

    @log_prompt(flush=True)
    def steps():
        try:
            sent = yield 1
        except KeyError as thrown:
            sent = thrown
        yield sent
        return "end"

    @log_prompt(flush=True)
    async def coroutine():
        return "42"

    error = ValueError("mine")

    @log_prompt(flush=True)
    def failing():
        raise error

    def whole():
        return (yield from steps())

    made = steps()
    assert inspect.isgeneratorfunction(steps)
    assert inspect.isgenerator(made)
    assert made.__name__ == "steps"
    assert next(made) == 1
    assert isinstance(made.throw(KeyError("in")), KeyError)
    consumer = whole()
    assert [next(consumer), consumer.send("x")] == [1, "x"]
    with pytest.raises(StopIteration) as stopped:
        next(consumer)
    assert stopped.value.value == "end"
    awaiting = coroutine()
    assert inspect.iscoroutine(awaiting)
    assert awaiting.__name__ == "coroutine"
    assert asyncio.run(awaiting) == "42"
    with pytest.raises(ValueError, match="mine") as raised:
        failing()
    assert raised.value is error
    frames = [entry.name for entry in raised.traceback]
    assert frames == ["test_a_decorated_function_is_what_it_was", "failing"]


def test_a_wrong_value_is_refused():
    """At once, by name."""
    with pytest.raises(ConfigurationError, match="flush: must be True or False"):
        log_prompt(flush="yes")


def test_where_others_deliver_there_is_nothing_to_wait_for(configured):
    """With export=False the call returns at once; an agent has it soon."""
    configured(export=False)

    @log_prompt(flush=True)
    def answer():
        return "42"

    begun = time.monotonic()
    answer()
    assert time.monotonic() - begun < LONG


def test_a_generator_that_is_awaited_still_is(server, configured):
    """``types.coroutine``; it is a generator all the same."""

    @log_prompt(path="flush/awaited", flush=True)
    @types.coroutine
    def awaited():
        yield from asyncio.sleep(0).__await__()
        return 3

    @types.coroutine
    def delegating():
        return (yield from awaited())

    async def main():
        return await awaited(), paths(server), await delegating()

    assert asyncio.run(main()) == (3, ["flush/awaited"], 3)
    assert inspect.isgenerator(awaited())


async def test_a_chunk_is_let_go_of_as_soon_as_its_consumer_does(configured):
    """It may be large, or hold a connection."""

    class Chunk:
        pass

    @log_prompt(flush=True)
    async def steps():
        yield Chunk()
        yield Chunk()

    @log_prompt(flush=True)
    def plain_steps():
        yield Chunk()
        yield Chunk()

    made, plain = steps(), plain_steps()
    chunks = weakref.ref(await anext(made)), weakref.ref(next(plain))
    await anext(made)
    next(plain)
    last = weakref.ref(await anext(steps()))

    assert [chunk() for chunk in (*chunks, last)] == [None] * 3
    await made.aclose()


async def test_an_error_before_the_first_step_shows_the_function(configured):
    """Thrown into what has not begun; no line of ours is in the traceback."""

    @log_prompt(flush=True)
    def steps():
        yield 1

    @log_prompt(flush=True)
    async def async_steps():
        yield 1

    @log_prompt(flush=True)
    async def coroutine():
        return 1

    @log_prompt(flush=True)
    @types.coroutine
    def awaited():
        yield 1

    shown = []
    for made in (steps(), coroutine(), awaited()):
        with pytest.raises(KeyError) as caught:
            made.throw(KeyError("in"))
        shown.append(caught.traceback[1:])
    with pytest.raises(KeyError) as caught:
        await async_steps().athrow(KeyError("in"))
    shown.append(caught.traceback[1:])

    names = [[entry.name for entry in entries] for entries in shown]
    files = {str(entry.path) for entries in shown for entry in entries}
    assert names == [["steps"], ["coroutine"], ["awaited"], ["async_steps"]]
    assert files == {__file__}


def test_a_coroutine_that_nobody_awaits_is_warned_of_once(configured):
    """By its name."""

    @log_prompt(flush=True)
    async def forgotten():
        pass

    with pytest.warns(RuntimeWarning, match="forgotten' was never awaited") as warned:
        forgotten()

    assert len(warned) == 1


def test_a_generator_that_leaves_a_call_that_waits_is_delivered(server, configured):
    """Made inside of it, read outside: its log ends later than that of the call."""

    @log_prompt(path="flush/steps", flush=True)
    def steps():
        yield 1

    @log_prompt(path="flush/outer", flush=True)
    def outer():
        return steps()

    assert list(outer()) == [1]
    assert paths(server) == ["flush/outer", "flush/steps"]


def test_what_ends_in_a_thread_of_delivery_s_own_waits_for_nothing(configured):
    """A generator that is collected there: it would be for itself."""

    @log_prompt(path="flush/steps", flush=True)
    def steps():
        yield 1

    held = []

    class Collecting(MemoryTransport):
        def send(self, request):
            held.clear()
            return super().send(request)

    server = Collecting()
    configured(transport=server)
    held.append(steps())
    assert next(held[0]) == 1

    log_prompt(path="flush/call", flush=True)(len)("42")
    assert promptscribe.force_flush(LONG).pending == 0
    assert sorted(body["path"] for body in server.bodies) == [
        "flush/call",
        "flush/steps",
    ]


def test_a_handler_of_logging_that_flushes_holds_nothing_up(server, configured):
    """It is called where the warning comes from: in delivery's own thread."""
    server.judge = lambda seen: Reply(422)
    flushed = threading.Event()

    class Flushing(logging.Handler):
        def emit(self, record):
            promptscribe.force_flush(LONG)
            flushed.set()

    handler = Flushing()
    logging.getLogger("promptscribe").addHandler(handler)
    try:
        log_prompt(path="flush/refused", flush=True)(len)("42")
    finally:
        logging.getLogger("promptscribe").removeHandler(handler)

    assert flushed.wait(LONG)
    assert promptscribe.force_flush(LONG).rejected == 1
