"""The journal against a model: append, crash, damage, acknowledge, in any order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from promptscribe._journal import frame
from promptscribe._journal.lane import Lane, find_lanes
from promptscribe._journal.reader import Reader
from promptscribe._journal.record import acknowledge as acknowledge_together
from promptscribe._journal.writer import Writer

TOP_BIT = 1 << 63
WAYS = st.sampled_from(["not", "one by one", "together", "together, and no more"])


class Nobody:
    def journal_failed(self, reason, problem):
        raise AssertionError(reason)

    def dropped(self, reason, logs):
        raise AssertionError(reason)

    def wake(self):
        pass

    def forked(self):
        raise AssertionError


class Journal(RuleBasedStateMachine):
    """Every call that was promised and not damaged is delivered, and none is made up.

    *ended* and *open* are the model: text by number. *damaged* are the calls that a
    flipped byte or a cut may have cost.
    """

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp()) / "journal"
        self.number = 0
        self.open, self.ended, self.damaged = {}, {}, set()
        self.delivered = {}
        self.writer = self.reader = None
        self.begin_process()

    def begin_process(self):
        self.writer = Writer(self.root, Nobody(), segment_bytes=2048)
        self.reader = Reader.of_writer(self.writer)

    def payload(self, number, text):
        return msgspec.msgpack.encode((TOP_BIT | number, text))

    @rule(text=st.text(max_size=300))
    def start(self, text):
        self.number += 1
        self.open[self.number] = text
        self.writer.append(frame.START, self.payload(self.number, text))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data):
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.ended[number] = self.open.pop(number)
        self.writer.append(frame.END, self.payload(number, "end"))

    @rule(text=st.text(max_size=3000))
    def whole(self, text):
        self.number += 1
        self.ended[self.number] = text
        self.writer.append(frame.WHOLE, self.payload(self.number, text))

    @rule(limit=st.integers(1, 20), acknowledge=WAYS)
    def take(self, limit, acknowledge):
        self.receive(self.reader, limit, acknowledge)

    @rule()
    def let_memory_go(self):
        self.reader.relieve()

    @rule()
    def make_ready(self):
        self.writer.prepare()

    @rule(damage=st.sampled_from(["none", "flip", "cut"]), data=st.data())
    def crash(self, damage, data):
        """The process dies: its locks go, its memory goes, its files stay."""
        lane = self.writer.lane
        if lane is None:
            return
        paths = lane.segment_paths()
        lane.abandon()
        if damage != "none" and paths:
            self.harm(data.draw(st.sampled_from(paths)), damage, data)
        for path in find_lanes(self.root):
            limit = data.draw(st.integers(1, 30))
            self.inherit(path, limit, data.draw(WAYS), again=data.draw(st.booleans()))
        for path in find_lanes(self.root):
            self.inherit(path, 10_000, "together", again=False)
        for number, text in {**self.open, **self.ended}.items():
            assert number in self.damaged or self.delivered.get(number) == text
        assert find_lanes(self.root) == []
        self.open.clear()
        self.ended.clear()
        self.begin_process()

    def inherit(self, path, limit, acknowledge, *, again):
        reader = Reader.of_lane(Lane.adopt(path))
        for _ in range(1 if again else 4):
            self.receive(
                reader,
                limit if again else 10_000,
                acknowledge if again else "together",
            )
            if not again:
                reader.clean()
        assert self.damaged or set(reader.lost) <= {"delivered_before"}
        if again:
            reader.abandon()
        else:
            assert reader.is_drained()
            reader.close()

    def receive(self, reader, limit, acknowledge):
        """Take some; a process may die between marking them and cleaning up."""
        records = reader.take(limit)
        for record in records:
            whole = record.start is None
            key, text = msgspec.msgpack.decode(record.end if whole else record.start)
            number = key & ~TOP_BIT
            known = {**self.open, **self.ended, **self.delivered}
            assert known.get(number) == text  # nothing made up, nothing changed
            self.delivered[number] = text
            if acknowledge == "one by one":
                record.acknowledge()
        if acknowledge.startswith("together"):
            is_any_spent = acknowledge_together(records)
            if is_any_spent and acknowledge == "together":
                reader.clean()

    def harm(self, path, damage, data):
        content = bytearray(path.read_bytes())
        where = data.draw(st.integers(frame.SEGMENT_HEADER_BYTES, len(content) - 1))
        offset = frame.SEGMENT_HEADER_BYTES
        while (found := frame.find_frame(bytes(content), offset)) is not None:
            hit = found.offset <= where < found.next
            if hit or (damage == "cut" and found.next > where):
                key = int.from_bytes(frame.key_of(bytes(content), found), "big")
                self.damaged.add(key & ~TOP_BIT)
            offset = found.next
        if damage == "flip":
            content[where] ^= data.draw(st.integers(1, 255))
        else:
            del content[where:]
        path.write_bytes(content)

    @invariant()
    def nothing_is_lost_while_nothing_is_damaged(self):
        assert not (self.reader and self.reader.lost)

    def teardown(self):
        self.writer.close()
        shutil.rmtree(self.root.parent)


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
