"""What is not to be saved does not reach the disk either."""

from __future__ import annotations

import pytest

import promptscribe
from promptscribe import (
    extract,
    inject,
    log_context,
    log_prompt,
    propagate,
    record_log,
    start_log,
)
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


UNSAVED = (
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
