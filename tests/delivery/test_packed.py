"""Logs travel as the journal has them where that is read, and say the same there."""

from __future__ import annotations

import gzip

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promises.faults_server import MANY, RECORDS, Reply, Server

import promptscribe
from promptscribe import current_log, log_prompt
from promptscribe._runtime import packed, render
from promptscribe.receiver.server import start_in_thread

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Because."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
OF_ONE_CALL = {
    "id",
    "log_id",
    "created_at",
    "start_time",
    "end_time",
    "updated_at",
    "provider_latency",
    "trace_id",
    "trace_parent_id",
}
"""What is another for each call."""


@pytest.fixture
def reading():
    """A server that reads records."""
    with Server(offer=RECORDS) as server:
        yield server
        server.close()


def use(url, tmp_path, **settings):
    promptscribe.configure(base_url=url, journal_dir=tmp_path / "journal", **settings)


@log_prompt(path="packed/text", prompt={"model": "gpt-4o"}, metadata={"team": "a"})
def text(question, messages):
    return f"{question} é"


@log_prompt(path="packed/chat", prompt={"model": "gpt-4o-mini"})
def chat(messages):
    return CHAT


@log_prompt(path="packed/outer")
def outer(question):
    return chat([{"role": "user", "content": question}])["id"]


@log_prompt(path="packed/odd")
def odd(value):
    return {"answer": value}


@log_prompt(path="packed/error")
def error(question):
    raise ValueError(question)


@log_prompt(path="packed/stream")
def stream():
    yield "a"
    yield "b"


def work():
    """Make a log of each kind."""
    text("why", [{"role": "user", "content": "why?"}])
    outer("whence")
    for value in (1, float("inf"), 2**70, {1: "x"}, b"\x00\xff", "\x00", []):
        odd(value)
    with pytest.raises(ValueError, match="no"):
        error("no")
    list(stream())
    with promptscribe.log_context(environment="staging", metadata={"who": "me"}):
        text("context", [])
    promptscribe.record_log(path="packed/recorded", output="done")


def stored(folder, reader):
    """Work with a receiver of its own; return what it stored."""
    folder.mkdir()
    receiver = start_in_thread(db=folder / "logs.db", reader=reader)
    try:
        use(receiver.url, folder)
        work()
        promptscribe.force_flush(20)
        answer = httpx.get(f"{receiver.url}/logs", params={"size": 100}).json()
    finally:
        receiver.stop()
    return answer["records"]


def same(log):
    """Return a log without what is another for each call."""
    kept = {name: value for name, value in log.items() if name not in OF_ONE_CALL}
    kept.get("metadata", {}).pop("time_to_first_token", None)
    prompt = {n: v for n, v in log["prompt"].items() if n in {"path", "model"}}
    return kept | {"prompt": prompt, "is_child": log["trace_parent_id"] is not None}


def test_a_receiver_stores_the_same_either_way(tmp_path):
    """Members, prices, what is nested, odd values: of records and of lines."""
    records = stored(tmp_path / "records", packed.reader())
    lines = stored(tmp_path / "lines", None)

    assert [same(log) for log in records] == [same(log) for log in lines]
    assert len(records) == 14
    (child,) = [log for log in records if log["trace_parent_id"]]
    assert child["prompt"]["path"] == "packed/chat"
    assert child["prompt_cost"] > 0


def test_most_logs_are_packed(reading, tmp_path):
    """Those with one decorator and one result; the others are not."""
    use(reading.url, tmp_path)
    work()
    promptscribe.force_flush(20)

    assert len(reading.stored) == 14
    assert reading.packed >= 9


class Wire(Server):
    """A server that keeps the bytes of every request, inflated."""

    def __init__(self):
        self.wire = b""
        super().__init__(offer=RECORDS)

    def answer(self, seen):
        """Keep what came in."""
        gzipped = seen.headers.get("content-encoding") == "gzip"
        self.wire += gzip.decompress(seen.body) if gzipped else seen.body
        return super().answer(seen)


def replaced(secret):
    current_log().update(output="nothing to see")
    return secret


def unsaved(secret):
    current_log().update(save=False)
    return secret


def failing(secret):
    raise ValueError(secret)


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        (replaced, {"capture": "metadata"}),
        (replaced, {"exclude": ["secret"]}),
        (unsaved, {}),
        (failing, {"save": False}),
    ],
)
def test_what_is_not_to_be_sent_stays(tmp_path, function, settings):
    """What takes the place of another keeps it here, whichever way a log travels."""
    with Wire() as server:
        use(server.url, tmp_path)
        decorated = log_prompt(path="packed/secret", **settings)(function)
        for question in ("first", "second"):  # of the first it is not known how to
            text(question, [])
            promptscribe.force_flush(20)
        try:
            decorated("the-secret-word")
        except ValueError as problem:
            assert str(problem) == "the-secret-word"  # noqa: PT017 - of one of them
        promptscribe.force_flush(20)
        server.close()

    assert len(server.stored) == 3
    assert server.packed == 1
    assert b"the-secret-word" not in server.wire


@pytest.mark.parametrize(
    "offer",
    [
        {**RECORDS, "version": "0.0.1"},
        {**RECORDS, "records": "yes"},
        {**RECORDS, "version": None},
        MANY,
    ],
    ids=["another version", "not true", "no version", "not offered"],
)
def test_only_the_same_version_is_sent_records(tmp_path, offer):
    """Another one may read them another way."""
    with Server(offer=offer) as server:
        use(server.url, tmp_path)
        work()
        result = promptscribe.force_flush(20)
        server.close()

    assert result.delivered == len(server.stored) == 14
    assert server.packed == 0


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_server_that_refuses_records_is_sent_lines(tmp_path, status):
    """Whatever it said of itself: it may have been exchanged for another."""

    class Fickle(Server):
        def answer(self, seen):
            if seen.headers.get("content-type") == packed.MEDIA_TYPE:
                return Reply(status, body=b"{}")
            return super().answer(seen)

    with Fickle(offer=RECORDS) as server:
        use(server.url, tmp_path)
        for _ in range(20):
            work()
        result = promptscribe.force_flush(20)
        server.close()

    assert result.delivered == len(server.stored) == 280
    assert (result.rejected, result.dropped, result.retried) == (0, 0, 0)
    assert set(server.arrivals.values()) == {1}


def test_one_record_that_is_refused_goes_again_as_the_contract_has_it(tmp_path):
    """What is said of it then is what counts: here it is taken."""
    refused = []

    def judge(seen):
        if b"pick me" in seen.body and not refused:
            refused.append(seen.headers["content-type"])
            return Reply(422)
        return Reply()

    with Server(offer=RECORDS) as server:
        server.judge = judge
        use(server.url, tmp_path)
        for number in range(40):
            text("pick me" if number == 7 else "leave me", [])
        result = promptscribe.force_flush(20)
        server.close()

    assert refused == [packed.MEDIA_TYPE]
    assert result.delivered == len(server.stored) == 40
    assert (result.rejected, result.dropped) == (0, 0)


def test_a_log_that_is_refused_both_ways_is_in_the_dead_letter_file(tmp_path):
    """As JSON, for people to read."""
    with Server(offer=RECORDS) as server:
        server.judge = lambda seen: Reply(422 if b"poison" in seen.body else 200)
        use(server.url, tmp_path)
        for number in range(40):
            text("poison" if number == 7 else "food", [])
        result = promptscribe.force_flush(20)
        server.close()

    (file,) = (tmp_path / "journal").glob("*/dead-letter*")
    assert (result.delivered, result.rejected, result.pending) == (39, 1, 0)
    assert b"poison" in file.read_bytes()


def post(url, content, kind=packed.MEDIA_TYPE):
    return httpx.post(
        f"{url}/prompts/logs", content=content, headers={"content-type": kind}
    )


def test_a_receiver_says_whether_it_reads_records(tmp_path):
    reads = start_in_thread(db=tmp_path / "a.db", reader=packed.reader())
    does_not = start_in_thread(db=tmp_path / "b.db")
    try:
        said = [httpx.get(f"{r.url}/health").json() for r in (reads, does_not)]
        refused = [
            post(does_not.url, b"\x90").status_code,
            post(reads.url, b"\x90", packed.MEDIA_TYPE + "0").status_code,
        ]
        nothing = post(reads.url, b"\x90")
    finally:
        reads.stop()
        does_not.stop()

    assert [each["records"] for each in said] == [True, False]
    assert refused == [415, 415]
    assert (nothing.status_code, nothing.content) == (200, b"")


def frames(tmp_path):
    """Return the two frames of a log, as they are sent."""
    with Wire() as server:
        use(server.url, tmp_path)
        for _ in range(2):
            server.wire = b""
            chat([{"role": "user", "content": "why?"}])
            promptscribe.force_flush(20)
        server.close()
    (pair,) = packed.Reader().read(server.wire)
    return pair


def test_no_record_breaks_the_receiver(tmp_path):
    """Cut off, turned around, changed in any byte: each is answered, none with 500."""
    start, end = frames(tmp_path)
    running = start_in_thread(db=tmp_path / "logs.db", reader=packed.reader())
    bodies = [
        b"",
        b"\xc0",
        b"\xff" * 9,
        b"[]",
        b'{"path":"a"}',
        b"\xdd\xff\xff\xff\xff",
    ]

    @given(st.binary(max_size=40), st.integers(0), st.integers(0), st.booleans())
    def check(bytes_, at, size, is_end):
        whole = end if is_end else start
        at %= len(whole)
        changed = whole[:at] + bytes_ + whole[at + size % 40 :]
        pair = (start, changed) if is_end else (changed, end)
        answer = post(running.url, packed.PACKING.pack([pair, (start, end)]))
        assert answer.status_code == 200
        first, second = answer.text.splitlines()
        assert '"status":200' in second
        assert '"status":200' in first or '"status":422' in first

    try:
        check()
        answers = [post(running.url, body).status_code for body in bodies]
    finally:
        running.stop()

    assert set(answers) == {422}


def test_a_record_that_would_not_have_been_sent_is_refused(tmp_path):
    """One longer than 64 KB, one with more members: a stranger's, then."""
    start, end = frames(tmp_path)
    longer = end + b"\x00" * packed.LARGEST
    more = end[:-1] + b"\x93\x01\xc0\x05"
    running = start_in_thread(db=tmp_path / "logs.db", reader=packed.reader())
    try:
        body = packed.PACKING.pack([(start, longer), (start, more), (start, end)])
        lines = post(running.url, body).text.splitlines()
        many = post(running.url, packed.PACKING.pack([(b"", b"")] * 10_001))
    finally:
        running.stop()

    assert ['"status":422' in line for line in lines] == [True, True, False]
    assert many.status_code == 422


def test_the_price_list_is_loaded_beside_the_event_loop(tmp_path):
    """While the first records wait for it, others are answered."""
    start, end = frames(tmp_path)

    class Slow(packed.Reader):
        def prepare(self):
            inside.append(httpx.get(f"{running.url}/health").status_code)

    inside = []
    running = start_in_thread(db=tmp_path / "logs.db", reader=Slow())
    try:
        answer = post(running.url, packed.PACKING.pack([(start, end)] * 3))
    finally:
        running.stop()

    assert inside == [200]
    assert answer.status_code == 200


def test_a_line_is_what_would_have_been_sent(tmp_path):
    """Byte for byte, but for what the query says."""
    start, end = frames(tmp_path)

    _, query, body = render.write_log(start, end)

    assert not query
    assert packed.Reader().write_line((start, end)) == body
