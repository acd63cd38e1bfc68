"""Chunks that are an SDK's models: whatever a program put into them runs no code."""

from __future__ import annotations

import enum

import pytest
from pydantic import BaseModel, field_serializer

from promptscribe import force_flush, log_prompt
from promptscribe.testing import captured_logs

chat = pytest.importorskip("openai.types.chat")

ran = []


@pytest.fixture(autouse=True)
def _nothing_ran():
    ran.clear()


def run(*args):
    ran.append("asked")
    raise SystemExit


class Answer(BaseModel):
    text: str

    @field_serializer("text")
    def write(self, value):
        return run()


class Text(str):
    __slots__ = ()
    __str__ = __len__ = run


class Colour(enum.Enum):
    RED = "red"

    @property
    def value(self):
        return run()


def words():
    while True:
        yield run()


ODD = [
    Answer(text="a"),
    Text("text"),
    Colour.RED,
    words(),
    object(),
    {"deep": [Answer(text="a")]},
]
each_odd = pytest.mark.parametrize("put", ODD, ids=lambda put: type(put).__name__)


def chunk(text, reason=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return chat.ChatCompletionChunk(
        id="1",
        created=1,
        model="gpt-4o",
        object="chat.completion.chunk",
        choices=[choice],
    )


@log_prompt(path="chunks")
def stream(*chunks):
    yield from chunks


@each_odd
@pytest.mark.parametrize("place", ["extra", "field", "inner"])
def test_what_a_program_put_into_a_chunk_runs_no_code(place, put):
    """Pydantic would write all of it; the rest of the chunk is read as ever."""
    odd = chunk("lo")
    if place == "extra":
        odd.__pydantic_extra__["mine"] = put
    elif place == "field":
        odd.__dict__["service_tier"] = put
    else:
        odd.choices[0].delta.__dict__["role"] = put

    with captured_logs() as logs:
        seen = list(stream(chunk("Hel"), odd, chunk("!", "stop")))

    assert seen[1] is odd
    assert ran == []
    assert (logs[0].output, logs[0].finish_reason) == ("Hello!", "stop")
    assert not force_flush(0).reasons


@each_odd
def test_what_a_program_put_into_a_helpers_event_runs_no_code(put):
    """An event that repeats what came before: there and in what is new."""
    events = pytest.importorskip("anthropic.lib.streaming")
    usual = events.TextEvent(type="text", text="Hel", snapshot="Hel")
    repeated = events.TextEvent(type="text", text="lo", snapshot="Hello")
    repeated.__dict__["snapshot"] = put
    odd = events.TextEvent(type="text", text="!", snapshot="Hello!")
    odd.__dict__["mine"] = put

    with captured_logs() as logs:
        list(stream(usual, repeated, odd))

    assert ran == []
    assert logs[0].metadata["chunks"] == 3
    assert all(text in logs[0].output for text in ('"Hel"', '"lo"', '"!"'))
    assert not force_flush(0).reasons


def test_a_chunk_that_holds_itself_is_kept_in_part():
    """Nor does one that is shared without end multiply."""
    circular, shared = chunk("a"), chunk("b")
    circular.__dict__["mine"] = circular
    inner = [shared.choices[0]]
    for _ in range(40):
        inner = [inner] * 9
    shared.__dict__["mine"] = inner

    with captured_logs() as logs:
        list(stream(circular, shared, chunk("c")))

    assert logs[0].output == "abc"


@pytest.mark.parametrize("size", [5_000, 300_000, 2_000_000])
def test_a_chunk_of_any_size_is_read(size):
    """The last event of a stream may hold the whole answer."""
    with captured_logs() as logs:
        list(stream(chunk("a"), chunk("x" * size), chunk("c", "stop")))

    assert logs[0].output.startswith("axxx")
    assert logs[0].output.endswith("c")
    assert logs[0].finish_reason == "stop"
