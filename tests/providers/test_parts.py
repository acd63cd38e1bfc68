"""Parts of a message in every dialect."""

import pytest

from promptscribe._providers.request import read_request
from promptscribe._providers.stream import fused
from promptscribe._providers.value import json_text, read_json

URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def messages(*said, **more):
    """Read a conversation."""
    return read_request({"messages": list(said)} | more).messages


def answered(call_id, content="Rain", **more):
    """Build the message with the tool's result."""
    return {"role": "tool", "content": content, "tool_call_id": call_id} | more


def test_results_that_are_data_become_json():
    """A result is text or parts; anything else is written as JSON."""
    said = {"role": "tool", "tool_call_id": "c", "content": [{"a": 1}]}

    assert messages(said) == [answered("c", '[{"a":1}]')]


def test_a_bedrock_result_under_the_tools_role_is_read():
    """Some write the tool's role where Bedrock has the user's."""
    part = {"toolResult": {"toolUseId": "t", "content": [{"text": "Rain"}]}}

    assert messages({"role": "tool", "content": [part]}) == [answered("t")]


def test_parts_of_an_unknown_kind_stay():
    """What a provider adds tomorrow is kept in its place."""
    part = {"type": "hologram", "data": "x"}

    read = messages({"role": "user", "content": [part, {"text": "hi"}]})

    assert read[0]["content"] == [part, {"type": "text", "text": "hi"}]


def test_pictures_without_a_source_stay_as_they_are():
    """A picture that is named by an id of the provider's keeps the id."""
    parts = [
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {"type": "input_image", "file_id": "f2"},
        {"type": "image_url", "image_url": "https://e.x/i.png"},
        {"type": "image", "source": {"type": "url", "url": "https://e.x/i.png"}},
    ]

    content = messages({"role": "user", "content": parts})[0]["content"]

    url = {"type": "image_url", "image_url": {"url": "https://e.x/i.png"}}
    assert content[0]["source"]["file_id"] == "f1"
    assert content[1]["file_id"] == "f2"
    assert content[2:] == [url, url]


def test_reasoning_of_any_dialect_is_thinking():
    """LangChain's block and OpenTelemetry's part name it differently."""
    parts = [
        {"type": "reasoning", "reasoning": "One."},
        {"type": "reasoning", "content": "Two."},
        {"type": "reasoning", "summary": [{"text": ""}, {"text": "Three."}]},
        {"text": "", "thought": True},
    ]

    thinking = messages({"role": "assistant", "content": parts})[0]["thinking"]

    assert [part["thinking"] for part in thinking] == ["One.", "Two.", "Three."]


def test_opentelemetrys_parts_are_read():
    """Pictures of any origin become image parts, sound stays what it is."""
    sound = {"type": "blob", "modality": "audio", "content": "aGk="}
    parts = [
        {"type": "text", "content": "Look:"},
        {"type": "blob", "modality": "image", "content": "aGk="},
        {"type": "uri", "modality": "image", "uri": "https://e.x/i.png"},
        sound,
    ]

    content = messages({"role": "user", "parts": parts})[0]["content"]

    url = {"type": "image_url", "image_url": {"url": "https://e.x/i.png"}}
    assert content == [{"type": "text", "text": "Look:"}, URL, url, sound]


def test_what_cannot_be_read_stays_out():
    """Damage in a message costs what it hits, and nothing else."""
    said = [
        ["user", 7],
        {"role": "user", "content": "hi", "images": [7]},
        {"role": "tool", "content": "Rain"},
    ]

    read = messages(*said)

    assert read[0] == {"role": "user", "content": "hi"}
    assert read[1] == {"role": "tool", "content": "Rain"}


def deep(levels):
    """Build a value of senseless depth."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, None),
        ("as it is", "as it is"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ({"a": "\ud800"}, '{"a": "\\ud800"}'),
        ({(1, 2): 3}, "{}"),
        (deep(100_000), None),
    ],
)
def test_any_value_is_written_as_json_or_not_at_all(value, written):
    """Arguments are always JSON text; what cannot be is left out."""
    assert json_text(value) == written


def test_text_that_is_no_json_stays_text():
    """Half a JSON text is kept as it is."""
    assert read_json('{"a":') == '{"a":'
    assert read_json('{"a":1}') == {"a": 1}
    assert read_json(7) == 7


def test_neighbouring_pieces_of_one_kind_are_one_part():
    """Text joins text and thought joins thought; a call between them parts them."""
    parts = [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "s"},
        {"text": "c"},
        {"text": None},
        {"text": "d"},
        {"functionCall": {}},
        {"text": "e"},
        "f",
    ]

    assert fused(parts) == [
        {"text": "ab", "thought": True, "thoughtSignature": "s"},
        {"text": "c"},
        {"text": None},
        {"text": "d"},
        {"functionCall": {}},
        {"text": "e"},
        "f",
    ]


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        (["a", "b", "c"], "abc"),
        ([["a"], ["b"], ["c"]], ["a", "b", "c"]),
        (["a", "b", ["c"]], "ab"),
        ([["a"], "b", ["c"]], ["a", "c"]),
        ([["a"], ["b"], "c"], ["a", "b"]),
        (["a", "b", ""], "ab"),
    ],
)
def test_pieces_of_two_forms_are_not_mixed(pieces, joined):
    """Text goes on with text and a list with a list; damage is passed over."""
    parts = [{"type": "thinking", "thinking": piece} for piece in pieces]

    assert fused(parts) == [{"type": "thinking", "thinking": joined}]


def test_a_piece_may_add_a_text_of_another_kind():
    """What the run did not have yet is added to it."""
    parts = [{"text": "a"}, {"text": "b", "reasoning": 7}, {"text": None, "n": 1}]

    assert fused(parts) == [{"text": "ab", "reasoning": 7}, {"text": None, "n": 1}]
