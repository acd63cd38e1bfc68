"""What is kept has bounds, and what goes beyond them is told; with real processes."""

from __future__ import annotations

import os

import pytest
from tests.promises.faults import Lab, audit
from tests.promises.faults_server import Reply

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """A server with the bulk route, a journal and programs."""
    lab = Lab(tmp_path, 2000, offer={"bulk": True})
    yield lab
    lab.close()


def test_beyond_the_cap_the_oldest_go_and_are_counted(lab):
    """Delivered and dropped together are what was made, and a warning says so."""
    lab.calls = lab.made = 20_000
    lab.down()
    lab.run("paced", FAULTS_SECONDS="4", PROMPTSCRIBE_JOURNAL_MAX_BYTES="2000000")
    errors = lab.errors
    (report,) = lab.reports
    kept = sum(p.stat().st_size for p in lab.root.rglob("*.seg"))
    lab.up()
    lab.restart()

    arrived = {log["inputs"]["mark"] for log in lab.server.stored.values()}
    assert report["dropped"] > 5000
    assert report["reasons"]["journal_cap"] == report["dropped"]
    assert errors.count("logs are being dropped: journal_cap") == 1
    assert kept <= 2_000_000
    assert max(arrived) == lab.calls - 1  # the newest are there
    assert lab.count().twice == 0
    # Of one call in two files the first may be gone: who comes next counts that.
    assert len(arrived) == lab.calls - sum(each["dropped"] for each in lab.reports)
    assert audit(lab) == []


def test_what_others_deliver_is_not_dropped_for_newer_ones(lab):
    """With export=False nobody knows what an agent reads: the newest are refused."""
    lab.calls = lab.made = 20_000
    lab.run("plain", PROMPTSCRIBE_EXPORT="0", PROMPTSCRIBE_JOURNAL_MAX_BYTES="2000000")
    (report,) = lab.reports
    lab.restart()

    marks = {log["inputs"]["mark"] for log in lab.server.stored.values()}
    assert report["reasons"]["journal_full"] == report["dropped"] > 5000
    # Not all in one piece: while there is room again for a moment, a few more are kept.
    assert set(range(900)) <= marks
    assert len(marks) == lab.calls - report["dropped"]
    assert audit(lab) == []


def test_a_file_that_may_not_be_opened_waits_and_is_told(lab):
    """Somebody moved it and left a link: the other logs arrive, and it later."""
    lab.calls = lab.made = 6000
    lab.down()
    lab.run("sigkill")
    lab.up()
    first = min(lab.root.rglob("*.seg"))
    moved = first.rename(lab.folder / "moved")
    first.symlink_to(moved)
    process = lab.start("flush_once", 0)
    lab.finish(process)
    (report,) = lab.reports
    early = len(lab.server.stored)
    moved.rename(first)
    lab.restart()

    assert report["reasons"]["segment_unopened"] == 1
    assert report["dropped"] == 0
    assert lab.errors.count("cannot be opened, it waits") == 1
    assert str(first) in lab.errors
    assert 0 < early < lab.calls
    assert (lab.count().lost, lab.count().twice) == (0, 0)
    assert audit(lab) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_two_users_that_share_a_journal_lose_nothing(lab):
    """The second one cannot use the folder of the first: memory, and it says so."""
    lab.run("flush", 1000)
    (lab.folder / "journal").chmod(0o777)
    lab.run("other_user", 1000)
    (_, report) = lab.reports

    assert report["reasons"] == {"journal_unwritable": 1}
    assert "cannot be written" in lab.errors
    assert {p.stat().st_uid for p in (lab.folder / "journal").rglob("*")} <= {0}
    lab.calls = 2000
    assert lab.count().lost == 0


@pytest.mark.parametrize("trap", ["writable for all", "a link"])
def test_a_journal_that_others_can_change_is_not_used(lab, trap):
    """Nothing is written there; the logs arrive all the same, and one line says so."""
    lab.run("flush", 10)
    root = lab.root
    planted = lab.folder / "planted"
    before = sorted(root.rglob("*"))
    if trap == "a link":
        root.rename(planted)
        root.symlink_to(planted)
        before = sorted(root.iterdir())
    else:
        root.chmod(0o777)
    lab.reports.clear()
    lab.run("flush")
    (report,) = lab.reports

    assert report["delivered"] == 2000
    assert report["reasons"]["journal_unwritable"] == 1
    assert lab.errors.count("cannot be written") == 1
    assert sorted(root.iterdir() if trap == "a link" else root.rglob("*")) == before


def test_a_process_that_leaves_delivery_to_others_spends_nothing_on_it(lab):
    """With export=False: no thread that sends, no HTTP, and no socket."""
    lab.run("leaves_it", PROMPTSCRIBE_EXPORT="false")

    assert lab.said[0] == "nothing of it"
    lab.restart()
    assert lab.count().lost == 0


def test_what_a_server_refused_is_the_user_s_alone(lab):
    """The dead-letter file, whatever the umask."""
    lab.server.judge = lambda _seen: Reply(422)
    before = os.umask(0)
    try:
        lab.run("flush", 10)
    finally:
        os.umask(before)

    (dead,) = lab.root.glob("dead-letter*")
    assert dead.stat().st_mode & 0o777 == 0o600
    assert {p.stat().st_mode & 0o077 for p in lab.root.rglob("*")} == {0}
