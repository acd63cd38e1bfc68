"""The writer: what was appended is there, whatever other threads and forks do."""

from __future__ import annotations

import contextlib
import ctypes
import dis
import functools
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from promptscribe._journal import frame
from promptscribe._journal.appended import AppendedSegment
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.segment import Segment
from promptscribe._journal.supply import MEMORY_BYTES
from promptscribe._journal.writer import Writer

LONG = "longer than a segment" * 200


def test_records_come_back_in_the_order_in_which_calls_ended(writer, calls):
    """A reader gets each call once, its two frames joined."""
    writer.append(frame.START, calls.payload(1, "outer"))
    writer.append(frame.START, calls.payload(2, "inner"))
    writer.append(frame.END, calls.payload(2))
    writer.append(frame.END, calls.payload(1))

    records = Reader.of_writer(writer).take(10)

    assert calls.numbers(records) == [2, 1]
    assert records[1].start == calls.payload(1, "outer")
    assert writer.recorded == 2


def test_calls_span_segments_and_full_ones_are_removed(writer, calls):
    """Segments are filled one after the other, and unlinked once acknowledged."""
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(200))
    before = len(writer.lane.segment_paths())

    taken = calls.drain(reader)

    assert taken == list(range(200))
    assert before == 3
    assert len(writer.lane.segment_paths()) == 1


def test_a_payload_longer_than_a_segment_is_kept(writer, calls):
    """A frame gets a segment of its own if it must."""
    calls.write(writer, 1, text="long " * 10_000)

    (record,) = Reader.of_writer(writer).take(10)

    assert record.start == calls.payload(1, "long " * 10_000)


def test_a_long_payload_that_is_still_there_gets_its_checksum(writer, calls):
    """The caller leaves it out above 1 KB; what is done with never needs one."""
    for number in (1, 2):
        writer.append(frame.WHOLE, calls.payload(number, "y" * 1024))
    mapping = writer.segments[0].map
    first = frame.peek_frame(mapping, frame.SEGMENT_HEADER_BYTES)
    reader = Reader.of_writer(writer)
    delivered, _ = reader.take(2)
    reader.protect()
    before = frame.peek_frame(mapping, first.next)
    delivered.acknowledge()
    reader.protect()

    assert not before.has_checksum
    assert frame.peek_frame(mapping, first.next).has_checksum
    assert not frame.peek_frame(mapping, first.offset).has_checksum


def test_before_the_disk_has_it_all_that_was_read_gets_its_checksum(writer, calls):
    """A power cut may leave a half of what is being written out."""
    writer.append(frame.WHOLE, calls.payload(1, "y" * 1024))
    reader = Reader.of_writer(writer)
    reader.take(1)
    reader.protect(at_once=True)

    begin = frame.SEGMENT_HEADER_BYTES
    assert frame.read_frame(writer.segments[0].map, begin).has_checksum


def test_sixteen_threads_lose_nothing(root, witness, calls):
    """Each thread's calls are all there, however their frames interleave."""
    writer = Writer(root, witness, segment_bytes=1 << 16)
    reader = Reader.of_writer(writer)
    begin = threading.Barrier(17)

    def work(thread):
        begin.wait()
        calls.write(writer, *range(thread * 1000, thread * 1000 + 500))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    begin.wait()
    taken = calls.drain(reader, 100)
    for thread in threads:
        thread.join()
    taken += calls.drain(reader, 100_000)
    writer.close()

    assert sorted(taken) == sorted(n * 1000 + i for n in range(16) for i in range(500))
    assert writer.recorded == 8000


def test_a_tracer_between_the_lines_of_append_loses_nothing(writer, calls):
    """A debugger lets other threads in where nobody else does: gaps are filled."""
    reader = Reader.of_writer(writer)
    between = threading.Event()
    resume = threading.Event()

    def trace(stack, event, _argument):
        is_append = stack.f_code.co_name == "append" and event == "line"
        # The place is reserved, nothing is stored.
        if is_append and "mapping" in stack.f_locals and not between.is_set():
            between.set()
            resume.wait(10)
        return trace

    def traced():
        sys.settrace(trace)
        try:
            writer.append(frame.WHOLE, calls.payload(1))
        finally:
            sys.settrace(None)

    stopped = threading.Thread(target=traced)
    stopped.start()
    assert between.wait(10)
    calls.write(writer, *range(2, 200))
    around = calls.drain(reader)
    resume.set()
    stopped.join()
    late = calls.drain(reader)

    assert 1 not in around
    assert sorted(around + late) == list(range(1, 200))


class Finalized:
    """Does something when it goes: where the garbage collector finds it."""

    def __init__(self, last):
        self.last = last

    def __del__(self):
        self.last()


def run_step_by_step(work, function, at, comes):
    """Do *work*, and have *comes* called at an instruction of *function*.

    In a thread of its own: this one may be traced for another reason.

    Returns:
        What it returned.
    """

    def trace(stack, event, _argument):
        is_it = stack.f_trace_opcodes = stack.f_code is function.__code__
        if is_it and event == "opcode" and stack.f_lasti == at:
            comes()
        return trace

    def traced():
        sys.settrace(trace)
        try:
            outcome.append(work())
        finally:
            sys.settrace(None)

    outcome = []
    thread = threading.Thread(target=traced, daemon=True)
    thread.start()
    thread.join(10)
    assert outcome, "it raised, or waits for itself"
    return outcome[0]


@pytest.mark.slow
@pytest.mark.parametrize("last", ["append", "close"])
def test_what_comes_while_segments_change_waits_for_nobody(
    last, tmp_path, witness, calls
):
    """A finalizer that logs, a handler of SIGTERM that shuts down: at any step.

    They run on the stack of the code that they would wait for.
    """
    came = 0
    for at in [step.offset for step in dis.get_instructions(Writer._change)]:
        root = tmp_path / str(at) / "server"
        writer = Writer(root, witness, segment_bytes=4096)
        append = functools.partial(writer.append, frame.WHOLE)
        late = functools.partial(append, calls.payload(2, LONG))
        waiting = [Finalized({"append": late, "close": writer.close}[last])]
        calls.write(writer, 1)
        full = functools.partial(append, calls.payload(3, LONG))
        assert run_step_by_step(full, Writer._change, at, waiting.clear) is True
        writer.close()

        readers = [Reader.of_lane(Lane.adopt(path)) for path in find_lanes(root)]
        found = sorted(n for reader in readers for n in calls.drain(reader))
        is_logged = last == "append" and not waiting
        assert found == ([1, 2, 3] if is_logged else [1, 3])
        came += not waiting

    assert came > 20  # the rest are ways of exceptions


@pytest.mark.slow
def test_what_was_taken_while_segments_change_is_kept_though_that_fails(
    tmp_path, witness, calls
):
    """A handler that logs, and then ends the call: nothing comes after it."""
    taken = 0
    for at in [step.offset for step in dis.get_instructions(Writer._make_room)]:
        writer = Writer(tmp_path / str(at) / "server", witness, segment_bytes=4096)
        calls.write(writer, 1)
        said = []

        def end_the_call(writer=writer, said=said):
            said.append(writer.append(frame.WHOLE, calls.payload(2, "late")))
            raise TimeoutError

        def fill(writer=writer):
            with contextlib.suppress(TimeoutError):
                writer.append(frame.WHOLE, calls.payload(3, LONG))
            return True

        assert run_step_by_step(fill, Writer._make_room, at, end_the_call) is True

        assert len(said) <= 1
        found = calls.drain(Reader.of_writer(writer))
        assert (2 in found) is (said == [True])
        taken += said == [True]
        writer.close()

    assert taken > 20


def test_a_segment_may_be_let_go_of_while_it_is_sealed(writer, calls):
    """By the background thread, as it does while the server is down."""
    reader = Reader.of_writer(writer)
    steps = [step.offset for step in dis.get_instructions(Segment.mark_sealed)]
    for at in steps:
        calls.write(writer, at)
        relieve = functools.partial(reader.relieve, near=0)
        assert run_step_by_step(writer.seal, Segment.mark_sealed, at, relieve) is None

    assert calls.drain(reader) == steps


def test_a_signal_handler_that_logs_inside_of_a_call_loses_nothing(writer, calls):
    """A handler's calls go between those of the code that it interrupts."""
    handled = []

    def arm():  # once: where a handler takes longer, the next would come inside of it
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    def handle(_number, _stack):
        handled.append(1_000_000 + len(handled))
        calls.write(writer, handled[-1])
        arm()

    before = signal.signal(signal.SIGALRM, handle)
    arm()
    try:
        number = 0
        while len(handled) < 20:
            calls.write(writer, number)
            number += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert sorted(calls.drain(Reader.of_writer(writer), 1_000_000)) == sorted(
        [*range(number), *handled]
    )


def in_child(fork, work):
    """Run *work* in a forked child and return what it says, as bytes."""
    out, into = os.pipe()
    child = fork()
    if child == 0:
        try:
            os.write(into, work())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


FORKS = {
    "with Python's hooks": os.fork,
    "in C, without them": lambda: ctypes.PyDLL(None).fork(),
}
EACH_FORK = [
    pytest.param(FORKS["with Python's hooks"], id="with Python's hooks"),
    pytest.param(
        FORKS["in C, without them"], id="in C, without them", marks=pytest.mark.alone
    ),
]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("fork", EACH_FORK)
def test_a_forked_child_writes_to_a_lane_of_its_own(writer, calls, root, fork):
    """The child stores nothing into the parent's segments, and unlocks nothing."""
    calls.write(writer, 1)
    before = bytes(writer.segments[0].map)

    def work():
        if writer.append(frame.START, calls.payload(2)) is None:
            writer.append(frame.START, calls.payload(2))
        writer.append(frame.END, calls.payload(2))
        return writer.lane.path.name.encode()

    childs = in_child(fork, work).decode()

    assert bytes(writer.segments[0].map) == before
    assert childs != writer.lane.path.name
    assert Lane.adopt(writer.lane.path) is None
    adopted = Reader.of_lane(Lane.adopt(root / childs))
    assert calls.drain(adopted) == [2]
    adopted.close()
    assert calls.drain(Reader.of_writer(writer)) == [1]


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_in_c_is_told_to_begin_again(writer, calls):
    """The first start in it is refused: its ids would be the parent's next ones."""
    calls.write(writer, 1)

    said = in_child(
        FORKS["in C, without them"],
        lambda: repr(
            [writer.append(frame.START, calls.payload(n)) for n in (2, 3)]
        ).encode(),
    )

    assert said == b"[None, True]"


@pytest.mark.parametrize("durability", ["process", "host", "sync"])
def test_closing_leaves_what_is_not_acknowledged(root, witness, calls, durability):
    """The next process finds it, in files that are no longer than they must be."""
    writer = Writer(root, witness, durability=durability)
    calls.write(writer, 1, 2, 3)
    writer.append(frame.START, calls.payload(4))
    writer.close()

    (path,) = find_lanes(root)
    size = sum(p.stat().st_size for p in path.iterdir())
    reader = Reader.of_lane(Lane.adopt(path))
    counted = reader.count()

    assert size < 4096
    assert counted == 4
    assert calls.drain(reader) == [1, 2, 3, 4]
    assert reader.is_drained()
    reader.close()
    assert list(root.iterdir()) == []


def test_logs_after_closing_are_kept_for_the_next_process(writer, calls, root):
    """A call in ``atexit`` or ``__del__`` goes to a new lane."""
    calls.write(writer, 1)
    writer.close()
    calls.write(writer, 2)
    writer.close()

    taken = []
    for path in find_lanes(root):
        reader = Reader.of_lane(Lane.adopt(path))
        taken += calls.drain(reader)
        reader.close()
    assert taken == [1, 2]


def test_durability_memory_touches_no_disk(root, witness, calls):
    """Nothing is made under the journal's folder."""
    writer = Writer(root, witness, durability="memory")
    calls.write(writer, 1, 2)

    assert not root.exists()
    assert calls.drain(Reader.of_writer(writer)) == [1, 2]


def test_an_unwritable_folder_means_memory_and_one_complaint(witness, calls, tmp_path):
    """Calls go on; what cannot be kept at last is counted."""
    (tmp_path / "file").write_text("in the way")
    writer = Writer(tmp_path / "file" / "journal", witness, segment_bytes=1 << 20)
    big = "b" * 500_000
    calls.write(writer, *range(40), text=big)

    kept = calls.numbers(Reader.of_writer(writer).take(100))

    assert witness.failures == ["journal_unwritable"]
    assert kept == list(range(len(kept)))
    assert len(kept) * len(big) <= MEMORY_BYTES
    assert witness.lost == {"journal_full": 40 - len(kept)}
    assert writer.recorded == 40


def test_the_journal_comes_back_to_disk(witness, calls, tmp_path):
    """Once the obstacle is gone, the background thread makes a segment again."""
    obstacle = tmp_path / "file"
    obstacle.write_text("in the way")
    writer = Writer(obstacle / "journal", witness, segment_bytes=4096)
    calls.write(writer, 1)
    obstacle.unlink()
    writer.prepare()

    calls.write(writer, *range(2, 200))

    assert writer.segments[-1].path is not None
    assert calls.drain(Reader.of_writer(writer)) == list(range(1, 200))
    writer.close()


def test_a_folder_removed_while_in_use_loses_nothing(writer, calls, witness, root):
    """What was mapped is still delivered, and later logs go to a new folder."""
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(100))
    for path in writer.lane.path.iterdir():
        path.unlink()
    writer.lane.path.rmdir()
    writer.prepare()
    calls.write(writer, *range(100, 200))

    assert calls.drain(reader) == list(range(200))
    assert witness.failures == ["journal_deleted"]
    assert len(find_lanes(root)) == 1


@pytest.mark.parametrize("is_mappable", [True, False])
@pytest.mark.parametrize("what", ["the file", "the folder"])
def test_what_is_being_written_may_be_removed(writer, calls, root, is_mappable, what):
    """It is delivered all the same; what comes after is on disk again."""
    writer.supply._mappable = is_mappable
    reader = Reader.of_writer(writer)
    calls.write(writer, 1)
    taken = calls.drain(reader)
    calls.write(writer, 2)
    path = writer.lane.path
    for each in path.iterdir() if what == "the folder" else path.glob("*.seg"):
        each.unlink()
    if what == "the folder":
        path.rmdir()
    writer.prepare()
    calls.write(writer, 3)
    (kept,) = root.glob("*/*.seg")
    content = kept.read_bytes()
    taken += calls.drain(reader)

    assert taken == [1, 2, 3]
    assert [calls.payload(n, "end") in content for n in (2, 3)] == [False, True]


def test_files_removed_after_their_memory_was_let_go_are_counted(writer, calls):
    """What nobody can read any more is told, not passed over in silence."""
    reader = Reader.of_writer(writer)
    calls.write(writer, *range(100))
    reader.relieve()
    first = writer.lane.segment_paths()[0]
    first.unlink()

    taken = calls.drain(reader)

    assert len(taken) + sum(reader.lost.values()) == 100
    assert reader.lost["segment_deleted"] > 0


def test_an_exhausted_allowance_refuses_the_newest(writer, calls, witness):
    """Above the cap a log that cannot be kept is counted, and the call goes on."""
    writer.supply.allowance = 4096
    calls.write(writer, *range(100))

    kept = calls.numbers(Reader.of_writer(writer).take(1000))

    assert kept == list(range(len(kept)))
    assert witness.lost["journal_full"] == 100 - len(kept)


@pytest.mark.parametrize("moment", ["before it is read", "after", "by an agent"])
@pytest.mark.parametrize("between", [0, 100])
def test_a_call_for_whose_end_there_is_no_room_is_not_told_as_interrupted(
    root, witness, calls, moment, between
):
    """It ended, and is counted as dropped: its start is given up as well."""
    writer = Writer(root, witness, segment_bytes=4096, read=moment != "by an agent")
    reader = Reader.of_writer(writer)
    writer.append(frame.START, calls.payload(500))
    calls.write(writer, *range(between))
    agent = None
    if moment == "by an agent":
        agent = Reader.of_lane(Lane.follow(writer.lane.path))
        assert calls.drain(agent) == list(range(between))
    elif moment == "after":
        assert calls.drain(reader) == list(range(between))
    writer.supply.allowance = 0
    writer.append(frame.END, calls.payload(500, "long " * 1000))
    reader.relieve()
    writer.close()
    heir = agent or Reader.of_lane(Lane.adopt(find_lanes(root)[0]))

    left = between if moment == "before it is read" else 0
    assert agent or heir.count() == left
    assert calls.drain(heir) == list(range(left))
    assert not heir.lost
    assert heir.is_drained()
    assert witness.lost == {"journal_full": 1}


@pytest.fixture
def appending(root, witness):
    """A writer on a file system that cannot be mapped safely."""
    writer = Writer(root, witness, segment_bytes=4096)
    writer.supply._mappable = False
    yield writer
    writer.close()


def test_where_mapping_is_unsafe_frames_are_appended(appending, calls):
    """The same records, by plain writes."""
    reader = Reader.of_writer(appending)
    calls.write(appending, *range(50))
    first = calls.drain(reader)
    calls.write(appending, *range(50, 100))

    assert isinstance(appending.segments[0], AppendedSegment)
    assert first + calls.drain(reader) == list(range(100))
    assert len(appending.lane.segment_paths()) == 1


def test_appended_frames_are_found_by_the_next_process(appending, calls, root):
    """They lie on disk in the same format."""
    calls.write(appending, *range(50))
    appending.close()

    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.adopt(path))

    assert calls.drain(reader) == list(range(50))
    reader.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_thread_that_comes_late_to_a_file_goes_on_in_the_next(appending, calls):
    """It was to append, and others did so until they could store into a mapped one."""
    reader = Reader.of_writer(appending)
    calls.write(appending, 0)
    page, offset = appending._page, appending._page.offset
    calls.write(appending, *range(1, 10))
    appending.supply._mappable = True
    taken = calls.numbers(reader.take(3))  # it is mapped, to be read
    calls.write(appending, *range(10, 200))
    late = appending._append_slowly(frame.WHOLE, calls.payload(200), page, offset)

    assert late is True
    assert taken + calls.drain(reader) == list(range(201))


def test_what_one_that_comes_late_did_not_store_is_waited_for_by_nobody(writer, calls):
    """It was to store into a mapped file, and frames are appended by then."""
    calls.write(writer, 0)
    page, offset = writer._page, writer._page.offset
    page.offset = page.limit + 1
    writer.supply._mappable = False
    calls.write(writer, *range(1, 5))
    late = writer._append_slowly(frame.WHOLE, calls.payload(5), page, offset)
    reader = Reader.of_writer(writer)
    taken = calls.drain(reader)

    assert late is True
    assert taken == list(range(6))
    assert writer.segments[0].path != page.segment.path


def test_a_child_does_not_append_to_its_parents_file(appending, calls):
    """Its frames go to a file of its own; the parent's stays as it was."""
    calls.write(appending, 1)
    size = appending.segments[0].path.stat().st_size

    in_child(os.fork, lambda: calls.write(appending, 2) or b"")
    calls.write(appending, 3)

    assert appending.segments[0].path.stat().st_size > size
    assert calls.drain(Reader.of_writer(appending)) == [1, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells what is resident")
def test_a_burst_that_nobody_reads_stays_out_of_the_process_s_memory(
    root, witness, calls
):
    """The pages of what was used up are the system's; the frames are all there."""
    writer = Writer(root, witness)
    calls.write(writer, *range(5_000), text="x" * 2_000)

    assert len(writer.segments) > 8
    assert resident(root) < 5 << 20
    assert calls.drain(Reader.of_writer(writer), 5_000) == list(range(5_000))
    writer.close()


def resident(folder):
    """Return the bytes of a folder's files that count as this process's memory."""
    total, is_ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024 if is_ours else 0
        elif not line.split()[0].endswith(":"):
            is_ours = str(folder) in line
    return total
