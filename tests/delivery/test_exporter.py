"""The exporter against a real server that does everything wrong."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time

import pytest
from tests.promises.faults_server import BULK, MANY, RECORDS, Reply, Server

import promptscribe
from promptscribe import log_prompt
from promptscribe._delivery import desk, retry
from promptscribe._journal import deadletter
from promptscribe._runtime import pipeline
from promptscribe._runtime.state import runtime
from promptscribe.testing import MemoryTransport


@log_prompt(path="test/answer")
def answer(mark):
    return f"answer {mark}"


def call(count, start=0):
    for mark in range(start, start + count):
        answer(mark)


def marks(sink):
    return sorted(log["inputs"]["mark"] for log in sink.stored.values())


def mark_of(seen):
    return seen.log["inputs"]["mark"]


def settle(sink, count):
    """Wait until the server has so many logs, then flush and return the result."""
    sink.wait(lambda: len(sink.stored) >= count)
    return promptscribe.force_flush(60)


def wait_for_more(sink, requests):
    """Wait until the server has been asked so many times more."""
    before = len(sink.requests)
    sink.wait(lambda: len(sink.requests) >= before + requests)


def buried(folder):
    (root,) = folder.iterdir()
    return list(deadletter.read(root))


def test_all_logs_arrive_once(sink, deliver):
    """On a good day: everything delivered, nothing pending, numbers that add up."""
    deliver()
    call(300)

    result = promptscribe.force_flush(60)

    assert result
    assert (result.recorded, result.delivered) == (300, 300)
    assert marks(sink) == list(range(300))
    assert set(sink.arrivals.values()) == {1}


def test_many_logs_travel_in_one_request_where_that_is_offered(sink, deliver):
    """And one by one where it is not."""
    deliver()
    call(300)
    promptscribe.force_flush(60)

    posts = [seen for seen in sink.requests if seen.method == "POST"]

    assert (len(posts) < 60) if sink.offer else (len(posts) == 300)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_server_that_fails_for_a_while_costs_nothing(sink, deliver, status):
    """Every log is tried again until the server is well."""
    refusals = iter(range(4))
    sink.judge = lambda seen: Reply(200 if next(refusals, None) is None else status)
    deliver()
    call(50)

    result = settle(sink, 50)

    assert marks(sink) == list(range(50))
    assert result.delivered == 50
    assert result.retried > 0
    assert result.reasons[f"retry_http_{status}"] > 0


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_who_is_told_of_a_server_that_fails_is_told_that_logs_are_kept(
    sink, deliver, status, caplog
):
    """Once, however often it fails."""
    sink.judge = lambda _seen: Reply(status, whole=True)
    deliver()
    call(1)
    while f"the server answers {status}" not in caplog.text:
        promptscribe.force_flush(0.1)
    wait_for_more(sink, 2)

    assert caplog.text.count("logs are kept, and sent again") == 1


@pytest.mark.slow
def test_retry_after_is_honoured(sink, deliver):
    """After a 429 nothing is sent before the time that the server asked for."""
    times = []

    def judge(_seen):
        times.append(runtime.monotonic_ns())
        if len(times) == 1:
            return Reply(429, {"Retry-After": "1"}, whole=True)
        return Reply()

    sink.judge = judge
    deliver()
    call(3)
    sink.wait(lambda: len(sink.stored) == 3)

    assert times[1] - times[0] >= 0.95e9


def test_no_flush_asks_before_the_time_that_a_server_asked_for(sink, deliver):
    """Nor do many; but with another key it is asked at once."""

    def judge(seen):
        if seen.headers["x-api-key"] == "right":
            return Reply()
        return next(refusals, Reply(429, {"Retry-After": "3600"}, whole=True))

    refusals = iter([Reply(401, whole=True)])
    sink.judge = judge
    deliver(api_key="wrong")
    call(5)
    for _ in range(4):  # the first one is refused, the second one asked for an hour
        promptscribe.force_flush(0.5)
    asked = len(sink.requests)
    promptscribe.configure(api_key="right")
    result = promptscribe.force_flush(60)

    assert asked <= 2
    assert (result.delivered, result.pending) == (5, 0)


@pytest.mark.parametrize("sink", [None], indirect=True)
def test_what_was_on_its_way_cuts_no_pause_short(sink, deliver):
    """A limit of so many a minute: some pass yet, as the next is told to wait."""
    is_limited, is_told, arrived = threading.Event(), threading.Event(), []
    order, both = itertools.count(), threading.Barrier(2)

    def judge(_seen):
        if not is_limited.is_set():
            time.sleep(0.03)  # as long as answers take here: several are on their way
            return Reply()
        arrived.append(is_told.is_set())
        if next(order) < 2 and both.wait(60) == 0:
            return Reply(429, {"Retry-After": "3600"})
        is_told.wait(60)
        return Reply()

    sink.judge = judge
    deliver()
    call(300)
    sink.wait(lambda: len(sink.stored) > 30)
    is_limited.set()
    while not promptscribe.stats().reasons.get("retry_http_429"):
        promptscribe.force_flush(0.1)
    is_told.set()
    sink.wait(lambda: len(sink.requests) == len(sink.stored) + 1)
    for _ in range(3):
        promptscribe.force_flush(0.2)

    assert not any(arrived)
    assert promptscribe.stats().pending > 100


@pytest.mark.parametrize("value", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_that_asks_for_no_pause_is_left_alone_all_the_same(
    sink, deliver, value
):
    """One whose clock is behind says so; it is not asked a thousand times a second."""
    busy = Reply(429, {"Retry-After": value}, whole=True)
    sink.judge = lambda _seen: busy
    deliver()
    began = time.monotonic()
    call(20)

    sink.wait(lambda: len(sink.requests) >= 8)

    assert time.monotonic() - began > 0.3  # at least; without a pause it were 0.03
    assert promptscribe.stats().pending == 20


@pytest.mark.parametrize("status", [401, 403, 302])
def test_a_wrong_key_or_address_holds_everything(sink, deliver, status, caplog):
    """Nothing is lost or sent elsewhere; one line says so; a good key ends it."""
    right = threading.Event()
    sink.judge = lambda seen: Reply() if right.is_set() else Reply(status, whole=True)
    deliver()
    call(20)
    with caplog.at_level(logging.WARNING, "promptscribe"):
        held = promptscribe.force_flush(60)
    right.set()
    result = settle(sink, 20)

    assert held.pending == 20
    assert f"hold_http_{status}" in held.reasons
    assert sum("key and address" in r.message for r in caplog.records) == 1
    assert result.delivered == 20
    assert marks(sink) == list(range(20))


def test_a_key_that_is_configured_later_delivers_what_was_held(sink, deliver):
    """The same process goes on with the new key: no restart, no loss."""
    sink.judge = lambda seen: (
        Reply() if seen.headers.get("x-api-key") == "right" else Reply(401, whole=True)
    )
    deliver(api_key="wrong")
    call(10)
    held = promptscribe.force_flush(60)
    promptscribe.configure(api_key="right")
    call(10, 10)

    result = settle(sink, 20)

    assert held.pending == 10
    assert marks(sink) == list(range(20))
    assert result.pending == 0


@pytest.mark.parametrize("status", [400, 413, 422, 404])
def test_a_refused_log_is_buried_and_the_others_go_on(sink, deliver, status):
    """The dead-letter file has it with the server's words; the rest is delivered."""
    if status == 404:
        sink.offer = None  # a bulk route that is missing is another story
    sink.judge = lambda seen: Reply(status if mark_of(seen) % 10 == 3 else 200)
    folder = deliver()
    call(100)

    result = settle(sink, 90)

    assert (result.delivered, result.rejected, result.pending) == (90, 10, 0)
    assert not result
    assert result.reasons[f"http_{status}"] == 10
    dead = buried(folder)
    assert sorted(e["body"]["inputs"]["mark"] for e in dead) == list(range(3, 100, 10))
    assert {e["status"] for e in dead} == {status}


def test_what_goes_out_of_a_full_dead_letter_file_is_counted(
    sink, deliver, monkeypatch
):
    """It keeps the newest; how many others there were is told."""
    monkeypatch.setattr(deadletter, "LONGEST_BYTES", 4000)
    sink.judge = lambda _seen: Reply(422)
    folder = deliver()
    call(60)

    result = promptscribe.force_flush(60)

    left = len(buried(folder))
    assert (result.rejected, result.pending) == (60, 0)
    assert 0 < left < 60
    assert result.reasons["dead_letter_full"] == 60 - left


@pytest.mark.parametrize("status", [400, 404, 405, 407, 410, 411, 417, 421])
def test_what_is_refused_like_all_others_is_kept(sink, deliver, status):
    """A proxy whose server is being replaced refuses all; but for a few at first."""
    sink.offer = None  # in a bulk answer each line speaks of its own log
    sink.judge = lambda _seen: Reply(status)
    folder = deliver()
    call(100)
    sink.wait(lambda: promptscribe.stats().rejected == 16)
    wait_for_more(sink, 3)
    held = promptscribe.stats()
    sink.judge = lambda _seen: Reply(200)

    result = settle(sink, 84)

    assert (held.pending, held.rejected) == (84, 16)
    assert (result.delivered, result.rejected) == (84, 16)
    assert len(buried(folder)) == 16


def test_one_that_is_refused_alone_is_not_waited_for(sink, deliver):
    """A version that is not there: this log is told of at once."""
    sink.offer = None
    sink.judge = lambda _seen: Reply(404)
    folder = deliver()
    call(1)

    result = promptscribe.force_flush(60)

    assert (result.rejected, result.pending) == (1, 0)
    assert result.reasons["http_404"] == 1
    assert len(buried(folder)) == 1


@pytest.mark.parametrize("status", [404, 402, 500])
def test_a_first_log_that_is_refused_does_not_stand_for_all(
    sink, deliver, status, monkeypatch
):
    """The next one goes at once: a short program may not be there any more later."""
    monkeypatch.setattr(retry, "LONGEST_DELAY", 1e6)
    monkeypatch.setattr(retry, "FIRST_DELAY", 1e6)
    sink.offer = None
    sink.judge = lambda seen: Reply(status if mark_of(seen) == 0 else 200)
    deliver()
    call(1)
    sink.wait(lambda: sink.requests)
    call(10, 1)

    sink.wait(lambda: len(sink.stored) == 10, 20)

    assert marks(sink) == list(range(1, 11))


def test_one_log_that_breaks_a_whole_request_holds_up_no_other(
    sink, deliver, monkeypatch
):
    """They go in halves at once: a short program may not be there any more later."""
    monkeypatch.setattr(retry, "LONGEST_DELAY", 1e6)
    monkeypatch.setattr(retry, "FIRST_DELAY", 1e6)
    broken = Reply(500, whole=True)
    sink.judge = lambda seen: broken if mark_of(seen) == 3 else Reply()
    deliver()
    call(40)

    sink.wait(lambda: len(sink.stored) == 39, 20)

    assert 3 not in marks(sink)


def test_one_log_that_a_firewall_stops_holds_up_no_other(sink, deliver):
    """It finds an attack in a prompt and answers 403, as if the key were wrong."""
    refused = []

    def judge(seen):
        if mark_of(seen) != 13:
            return Reply()
        refused.append(None)
        return Reply(403, whole=True)

    def holds():
        return promptscribe.stats().reasons.get("hold_http_403", 0)

    sink.judge = judge
    deliver()
    call(10)
    sink.wait(lambda: len(sink.stored) == 10, 20)
    call(40, 10)
    sink.wait(lambda: len(sink.stored) == 49, 20)
    first = holds()
    alone = len(refused) - first
    count = 49
    while len(refused) - holds() < alone + 3 and count < 1000:
        count += 1
        call(1, count)
        sink.wait(lambda: len(sink.stored) == count, 20)  # noqa: B023 - at once
    sink.judge = lambda _seen: Reply()

    result = settle(sink, count + 1)

    assert first < 4
    assert count < 1000
    assert (result.delivered, result.rejected) == (count + 1, 0)


def test_one_that_passes_has_not_all_buried_that_were_refused_like_it(
    sink, deliver, monkeypatch
):
    """A server that is being replaced takes one now and then; the others are kept."""
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.01)
    sink.offer = None
    sink.judge = lambda seen: Reply(200 if mark_of(seen) == 60 else 404)
    folder = deliver()
    call(100)
    sink.wait(lambda: promptscribe.stats().delivered)
    wait_for_more(sink, 50)
    held = promptscribe.stats()
    sink.judge = lambda _seen: Reply()

    result = settle(sink, 100 - 2 * 16)

    assert held.delivered == 1
    assert result.rejected <= 2 * 16
    assert (result.delivered + result.rejected, result.pending) == (100, 0)
    assert len(buried(folder)) == result.rejected


@pytest.mark.slow
def test_a_poisonous_log_is_given_up_alone(sink, deliver):
    """It fails with 500 for ever, others pass: they are not held up, it is buried."""
    why = b'{"detail": "no such table"}'
    sink.judge = lambda seen: Reply(500, body=why) if mark_of(seen) == 7 else Reply()
    folder = deliver()
    call(50)
    sink.wait(lambda: len(sink.stored) == 49)
    number = iter(range(1000, 9999))
    while not promptscribe.force_flush(0.1).rejected:
        call(1, next(number))

    result = promptscribe.force_flush(60)

    assert result.reasons["poison"] == 1
    (entry,) = buried(folder)
    assert (entry["body"]["inputs"], entry["status"]) == ({"mark": 7}, 500)
    assert "no such table" in entry["reason"]


@pytest.mark.slow
def test_a_log_that_makes_the_server_drop_the_connection_is_given_up(sink, deliver):
    """In a bulk request it takes others with it at first, and at last only itself."""
    sink.judge = lambda seen: Reply(None if mark_of(seen) == 7 else 200)
    folder = deliver()
    call(40)
    sink.wait(lambda: len(sink.stored) == 39)
    number = iter(range(1000, 9999))
    while not promptscribe.force_flush(0.1).rejected:
        call(1, next(number))

    assert [e["body"]["inputs"]["mark"] for e in buried(folder)] == [7]


def test_a_lost_answer_stores_nothing_twice(sink, deliver):
    """The server stored, the connection broke: the same id is sent again."""
    cut = iter(range(3))
    sink.judge = lambda seen: (
        Reply() if next(cut, None) is None else Reply(None, store=True)
    )
    deliver()
    call(100)

    result = settle(sink, 100)

    assert marks(sink) == list(range(100))
    assert result.delivered == 100
    assert max(sink.arrivals.values()) > 1


def test_a_conflict_over_our_own_id_is_an_acknowledgement(sink, deliver):
    """409: the first attempt was stored although its answer was lost."""
    sink.judge = lambda seen: Reply(
        409, body=json.dumps({"detail": f"Log {seen.log['log_id']} is there"}).encode()
    )
    deliver()
    call(5)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected) == (5, 0)


@pytest.mark.parametrize("lost", [Reply(None, store=True), Reply(502, store=True)])
def test_a_conflict_after_a_lost_answer_needs_no_words(sink, deliver, lost):
    """A server of one's own may say 409 and nothing more."""

    def judge(seen):
        if mark_of(seen) != 3:
            return Reply()
        is_there = seen.log["log_id"] in sink.stored
        return Reply(409, body=b"{}") if is_there else lost

    sink.judge = judge
    deliver()
    call(5)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (5, 0, 0)
    assert marks(sink) == list(range(5))


def test_a_conflict_over_anything_else_is_kept_for_a_person(sink, deliver):
    """409 also says that a path is a tool's there: nobody has stored that log."""
    refusal = Reply(409, body=b'{"detail": "test/answer is a tool, not a prompt"}')
    sink.judge = lambda seen: refusal if mark_of(seen) == 3 else Reply()
    folder = deliver()
    call(5)

    result = promptscribe.force_flush(60)

    assert (result.delivered, result.rejected, result.pending) == (4, 1, 0)
    assert result.reasons["http_409"] == 1
    (entry,) = buried(folder)
    assert entry["body"]["inputs"] == {"mark": 3}
    assert "is a tool" in entry["reason"]


def test_a_flush_ends_though_somebody_has_stopped_the_clocks(tmp_path, monkeypatch):
    """As freezegun does for a test; of a program whose server is not there."""
    promptscribe.configure(base_url="http://127.0.0.1:1", journal_dir=tmp_path)
    call(1)
    flush = threading.Thread(target=promptscribe.force_flush, args=(0.2,))
    with monkeypatch.context() as stopped:
        stopped.setattr(time, "monotonic", lambda: 1e9)
        flush.start()
        flush.join(30)
        is_over = not flush.is_alive()

    assert is_over


def test_a_server_that_hangs_holds_up_nobody(sink, deliver):
    """Calls go on, and so does the end of the program after its timeout."""
    release = threading.Event()
    arrived = threading.Event()

    def judge(_seen):
        arrived.set()
        release.wait(30)
        return Reply()

    sink.judge = judge
    deliver()
    call(10)
    assert arrived.wait(60)
    begun = runtime.monotonic_ns()
    result = runtime.shutdown(0.3, eager=False)
    took = (runtime.monotonic_ns() - begun) / 1e9
    release.set()

    assert took < 10  # the server would take 30
    assert result.pending == 10


def test_redirects_are_not_followed(sink, deliver):
    """Neither log nor key goes to where a server points."""
    with Server() as elsewhere:
        sink.judge = lambda seen: Reply(
            307, {"Location": elsewhere.url + "/prompts/log"}, whole=True
        )
        deliver(api_key="canary-key")
        call(5)
        result = promptscribe.force_flush(60)

        assert result.pending == 5
        assert elsewhere.requests == []
        elsewhere.close()


def test_a_bulk_route_that_goes_away_is_done_without(deliver, sink):
    """404 or 405 on it: from then on one by one, and nothing is lost."""
    deliver()
    call(50)
    settle(sink, 50)
    sink.offer = None
    call(50, 50)

    settle(sink, 100)

    assert marks(sink) == list(range(100))


@pytest.mark.parametrize("sink", [MANY, RECORDS], indirect=True)
def test_a_bulk_route_that_comes_back_is_used_again(deliver, sink, monkeypatch):
    """Another version ran there for a while, or a proxy had nobody to ask."""
    monkeypatch.setattr(desk, "_ASK_AGAIN", 0.01)
    deliver()
    call(10)
    settle(sink, 10)
    offer, sink.offer = sink.offer, None
    count = 10
    while sum(seen.path == BULK for seen in sink.requests[-20:]):
        call(10, count)
        count += 10
        settle(sink, count)
    sink.offer = offer
    while sink.requests[-1].path != BULK:
        call(1, count)
        count += 1
        settle(sink, count)

    assert marks(sink) == list(range(count))
    assert set(sink.arrivals.values()) == {1}


def test_an_answer_that_makes_no_sense_loses_nothing(deliver, sink):
    """A proxy's page instead of lines: one by one then, or tried again."""
    nonsense = iter(range(2))

    def judge(_seen):
        if next(nonsense, None) is None:
            return Reply()
        return Reply(200, body=b"<html>", store=False, whole=True)

    sink.judge = judge
    deliver()
    call(20)
    result = promptscribe.force_flush(60)

    assert result.pending == 0
    assert marks(sink) == list(range(20))


def test_the_environment_to_log_to_reaches_both_routes(sink, deliver):
    """It is a query parameter, and a member of a line in bulk."""
    deliver()
    promptscribe.record_log(
        "a/b", output="x", version_environment="staging", environment="label"
    )
    settle(sink, 1)

    (log,) = sink.stored.values()
    assert log["environment"] == "label"
    if sink.offer:
        assert log["version_environment"] == "staging"
    else:
        assert sink.requests[-1].query == "environment=staging"


@pytest.mark.slow
def test_a_slow_server_gets_many_requests_at_a_time(deliver, sink):
    """Eight at a time at least, or many logs in each."""
    are_many = threading.Event()
    lock = threading.Lock()
    inside = []

    def judge(seen):
        with lock:
            inside.append(seen)
            if len(inside) >= 8:
                are_many.set()
        are_many.wait(0.3)
        with lock:
            inside.remove(seen)
        return Reply()

    if sink.offer is None:
        sink.judge = judge
    deliver()
    call(600)
    sink.wait(lambda: len(sink.stored) == 600)

    assert are_many.is_set() or len(sink.requests) < 100
    names = [t.name for t in threading.enumerate()]
    assert sum(n.startswith("promptscribe-sender") for n in names) <= 32


def test_bodies_are_what_the_contract_says(sink, deliver):
    """JSON with the seed's members and ``log_id``, nothing else."""
    deliver()
    call(1)
    settle(sink, 1)

    (log,) = sink.stored.values()
    assert {"path", "inputs", "output", "log_id", "start_time", "end_time"} <= set(log)
    assert json.loads(json.dumps(log)) == log


class _Leaving(MemoryTransport):
    """One of a user's, which ends the program where it cannot go on, or so it means."""

    def __init__(self, failure):
        super().__init__()
        self.failure = failure
        self.left = 3

    def send(self, request):
        self.left -= 1
        if self.left >= 0:
            raise self.failure
        return super().send(request)

    def close(self):
        raise self.failure


@pytest.mark.parametrize("failure", [SystemExit(1), KeyboardInterrupt(), KeyError("x")])
def test_a_transport_that_raises_anything_at_all_does_not_end_the_delivery(
    failure, tmp_path
):
    """Nor when it is closed: it is tried again, and what replaces it is used."""
    first, second = _Leaving(failure), MemoryTransport()
    promptscribe.configure(transport=first, journal_dir=tmp_path, export=True)
    call(1)
    results = [promptscribe.force_flush(60) for _ in range(4)]
    promptscribe.configure(transport=second)
    call(1, start=1)

    assert results[-1].delivered == 1
    assert promptscribe.force_flush(60).delivered == 2
    assert [body["inputs"]["mark"] for body in second.bodies] == [1]


def test_late_logs_stay_for_the_next_process(sink, deliver, tmp_path):
    """After shutdown() nothing is sent any more, and nothing is lost."""
    folder = deliver()
    call(5)
    promptscribe.shutdown(10)
    call(5, 5)

    result = promptscribe.force_flush(0.2)

    assert len(sink.stored) == 5
    assert result.pending == 5
    assert sum(1 for _ in folder.rglob("*.seg")) >= 1


class Deaf(logging.Handler):
    """A handler of the user's that is in no hurry."""

    def __init__(self):
        super().__init__()
        self.has_heard, self.may_go_on = threading.Event(), threading.Event()

    def emit(self, _record):
        self.has_heard.set()
        self.may_go_on.wait(60)


def test_that_a_key_is_refused_is_known_though_the_thread_is_held_up(sink, deliver):
    """The program ends before its thread has written down what the server said."""
    sink.judge = lambda _seen: Reply(401, whole=True)
    folder = deliver(api_key="revoked")
    deaf = Deaf()
    logging.getLogger("promptscribe").addHandler(deaf)
    try:
        call(3)
        assert deaf.has_heard.wait(60)

        promptscribe.shutdown(timeout=0.1)

        assert len(list(folder.glob("*/refused"))) == 1
    finally:
        deaf.may_go_on.set()
        logging.getLogger("promptscribe").removeHandler(deaf)


def test_a_small_cap_has_room_for_large_logs(deliver):
    """Files grow with what is in them, and never so that there is room for none."""
    deliver(export=False, journal_max_bytes=1 << 20)
    for mark in range(40):
        answer(f"{mark} " + "x" * 20_000)
    result = promptscribe.force_flush(0)
    assert result.pending + result.dropped == 40
    assert result.pending >= 10


def test_of_many_keys_all_threads_are_asked_to_end_before_one_is_waited_for(
    tmp_path, monkeypatch
):
    """One after the other, each that hangs would hold up the program's end."""
    monkeypatch.setattr(pipeline, "_STOPPING", 2.0)
    monkeypatch.setattr(pipeline, "_LONGEST_STOP", 2.0)
    is_second_closed = threading.Event()

    class Hangs(MemoryTransport):
        """Answers once the other one has been closed."""

        def send(self, request):
            assert is_second_closed.wait(60)
            return super().send(request)

    class Second(MemoryTransport):
        def close(self):
            is_second_closed.set()

    first = Hangs()
    settings = {"journal_dir": tmp_path, "export": True}
    promptscribe.configure(**settings, api_key="one", transport=first)
    call(1)
    promptscribe.configure(api_key="two", transport=Second())
    call(1, 1)
    result = promptscribe.shutdown(4)

    assert (result.delivered, result.pending) == (2, 0)
