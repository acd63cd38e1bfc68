"""Answers of frameworks that have the provider's own in them."""

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


def test_a_programs_own_raw_stays_its_own():
    """What it returns is its output, whatever it keeps beside."""
    own = {"answer": "hello", "raw": d.OPENAI_CHAT}
    unknown = llama_index({"x": 1}, text="hello")

    with captured_logs() as logs:
        log_prompt(path="a")(lambda: own)()
        list(log_prompt(path="b")(lambda: (yield from [unknown] * 2))())

    assert logs[0].output.startswith('{"answer":"hello"')
    assert logs[1].output.count('"text":"hello"') == 2
