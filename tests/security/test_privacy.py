"""Personal data: what is redacted is nowhere but in the application itself."""

from __future__ import annotations

import pytest
from tests.promises.faults_server import Reply, Server

EMAIL = "canary.person@example.org"
CARD = "4111 1111 1111 1111"
TOKEN = "sk-canary0123456789abcdefgh"  # noqa: S105 - that is the point
CANARIES = [EMAIL, "canary.person", CARD, TOKEN, "canary0123456789"]

PROGRAM = f"""
import os
import promptscribe
from promptscribe import log_prompt

TEXT = "write to {EMAIL}, card {CARD}, key {TOKEN}"

def fails(text):
    raise RuntimeError("redactor: " + text)

HOOK = fails if REDACTOR == "raises" else True
promptscribe.configure(redact=HOOK)

@log_prompt(path="privacy/call")
def call(mark, text, messages=None):
    return {{"choices": [{{"message": {{"role": "assistant", "content": text}}}}]}}

@log_prompt(path="privacy/stream")
def stream(mark, text):
    for at in range(0, len(text), 5):
        yield text[at:at + 5]

@log_prompt(path="privacy/failing")
def failing(mark, text):
    raise ValueError(text)

call(1, TEXT, messages=[{{"role": "user", "content": TEXT}}])
call(2, {{"deep": [TEXT, {{TEXT: TEXT}}]}})
list(stream(3, TEXT))
try:
    failing(4, TEXT)
except ValueError:
    pass
with log_prompt("privacy/block", inputs={{"mark": 5, "text": TEXT}}) as log:
    log.update(output=TEXT, metadata={{"who": TEXT}}, user=TEXT)
print(promptscribe.force_flush(float(os.environ["WAIT"])))
"""


@pytest.mark.parametrize("redactor", ["built-in", "raises"])
@pytest.mark.parametrize("fate", ["down", "refused", "delivered"])
def test_redacted_data_leaves_the_process_in_no_way(
    redactor, fate, server, run, tmp_path
):
    """Not to the journal, the wire, the dead-letter file, stdout or stderr."""
    server.judge = lambda _seen: Reply(422 if fate == "refused" else 200)
    wait = "30"
    if fate == "down":
        server.close()
        wait = "0"  # the exit waits until that is known

    done = run(f"REDACTOR = {redactor!r}\n{PROGRAM}", server.url, WAIT=wait)

    files = [p for p in (tmp_path / "journal").rglob("*") if p.is_file()]
    kept = b"".join(path.read_bytes() for path in files)
    sent = b"".join(seen.body for seen in server.requests)
    everything = kept + sent + (done.stdout + done.stderr).encode()
    for canary in CANARIES:
        assert canary.encode() not in everything
    assert done.returncode == 0, done.stderr
    expected = {
        "down": "pending=5",
        "refused": "rejected=5",
        "delivered": "delivered=5",
    }
    assert expected[fate] in done.stdout  # the logs themselves are all there


def test_what_a_server_says_cannot_forge_lines_of_a_log(run, tmp_path):
    """No control characters of an answer that is no HTTP, or of a refusal."""
    with_garbage = Server()
    with_garbage.answer = lambda _seen: Reply(
        422,
        {"X-Evil": "1"},
        b'{"detail": "\x1b[2J\\u001b[2J\\nforged line"}',
        store=False,
    )
    done = run(
        "import promptscribe\n"
        "call = promptscribe.log_prompt(path='a/b')(lambda q: q)\n"
        "call('\\x1b[2J\\nforged line')\n"
        "print(promptscribe.force_flush(30).rejected)\n",
        with_garbage.url,
    )
    with_garbage.close()

    assert done.stdout == "1\n"
    assert "refused" in done.stderr
    assert "\x1b" not in done.stderr
    assert "forged" not in done.stderr
