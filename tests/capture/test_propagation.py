"""Propagation: the current log goes along to threads, processes and services."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import promptscribe
from promptscribe import (
    current_log,
    extract,
    inject,
    log_context,
    log_prompt,
    propagate,
)
from promptscribe.testing import FixedClock, captured_logs

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
FOREIGN = f"00-{TRACE}-{SPAN}-01"
LIMITS = {"bytes": 8_192, "entries": 64}


@log_prompt(path="a/leaf")
def leaf(number=0):
    return number


@log_prompt(path="a/leaf")
async def async_leaf(number=0):
    await asyncio.sleep(0)
    return number


def sent(**members):
    """Return the id of a log, and the headers of a request made inside of it."""
    headers = {}
    with captured_logs(), log_context(**members), log_prompt("a/sender") as log:
        inject(headers)
    return log.id, headers


def received(headers):
    """Return the log of a call that handles a request with these headers."""
    with captured_logs() as logs, extract(headers):
        leaf()
    return logs[0]


# Headers ----------------------------------------------------------------------------


def test_a_request_names_the_current_log_as_w3c_trace_context_does():
    """Version 00, the trace's id, the log's span id, and "recorded"."""
    log_id, headers = sent()

    assert headers["traceparent"] == f"00-{log_id[4:36]}-{log_id[36:]}-01"
    assert headers["baggage"] == f"promptscribe.parent={log_id}"


def test_outside_of_any_log_nothing_is_written():
    """No log, no headers, also inside of `log_context`."""
    headers = {}

    with log_context(user="u"):
        inject(headers)

    assert headers == {}


def test_the_handler_of_a_request_continues_its_trace():
    """The sender's log is the parent, its trace goes on, its members apply."""
    log_id, headers = sent(
        user="Ada Löve, lace;=%", environment="staging", batch_id="b", save=False
    )

    log = received(headers)

    assert log.trace_parent_id == log_id
    assert log.log_id[:36] == log_id[:36]
    assert log.user == "Ada Löve, lace;=%"
    assert (log.environment, log.batch_id, log.save) == ("staging", "b", False)


@given(
    st.dictionaries(
        st.text('bdnü =,;%0"', max_size=10),  # no word for a secret
        st.text(min_size=1, max_size=12)
        | st.integers(-(10**11), 10**11)  # longer ones may be card numbers
        | st.floats(-1e11, 1e11)
        | st.booleans(),
        max_size=5,
    )
)
@example({"a": "1", "b": 1, "c": "true", "d": '"x"', "e": "null", "f": "NaN"})
def test_small_values_of_metadata_arrive_as_they_were(metadata):
    """Text that looks like a number stays text, a number stays a number."""
    log = received(sent(metadata=metadata)[1])

    assert (log.metadata or {}) == metadata


def test_a_log_that_was_continued_hands_on_what_it_got():
    """Over three services: a gateway without logs of its own is transparent."""
    log_id, headers = sent(user="u", metadata={"session": "s-1"})
    onward = {}

    with extract(headers):
        inject(onward)

    assert onward == headers
    assert received(onward).trace_parent_id == log_id


def test_a_traceparent_that_is_there_already_is_left_alone():
    """OpenTelemetry's stays; our log travels in the baggage, and is read first."""
    headers = {"Traceparent": FOREIGN}

    with captured_logs(), log_prompt("a/sender") as log:
        inject(headers)

    assert headers["Traceparent"] == FOREIGN
    assert "traceparent" not in headers
    assert received(headers).trace_parent_id == log.id


def test_a_span_that_is_put_in_between_does_not_become_the_parent():
    """An instrumented client or a proxy may write its own span over ours."""
    log_id, headers = sent()
    headers["traceparent"] = FOREIGN

    assert received(headers).trace_parent_id == log_id


def test_headers_used_twice_name_the_log_of_the_second_request():
    """What we wrote ourselves before gives way."""
    headers = {}
    with captured_logs():
        with log_prompt("a/first"):
            inject(headers)
        with log_prompt("a/second") as second:
            inject(headers)

    assert headers["traceparent"] == f"00-{second.id[4:36]}-{second.id[36:]}-01"
    assert headers["baggage"] == f"promptscribe.parent={second.id}"


def test_the_baggage_of_others_stays_to_the_letter():
    """Their entries come first, with their properties; header names in any case."""
    headers = {"BAGGAGE": "userId=Am%C3%A9lie;ttl=3 , x=1"}

    with captured_logs(), log_context(user="u"), log_prompt("a/sender") as log:
        inject(headers)

    assert headers["BAGGAGE"].split(",") == [
        "userId=Am%C3%A9lie;ttl=3",
        "x=1",
        f"promptscribe.parent={log.id}",
        "promptscribe.user=u",
    ]


@pytest.mark.parametrize(
    "existing",
    ["", "k=" + "v" * 8_000, "k=" + "v" * 9_000, ",".join(["k=v"] * 60), "k=v," * 90],
    ids=["none", "long", "too long", "many", "too many"],
)
def test_baggage_keeps_to_the_limits_of_w3c(existing):
    """8,192 bytes and 64 entries; what others put there is never cut."""
    headers = {"baggage": existing}
    metadata = {f"key{n}": "ü" * 200 for n in range(100)}

    with captured_logs(), log_context(metadata=metadata), log_prompt("a/sender"):
        inject(headers)

    entries = [entry for entry in headers["baggage"].split(",") if entry]
    theirs = [entry for entry in existing.split(",") if entry]
    assert entries[: len(theirs)] == theirs
    fits = len(headers["baggage"]) <= LIMITS["bytes"]
    assert fits or len(entries) == len(theirs)
    assert len(entries) <= max(LIMITS["entries"], len(theirs))


@pytest.mark.parametrize(
    "members",
    [
        {"user": "sk-abcdefghijklmnopqrstuvwxyz"},
        {"metadata": {"api_key": "hush"}},
        {"metadata": {"note": "Bearer abcdefghijklmnop"}},
        {"metadata": {"password": 12345}},
        {"metadata": {"card": "4111 1111 1111 1111"}},
        {"metadata": {"nested": {"a": "b"}, "list": [1], "none": None}},
        {"metadata": {"long": "x" * 257}},
        {"source": "this service"},
        {"inputs": {"question": "private"}},
    ],
    ids=str,
)
def test_secrets_and_payload_do_not_travel(members):
    """Only small values that look like no key, password or card number."""
    log_id, headers = sent(**members)

    assert headers["baggage"] == f"promptscribe.parent={log_id}"


def test_an_address_travels_unless_redaction_is_on():
    """It often is the user's name; where it is personal data, it is redacted."""
    address = {"user": "ada@example.com"}

    assert "promptscribe.user=ada%40example.com" in sent(**address)[1]["baggage"]

    promptscribe.configure(redact=True)
    assert "ada" not in sent(**address)[1]["baggage"]


def test_what_the_settings_say_does_not_travel():
    """The next service has an environment of its own."""
    promptscribe.configure(environment="mine", source="me")

    assert "mine" not in sent()[1]["baggage"]
    assert "theirs" in sent(environment="theirs")[1]["baggage"]


def test_a_trace_that_sampling_leaves_out_stays_out_everywhere():
    """The root decides, also for the services behind it."""
    promptscribe.configure(sample_rate=0.0)
    _, headers = sent()
    promptscribe.configure(sample_rate=1.0)

    with captured_logs() as logs, extract(headers):
        leaf()

    assert headers["traceparent"].endswith("-00")
    assert logs == []


@pytest.mark.parametrize(
    "text",
    [
        FOREIGN,
        f"  {FOREIGN} ",
        f"00-{TRACE}-{SPAN}-00",
        f"01-{TRACE}-{SPAN}-01-what-may-come",
    ],
)
def test_a_traceparent_of_anybody_is_continued(text):
    """Whitespace, flags and later versions are read as W3C says."""
    assert received({"TraceParent": text}).trace_parent_id == f"log_{TRACE}{SPAN}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"{FOREIGN}\n{FOREIGN}",
    ],
)
def test_a_malformed_traceparent_is_none(text):
    """The handler's log begins a trace of its own."""
    assert received({"traceparent": text}).trace_parent_id is None


@given(
    st.dictionaries(
        st.sampled_from(["traceparent", "Baggage", "tracestate"]) | st.text(),
        st.text()
        | st.text("promtscibe.auser=,;%0f-log_metadata\ud800 ").map(
            lambda text: f"promptscribe.{text}"
        )
        | st.binary()
        | st.none(),
    )
)
@example({"baggage": "promptscribe.parent=log_" + "0" * 48})
@example({"baggage": "promptscribe.parent=log_-" + "1" * 47})
@example({"baggage": "promptscribe.user=%FF%ZZ,promptscribe.metadata.=1e999"})
@example({"baggage": "promptscribe.metadata.a=" + "[" * 200})
@example({"baggage": ",".join(f"promptscribe.metadata.{n}=1" for n in range(999))})
def test_no_header_whatsoever_disturbs_the_handler(headers):
    """Any text under any name: the request is handled, and its log is kept."""
    log = received(headers)

    assert log.path == "a/leaf"
    assert log.error is None


def test_values_that_nobody_of_ours_would_send_are_not_taken():
    """Only members that travel, and no longer than they may be."""
    long = "u" * 257
    baggage = f"promptscribe.user={long},promptscribe.save=true,promptscribe.output=x"

    log = received({"baggage": baggage})

    assert (log.user, log.save, log.output) == (None, None, "0")


def test_headers_that_cannot_be_read_or_written_disturb_nobody():
    """Whatever a framework calls headers: the request goes first."""

    class Broken(dict):
        def items(self):
            raise RuntimeError("no")

        def __setitem__(self, name, value):
            raise TypeError("read-only")

    with captured_logs() as logs, extract(Broken()), log_prompt("a/x"):
        inject(Broken())

    assert logs[0].trace_parent_id is None


def test_the_headers_of_http_server_are_understood():
    """`email.message.Message` is no mapping, and may have a header twice."""
    message = Message()
    log_id, headers = sent(user="u")
    message["TRACEPARENT"] = headers["traceparent"]
    message["Baggage"] = "other=1"
    message["baggage"] = headers["baggage"]

    log = received(message)

    assert (log.trace_parent_id, log.user) == (log_id, "u")


def test_after_a_request_nothing_is_current():
    """The next one on the same thread begins anew, also after an exception."""
    _, headers = sent(user="u")

    with captured_logs() as logs:
        with contextlib.suppress(ValueError), extract(headers):
            raise ValueError
        leaf()
        with extract({}):
            leaf()

    assert [(log.trace_parent_id, log.user) for log in logs] == [(None, None)] * 2


async def test_concurrent_requests_do_not_mix():
    """200 interleaved handlers: each log has its own request's parent and user."""
    requests = [sent(user=f"u{n}") for n in range(200)]

    async def handle(number):
        async with extract(requests[number][1]):
            await async_leaf(number)
            await async_leaf(number)

    with captured_logs() as logs:
        await asyncio.gather(*(handle(n) for n in range(200)))

    assert len(logs) == 400
    for log in logs:
        number = log.inputs["number"]
        assert (log.trace_parent_id, log.user) == (requests[number][0], f"u{number}")


# Threads ----------------------------------------------------------------------------


def test_an_executor_of_threads_takes_the_parent_along():
    """One bound function, called at once in many threads; `current_log` works there."""

    def work(number):
        current_log().update(metadata={f"n{number}": True})
        return leaf(number)

    with (
        captured_logs() as logs,
        ThreadPoolExecutor(4) as pool,
        log_context(user="u"),
        log_prompt("a/parent") as parent,
    ):
        assert list(pool.map(propagate(work), range(8))) == list(range(8))

    *leaves, last = logs
    assert {log.trace_parent_id for log in leaves} == {parent.id}
    assert {log.user for log in leaves} == {"u"}
    assert last.metadata == {f"n{n}": True for n in range(8)}


def test_a_thread_is_left_as_it_was():
    """What the next task on a worker logs is nobody's child."""
    with captured_logs() as logs, ThreadPoolExecutor(1) as pool:
        with log_prompt("a/parent"):
            pool.submit(propagate(leaf), 1).result()
        pool.submit(leaf, 2).result()

    assert logs[2].inputs == {"number": 2}
    assert logs[2].trace_parent_id is None


def test_a_plain_thread_runs_a_bound_function():
    """`threading.Thread(target=…)` is enough."""
    with captured_logs() as logs, log_prompt("a/parent") as parent:
        thread = threading.Thread(target=propagate(leaf), args=(1,))
        thread.start()
        thread.join()

    assert logs[0].trace_parent_id == parent.id


def test_a_coroutine_function_runs_in_the_loop_of_another_thread():
    """As `asyncio.run_coroutine_threadsafe` does it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    with captured_logs() as logs, log_prompt("a/parent") as parent:
        bound = propagate(async_leaf)
        assert asyncio.run_coroutine_threadsafe(bound(3), loop).result(10) == 3
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert logs[0].trace_parent_id == parent.id


def test_a_bound_function_is_the_function_in_all_but_context():
    """Name, documentation, arguments, result, exception and traceback."""

    def divide(number, *, by):
        """Divide."""
        return number / by

    bound = propagate(divide)

    assert (bound.__name__, bound.__doc__) == ("divide", "Divide.")
    assert bound(6, by=2) == 3
    with pytest.raises(ZeroDivisionError) as caught:
        bound(1, by=0)
    assert [entry.name for entry in caught.traceback][1:] == ["divide"]


async def test_a_bound_coroutine_function_raises_what_it_raises():
    """The same exception, without our frame, and the context as before."""

    async def fail():
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad") as caught:
        await propagate(fail)()

    assert [entry.name for entry in caught.traceback][1:] == ["fail"]
    assert not current_log()


def test_trio_takes_the_parent_along_into_threads():
    """`trio.to_thread.run_sync` copies the context by itself."""
    trio = pytest.importorskip("trio")

    async def main():
        async with log_prompt("a/parent") as parent:
            await trio.to_thread.run_sync(leaf, 1)
        return parent.id

    with captured_logs() as logs:
        parent_id = trio.run(main)

    assert logs[0].trace_parent_id == parent_id


# Processes --------------------------------------------------------------------------


def test_a_bound_function_pickles_and_takes_a_clock_anchor_of_its_own():
    """In the other process, times are what its own clock says."""
    with captured_logs(), log_context(user="u"), log_prompt("a/parent") as parent:
        pickled = pickle.dumps(propagate(leaf))
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    with captured_logs(clock=FixedClock(moment)) as logs:
        pickle.loads(pickled)(1)

    assert logs[0].trace_parent_id == parent.id
    assert logs[0].user == "u"
    assert logs[0].start_time == moment


POOL = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from promptscribe import current_log, log_context, log_prompt
from promptscribe import propagate
from promptscribe.testing import captured_logs

@log_prompt(path="a/child")
def child(number):
    return number

def work(number):
    with captured_logs() as logs:
        child(number)
    return [logs[0].trace_parent_id, logs[0].user]

if __name__ == "__main__":
    kind = multiprocessing.get_context(sys.argv[1])
    with captured_logs(), ProcessPoolExecutor(1, mp_context=kind) as pool:
        with log_context(user="u"), log_prompt("a/parent") as parent:
            inside = list(pool.map(propagate(work), range(3)))
        outside = pool.submit(propagate(work), 4).result()
    print(json.dumps([parent.id, inside, outside]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["spawn", "fork", "forkserver"])
def test_an_executor_of_processes_takes_the_parent_along(tmp_path, kind):
    """Whichever way the workers start; outside of the log they have no parent."""
    script = tmp_path / "pool.py"
    script.write_text(POOL)

    result = subprocess.run(
        [sys.executable, script, kind], capture_output=True, text=True, check=True
    )

    parent, inside, outside = json.loads(result.stdout)
    assert inside == [[parent, "u"]] * 3
    assert outside == [None, None]


# Services ---------------------------------------------------------------------------

SERVICE = """
import json, sys, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from promptscribe import extract, inject, log_prompt
from promptscribe.testing import captured_logs

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        behind = []
        with captured_logs() as logs, extract(self.headers):
            with log_prompt("service/" + sys.argv[1]):
                if len(sys.argv) > 2:
                    headers = {}
                    inject(headers)
                    request = urllib.request.Request(sys.argv[2], headers=headers)
                    with urllib.request.urlopen(request) as answer:
                        behind = json.load(answer)
        found = [[log.path, log.log_id, log.trace_parent_id, log.user] for log in logs]
        body = json.dumps(found + behind).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def service(script, *args):
    """Start a service in a process of its own; return its address."""
    process = subprocess.Popen(
        [sys.executable, script, *args], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@pytest.mark.slow
def test_one_trace_runs_through_two_services(tmp_path):
    """Three processes, each log the child of the one that made the request."""
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    headers = {}

    with (
        service(script, "b") as b,
        service(script, "a", b) as a,
        captured_logs(),
        log_context(user="Ada"),
        log_prompt("a/client") as log,
    ):
        inject(headers)
        request = urllib.request.Request(a, headers=headers)  # noqa: S310 - http
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - same
            first, second = json.load(answer)

    assert first == ["service/a", first[1], log.id, "Ada"]
    assert second == ["service/b", second[1], first[1], "Ada"]
    assert {entry[1][:36] for entry in (first, second)} == {log.id[:36]}
