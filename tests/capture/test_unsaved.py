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
from promptscribe.testing import isolated

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


UNSAVED = (
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


@pytest.mark.parametrize("make", [_saved, _saved_all_the_same])
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
