"""The interrupt: what a signal's handler raises while files are made is the user's."""

from __future__ import annotations

import dis
import itertools
import signal
import sys

import pytest

from promptscribe._journal import appended, estate, frame
from promptscribe._journal.appended import AppendedSegment
from promptscribe._journal.estate import Estate
from promptscribe._journal.segment import Segment
from promptscribe._journal.supply import Supply
from promptscribe._journal.writer import Writer

TEXT = "longer than half a segment" * 100


def strike(*_):
    """End what takes too long, as programs do by SIGALRM: it is an OSError, too."""
    raise TimeoutError


@pytest.fixture(autouse=True)
def _limit():
    before, tracer = signal.signal(signal.SIGALRM, strike), sys.gettrace()
    yield
    sys.settrace(tracer)
    signal.signal(signal.SIGALRM, before)


def strikes_at(function):
    """Return where Python looks for signals in a function: behind each call."""
    steps = list(dis.get_instructions(function))
    pairs = itertools.pairwise(steps)
    return [after.offset for step, after in pairs if step.opname.startswith("CALL")]


def was_struck(function, at, work):
    """Do *work*, and have a signal come at one instruction; say whether it did."""
    struck = []

    def trace(stack, event, _argument):
        is_it = stack.f_trace_opcodes = stack.f_code is function.__code__
        if is_it and event == "opcode" and stack.f_lasti == at and not struck:
            struck.append(at)
            signal.raise_signal(signal.SIGALRM)
        return trace

    sys.settrace(trace)
    try:
        work()
    except TimeoutError:
        return True
    finally:
        sys.settrace(None)
    assert not struck, at
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        Supply.take,
        Segment.create,
        Segment.populate,
        Segment.unload,
        appended.is_mappable,
        AppendedSegment.store,
    ],
    ids=lambda function: function.__qualname__,
)
def test_a_time_limit_ends_the_call_also_while_a_segment_is_made(
    function, tmp_path, witness, calls, monkeypatch
):
    """It was taken for a disk that fails: the program went on, and logs in memory."""
    if function is AppendedSegment.store:
        monkeypatch.setattr("promptscribe._journal.supply.is_mappable", lambda _: False)
    struck = 0
    for at in strikes_at(function):
        writer = Writer(tmp_path / str(at) / "server", witness, segment_bytes=4096)

        def work(writer=writer):
            for number in range(4):
                writer.append(frame.WHOLE, calls.payload(number, TEXT))

        struck += was_struck(function, at, work)
        writer.close()

    assert struck
    assert not witness.failures


def test_nor_is_it_lost_on_what_the_journal_writes_down_of_a_program(tmp_path):
    """That comes with the first call, which takes the longest of all."""
    struck = [
        was_struck(function, at, Estate(tmp_path / str(at) / "s", "program").register)
        for function in (Estate.register, estate._lines)
        for at in strikes_at(function)
    ]

    assert any(struck)
