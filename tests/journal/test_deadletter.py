"""The dead-letter file: what was refused is there, whoever writes or reads it."""

from __future__ import annotations

import resource
import threading

import pytest

from promptscribe._journal import deadletter


def bury(root, number, text=""):
    body = b'{"number": %d, "text": "%s"}' % (number, text.encode())
    deadletter.bury(root, 422, "no", {}, body)


def numbers(entries):
    return [entry["body"]["number"] for entry in entries]


def test_what_is_refused_during_a_replay_is_in_the_next_one(tmp_path):
    """A program writes to the file that a person is just having sent once more."""
    share, threads = 400, 4

    def write(first):
        for number in range(first, first + share):
            bury(tmp_path, number)

    writers = [
        threading.Thread(target=write, args=(share * n,)) for n in range(threads)
    ]
    for writer in writers:
        writer.start()
    replayed = []
    while any(writer.is_alive() for writer in writers):
        replayed += numbers(deadletter.begin_replay(tmp_path) or ())
        deadletter.end_replay(tmp_path)
    left = numbers(deadletter.read(tmp_path))

    assert sorted(replayed + left) == list(range(share * threads))


@pytest.mark.parametrize("line", [b"123", b"{}", b"[" * 100_000, b"cut off {", b"\xff"])
def test_what_is_no_entry_is_passed_over(tmp_path, line):
    """A person may have edited the file, or the disk have damaged it."""
    bury(tmp_path, 1)
    path = tmp_path / deadletter.NAME
    path.write_bytes(line + b"\n" + path.read_bytes())

    assert numbers(deadletter.read(tmp_path)) == [1]


@pytest.mark.parametrize(
    "line", [b"123", b"{}", b"[" * 100_000, b"cut off {", b'{"query": "", "body": 1}']
)
def test_a_line_that_nobody_can_read_outlives_a_replay(tmp_path, line):
    """Where it was the only one, too; and what is refused next is not behind it."""
    (tmp_path / deadletter.NAME).write_bytes(line + b"\n\n")

    begun = deadletter.begin_replay(tmp_path)
    kept = deadletter.end_replay(tmp_path)
    bury(tmp_path, 1)

    assert (begun, kept) == ([], 1)
    assert (tmp_path / deadletter.UNREADABLE).read_bytes() == line + b"\n"
    assert numbers(deadletter.begin_replay(tmp_path)) == [1]
    assert deadletter.end_replay(tmp_path) == 0
    assert deadletter.begin_replay(tmp_path) is None


def test_two_that_find_the_file_full_do_not_put_it_aside_twice(tmp_path, monkeypatch):
    """What was put aside first would be gone: sixteen megabytes of logs."""
    monkeypatch.setattr(deadletter, "LONGEST_BYTES", 1 << 14)
    share, threads = 15, 8
    for number in range(1000):
        if (tmp_path / deadletter.NAME).exists() and not number % 10:
            size = (tmp_path / deadletter.NAME).stat().st_size
            if size > (1 << 14) - 400:
                break
        bury(tmp_path, number)
    begin = threading.Barrier(threads)

    def write(first):
        begin.wait()
        for number in range(first, first + share):
            bury(tmp_path, number)

    writers = [
        threading.Thread(target=write, args=(2000 + share * n,)) for n in range(threads)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = numbers(deadletter.read(tmp_path))

    assert len(kept) > 100
    assert set(range(2000, 2000 + share * threads)) <= set(kept)


def test_half_a_line_takes_no_other_with_it(tmp_path):
    """The machine lost its power within one; the next refusal begins a new one."""
    bury(tmp_path, 1)
    path = tmp_path / deadletter.NAME
    path.write_bytes(path.read_bytes() + b'{"at": "2026')
    bury(tmp_path, 2)

    assert numbers(deadletter.read(tmp_path)) == [1, 2]


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing(tmp_path):
    """It is told as not buried, and waits in the journal."""
    bury(tmp_path, 1)
    size = (tmp_path / deadletter.NAME).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        with pytest.raises(OSError, match="No space left"):
            bury(tmp_path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (tmp_path / deadletter.NAME).stat().st_size == size
    bury(tmp_path, 3)
    assert numbers(deadletter.read(tmp_path)) == [1, 3]
