"""The lane: locks decide who writes, reads and inherits, and the kernel drops them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace

import pytest
from tests.descriptors import open_under

from promptscribe._journal import lane as lanes
from promptscribe._journal.appended import _file_system
from promptscribe._journal.lane import Lane, count_bytes, find_lanes, prepare_root
from promptscribe._journal.reader import Reader
from promptscribe._journal.writer import Writer
from promptscribe.errors import JournalError

WRITE_AND_WAIT = """
import sys
from pathlib import Path
import msgspec
from promptscribe._journal.writer import Writer

class Nobody:
    def journal_failed(self, *a): pass
    def dropped(self, *a): pass
    def wake(self): pass
    def forked(self): pass

writer = Writer(Path(sys.argv[1]), Nobody(), read=sys.argv[2] == "read")
for number in range(int(sys.argv[3])):
    writer.append(1, msgspec.msgpack.encode((1 << 63 | number, "s" * 50)))
    writer.append(2, msgspec.msgpack.encode((1 << 63 | number, "e")))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(root):
    """Start other processes that write calls and then wait to be killed."""
    processes = []

    def start(calls, *, read=True):
        words = [str(root), "read" if read else "leave", str(calls)]
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_AND_WAIT, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_lane_is_adopted_only_after_its_writer_died(other, root, calls):
    """While the process lives nobody gets it; after SIGKILL everything is there."""
    process = other(300)
    (path,) = find_lanes(root)
    alive = Lane.adopt(path)
    kill(process)

    reader = Reader.of_lane(Lane.adopt(path))

    assert alive is None
    assert reader.count() == 300
    assert calls.drain(reader) == list(range(300))
    reader.close()
    assert find_lanes(root) == []


@pytest.fixture
def program(root):
    """Start a process that writes 100 calls, and then does something else."""
    processes = []

    def start(more):
        code = WRITE_AND_WAIT.partition("print(")[0] + textwrap.dedent(more)
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(root), "read", "100"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_who_gave_its_locks_away_may_go_on_to_write(root, program):
    """As on overlayfs a program that closes all descriptors; it keeps its mappings.

    Were its file cut off behind what it has written, the next call would kill it.
    """
    process = program(
        """
        import os
        writer.lane.abandon()
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(1000, 2000):
            writer.append(1, msgspec.msgpack.encode((1 << 63 | number, "s" * 50)))
            writer.append(2, msgspec.msgpack.encode((1 << 63 | number, "e")))
        print("done", flush=True)
        os._exit(0)
        """
    )
    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.adopt(path))
    adopted = reader.count()
    said, _ = process.communicate(b"\n")
    reader.close()

    assert (said, process.returncode, adopted) == (b"done\n", 0, 100)


def test_who_closes_all_descriptors_keeps_its_lane(root, program, calls):
    """As daemons do: its locks end with it, and not before."""
    process = program(
        """
        import os
        os.closerange(3, 1000)
        writer.prepare()
        print("ready", flush=True)
        sys.stdin.read()
        """
    )
    (path,) = find_lanes(root)
    alive = Lane.adopt(path)
    kill(process)

    assert alive is None
    assert calls.drain(Reader.of_lane(Lane.adopt(path))) == list(range(100))


@pytest.fixture
def overlay(tmp_path, root):
    """Have the journal on overlayfs, where a mapping does not keep a lock."""
    layers = tmp_path / "layers"
    for name in ("lower", "upper", "work"):
        (layers / name).mkdir(parents=True)
    root.mkdir(parents=True)
    libc = ctypes.CDLL(None)
    said = f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work"
    mounted = libc.mount(b"none", bytes(root), b"overlay", 0, said.encode())
    if mounted:
        pytest.skip("mounting needs root, and a file system that can be above another")
    yield
    libc.umount2(bytes(root), 2)


@pytest.mark.usefixtures("overlay")
def test_on_overlayfs_too(root, program, calls):
    """There the background thread takes the locks again; containers are on it."""
    test_who_closes_all_descriptors_keeps_its_lane(root, program, calls)


def test_a_lane_takes_no_descriptor(root, writer, calls):
    """A program may have few, and an agent reads a thousand lanes along."""
    calls.write(writer, *range(200))
    writer.prepare()
    reader = Reader.of_writer(writer)
    taken = calls.drain(reader)

    if not _file_system(root).startswith("overlay"):
        assert open_under(root) == []
    assert taken == list(range(200))
    assert Lane.adopt(writer.lane.path) is None


def test_a_lane_ends_with_the_program_and_not_with_the_process(root, program, calls):
    """One that becomes another program has left it."""
    program(
        """
        import os
        code = "import sys; print('ready', flush=True); sys.stdin.read()"
        os.execv(sys.executable, [sys.executable, "-c", code])
        """
    )
    (path,) = find_lanes(root)

    assert calls.drain(Reader.of_lane(Lane.adopt(path))) == list(range(100))


def test_a_forked_child_does_not_hold_its_parents_lane(root, program, calls):
    """It may live for long, and never log anything."""
    process = program(
        """
        import os, signal
        os.register_at_fork(after_in_child=writer.after_fork)
        if os.fork():
            signal.pause()
        print("ready", flush=True)
        sys.stdin.read()
        """
    )
    (path,) = find_lanes(root)
    alive = Lane.adopt(path)
    kill(process)

    assert alive is None
    assert calls.drain(Reader.of_lane(Lane.adopt(path))) == list(range(100))


def test_of_two_that_race_for_a_lane_one_gets_it(other, root):
    """Sixteen threads try at once: one succeeds, and the others are told no."""
    process = other(1)
    (path,) = find_lanes(root)
    kill(process)
    got = []
    begin = threading.Barrier(16)

    def race():
        begin.wait()
        got.append(Lane.adopt(path))

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(lane is not None for lane in got) == 1


def test_what_a_dead_adopter_acknowledged_is_not_read_again(other, root, calls):
    """Another one goes on where it was."""
    process = other(100)
    (path,) = find_lanes(root)
    kill(process)
    first = Reader.of_lane(Lane.adopt(path))
    for record in first.take(60):
        record.acknowledge()
    first.abandon()  # as when its process dies: the locks go, nothing else happens

    second = Reader.of_lane(Lane.adopt(path))

    assert second.count() == 40
    assert calls.drain(second) == list(range(60, 100))
    assert second.is_drained()


def test_an_adopter_that_died_between_two_acknowledgements_lost_nothing(
    other, root, calls
):
    """The start is done with, the end is not: the log was delivered, once."""
    process = other(2)
    (path,) = find_lanes(root)
    kill(process)
    first = Reader.of_lane(Lane.adopt(path))
    (record,) = first.take(1)
    record._segment.acknowledge([record._begun])
    first.abandon()

    second = Reader.of_lane(Lane.adopt(path))

    assert calls.drain(second) == [1]
    assert second.lost == {"delivered_before": 1}
    assert second.is_drained()


def test_an_agent_reads_along_with_a_living_process(other, root, calls):
    """A process that leaves delivery to others is read while it writes."""
    process = other(100, read=False)
    (path,) = find_lanes(root)
    reader = Reader.of_lane(Lane.follow(path))

    alive = calls.drain(reader)
    kill(process)
    after = calls.drain(reader)

    assert alive == list(range(100))
    assert after == []
    assert reader.is_drained()


def test_nobody_overtakes_an_agent(other, root):
    """The lane of a process that died is its agent's, not another adopter's."""
    process = other(10, read=False)
    (path,) = find_lanes(root)
    agent = Lane.follow(path)
    kill(process)

    assert Lane.adopt(path) is None
    assert Lane.follow(path) is None
    assert agent.inherit()
    agent.close()
    assert Lane.adopt(path) is not None


def test_a_process_that_delivers_itself_is_not_followed(other, root):
    """It holds the reader's lock as well."""
    other(1)
    (path,) = find_lanes(root)

    assert Lane.follow(path) is None


def test_folders_and_files_are_the_users_alone(root, witness, calls, monkeypatch):
    """0700 and 0600, whatever the umask."""
    before = os.umask(0)
    try:
        writer = Writer(root, witness)
        calls.write(writer, 1)
    finally:
        os.umask(before)

    folders = [root.parent, root, writer.lane.path]
    assert [oct(f.stat().st_mode & 0o777) for f in folders] == ["0o700"] * 3
    files = [oct(f.stat().st_mode & 0o777) for f in writer.lane.path.iterdir()]
    assert set(files) == {"0o600"}
    writer.close()


def test_a_journal_that_others_can_write_is_refused(tmp_path):
    """So is one that is a link, or no folder."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    for name in ("open", "link"):
        with pytest.raises(JournalError):
            prepare_root(tmp_path / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_journal_of_another_user_is_refused(tmp_path):
    """Two users never share one folder."""
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 12345, 12345)

    with pytest.raises(JournalError, match="another user"):
        prepare_root(tmp_path / "theirs")


def test_a_lock_file_that_is_a_link_is_not_followed(root, tmp_path):
    """A link that somebody planted is left alone, and so is what it points to."""
    prepare_root(root)
    planted = root / "00000000000000000001-1"
    planted.mkdir()
    (tmp_path / "victim").write_text("mine")
    (planted / "reader").symlink_to(tmp_path / "victim")
    (planted / "lock").symlink_to(tmp_path / "victim")

    with pytest.raises(OSError, match="symbolic links"):
        Lane.adopt(planted)
    assert (tmp_path / "victim").read_text() == "mine"


def test_where_nothing_can_be_locked_logs_live_in_memory(
    root, writer, witness, calls, monkeypatch
):
    """NFS without a lock daemon: it is tried again and again, and leaves nothing."""

    def refuse(*_words):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    calls.write(writer, *range(10))
    for _ in range(5):
        writer.prepare()
    left = [open_under(root), list(root.iterdir())]
    monkeypatch.undo()
    writer.prepare()
    calls.write(writer, *range(10, 200))

    assert left == [[], []]
    assert witness.failures == ["journal_unwritable"]
    assert calls.drain(Reader.of_writer(writer)) == list(range(200))
    assert list(root.glob("*/*.seg"))


def test_a_name_that_is_taken_is_no_obstacle(root, monkeypatch):
    """Containers have one process id, and some a clock that stands still."""
    monkeypatch.setattr(lanes, "time", SimpleNamespace(time_ns=lambda: 7))

    made = [Lane.create(root) for _ in range(10)]

    assert len({lane.path for lane in made}) == 10
    for lane in made:
        lane.close()


def test_what_died_before_it_had_a_name_is_removed_in_time(root):
    """Not at once: it may be about to get one."""
    prepare_root(root)
    unborn = root / ".new-00000000000000000001-1"
    unborn.mkdir()
    young = find_lanes(root), unborn.exists()
    os.utime(unborn, (1, 1))

    find_lanes(root)

    assert young == ([], True)
    assert not unborn.exists()


def test_the_bytes_of_all_processes_are_counted(other, root):
    """The cap is one for the folder, not one for each process."""
    other(1)
    one = count_bytes(root)
    other(1)

    assert count_bytes(root) == 2 * one >= 2 << 20
