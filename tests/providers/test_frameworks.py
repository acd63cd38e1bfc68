"""Answers of frameworks that have the provider's own in them."""

from types import FunctionType, GeneratorType

import pytest
from tests.providers import documented as d

from promptscribe import log_prompt
from promptscribe._providers.registry import interpret, join
from promptscribe.testing import captured_logs


def llama_index(raw, **more):
    """Build an answer of LlamaIndex's: its own counts nothing."""
    return {"raw": raw, "delta": None, "additional_kwargs": {}, "logprobs": None} | more


MESSAGE = {"role": "assistant", "blocks": [{"block_type": "text", "text": "hello"}]}
ANSWERS = [
    llama_index(d.OPENAI_CHAT, message=MESSAGE),
    llama_index(d.OPENAI_CHAT, text="hello"),
    {
        "role": "assistant",
        "content": "hello",
        "tool_calls": None,
        "raw": d.OPENAI_CHAT,
        "token_usage": {"input_tokens": 1, "output_tokens": 2},
    },
]


def test_an_answer_with_the_providers_own_in_it_is_read_as_that():
    """LlamaIndex's of a chat and of a completion, smolagents' message."""
    own = interpret(d.OPENAI_CHAT)

    assert own.usage.prompt_tokens
    assert [interpret(answer) for answer in ANSWERS] == [own] * 3


def test_a_stream_of_such_answers_is_the_providers():
    """Each has what came so far, and the chunk that brought the last of it."""
    chunks = [llama_index(chunk, message=MESSAGE) for chunk in d.OPENAI_CHAT_STREAM]

    assert interpret(join(chunks)) == interpret(join(d.OPENAI_CHAT_STREAM))


def run(*answers):
    """Build the result of a run of OpenAI's agents."""
    return {
        "input": "Weather?",
        "new_items": [],
        "raw_responses": list(answers),
        "final_output": "Rain.",
        "input_guardrail_results": [],
    }


def test_the_answers_of_an_agents_run_are_one_and_are_counted():
    """The loop has called the model and the tools; each answer counts its own."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = [{"type": "output_text", "text": "Rain.", "annotations": []}]
    message = {"type": "message", "role": "assistant", "content": said}
    usage = {"requests": 1, "input_tokens": 10, "output_tokens": 2}
    usage["input_tokens_details"] = {"cached_tokens": 4}

    with captured_logs() as logs:
        log_prompt(path="p")(
            lambda: run(
                {"output": [call], "usage": usage, "response_id": None},
                {"output": [message], "usage": usage, "response_id": "resp_1"},
            )
        )()

    (log,) = logs
    assert log.output == "Rain."
    assert log.output_message["tool_calls"][0]["function"]["name"] == "f"
    assert (log.prompt_tokens, log.output_tokens) == (20, 4)
    assert log.metadata["cache_read_tokens"] == 8
    assert log.provider_response["final_output"] == "Rain."


def test_a_run_that_asked_no_model_stays_what_it_is():
    assert interpret(run()) is None


def test_a_generator_of_llama_indexs_is_read_as_it_goes():
    """A plain function hands it on; its frame tells whose code it runs."""

    def stream(chunks):
        yield from chunks

    theirs = FunctionType(stream.__code__, {"__name__": "llama_index.core.callbacks"})
    chunks = [llama_index(chunk, message=MESSAGE) for chunk in d.OPENAI_CHAT_STREAM]

    with captured_logs() as logs:
        answer = log_prompt(path="p")(theirs)(chunks)
        handed_on = log_prompt(path="q")(lambda: theirs(chunks))()
        assert isinstance(handed_on, GeneratorType)
        assert [list(answer), list(handed_on)] == [chunks] * 2

    own = interpret(join(d.OPENAI_CHAT_STREAM))
    assert [log.output for log in logs] == [own.output] * 2
    assert [log.metadata["chunks"] for log in logs] == [len(chunks)] * 2


def test_a_programs_own_raw_stays_its_own():
    """What it returns is its output, whatever it keeps beside."""
    own = {"answer": "hello", "raw": d.OPENAI_CHAT}
    unknown = llama_index({"x": 1}, text="hello")

    with captured_logs() as logs:
        log_prompt(path="a")(lambda: own)()
        list(log_prompt(path="b")(lambda: (yield from [unknown] * 2))())

    assert logs[0].output.startswith('{"answer":"hello"')
    assert logs[1].output.count('"text":"hello"') == 2


@pytest.mark.parametrize("rules", [{}, {"redact": True}, {"capture": "metadata"}])
def test_a_model_that_was_made_of_a_response_is_logged_with_it(rules):
    """As instructor's ``create`` gives it: the response is beside its fields."""
    chat = pytest.importorskip("openai.types.chat")
    pydantic = pytest.importorskip("pydantic")
    weather = pydantic.create_model("Weather", sky=(str, ...))
    made, plain, odd = (weather(sky="grey") for _ in range(3))
    response = chat.ChatCompletion.model_validate(d.OPENAI_CHAT)
    made._raw_response = response
    odd._raw_response = object()
    several = type("ListResponse", (list,), {})([plain])
    several._raw_response = response

    with captured_logs() as logs:
        for value in (made, plain, odd, several):
            assert log_prompt(path="a", **rules)(lambda value=value: value)() is value
        log_prompt(path="a", **rules)(lambda value: value.sky)(made)

    own = interpret(d.OPENAI_CHAT)
    tokens = [(log.prompt_tokens, log.output_tokens) for log in logs]
    assert tokens[0] == (own.usage.prompt_tokens, own.usage.output_tokens)
    assert tokens[3] == tokens[0]
    assert [tokens[1], tokens[2], tokens[4]] == [(None, None)] * 3
    assert logs[0].finish_reason == own.finish_reason
    if "capture" in rules:
        assert logs[0].output is logs[0].provider_response is None
        return
    assert [log.output for log in logs[:3]] == ['{"sky":"grey"}'] * 3
    assert logs[3].output == '[{"sky":"grey"}]'
    assert logs[0].provider_response["id"] == d.OPENAI_CHAT["id"]
    assert logs[4].inputs == {"value": {"sky": "grey"}}


@pytest.mark.parametrize("rules", [{}, {"redact": True}])
def test_what_was_made_of_a_response_is_the_output_beside_it(rules):
    """As instructor's ``create_with_completion`` gives the two."""
    chat = pytest.importorskip("openai.types.chat")
    pydantic = pytest.importorskip("pydantic")
    weather = pydantic.create_model("Weather", sky=(str, ...))(sky="grey")
    response = chat.ChatCompletion.model_validate(d.OPENAI_CHAT)

    with captured_logs() as logs:
        log_prompt(path="a", **rules)(lambda: (weather, response))()
        log_prompt(path="b", **rules)(lambda: (response, response))()

    own = interpret(d.OPENAI_CHAT)
    assert logs[0].output == '{"sky":"grey"}'
    assert logs[0].output_message == own.output_message
    assert logs[0].prompt_tokens == own.usage.prompt_tokens
    assert logs[0].provider_response["id"] == d.OPENAI_CHAT["id"]
    assert logs[1].prompt_tokens is None


@pytest.mark.parametrize("rules", [{}, {"redact": True}, {"capture": "metadata"}])
def test_who_has_answered_is_known_though_secrets_go_out(rules):
    """An SDK's own type tells the provider, and so the price."""
    models = pytest.importorskip("mistralai.client.models")
    said = {"role": "assistant", "content": "write to ada@example.org"}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    body = {"id": "c", "object": "chat.completion", "created": 1, "usage": usage}
    body |= {"model": "open-mistral-nemo", "choices": [choice]}
    response = models.ChatCompletionResponse.model_validate(body)

    with captured_logs() as logs:
        log_prompt(path="a", **rules)(lambda: response)()

    (log,) = logs
    assert log.prompt["provider"] == "mistral"
    assert (log.prompt_tokens, log.finish_reason) == (10, "stop")
    assert ("ada@example.org" in (log.output or "")) == (not rules)
