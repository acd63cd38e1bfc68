"""The receiver's commands, as they are typed."""

import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from promptscribe.receiver.server import start_in_thread

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is refused
SAMPLE = Path(__file__).parent / "export_sample"

pytestmark = pytest.mark.slow


def promptscribe(*words, **more):
    command = [sys.executable, "-m", "promptscribe", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


@pytest.fixture
def db(tmp_path):
    return tmp_path / "logs.db"


def test_keys_are_made_listed_and_revoked(db):
    """A running receiver asks for a key with the next request, and knows it gone."""
    receiver = start_in_thread(db=db)
    with httpx.Client(base_url=receiver.url, timeout=60) as client:
        assert client.get("/logs").status_code == 200

        key = promptscribe("keys", "add", "ci", "--scope", "read", "--db", db)
        header = {"X-API-KEY": key.stdout.strip()}

        assert client.get("/logs").status_code == 401
        assert client.get("/logs", headers=header).status_code == 200
        body = {"path": "a"}
        posted = client.post("/prompts/log", headers=header, json=body)
        assert posted.status_code == 403

        (line,) = promptscribe("keys", "list", "--db", db).stdout.splitlines()
        key_id, hint, scopes, _, state, name = line.split("\t")
        assert (scopes, state, name) == ("read", "in use", "ci")
        assert hint[-4:] == key.stdout.strip()[-4:]
        assert key.stdout.strip() not in line
        assert key_id in key.stderr

        assert promptscribe("keys", "revoke", key_id, "--db", db).returncode == 0
        assert client.get("/logs", headers=header).status_code == 401
        again = promptscribe("keys", "revoke", key_id, "--db", db)
        assert again.returncode == 1
        assert f"no key {key_id}" in again.stderr
        assert "revoked 20" in promptscribe("keys", "list", "--db", db).stdout
    receiver.stop()


def test_an_export_moves_in_and_out_again(db, tmp_path):
    """Import, export, import, export: the same records, and one log a line."""
    moved = promptscribe("import", "humanloop", SAMPLE, "--db", db)
    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith("6 logs, 3 files and 4 versions")
    assert moved.stderr == ""

    out = promptscribe("export", tmp_path / "one", "--db", db)
    other = tmp_path / "other.db"
    promptscribe("import", "humanloop", tmp_path / "one", "--db", other)
    lines = promptscribe("export", "--jsonl", "-", "--db", db).stdout
    file = tmp_path / "logs.jsonl"
    promptscribe("export", "--jsonl", file, "--db", other)

    assert "6 logs are in" in out.stderr
    ids = {json.loads(line)["id"] for line in lines.splitlines()}
    assert len(ids) == 6
    assert ids == {json.loads(line)["id"] for line in file.read_text().splitlines()}


def test_lines_move_in_again(db, tmp_path):
    """`export --jsonl` and `import jsonl`: the same lines; a bad one is named."""
    promptscribe("import", "humanloop", SAMPLE, "--db", db)
    file, fresh, again = tmp_path / "one.jsonl", tmp_path / "fresh.db", tmp_path / "two"
    promptscribe("export", "--jsonl", file, "--db", db)

    moved = promptscribe("import", "jsonl", file, "--db", fresh)
    promptscribe("export", "--jsonl", again, "--db", fresh)

    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith("6 logs, 3 files and 4 versions")
    assert len(again.read_text("utf-8").splitlines()) == 6
    file.write_text(file.read_text("utf-8") + '{"id": "x", "prompt": 7}\nnot json\n')
    bad = promptscribe("import", "jsonl", file, "--db", fresh)
    assert bad.returncode == 3
    assert "missing: one.jsonl:8: body: JSON decode error" in bad.stderr
    assert "not moved: 1 x log of another kind" in bad.stderr


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_lines_move_in_through_a_pipe(db, tmp_path, name):
    """What can be read only once, as `export --jsonl - | … import jsonl -` has it."""
    promptscribe("import", "humanloop", SAMPLE, "--db", db)
    lines = promptscribe("export", "--jsonl", "-", "--db", db).stdout

    moved = promptscribe("import", "jsonl", name, "--db", tmp_path / "x", input=lines)

    assert moved.returncode == 0, moved.stderr
    assert moved.stdout.startswith("6 logs, 3 files and 4 versions")


def test_what_an_export_lacks_is_told(db, tmp_path):
    """Whoever moves in learns what is not here, and why."""
    export = shutil.copytree(SAMPLE, tmp_path / "export")
    prompt = export / "files" / "pr_nzzS79LePY1UjmFQ"
    lines = (prompt / "logs" / "1.jsonl").read_text("utf-8").splitlines()
    (prompt / "logs" / "1.jsonl").write_text("\n".join(lines[1:]), "utf-8")
    (export / "files" / "ds_1").mkdir()
    (export / "files" / "ds_1" / "file.json").write_text('{"type": "dataset"}')
    (export / "files" / "ds_2").mkdir()
    (export / "files" / "ds_2" / "file.json").write_text('{"type": "\\u001b[2J"}')

    moved = promptscribe("import", "humanloop", export, "--db", db)

    assert moved.returncode == 3
    assert "missing: demo/assistant: the export has 3 of 4 logs" in moved.stderr
    assert "not moved: 1 x dataset" in moved.stderr
    assert "\x1b" not in moved.stderr  # nobody's text moves the terminal


def test_a_person_sees_a_bar(db):
    """On a terminal the progress is drawn; the last state is all of it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "promptscribe", "import", "humanloop", SAMPLE]
    running = subprocess.Popen(
        [*command, "--db", db], stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 4096):
            drawn += chunk
    except OSError:  # what Linux says at the end of a terminal
        pass
    os.close(ours)

    assert running.wait() == 0
    assert b"[##############################] 6 of 6 logs\r\n" in drawn


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "humanloop", "nowhere"], "DIR: there is no nowhere"),
        (["import", "humanloop", "."], "has no files in it"),
        (["import", "jsonl", "nowhere"], "FILE: there is no nowhere"),
        (["import", "jsonl", "."], "promptscribe: .: Is a directory"),
        (["import", "jsonl", "empty.jsonl"], "has no lines in it"),
        (["export"], "give a folder, or --jsonl"),
        (["export", "out", "--db", "nowhere.db"], "--db: there is no nowhere.db"),
        (["export", "text.txt", "--db", "empty.db"], "text.txt: File exists"),
        (["export", "--jsonl", "no/x", "--db", "empty.db"], "no/x: No such file"),
        (["keys", "list", "--db", "nowhere.db"], "--db: there is no nowhere.db"),
        (
            ["keys", "list", "--db", "text.txt"],
            "--db: text.txt: file is not a database",
        ),
        (["keys", "add", " ", "--db", "nowhere.db"], "name: must not be blank"),
        (["serve", "--port", "0", "--db", "text.txt"], "cannot open text.txt: file is"),
        (["serve", "--port", "0", "--db", "."], "cannot open .: Is a directory"),
        (["serve", "--port", "0", "--db", "other.db"], "none of promptscribe's"),
        (["serve", "--port", "0", "--db", "newer.db"], "99, and this code knows"),
        (["serve", "--host", EVERYWHERE, "--port", "0"], "--host: 0.0.0.0 is"),
        (["serve", "--port", "0", "--api-key", ""], "--api-key: must be printable"),
        (["serve", "--port", "0", "--allow-host", "a/b"], "--allow-host: must be a"),
        (["serve", "--host", "300.1.1.1", "--db", "x.db"], "serve at 300.1.1.1:8420"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, words, sentence):
    """No traceback, and no empty file under a mistyped name."""
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.txt").write_text("this is text " * 100)
    for name, script in [
        ("other", "CREATE TABLE files (name TEXT)"),
        ("newer", "PRAGMA user_version = 99"),
    ]:
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute(script)
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data")}

    done = promptscribe(*words, cwd=tmp_path, env=environment)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nowhere.db").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "serve     receive logs and show them in a browser"),
        (["keys"], "are required: {add,list,revoke}"),
        (["import"], "are required: {humanloop,jsonl}"),
        (["journal"], "are required: {ls,show,verify,replay}"),
    ],
)
def test_a_word_too_few_shows_those_that_there_are(words, sentence):
    """Nobody has to ask for help first."""
    done = promptscribe(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        *("demo", "serve", "drain", "agent", "export"),
        *("journal", "journal ls", "journal show", "journal verify", "journal replay"),
        *("keys", "keys add", "keys list", "keys revoke"),
        *("import", "import humanloop", "import jsonl"),
    ],
)
def test_every_command_says_what_it_does(words):
    """In sentences, before its options; and of each option what it means."""
    said = promptscribe(*words.split(), "--help", env=os.environ | {"COLUMNS": "500"})

    usage, about, *_ = said.stdout.split("\n\n")
    assert usage.startswith(f"usage: promptscribe {words}")
    assert re.fullmatch(r"[A-Z].*\.", about)
    for option in re.split(r"\n  (?=-)", said.stdout)[1:]:
        # What it means stands beside it, or below where it is long.
        assert re.match(r"-.+?( {2}|\n {4}) *\w", option), option


@pytest.mark.parametrize(
    "script", ["CREATE TABLE files (name TEXT)", "PRAGMA user_version = 99"]
)
def test_a_file_that_is_refused_is_left_as_it_is(db, script):
    """To the last byte: whose it is may not have it in WAL mode."""
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(script)
    before = db.read_bytes()

    with pytest.raises(sqlite3.DatabaseError):
        start_in_thread(db=db)

    assert db.read_bytes() == before
    assert list(db.parent.iterdir()) == [db]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "99999"], "not a port, from 0 to 65535: 99999"),
        (["--port", "-1"], "not a port, from 0 to 65535: -1"),
        (["--rate-limit", "much"], "not a number: 'much'"),
        (["--max-bytes", "10Q"], "not a size, such as 500M or 20G: '10Q'"),
        (["--max-bytes", "20GB"], "not a size, such as 500M or 20G: '20GB'"),
        (["--max-bytes", "20"], "less than 1M, or beyond every disk: 20"),
        (["--keep-days", "-3"], "not between 0 and a million: -3"),
        (["--min-rate", "0"], "not between 0 and a million: 0"),
    ],
)
def test_a_wrong_option_says_what_is_right(words, sentence):
    """In the words of whoever typed it, and not in those of the code."""
    done = promptscribe("serve", *words)

    assert (done.returncode, sentence in done.stderr) == (2, True)


def test_a_port_in_use_is_told_as_that(db):
    """Most often it is the receiver that runs already."""
    running = start_in_thread(db=db)
    port = running.url.rpartition(":")[2]

    done = promptscribe("serve", "--port", port, "--db", db.with_name("second.db"))
    running.stop()

    assert done.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use: is one running" in done.stderr
    assert not db.with_name("second.db").exists()


def test_serve_says_where_it_is_and_where_logs_are_kept(db):
    """And ends as it is asked to, with everything written down."""
    running = subprocess.Popen(
        [sys.executable, "-m", "promptscribe", "serve", "--port", "0", "--db", db],
        stdout=subprocess.PIPE,
        text=True,
    )
    first, second = running.stdout.readline(), running.stdout.readline()
    httpx.post(
        f"{first.split()[-1]}/prompts/log", json={"path": "a"}
    ).raise_for_status()
    running.terminate()
    rest = running.stdout.read()
    running.stdout.close()

    assert second == f"they are kept in {db}; stop it with Ctrl-C\n"
    assert (running.wait(), rest) == (0, "")
    assert not db.with_name("logs.db-wal").exists()
