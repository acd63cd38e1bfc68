"""Whatever code of others raises while we record, the user's call goes on."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading

import pytest
import trio

import promptscribe
from promptscribe import current_log, extract, inject, log_prompt, start_log
from promptscribe.testing import FixedClock, captured_logs


def cancelled():
    """Return what trio raises into a task that is cancelled; it has no constructor."""
    caught = []

    async def main():
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                caught.append(error)
                raise

    trio.run(main)
    return caught[0]


FOREIGN = {
    "Exception": lambda: ValueError("foreign"),
    "SystemExit": lambda: SystemExit(3),
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "trio.Cancelled": cancelled,
    "pytest.exit": lambda: pytest.exit.Exception("stop"),
    "RecursionError": RecursionError,
}
each_error = pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)


class Hostile:
    """Raises whatever it is asked."""

    def __init__(self, error):
        object.__setattr__(self, "_error", error)

    def __getattribute__(self, name):
        raise object.__getattribute__(self, "_error")

    def __str__(self):
        raise object.__getattribute__(self, "_error")

    __repr__ = __len__ = __iter__ = __bool__ = __fspath__ = __hash__ = __str__


def odd_exception(error, *names):
    """Return an exception of which these attributes raise."""

    def fail(self, *args):
        raise error

    members = {n: property(fail) if n != "__str__" else fail for n in names}
    return type("Odd", (Exception,), members)()


ASKED = ("__str__", "__notes__", "__cause__", "__context__", "__class__")


@each_error
@pytest.mark.parametrize("name", ASKED)
def test_an_exception_that_cannot_be_described_reaches_the_caller(make, name):
    """As the same object; the log has its type, and what could be read."""
    error = odd_exception(make(), name)

    @log_prompt
    def fail():
        raise error

    async def fail_later():
        fail()

    def fail_between():
        yield 1
        fail()

    decorated = log_prompt(fail_later), log_prompt(fail_between)
    with captured_logs() as logs:
        for call in (fail, decorated[0]().__await__, lambda: list(decorated[1]())):
            try:
                result = call()
                result.send(None)
            except BaseException as raised:  # noqa: BLE001
                assert raised is error  # noqa: PT017
            else:
                raise AssertionError("it returned")

    assert [log.error.partition(":")[0] for log in logs] == ["Odd"] * 5
    assert not current_log()


def with_option(**options):
    def use(error):
        def fail(*args, **kwargs):
            raise error

        made = dict.fromkeys(options, fail)
        return log_prompt(**made)(lambda text: text)("kept")

    return use


def with_setting(error):
    def fail(text):
        raise error

    promptscribe.configure(redact=fail)
    return log_prompt(lambda text: text)("kept")


def with_logging(error):
    """Our own log line goes to a handler of the user's that raises."""

    class Handler(logging.Handler):
        def emit(self, record):
            raise error

    handler = Handler()
    logging.getLogger("promptscribe").addHandler(handler)
    try:
        with log_prompt("a") as log:
            log.record_request(None)
        return "kept"
    finally:
        logging.getLogger("promptscribe").removeHandler(handler)


def with_printed_arguments(error):
    quiet = logging.Logger("quiet")  # noqa: LOG001 - pytest puts no handler on it
    quiet.addHandler(logging.NullHandler())

    @log_prompt(capture_stdout=True)
    def call():
        quiet.warning("%s %s", 1, Hostile(error))
        return "kept"

    return call()


def with_headers(error):
    class Headers(dict):
        def items(self):
            raise error

        __iter__ = get = __setitem__ = items

    with extract(Headers()), log_prompt("a"):
        inject(Headers())
    return "kept"


def with_request(error):
    class Request(dict):
        def items(self):
            raise error

    with log_prompt("a") as log:
        log.record_request(Request())
    return "kept"


def with_template(error):
    prompt = {"model": "m", "template": [{"role": "user", "content": "{{x}} {{y}}"}]}

    @log_prompt(prompt=prompt)
    def call(x, y):
        return current_log().populate()[0]["content"]

    assert call(Hostile(error), "y") == "{{x}} y"
    return "kept"


def with_values(error):
    @log_prompt
    def call(*values):
        return values[0]

    hostile = Hostile(error)
    assert call(hostile, [hostile], {"x": hostile}) is hostile
    log = start_log("a", inputs={"x": hostile})
    log.update(metadata={"x": hostile})
    log.end(hostile)
    return "kept"


def with_response(error):
    """An SDK parses the body of a raw response when it is asked to."""

    def parse(self):
        raise error

    members = {"__module__": "openai._legacy_response", "is_closed": True}
    kind = type("LegacyAPIResponse", (), {**members, "parse": parse})
    response = kind()
    assert log_prompt(lambda: response)() is response
    return "kept"


def with_clock(error):
    class Broken(FixedClock):
        def monotonic_ns(self):
            raise error

    started = start_log("a")
    with captured_logs(clock=Broken()):
        started.end("done")
        start_log("a").end("done")
        kept = log_prompt(lambda: "kept")()
    with log_prompt("a"):  # one with a clock that works
        return kept


PLACES = {
    "a clock": with_clock,
    "a raw response": with_response,
    "output_transform": with_option(output_transform=True),
    "prompt": with_option(prompt=True),
    "redact": with_option(redact=True),
    "redact, configured": with_setting,
    "a handler of logging": with_logging,
    "arguments of a log line": with_printed_arguments,
    "headers": with_headers,
    "a request": with_request,
    "a template": with_template,
    "values": with_values,
}


@each_error
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_foreign_code_raises_stays_with_us(make, place):
    """The call returns what it returned, and is logged."""
    with captured_logs() as logs:
        assert place(make()) == "kept"

    assert logs
    assert all(log.error is None for log in logs)
    assert not current_log()


def in_transform():
    def interrupt(result):
        raise KeyboardInterrupt

    log_prompt(output_transform=interrupt)(lambda: 1)()


def in_hook():
    def interrupt(text):
        if text == "text":
            raise KeyboardInterrupt
        return text

    with log_prompt("a", redact=interrupt) as log:
        log.update(output="text")


def in_description():
    def fail():
        raise odd_exception(KeyboardInterrupt(), "__str__")

    log_prompt(fail)()


def in_description_of_a_stream():
    def fail():
        yield 1
        raise odd_exception(KeyboardInterrupt(), "__notes__")

    list(log_prompt(fail)())


@pytest.mark.parametrize(
    "call", [in_transform, in_hook, in_description, in_description_of_a_stream]
)
def test_ctrl_c_is_never_swallowed_and_the_log_is_ended(call):
    """It may be the user's own, and strike while somebody's hook runs."""
    with captured_logs() as logs, pytest.raises(KeyboardInterrupt):
        call()

    assert len(logs) == 1
    assert logs[0].end_time is not None
    assert not current_log()


class TooLate(BaseException):
    """What a program's own time limit raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on Windows")
@pytest.mark.parametrize("kind", [TooLate, SystemExit, TimeoutError])
def test_what_a_signal_handler_raises_reaches_the_user(kind):
    """A time limit that runs out while a hook is at work is no failure of the hook."""
    began = threading.Event()

    def on_alarm(number, frame):
        raise kind("time is up")

    def transform(result):
        began.set()
        signal.raise_signal(signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        with captured_logs() as logs, pytest.raises(kind):
            log_prompt(output_transform=transform)(lambda: 1)()
    finally:
        signal.signal(signal.SIGALRM, before)

    assert began.is_set()
    assert len(logs) == 1
