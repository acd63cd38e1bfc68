"""What is not to be saved does not reach the disk either."""

from __future__ import annotations

import pytest

import promptscribe
from promptscribe import (
    current_log,
    extract,
    inject,
    log_context,
    log_prompt,
    propagate,
    record_log,
    start_log,
)
from promptscribe._runtime.state import runtime
from promptscribe.testing import captured_logs, isolated

CANARY = "canary-4711"


def _block():
    with log_prompt("a/block", save=False, inputs={"text": CANARY}) as log:
        log.update(output=CANARY)


def _started():
    start_log("a/started", save=False, inputs={"text": CANARY}).end(CANARY)


@log_prompt(path="a/call")
def _call(text):
    return text


@log_prompt(path="a/generator")
def _generator(text):
    yield text


def _called_in_context():
    with log_context(save=False):
        _call(CANARY)


def _read_in_context():
    with log_context(save=False):
        chunks = _generator(CANARY)
    list(chunks)


def _nested_in_context():
    with log_context(save=False), log_prompt("a/outer"):
        _call(CANARY)


def _recorded_in_context():
    with log_context(save=False):
        record_log("a/recorded", inputs={"text": CANARY}, output=CANARY)


def _block_in_context():
    with log_context(save=False), log_prompt("a/block", inputs={"text": CANARY}):
        pass


def _propagated():
    with log_context(save=False):
        bound = propagate(_call)
    bound(CANARY)


def _in_another_service():
    headers = {}
    with log_prompt("a/client"), log_context(save=False):
        inject(headers)
    with extract(headers):
        _call(CANARY)


def _saved_all_the_same():
    with log_context(save=False):
        start_log("a/saved", save=True, inputs={"text": CANARY}).end(CANARY)


def _saved():
    start_log("a/saved", inputs={"text": CANARY}).end(CANARY)


@log_prompt(path="a/unsaved", save=False)
def _unsaved(make):
    make()


@log_prompt(path="a/bare", capture="metadata")
def _bare(make):
    make()


@log_prompt(path="a/bare-generator", capture="metadata")
def _bare_generator(make):
    make()
    yield 1


def _called_inside():
    _unsaved(lambda: _call(CANARY))


def _called_two_levels_inside():
    _unsaved(lambda: log_prompt(path="a/between")(_call)(CANARY))


def _read_inside():
    _unsaved(lambda: list(_generator(CANARY)))


def _read_outside():
    made = []
    _unsaved(lambda: made.append(_generator(CANARY)))
    list(made[0])


def _block_inside():
    with log_prompt("a/around", save=False), log_prompt("a/b", inputs={"x": CANARY}):
        pass


def _block_inside_of_metadata():
    def make():
        with log_prompt("a/block", inputs={"text": CANARY}) as log:
            log.update(output=CANARY)

    _bare(make)


def _called_inside_of_a_generator():
    list(_bare_generator(lambda: _call(CANARY)))


def _other_logs_inside():
    def make():
        start_log("a/started", inputs={"text": CANARY}).end(CANARY)
        record_log("a/recorded", output=CANARY)

    _bare(make)


def _propagated_from_inside():
    bound = []
    _unsaved(lambda: bound.append(propagate(_call)))
    bound[0](CANARY)


def _in_another_service_from_inside():
    headers = {}
    _bare(lambda: inject(headers))
    with extract(headers):
        _call(CANARY)


def _saved_inside():
    _unsaved(lambda: log_prompt(path="a/saved", save=True)(_call)(CANARY))


def _inside_of_what_is_saved_inside():
    def make():
        with log_prompt("a/saved", save=True):
            _call(CANARY)

    _bare(make)


def _after():
    _unsaved(int)
    _bare(int)
    _call(CANARY)


def _told_in_a_block():
    with log_prompt("a/block") as log:
        log.update(stdout=CANARY, output=CANARY)
        log.record({"model": "m", "choices": [{"message": {"content": CANARY}}]})
        log.update(save=False, messages=[{"role": "user", "content": CANARY}])
        log.record_request({"model": "m", "messages": [{"content": CANARY}]})
        log.update(output=CANARY)


@log_prompt(path="a/told")
def _told(make):
    current_log().update(save=False)
    return make()


@log_prompt(path="a/told-generator")
def _told_generator():
    yield CANARY
    current_log().update(save=False)
    yield CANARY


def _told_in_a_call():
    _told(lambda: CANARY)
    _told(lambda: _call(CANARY))
    _told(lambda: log_prompt(path="a/other", redact=True)(_call)(CANARY))


def _told_in_a_call_that_fails():
    def fail():
        raise ValueError(CANARY)

    with pytest.raises(ValueError, match=CANARY):
        _told(fail)


def _told_in_a_generator():
    list(_told_generator())


def _told_where_not_everything_is_kept():
    with log_prompt("a/redacted", redact=True, capture_stdout=True) as log:
        print(CANARY)  # noqa: T201 - printing is the point
        log.update(save=False)
        log.update(output=CANARY)


UNSAVED = (
    _told_in_a_block,
    _told_in_a_call,
    _told_in_a_call_that_fails,
    _told_in_a_generator,
    _told_where_not_everything_is_kept,
    _called_inside,
    _called_two_levels_inside,
    _read_inside,
    _read_outside,
    _block_inside,
    _block_inside_of_metadata,
    _called_inside_of_a_generator,
    _other_logs_inside,
    _propagated_from_inside,
    _in_another_service_from_inside,
    _block,
    _started,
    _called_in_context,
    _read_in_context,
    _nested_in_context,
    _recorded_in_context,
    _block_in_context,
    _propagated,
    _in_another_service,
)


@pytest.mark.parametrize("make", UNSAVED)
def test_an_unsaved_payload_is_on_no_disk(tmp_path, make):
    assert CANARY.encode() not in _written(tmp_path, make)


SAVED = (
    _saved,
    _saved_all_the_same,
    _saved_inside,
    _inside_of_what_is_saved_inside,
    _after,
)


@pytest.mark.parametrize("make", SAVED)
def test_another_is(tmp_path, make):
    assert CANARY.encode() in _written(tmp_path, make)


def _written(folder, make):
    with isolated():
        promptscribe.configure(journal_dir=folder, export=False)
        make()
        files = [f.read_bytes() for f in folder.rglob("*") if f.is_file()]
    content = b"".join(files)
    assert b"a/" in content
    return content


def test_labels_stay_on_logs_that_save_nothing_inside():
    """What the settings say of every log is still said."""
    with isolated():
        promptscribe.configure(environment="staging")
        with captured_logs() as logs:
            _bare(lambda: _call("a"))
            log_prompt(path="a/b", redact=True)(lambda: _call("a"))()

    assert [log.environment for log in logs] == ["staging"] * 4
    assert [log.output for log in logs] == [None, None, "a", "a"]


ANSWER = {
    "model": "gpt-4o-mini",
    "choices": [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": CANARY}}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


@log_prompt(path="a/late", prompt={"model": "gpt-4o-mini"})
def _late(text, messages):
    log = current_log()
    log.update(metadata={"plan": "pro"})
    if text == "early":
        log.record(ANSWER)
    log.update(save=False)
    log.update(user="user-7")
    if text == "error":
        raise ValueError(CANARY)
    return ANSWER


@pytest.mark.parametrize("text", ["early", CANARY])
def test_what_is_told_in_mid_call_is_not_sent(text, server):
    """The inputs were written by then; what is no payload is sent as ever."""
    answer = _late(text, [{"role": "user", "content": CANARY}])
    assert promptscribe.force_flush(10)

    (body,) = server.bodies
    assert answer is ANSWER
    assert CANARY not in str(server.requests)
    assert (body["path"], body["user"], body["save"]) == ("a/late", "user-7", False)
    assert (body["prompt_tokens"], body["output_tokens"]) == (5, 7)
    assert (body["finish_reason"], body["metadata"]["plan"]) == ("stop", "pro")
    assert not {"inputs", "messages", "output"} & body.keys()


def test_what_fails_after_that_says_its_kind(server):
    """Not its message, which quotes what the call was given."""
    with pytest.raises(ValueError, match=CANARY):
        _late("error", [])
    assert promptscribe.force_flush(10)

    assert server.bodies[0]["error"] == "ValueError"
    assert CANARY not in str(server.requests)


def test_a_log_that_the_journal_had_no_room_for_keeps_no_inputs(monkeypatch):
    """Its beginning is still in memory when it is told."""
    written = []

    def refuse(_kind, payload):
        written.append(payload)
        return False

    monkeypatch.setattr(runtime, "append", refuse)
    begun = start_log("a/started", inputs={"text": CANARY}, user="user-7")
    del written[:]
    begun.update(save=False)
    begun.end(CANARY)

    assert b"user-7" in written[0]
    assert CANARY.encode() not in written[0]


def test_a_log_that_has_ended_is_told_nothing_any_more():
    """Nor is one where nothing is recorded; none of it raises."""
    with captured_logs() as logs:
        with log_prompt("a/ended") as log:
            log.update(output="kept")
        log.update(save=False)
    current_log().update(save=False)

    assert logs[0].output == "kept"
    assert not current_log()
