"""Streams that are still being read when the program ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.environment import clean_environment

pytestmark = pytest.mark.slow  # processes

BEGINNING = """
import asyncio
from promptscribe import log_prompt

class Stream:
    __module__ = "openai._streaming"
    def __init__(self, words):
        self.words = iter(words)
    def __iter__(self):
        yield from self.words
    def __next__(self):
        return next(self.words)

class AsyncAPIResponse:
    __module__ = "openai._response"
    is_closed = False
    async def iter_bytes(self):
        for word in "ab":
            yield b'data: "%s"\\n\\n' % word.encode()

@log_prompt(path="words")
def generate():
    yield "a"
    yield "b"

@log_prompt(path="words")
def generate_and_return():
    yield "a"
    return (yield "b")

@log_prompt(path="words", flush=True)
def generate_and_flush():
    yield "a"
    yield "b"

@log_prompt(path="words")
async def generate_later():
    yield "a"
    yield "b"

@log_prompt(path="words")
def ask():
    return Stream("ab")

@log_prompt(path="words")
def ask_for_bytes():
    return AsyncAPIResponse()
"""
LEFT = {
    "generator": "words = generate(); next(words)",
    "generator that returns": "words = generate_and_return(); next(words)",
    "generator that flushes": "words = generate_and_flush(); next(words)",
    "asynchronous generator": (
        "words = generate_later(); asyncio.new_event_loop()"
        ".run_until_complete(anext(words))"
    ),
    "provider's stream": "words = ask(); next(words)",
    "loop over one": "words = iter(ask()); next(words)",
    "raw answer": (
        "answer = ask_for_bytes(); words = answer.iter_bytes();"
        "asyncio.new_event_loop().run_until_complete(anext(words))"
    ),
}
WAYS = {
    "at once": "",
    "held by what goes last": (
        "import promptscribe._capture.tape as last; last.words = words;"
        "last.answer = globals().get('answer'); del words"
    ),
}


def run(program, journal):
    """Run a program that delivers nothing; return what it said and its logs."""
    environment = clean_environment() | {
        "PROMPTSCRIBE_JOURNAL_DIR": str(journal),
        "PROMPTSCRIBE_EXPORT": "false",
    }
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    shown = subprocess.run(
        [sys.executable, "-m", "promptscribe", "journal", "show"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stderr, [json.loads(line) for line in shown.stdout.splitlines()]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("left", LEFT)
def test_what_came_of_a_stream_is_logged_when_the_program_ends(left, way, tmp_path):
    """As one log, whatever still holds the stream; and nobody hears of it."""
    said, logs = run(f"{BEGINNING}\n{LEFT[left]}\n{WAYS[way]}", tmp_path)

    assert said == ""
    assert [(log["path"], log.get("output")) for log in logs] == [("words", "a")]
    assert logs[0]["metadata"]["stream"] == "abandoned"


EARLIER = {
    "sampled out": """
promptscribe.configure(sample_rate=0.0)
list(generate())
promptscribe.configure(sample_rate=1.0)
""",
    "in a test": """
with captured_logs():
    list(generate())
""",
}


@pytest.mark.parametrize("earlier", EARLIER.values(), ids=EARLIER.keys())
def test_it_is_logged_also_after_a_stream_that_was_not(earlier, tmp_path):
    """Whatever came before the first log: the journal is open until all have ended."""
    said, logs = run(
        f"""{BEGINNING}
import promptscribe
from promptscribe.testing import captured_logs
{earlier}
words = generate()
next(words)
""",
        tmp_path,
    )

    assert said == ""
    assert [(log["path"], log.get("output")) for log in logs] == [("words", "a")]


def test_a_stream_may_be_read_on_when_the_program_ends(tmp_path):
    """Its log has ended by then; who reads it gets all the rest."""
    said, logs = run(
        f"""import atexit, sys
{BEGINNING}
atexit.register(lambda: print(list(words), file=sys.stderr))
words = generate()
next(words)
""",
        tmp_path,
    )

    assert said == "['b']\n"
    assert [log["output"] for log in logs] == ["a"]


def test_a_forked_child_leaves_the_streams_of_its_parent_alone(tmp_path):
    """The parent reads on, and its log is the only one."""
    said, logs = run(
        # Python warns of a fork beside other threads, from 3.12 on.
        f"""import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
{BEGINNING}
words = generate()
next(words)
child = os.fork()
if child:
    os.waitpid(child, 0)
    list(words)
""",
        tmp_path,
    )

    assert said == ""
    assert [log.get("output") for log in logs] == ["ab"]
