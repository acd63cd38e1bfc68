"""An argument called ``messages`` becomes the log's, in whatever words it is said."""

from __future__ import annotations

import pytest

from promptscribe import log_prompt
from promptscribe.testing import captured_logs

CALL = {
    "id": "i",
    "type": "function",
    "function": {"name": "n", "arguments": '{"a":1}'},
}
TRANSLATED = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "a", "tool_calls": [CALL]},
    {"role": "tool", "content": "r", "tool_call_id": "i"},
]
DUMPED = [
    {"type": "system", "content": "s"},
    {"type": "human", "content": "hi"},
    {
        "type": "ai",
        "content": "a",
        "tool_calls": [{"name": "n", "args": {"a": 1}, "id": "i", "type": "tool_call"}],
    },
    {"type": "tool", "content": "r", "tool_call_id": "i"},
]
RESPONSES = [
    {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    {"type": "function_call", "call_id": "i", "name": "n", "arguments": '{"a":1}'},
    {"type": "function_call_output", "call_id": "i", "output": "r"},
]


def logged(messages):
    @log_prompt(prompt={"model": "m"})
    def ask(messages):
        return "answer"

    with captured_logs() as logs:
        ask(messages)
    return logs[0]


def test_messages_of_langchain_are_the_logs_messages():
    """As its objects, its dumps, and in a tuple."""
    core = pytest.importorskip("langchain_core.messages")
    calls = [{"name": "n", "args": {"a": 1}, "id": "i"}]
    messages = [
        core.SystemMessage("s"),
        core.HumanMessage("hi"),
        core.AIMessage("a", tool_calls=calls),
        core.ToolMessage("r", tool_call_id="i"),
    ]

    for given in (messages, tuple(messages), DUMPED):
        log = logged(given)
        assert log.messages == TRANSLATED
        assert not log.inputs


def test_the_input_of_openais_responses_is_the_logs_messages():
    """Calls and results stand there between the messages."""
    assert logged(RESPONSES).messages == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "r", "tool_call_id": "i"},
    ]


def test_the_contracts_messages_stay_as_they_are():
    """Whatever else is in them."""
    messages = [{"role": "user", "content": "hi", "cache_control": {"type": "x"}}]

    assert logged(messages).messages == messages


@pytest.mark.parametrize(
    "messages",
    [["hi"], [{"type": "text", "text": "x"}], [*DUMPED, 3], [{"type": "human"}], []],
)
def test_what_is_no_conversation_stays_an_input(messages):
    """A list that holds anything else is not guessed at."""
    log = logged(messages)

    assert log.messages is None
    assert log.inputs == {"messages": messages}
