"""What is not to be saved does not reach the disk either."""

from __future__ import annotations

import pytest

import promptscribe
from promptscribe import log_prompt, start_log
from promptscribe.testing import isolated

CANARY = "canary-4711"


def _block():
    with log_prompt("a/block", save=False, inputs={"text": CANARY}) as log:
        log.update(output=CANARY)


def _started():
    start_log("a/started", save=False, inputs={"text": CANARY}).end(CANARY)


def _saved():
    start_log("a/saved", inputs={"text": CANARY}).end(CANARY)


@pytest.mark.parametrize(
    ("make", "expected"), [(_block, False), (_started, False), (_saved, True)]
)
def test_an_unsaved_payload_is_on_no_disk(tmp_path, make, expected):
    with isolated():
        promptscribe.configure(journal_dir=tmp_path, export=False)
        make()
        files = [f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()]

    assert any(b"a/" in content for content in files)
    assert any(CANARY.encode() in content for content in files) is expected
