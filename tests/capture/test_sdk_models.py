"""Models of the SDKs: written as a whole, unless something else is in them."""

from __future__ import annotations

import enum

import pytest
from pydantic import BaseModel, field_serializer

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

chat = pytest.importorskip("openai.types.chat")

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def completion(**extra):
    message = {"role": "assistant", "content": "hi"}
    choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": None}
    return chat.ChatCompletion(
        id="1",
        created=1,
        model="gpt-4o",
        object="chat.completion",
        choices=[choice],
        usage=USAGE,
        **extra,
    )


def logged(result):
    @log_prompt
    def call(given):
        return given

    with captured_logs() as logs:
        assert call(result) is result
    assert len(logs) == 1
    assert logs[0].error is None
    return logs[0]


class Answer(BaseModel):
    text: str

    @field_serializer("text")
    def write(self, value):
        raise SystemExit("asked")


class Text(str):
    __slots__ = ()

    def __str__(self):
        raise SystemExit("asked")


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    "put",
    [
        Answer(text="a"),
        Colour.RED,
        Text("text"),
        range(3).__iter__,
        object(),
        {"deep": [Answer(text="a")]},
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("place", ["extra", "field", "inner"])
def test_what_a_program_put_into_an_sdks_model_runs_no_code(place, put):
    """Pydantic would write all of it; the rest of the response is read as ever."""
    if callable(put):
        put = (n for n in range(3))
    if place == "extra":
        result = completion(mine=put)
    else:
        result = completion()
        owner = result if place == "field" else result.choices[0].message
        owner.__dict__["mine" if place == "field" else "refusal"] = put

    log = logged(result)

    assert log.output == "hi"
    assert log.finish_reason == "stop"
    assert log.prompt_tokens == USAGE["prompt_tokens"]
    if type(put).__name__ == "generator":
        assert list(put) == [0, 1, 2]


def test_a_parsed_answer_of_geminis_runs_no_code():
    """``parsed`` holds an instance of the user's own model."""
    types = pytest.importorskip("google.genai.types")
    part = {"text": '{"text": "a"}'}
    candidate = {"content": {"role": "model", "parts": [part]}, "finish_reason": "STOP"}
    result = types.GenerateContentResponse(
        candidates=[candidate],
        usage_metadata={"prompt_token_count": 3, "candidates_token_count": 2},
        parsed=Answer(text="a"),
    )

    log = logged(result)

    assert log.output == part["text"]
    assert log.prompt_tokens == 3


def test_a_request_object_with_a_function_in_it_says_the_rest():
    """Gemini's config takes Python functions as tools, and classes as schemas."""
    types = pytest.importorskip("google.genai.types")

    def weather(city: str) -> str:
        return city

    config = types.GenerateContentConfig(
        temperature=0.5,
        tools=[weather],
        response_schema=Answer,
    )

    log = logged(config)

    assert log.inputs["given"]["temperature"] == 0.5
    assert log.inputs["given"]["tools"][0]["type"] == "function"


def test_a_model_that_is_shared_without_end_does_not_multiply():
    """Nor does one that holds itself."""
    result = completion()
    inner = [result.choices[0]]
    for _ in range(40):
        inner = [inner] * 9
    result.__dict__["mine"] = inner
    circular = completion()
    circular.__dict__["mine"] = circular

    assert logged(result).output == "hi"
    assert logged(circular).output == "hi"


def test_messages_of_langchain_say_what_they_say_and_run_no_code():
    """They are written as a whole; one with something else in it, by its fields."""
    messages = pytest.importorskip("langchain_core.messages")
    usual = messages.AIMessage("hi", response_metadata={"model_name": "gpt-4o"})
    odd = messages.AIMessage("ho", additional_kwargs={"mine": Answer(text="a")})
    tool = messages.ToolMessage("done", tool_call_id="1", artifact=Answer(text="b"))

    kept = logged([usual, odd, tool]).inputs["given"]

    assert [message["content"] for message in kept] == ["hi", "ho", "done"]
    assert [message["type"] for message in kept] == ["ai", "ai", "tool"]
    assert kept[0]["response_metadata"] == {"model_name": "gpt-4o"}
    assert kept[2]["artifact"] == {}  # its field has a serializer of its own
