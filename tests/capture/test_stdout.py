"""Captured output: what a call prints and logs, in its own log and nobody else's."""

# ruff: noqa: T201 - printing is the point

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
import logging
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import wrapt
from hypothesis import given
from hypothesis import strategies as st

import promptscribe
from promptscribe import current_log, log_prompt, propagate
from promptscribe._capture.sink import LONGEST_OUTPUT, Sink
from promptscribe.errors import ConfigurationError
from promptscribe.testing import captured_logs

captures = log_prompt(capture_stdout=True)


@captures
def say(*words):
    print(*words)
    return words


@log_prompt
def say_uncaptured(*words):
    print(*words)


@pytest.fixture(autouse=True)
def _streams_are_put_back():
    """Whatever a test does, streams and `logging` are afterwards what they were."""
    before = (sys.stdout, sys.stderr, logging.Logger.callHandlers)
    yield
    assert (sys.stdout, sys.stderr, logging.Logger.callHandlers) == before
    assert not current_log()


def printed(logs):
    """Return what each log says was printed, by the last part of its path."""
    return {log.path.rpartition("/")[2]: log.stdout for log in logs}


# Whose text -------------------------------------------------------------------------


def test_prints_and_log_records_go_to_the_log_and_where_they_would_have(capsys):
    """In the order in which they were made; the record as LEVEL logger: message."""

    @captures
    def work():
        print("out", 1)
        sys.stderr.write("err\n")
        logging.getLogger("app.db").warning("slow: %d ms", 7)
        sys.stdout.writelines(["a", "b\n"])

    with captured_logs() as logs:
        work()

    assert logs[0].stdout == "out 1\nerr\nWARNING app.db: slow: 7 ms\nab\n"
    screen = capsys.readouterr()
    assert screen.out == "out 1\nab\n"
    assert screen.err.startswith("err\n")


def test_without_the_option_nothing_is_captured_and_nothing_touched():
    """The streams are the very objects that they are elsewhere."""

    @log_prompt
    def work():
        return sys.stdout, sys.stderr, logging.Logger.callHandlers

    before = (sys.stdout, sys.stderr, logging.Logger.callHandlers)
    with captured_logs() as logs:
        inside = work()
        say_uncaptured("x")

    assert inside == before
    assert [log.stdout for log in logs] == [None, None]


def test_a_call_that_prints_nothing_has_no_stdout():
    """Nothing is not an empty text."""
    with captured_logs() as logs, log_prompt("a/quiet", capture_stdout=True):
        pass

    assert logs[0].stdout is None


def test_text_goes_to_the_innermost_call_that_captures():
    """Not to the ones around it; a call that does not capture is no one's border."""

    @captures
    def outer():
        print("before")
        say("inner")
        say_uncaptured("between")
        print("after")

    with captured_logs() as logs:
        outer()

    assert printed(logs) == {
        "say": "inner\n",
        "say_uncaptured": None,
        "outer": "before\nbetween\nafter\n",
    }


async def test_concurrent_tasks_do_not_mix(capsys):
    """200 interleaved calls: each log has its own lines, all of them, and no other."""

    @captures
    async def work(number):
        for step in range(3):
            print(number, step)
            await asyncio.sleep(0)

    with captured_logs() as logs:
        await asyncio.gather(*(work(n) for n in range(200)), _print_beside())

    for log in logs:
        number = log.inputs["number"]
        assert log.stdout == f"{number} 0\n{number} 1\n{number} 2\n"
    assert len(logs) == 200
    assert "beside" in capsys.readouterr().out


async def _print_beside():
    for _ in range(3):
        print("beside")
        await asyncio.sleep(0)


def test_concurrent_threads_do_not_mix():
    """Each thread's call has its own text; all of them run at the same time."""
    barrier = threading.Barrier(4)

    @captures
    def work(number):
        for step in range(50):
            print(number, step)
            if step % 10 == 0:
                barrier.wait(30)

    with captured_logs() as logs, ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    for log in logs:
        number = log.inputs["number"]
        assert log.stdout == "".join(f"{number} {step}\n" for step in range(50))


async def test_threads_that_were_given_the_context_belong_to_the_call():
    """`asyncio.to_thread` and `propagate` give it, a plain thread has none."""

    @captures
    async def work():
        await asyncio.to_thread(print, "to_thread")
        for target in (propagate(print), print):
            thread = threading.Thread(target=target, args=(target.__class__.__name__,))
            thread.start()
            thread.join()

    with captured_logs() as logs:
        await work()

    assert logs[0].stdout == "to_thread\nBound\n"


async def test_a_task_that_outlives_its_call_prints_for_the_call_around():
    """The log that has ended cannot take it; the one around is the next."""
    go = asyncio.Event()

    async def late():
        await go.wait()
        print("late")

    @captures
    async def inner():
        return asyncio.ensure_future(late())

    @captures
    async def outer():
        task = await inner()
        go.set()
        await task

    with captured_logs() as logs:
        await outer()

    assert printed(logs) == {"inner": None, "outer": "late\n"}


# Every kind of call -----------------------------------------------------------------


class Bot:
    @captures
    def method(self, word):
        print(word)

    @classmethod
    @captures
    def made(cls, word):
        print(word)

    @captures
    @staticmethod
    def static(word):
        print(word)

    @captures
    async def coroutine(self, word):
        print(word)


def test_methods_of_every_kind_are_captured():
    """On either side of classmethod and staticmethod; inputs are as ever."""
    with captured_logs() as logs:
        Bot().method("a")
        Bot.made("b")
        Bot.static("c")
        asyncio.run(Bot().coroutine("d"))

    assert [log.stdout for log in logs] == ["a\n", "b\n", "c\n", "d\n"]
    assert [log.inputs for log in logs] == [{"word": w} for w in "abcd"]


def test_a_generator_prints_during_its_steps(capsys):
    """What the consumer prints between is the consumer's."""

    @captures
    def count(limit):
        print("begin")
        for number in range(limit):
            got = yield number
            print("got", got)
        return "done"

    def run():
        generator = count(2)
        print("consumer", next(generator))
        generator.send("x")
        with contextlib.suppress(StopIteration):
            generator.send("y")

    with captured_logs() as logs:
        run()

    assert logs[0].stdout == "begin\ngot x\ngot y\n"
    assert capsys.readouterr().out == "begin\nconsumer 0\ngot x\ngot y\n"


@pytest.mark.parametrize("ending", ["close", "throw", "abandon"])
def test_a_generator_that_ends_early_keeps_its_text(ending):
    """Also what it prints while it is closed."""

    @captures
    def count():
        try:
            print("one")
            yield 1
        finally:
            print("cleanup")

    with captured_logs() as logs:
        generator = count()
        next(generator)
        if ending == "close":
            generator.close()
        elif ending == "throw":
            with pytest.raises(KeyError):
                generator.throw(KeyError("k"))
        del generator

    assert [log.stdout for log in logs] == ["one\ncleanup\n"]


async def test_an_asynchronous_generator_prints_during_its_steps():
    """Also while it is closed early."""

    @captures
    async def count(limit):
        try:
            for number in range(limit):
                print(number)
                await asyncio.sleep(0)
                yield number
        finally:
            print("cleanup")

    with captured_logs() as logs:
        async for _ in count(2):
            print("consumer")
        async with contextlib.aclosing(count(2)) as generator:
            await anext(generator)

    assert [log.stdout for log in logs] == ["0\n1\ncleanup\n", "0\ncleanup\n"]


async def test_what_passes_for_a_generator_and_makes_none_gives_what_it_gave():
    """A wrapper may have the code of what it calls, and return what it likes."""

    @wrapt.decorator
    def listed(wrapped, _instance, args, kwargs):
        return list(wrapped(*args, **kwargs))

    @wrapt.decorator
    def begun(wrapped, _instance, args, kwargs):
        return anext(wrapped(*args, **kwargs))

    @captures
    @listed
    def chunks():
        yield 1

    @captures
    @begun
    async def later():
        yield 2

    with captured_logs():
        assert chunks() == [1]
        assert await later() == 2


async def test_a_generator_that_is_awaited_prints_and_still_is():
    """``types.coroutine``."""

    @captures
    @types.coroutine
    def awaited():
        print("before")
        yield from asyncio.sleep(0).__await__()
        print("after")
        return 3

    async def fail():
        raise KeyError

    @captures
    @types.coroutine
    def failing():
        print("so far")
        yield from fail()

    with captured_logs() as logs:
        got = await asyncio.create_task(_awaiting(awaited))
        with pytest.raises(KeyError) as caught:
            await failing()

    assert got == 3
    assert printed(logs) == {"awaited": "before\nafter\n", "failing": "so far\n"}
    assert [entry.name for entry in caught.traceback][1:] == ["failing", "fail"]


async def _awaiting(function):
    return await function()


async def test_blocks_capture_in_with_and_async_with():
    """The same option, the same result; also when the block fails."""
    with captured_logs() as logs:
        with log_prompt("a/block", capture_stdout=True):
            print("one")
            async with log_prompt("a/inner", capture_stdout=True):
                print("two")
        failed = log_prompt("a/failed", capture_stdout=True)
        with contextlib.suppress(KeyError), failed:
            print("three")
            raise KeyError
        print("outside")

    assert printed(logs) == {"inner": "two\n", "block": "one\n", "failed": "three\n"}


class _Unbound:
    """A proxy outside of what it stands for, as werkzeug's."""

    def __getattribute__(self, name):
        raise RuntimeError("working outside of request context")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_cannot_be_replaced_costs_no_log_and_no_call(name, monkeypatch):
    """It stays where it is, the other one is captured; blocks and functions alike."""

    @captures
    def work():
        other.write("work\n")
        return getattr(sys, name)

    with monkeypatch.context() as patch, captured_logs() as logs:
        odd = _Unbound()
        patch.setattr(sys, name, odd)
        with log_prompt("a/block", capture_stdout=True):
            other = sys.stderr if name == "stdout" else sys.stdout
            other.write("block\n")
            seen = getattr(sys, name)
        seen_inside = work()

    assert seen is odd
    assert seen_inside is odd
    assert printed(logs) == {"block": "block\n", "work": "work\n"}
    assert promptscribe.stats().reasons["stdout_failed"] == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_call_that_raises_keeps_its_text_and_its_traceback(error):
    """The exception is the same, and shows none of our frames."""
    problem = error("bad")

    @captures
    def fail():
        print("so far")
        raise problem

    with captured_logs() as logs, pytest.raises(error) as caught:
        fail()

    assert caught.value is problem
    assert [entry.name for entry in caught.traceback][1:] == ["fail"]
    assert logs[0].stdout == "so far\n"


async def test_a_coroutine_that_raises_keeps_its_text_and_its_traceback():
    """As a function does."""

    @captures
    async def fail():
        print("so far")
        await asyncio.sleep(0)
        raise ValueError("bad")

    with captured_logs() as logs, pytest.raises(ValueError, match="bad") as caught:
        await fail()

    assert [entry.name for entry in caught.traceback][1:] == ["fail"]
    assert logs[0].stdout == "so far\n"


def test_wrong_arguments_are_told_as_ever():
    """The function's own words; a coroutine function tells them at once."""

    @captures
    async def coroutine(word):
        pass

    @captures
    def generator(word):
        yield word

    for function in (say, coroutine, generator):
        with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
            function(wrong=1)


def test_while_nothing_is_recorded_nothing_is_captured():
    """`enabled=False` leaves the streams alone."""
    promptscribe.configure(enabled=False)

    @captures
    def work():
        return sys.stdout

    assert work() is sys.stdout


def test_the_option_is_checked_where_the_function_is_decorated():
    """By its name, as all others."""
    with pytest.raises(ConfigurationError, match="capture_stdout"):
        log_prompt(capture_stdout="yes")


# What is kept -----------------------------------------------------------------------


def test_long_output_keeps_both_ends_and_says_what_is_missing():
    """64 K characters, and how many more there were."""
    with captured_logs() as logs, log_prompt("a/long", capture_stdout=True):
        print("first")
        for number in range(50_000):
            print(number)
        print("x" * 10, "last")

    text = logs[0].stdout
    total = len("first\n") + sum(len(f"{n}\n") for n in range(50_000)) + 16
    assert text.startswith("first\n0\n1\n")
    assert text.endswith("49999\nxxxxxxxxxx last\n")
    assert f"\n… [{total - LONGEST_OUTPUT} characters cut]\n" in text
    assert len(text) < LONGEST_OUTPUT + 50


@given(st.lists(st.integers(0, 50_000), max_size=12))
def test_the_cut_is_counted_exactly(lengths):
    """Whatever the pieces: the head, the tail and the count add up to all of it."""
    text = "".join(chr(33 + n % 90) * n for n in lengths)
    sink = Sink(None)
    for number in lengths:
        sink.take(chr(33 + number % 90) * number)

    kept = sink.close()

    half = LONGEST_OUTPUT // 2
    cut = len(text) - LONGEST_OUTPUT
    expected = text
    if cut > 0:
        expected = f"{text[:half]}\n… [{cut} characters cut]\n{text[-half:]}"
    assert kept == expected


def test_what_the_user_says_wins_over_what_is_captured():
    """As with every other member, and the rest of the update stays."""

    @captures
    def work():
        print("captured")
        current_log().update(stdout="said", user="u")

    with captured_logs() as logs:
        work()

    assert (logs[0].stdout, logs[0].user) == ("said", "u")


def test_redaction_and_save_apply():
    """Secrets in the output are taken out; without payload there is none."""
    key = "sk-abcdefghijklmnopqrstuvwxyz"

    with captured_logs() as logs:
        with log_prompt("a/redacted", capture_stdout=True, redact=True):
            print("key", key)
        with log_prompt("a/bare", capture_stdout=True, save=False):
            print("key", key)

    assert logs[0].stdout == "key [redacted]\n"
    assert logs[1].stdout is None


# The streams ------------------------------------------------------------------------


def test_the_streams_are_the_same_objects_afterwards():
    """Also after interleaved calls, as tasks make them."""
    before = (sys.stdout, sys.stderr)
    one, other = contextvars.copy_context(), contextvars.copy_context()
    block = log_prompt("a/x", capture_stdout=True)

    with captured_logs() as logs:
        one.run(block.__enter__)
        other.run(block.__enter__)
        assert sys.stdout is not before[0]
        one.run(print, "one")
        one.run(block.__exit__, None, None, None)
        other.run(print, "other")
        other.run(block.__exit__, None, None, None)

    assert [log.stdout for log in logs] == ["one\n", "other\n"]
    assert (sys.stdout, sys.stderr) == before
    assert sys.stdout is before[0]


def test_a_captured_stream_is_a_stream_in_every_respect(tmp_path, monkeypatch):
    """Its class, buffer, file descriptor, encoding, and what ``write`` returns."""
    with (tmp_path / "out").open("w+", encoding="latin-1") as file:
        monkeypatch.setattr(sys, "stdout", file)

        with captured_logs() as logs, log_prompt("a/x", capture_stdout=True):
            out = sys.stdout
            assert isinstance(out, io.TextIOWrapper)
            assert (out.fileno(), out.isatty()) == (file.fileno(), False)
            assert (out.encoding, out.buffer) == ("latin-1", file.buffer)
            assert out.write("ü\n") == 2
            out.flush()
            out.buffer.write(b"bytes\n")
            out.buffer.flush()
            out.reconfigure(encoding="utf-8")
            print("é", file=out, flush=True)

        file.flush()
        written = (tmp_path / "out").read_bytes()
        assert sys.stdout is file
        monkeypatch.undo()
    assert written == "ü\n".encode("latin-1") + b"bytes\n" + "é\n".encode()
    assert logs[0].stdout == "ü\né\n"


def test_a_stream_of_the_plainest_kind_will_do(monkeypatch):
    """A notebook's has ``write`` and ``flush``, and little more; some have none."""

    class Cell:
        def __init__(self):
            self.text = ""

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    cell = Cell()
    monkeypatch.setattr(sys, "stdout", cell)
    monkeypatch.setattr(sys, "stderr", None)

    with captured_logs() as logs:
        say("hello")

    inside = (sys.stdout, sys.stderr)
    monkeypatch.undo()
    assert inside == (cell, None)
    assert (logs[0].stdout, cell.text) == ("hello\n", "hello\n")


def test_what_a_stream_raises_reaches_whoever_prints():
    """A closed file, a wrong type: the same exceptions, and nothing is captured."""
    closed = io.StringIO()
    closed.close()

    @captures
    def work():
        with pytest.raises(TypeError):
            sys.stdout.write(1)
        with pytest.raises(TypeError):
            sys.stdout.writelines([1])
        with contextlib.redirect_stdout(closed), pytest.raises(ValueError):  # noqa: PT011
            say("x")

    with captured_logs() as logs:
        work()

    assert printed(logs) == {"say": None, "work": None}


def test_streams_that_are_missing_or_take_no_text_disturb_nobody(monkeypatch):
    """Someone may have deleted one; another one may be for bytes."""
    chunks = []
    for_bytes = io.StringIO()
    for_bytes.write = chunks.append
    monkeypatch.setattr(sys, "stdout", for_bytes)
    monkeypatch.delattr(sys, "stderr")

    with captured_logs() as logs, log_prompt("a/x", capture_stdout=True):
        sys.stdout.write(b"bytes")
        sys.stdout.write("text")

    monkeypatch.undo()
    assert chunks == [b"bytes", "text"]
    assert logs[0].stdout == "text"
    assert promptscribe.force_flush(0).reasons == {"stdout_failed": 1}


def test_what_is_redirected_goes_where_it_is_redirected_to():
    """Inside of a call it is the redirecting code's; around it, all is as ever."""

    @captures
    def work():
        with contextlib.redirect_stdout(io.StringIO()) as away:
            print("away")
        print("here")
        return away.getvalue()

    with captured_logs() as logs, contextlib.redirect_stdout(io.StringIO()) as around:
        assert work() == "away\n"
        assert say("nested")
        assert sys.stdout is around

    assert printed(logs) == {"work": "here\n", "say": "nested\n"}
    assert around.getvalue() == "here\nnested\n"


def test_a_redirection_that_outlives_the_call_is_undone_properly(capsys):
    """It puts our stand-in back, which goes out of the way with the first text."""
    before = sys.stdout
    block = log_prompt("a/x", capture_stdout=True)
    redirection = contextlib.redirect_stdout(io.StringIO())

    with captured_logs() as logs:
        block.__enter__()
        redirection.__enter__()
        block.__exit__(None, None, None)
        redirection.__exit__(None, None, None)
        print("later")
        assert sys.stdout is before
        say("again")

    assert capsys.readouterr().out == "later\nagain\n"
    assert printed(logs) == {"x": None, "say": "again\n"}


def test_text_that_passes_two_stand_ins_is_captured_once(monkeypatch):
    """A stream that writes to the one before it is a usual thing."""

    class Prefixed(io.StringIO):
        def __init__(self, stream):
            super().__init__()
            self.stream = stream

        def write(self, text):
            return self.stream.writelines([text])

    with captured_logs() as logs, log_prompt("a/outer", capture_stdout=True):
        with contextlib.redirect_stdout(Prefixed(sys.stdout)):
            say("inner")
        print("outer")

    assert printed(logs) == {"say": "inner\n", "outer": "outer\n"}


# Log records ------------------------------------------------------------------------


@contextlib.contextmanager
def bare_logging():
    """Have `logging` as a program finds it: no handler anywhere, not even pytest's."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def test_a_record_that_nobody_handles_is_printed_as_ever(capsys):
    """`logging.lastResort` prints it, and it is captured once."""
    block = log_prompt("a/x", capture_stdout=True)

    with captured_logs() as logs, bare_logging(), block:
        logging.getLogger("app").warning("careful")
        logging.getLogger("app").info("not enabled")

    assert logs[0].stdout == "WARNING app: careful\n"
    assert capsys.readouterr().err == "careful\n"


def test_logging_can_be_set_up_inside_of_the_call(capsys):
    """`basicConfig` finds what it would find without us; its lines come once."""
    with captured_logs() as logs, bare_logging() as root:
        with log_prompt("a/x", capture_stdout=True):
            logging.basicConfig(format="%(message)s!", level=logging.INFO)
            logging.getLogger("app").info("ready")
        logging.getLogger("app").info("after")
        with log_prompt("a/y", capture_stdout=True):
            logging.getLogger("app").info("again")
        assert len(root.handlers) == 1

    assert printed(logs) == {"x": "INFO app: ready\n", "y": "INFO app: again\n"}
    assert capsys.readouterr().err == "ready!\nafter!\nagain!\n"


def test_records_are_captured_with_their_traceback_and_without_ours(caplog):
    """The exception's text follows; promptscribe's own lines are left out."""
    with captured_logs() as logs, log_prompt("a/x", capture_stdout=True):
        try:
            1 / 0  # noqa: B018 - it fails
        except ZeroDivisionError:
            logging.getLogger("app").exception("failed")
        logging.getLogger("promptscribe").warning("ours")
        logging.getLogger("promptscribe.x").warning("ours")

    lines = logs[0].stdout.splitlines()
    assert lines[:2] == ["ERROR app: failed", "Traceback (most recent call last):"]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert len(caplog.records) == 3


def test_a_record_whose_arguments_do_not_fit_disturbs_nobody(monkeypatch, capsys):
    """`logging` complains as it does, and the log says that there was something."""
    monkeypatch.setattr(logging, "raiseExceptions", False)

    with captured_logs() as logs, log_prompt("a/x", capture_stdout=True):
        logger = logging.getLogger("app")
        monkeypatch.setattr(logger, "handlers", [logging.NullHandler()])
        monkeypatch.setattr(logger, "propagate", False)
        logger.warning("%d", "no number")

    assert logs[0].stdout == "WARNING app: <arguments do not fit>\n"


def test_what_a_handler_raises_reaches_whoever_logs():
    """Most never do; with ours around or not, it is the same."""

    class Strict(logging.Handler):
        def emit(self, record):
            raise KeyError(record.msg)

    logger = logging.Logger("app")  # noqa: LOG001 - it is gone with the test
    logger.addHandler(Strict())

    with captured_logs() as logs, log_prompt("a/x", capture_stdout=True):
        with pytest.raises(KeyError):
            logger.warning("one")
        print("text")

    assert logs[0].stdout == "text\n"


def test_somebody_who_taps_logging_meanwhile_keeps_working():
    """Sentry's SDK does: its stand-in stays in place, and ours behind it is silent."""
    seen = []
    before = logging.Logger.callHandlers

    with captured_logs() as logs:
        with log_prompt("a/x", capture_stdout=True):
            ours = logging.Logger.callHandlers

            def tap(logger, record):
                seen.append(record.msg)
                ours(logger, record)

            logging.Logger.callHandlers = tap
            logging.getLogger("app").warning("one")
        assert logging.Logger.callHandlers is tap
        with log_prompt("a/y", capture_stdout=True):
            logging.getLogger("app").warning("two")
        assert logging.Logger.callHandlers is tap
        logging.getLogger("app").warning("three")
        logging.Logger.callHandlers = before

    assert seen == ["one", "two", "three"]
    assert printed(logs) == {"x": "WARNING app: one\n", "y": "WARNING app: two\n"}


THREADS = """
import threading
from promptscribe import log_prompt
from promptscribe.testing import captured_logs

@log_prompt(capture_stdout=True)
def work():
    print("x")

def prints():
    while not done.is_set():
        print("a", "b", "c")

done = threading.Event()
with captured_logs() as logs:
    threads = [threading.Thread(target=prints) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2_000):
        work()
    done.set()
    for thread in threads:
        thread.join()
assert {log.stdout for log in logs} == {"x\\n"}
"""


@pytest.mark.slow
def test_a_thread_that_prints_meanwhile_does_not_crash():
    """CPython's ``print`` only borrows the stream that it prints to."""
    command = [sys.executable, "-c", THREADS]

    result = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)

    assert result.returncode == 0


# Processes --------------------------------------------------------------------------

FORK = """
import os, sys, threading
from promptscribe import log_prompt
from promptscribe.testing import captured_logs

out = sys.stdout
with captured_logs() as logs:
    with log_prompt("a/x", capture_stdout=True):
        print("parent", flush=True)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        print("still parent" if child else "child", flush=True)
print(repr(logs[0].stdout), sys.stdout is out, flush=True)
"""


def test_a_fork_inside_of_a_call_captures_on_both_sides():
    """Each process keeps the text that it saw, and gets its streams back."""
    result = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=True
    )

    assert sorted(result.stdout.splitlines()) == [
        "'parent\\nchild\\n' True",
        "'parent\\nstill parent\\n' True",
        "child",
        "parent",
        "still parent",
    ]
