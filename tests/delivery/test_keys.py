"""Two keys at one address are two projects: whose logs go where, and when keys change.

With real processes, and a server that knows with which key each log came.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from tests.promises.faults import PATIENCE, Lab
from tests.promises.faults_server import Reply, Server

import promptscribe
from promptscribe import log_prompt

pytestmark = pytest.mark.slow

CALLS = 30
MOVED = """
import time
real = time.time
time.time = lambda: real() + 9 * 365 * 24 * 3600  # as freezegun and time-machine do
import promptscribe
print(promptscribe.force_flush(60).dropped)
"""


class Bank(Lab):
    """A server with several projects, and programs that have the key of one.

    Attributes:
        known: The keys that the server takes.
        came_with: With which key each mark came, refused ones as well.
    """

    def __init__(self, folder):
        super().__init__(folder, CALLS, offer={"bulk": True})
        self.known = {"key-a", "key-b"}
        self.came_with = {}
        self.server.judge = self.look

    def look(self, seen):
        key = seen.headers.get("x-api-key")
        if key not in self.known:
            return Reply(401, whole=True)
        self.came_with.setdefault(seen.log["inputs"]["mark"], set()).add(key)
        return Reply()

    def leave(self, key, what="sigkill", **more):
        """Have a process log with a key and die while the server is down."""
        self.down()
        self.run(what, **_environment(key, more))
        self.up()

    def refuse(self, key, **more):
        """Have a process log with a key that the server refuses, and hear of it."""
        self.run("plain", **_environment(key, {"flush_timeout": "300", **more}))

    def flush(self, key, calls=0, folder=None, **more):
        """Have a process of the same program deliver what it may."""
        environment = {**self.environment, **_environment(key, more)}
        subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.promises.faults_program",
                "flush",
                f"{calls}",
            ],
            env=environment,
            cwd=folder or self.folder,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )

    def command(self, *words, key=None):
        """Run a command of the command line; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "promptscribe", *words],
            env={**self.environment, **_environment(key, {})},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr


def _environment(key, more):
    named = {f"PROMPTSCRIBE_{name.upper()}": value for name, value in more.items()}
    return named if key is None else {"PROMPTSCRIBE_API_KEY": key, **named}


@pytest.fixture
def bank(tmp_path):
    bank = Bank(tmp_path)
    yield bank
    bank.close()


def all_with(key, start=0):
    """What a server with all marks has seen, each with this key alone."""
    return {mark: {key} for mark in range(start, start + CALLS)}


def test_what_one_key_left_is_not_sent_with_another(bank):
    """Not by the same program, nor by ``drain``: it waits for its own key."""
    bank.leave("key-a")
    bank.flush("key-b")
    said = bank.command("drain", key="key-b")
    with_b = dict(bank.came_with)
    bank.flush("key-a")

    assert with_b == {}
    assert f"{CALLS} logs wait for another key" in said
    assert bank.came_with == all_with("key-a")


def test_two_keys_at_once_do_not_mix(bank):
    """Both processes die, both restart, in the wrong order."""
    bank.leave("key-a")
    bank.leave("key-b", "sigkill_late")
    bank.flush("key-b")
    bank.flush("key-a")

    assert bank.came_with == all_with("key-a") | all_with("key-b", 1_000)


def test_a_key_that_was_refused_has_its_successor_deliver(bank):
    """The key is replaced, the program started again: nothing is lost."""
    bank.refuse("revoked")
    bank.flush("key-a")

    assert bank.came_with == all_with("key-a")


def test_a_drain_with_the_next_key_delivers_what_was_refused(bank):
    """Whose logs could go nowhere else, and a person has said to deliver them."""
    bank.refuse("revoked")
    said = bank.command("drain", key="key-a")

    assert f"delivered {CALLS}, pending 0" in said
    assert bank.came_with == all_with("key-a")


def test_a_drain_without_a_key_delivers_to_a_server_that_wants_none(bank):
    """A program sets a key in its code; who drains on that machine has none."""
    bank.known.add(None)
    bank.leave("key-a")
    said = bank.command("drain")

    assert f"delivered {CALLS}, pending 0" in said
    assert bank.came_with == all_with(None)


def test_who_was_there_before_is_no_successor(bank):
    """A second project's program may be the same one, in the same folder."""
    bank.flush("key-b")
    bank.refuse("revoked")
    bank.flush("key-b")

    assert bank.came_with == {}


def test_another_program_is_no_successor(bank, tmp_path):
    """Nor is one that runs somewhere else: another project on the same machine."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bank.refuse("revoked")
    bank.flush("key-b", folder=elsewhere)

    assert bank.came_with == {}


def test_a_key_that_is_taken_again_has_no_successor(bank):
    """The server was wrong for a while; what waits is that key's still."""
    bank.known.discard("key-a")
    bank.refuse("key-a")
    bank.known.add("key-a")
    bank.flush("key-a", 1)
    bank.leave("key-a", "sigkill_late")
    bank.flush("key-b")

    assert {key for keys in bank.came_with.values() for key in keys} == {"key-a"}


def test_a_project_goes_with_any_key_of_its_own(bank):
    """Nothing has to be refused first, and no other program is asked for."""
    bank.leave("key-a", project="shop")
    bank.flush("key-b", project="shop")

    assert bank.came_with == all_with("key-b")


def test_a_project_has_no_heirs(bank):
    """One program with two projects: even a refused key leaves all where it is."""
    bank.refuse("revoked", project="shop")
    bank.flush("key-b", project="other")
    bank.flush("key-b")
    before = dict(bank.came_with)
    bank.flush("key-a", project="shop")

    assert before == {}
    assert bank.came_with == all_with("key-a")


def test_a_person_may_say_otherwise(bank):
    """``drain --any-key`` delivers all that waits for this server."""
    bank.leave("key-a")

    said = bank.command("drain", "--any-key", key="key-b")

    assert f"delivered {CALLS}, pending 0" in said
    assert bank.came_with == all_with("key-b")


def test_what_was_recorded_without_a_key_gets_the_one_that_comes(bank):
    """Log first, set the key later; but not with the key of another program."""
    bank.leave(None)
    (bank.folder / "elsewhere").mkdir()
    bank.flush("key-b", folder=bank.folder / "elsewhere")
    before = dict(bank.came_with)
    bank.flush("key-a")

    assert before == {}
    assert bank.came_with == all_with("key-a")


def test_who_delivers_for_others_may_be_the_only_one_with_a_key(bank):
    """Programs without a key, and ``drain`` or an agent that has it."""
    bank.leave(None, export="false")

    said = bank.command("drain", key="key-a")

    assert f"delivered {CALLS}, pending 0" in said
    assert bank.came_with == all_with("key-a")


def test_one_process_that_changes_its_key_sends_each_log_with_its_own(bank, tmp_path):
    """`configure` again, while what was logged before still waits."""

    @log_prompt(path="test/call")
    def answer(mark):
        return mark

    def configure(key):
        promptscribe.configure(
            base_url=bank.server.url,
            journal_dir=tmp_path / "own",
            api_key=key,
            export=True,
        )

    bank.down()
    for mark in range(0, 20, 2):
        configure("key-a")
        answer(mark)
        configure("key-b")
        answer(mark + 1)
    bank.up()
    result = promptscribe.force_flush(60)

    assert (result.recorded, result.delivered) == (20, 20)
    assert bank.came_with == {m: {"key-b" if m % 2 else "key-a"} for m in range(20)}


@pytest.mark.parametrize("who", ["the same process", "drain"])
def test_who_uses_several_keys_at_a_time_has_no_heirs(bank, tmp_path, who):
    """One program, several customers: one's key is revoked, and another one comes."""
    bank.environment["PROMPTSCRIBE_JOURNAL_DIR"] = str(tmp_path / "own")

    def log(key, mark):
        promptscribe.configure(
            base_url=bank.server.url,
            journal_dir=tmp_path / "own",
            api_key=key,
            export=True,
        )
        log_prompt(path="test/call")(lambda mark: mark)(mark)
        promptscribe.force_flush(60)

    log("key-a", 1)
    log("key-b", 2)
    bank.known.discard("key-a")
    log("key-a", 3)
    bank.known.add("key-c")
    if who == "the same process":
        log("key-c", 4)
    promptscribe.shutdown(1)
    if who == "drain":
        assert "wait for another key" in bank.command("drain", key="key-c")
    before = dict(bank.came_with)
    bank.known.add("key-a")
    bank.command("drain", key="key-a")

    assert {"key-c"} not in [before.get(mark) for mark in (1, 2, 3)]
    assert 3 not in before
    assert bank.came_with[3] == {"key-a"}


def test_an_otlp_endpoint_that_refuses_makes_no_heirs(bank):
    """It says nothing of the server's own key: that is taken, and keeps its logs."""
    with Server() as gate:
        gate.judge = lambda seen: Reply(401, body=b"", store=False)
        bank.run("flush_once", **_environment("key-a", {"otlp_endpoint": gate.url}))
        (report,) = bank.reports
        bank.flush("key-b", otlp_endpoint=gate.url)
        asked = len(gate.requests)
        gate.judge = lambda seen: Reply(200, body=b"", store=False)
        bank.flush("key-a", otlp_endpoint=gate.url)
        gate.close()

    assert asked > 0
    assert (report["pending"], report["reasons"].get("hold_http_401")) == (CALLS, None)
    assert report["reasons"]["retry_unreachable"] > 0
    assert not list((bank.folder / "journal").glob("*/refused"))
    assert bank.came_with == all_with("key-a")


def test_the_list_of_programs_does_not_grow_for_ever(bank):
    """A job that runs in a new folder each time adds one; the last ones stay."""
    bank.flush("key-a")
    (programs,) = (bank.folder / "journal").glob("*/programs")
    (mine,) = programs.read_text().splitlines()
    programs.write_text("".join(f"{number:032x}\n" for number in range(100_000)))
    bank.flush("key-a")

    lines = programs.read_text().splitlines()
    assert lines[-2:] == [f"{99_999:032x}", mine]
    assert len(lines) < 1000
    assert programs.stat().st_mode & 0o077 == 0


def test_the_folders_do_not_tell_the_keys(bank):
    """Neither their names nor what is in them."""
    bank.refuse("revoked")
    bank.flush("key-a")

    for path in (bank.folder / "journal").rglob("*"):
        assert "revoked" not in str(path)
        assert "key-a" not in str(path)
        assert path.is_dir() or b"key-a" not in path.read_bytes()
    modes = {p.stat().st_mode & 0o077 for p in (bank.folder / "journal").rglob("*")}
    assert modes == {0}


@pytest.mark.parametrize("whose", ["another user's", "writable", "a link"])
def test_a_folder_that_others_can_fill_has_no_heirs(bank, whose):
    """Where users share a journal: what is planted there is sent by nobody."""
    bank.refuse("revoked")
    planted = bank.root
    if whose == "writable":
        planted.chmod(0o777)
    elif whose == "a link":
        planted.rename(bank.folder / "elsewhere")
        planted.symlink_to(bank.folder / "elsewhere")
    elif os.geteuid() == 0:
        os.chown(planted, 12345, 12345)
    else:
        pytest.skip("only root can give a folder away")
    bank.flush("key-a")

    assert bank.came_with == {}


def test_what_nobody_comes_for_goes_after_a_week(bank):
    """And is counted: nobody should find a year of another key's prompts."""
    bank.leave("key-a")
    for path in bank.root.rglob("*"):
        os.utime(path, (time.time() - 8 * 24 * 3600,) * 2)
    said = bank.command("drain", key="key-b")

    assert f"dropped {CALLS}" in said
    assert "journal_age" in said
    assert list(bank.root.glob("[0-9]*")) == []
    assert bank.came_with == {}


def test_a_program_whose_clock_was_moved_gives_up_nothing(bank):
    """A demonstration set in the future is no reason to drop another key's logs."""
    bank.leave("key-a")
    dropped = subprocess.run(
        [sys.executable, "-c", MOVED],
        env={**bank.environment, **_environment("key-b", {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    bank.flush("key-a")

    assert dropped.split() == ["0"]
    assert bank.came_with == all_with("key-a")
