"""What is read of the journal before its turn: little, as long as a server is down."""

from __future__ import annotations

import gc

import pytest
from tests.promises.faults_server import Reply

import promptscribe
from promptscribe import record_log
from promptscribe._delivery.parcel import Parcel


def parcels():
    return [thing for thing in gc.get_objects() if type(thing) is Parcel]


@pytest.mark.parametrize("sink", [None], indirect=True)
def test_a_server_that_refuses_all_has_no_backlog_read_into_memory(sink, deliver):
    """Each time it is asked, a log without a parent is looked for: there is none."""
    sink.judge = lambda _seen: Reply(401, whole=True)
    deliver(api_key="revoked")
    before = set(map(id, parcels()))
    for mark in range(2000):
        record_log(path="tray/child", output=str(mark), trace_parent_id="log_elsewhere")
    for _ in range(60):
        promptscribe.force_flush(2)

    held = set(map(id, parcels())) - before

    assert len(sink.requests) >= 40
    assert 0 < len(held) < 700
