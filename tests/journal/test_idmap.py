"""The id map: what one process learns, all know."""

from __future__ import annotations

import resource

import pytest

from promptscribe._journal import idmap
from promptscribe._journal.idmap import IdMap


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_what_one_process_learns_another_finds(folder):
    """Before it asks for the first time, and afterwards."""
    first, second = IdMap(folder), IdMap(folder)

    first.add({"log_1": "one", "log_2": "two"})
    before = second.get("log_1"), second.get("log_3")
    first.add({"log_3": "three"})

    assert before == ("one", None)
    assert second.get("log_3") == "three"
    assert IdMap(folder).get("log_2") == "two"


def test_half_a_line_is_read_when_it_is_whole(folder):
    """Another process is in the middle of writing it."""
    ids = IdMap(folder)
    path = folder / idmap.NAME

    path.write_bytes(b"log_1\tone\nlog_2\ttw")
    found = ids.get("log_1"), ids.get("log_2")
    path.write_bytes(b"log_1\tone\nlog_2\ttwo\n")

    assert found == ("one", None)
    assert ids.get("log_2") == "two"


@pytest.mark.parametrize("odd", ["a\tb", "a\nlog_2\tforged", "a\rb"])
def test_an_id_that_is_no_line_stays_in_memory(folder, odd):
    """What a server answers cannot put anything into the file."""
    ids = IdMap(folder)

    ids.add({"log_1": odd})

    assert ids.get("log_1") == odd
    assert IdMap(folder).get("log_1") is None
    assert IdMap(folder).get("log_2") is None


def test_neither_memory_nor_file_grows_for_ever(folder):
    """The newest stay known: to this process, and to others."""
    ids = IdMap(folder)
    for start in range(0, 100_000, 50):
        ids.add({f"log_{n:048}": f"server-{n}" for n in range(start, start + 50)})

    assert len(ids._ids) + len(ids._older) <= 2 * idmap.MOST + 50
    assert (folder / idmap.NAME).stat().st_size < 5 << 20
    assert ids.get(f"log_{99_999:048}") == "server-99999"
    assert IdMap(folder).get(f"log_{99_999:048}") == "server-99999"
    assert ids.get(f"log_{0:048}") is None


def test_a_folder_that_cannot_be_written_costs_no_id(folder):
    """This process goes on with what it has learnt."""
    ids = IdMap(folder / "missing")

    ids.add({"log_1": "one"})

    assert ids.get("log_1") == "one"


def test_half_a_line_gives_no_log_a_wrong_id(tmp_path):
    """The disk was full in the middle of one; another process goes on later."""
    first = IdMap(tmp_path)
    first.add({"log_1": "theirs-1"})
    size = (tmp_path / idmap.NAME).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        first.add({"log_2": "theirs-2"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    first.add({"log_3": "theirs-3"})
    second = IdMap(tmp_path)

    found = [second.get(f"log_{number}") for number in (1, 2, 3)]
    assert found == ["theirs-1", None, "theirs-3"]
    assert first.get("log_2") == "theirs-2"
