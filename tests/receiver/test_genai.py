"""GenAI attributes as members of a log."""

import json

import pytest

from promptscribe.receiver.genai import call_members, number
from promptscribe.receiver.span import tuple_items


def messages(*parts):
    return json.dumps([{"role": "assistant", "parts": list(parts)}])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "text", "content": "hi"}, {"content": "hi"}),
        (
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
            {
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ],
            },
        ),
        (
            {"type": "tool_call_response", "id": "c", "response": [1]},
            {"tool_call_id": "c", "content": "[1]"},
        ),
        ("no part", {"content": None}),
    ],
)
def test_parts_become_messages_of_the_contract(part, message):
    """Text, calls of tools and their results."""
    members = call_members({"gen_ai.output.messages": messages(part)})

    assert members["output_message"] == {"role": "assistant"} | message


def test_what_is_no_message_is_left_out():
    """A broken attribute costs its member and nothing else."""
    members = call_members(
        {"gen_ai.input.messages": "{", "gen_ai.response.finish_reasons": "[]"}
    )

    assert members == {"prompt": {}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.3", 0.3),
        ("2.0", 2),
        (7, 7),
        ("x", None),
        (None, None),
        ("inf", None),
        ([], None),
    ],
)
def test_numbers_went_through_str(text, value):
    """Types are lost on the way, and found again."""
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("('stop',)", ["stop"]),
        ("(1, 2.5)", [1, 2.5]),
        ("()", []),
        ("(broken", "(broken"),
        ("(print(1),)", "(print(1),)"),
        ("([1],)", "([1],)"),
    ],
)
def test_tuples_went_through_str(text, items):
    """Only plain values are taken back, nothing is run."""
    assert tuple_items(text) == items
