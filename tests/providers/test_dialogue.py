"""Conversations in every dialect, as the contract's messages."""

import pytest

from promptscribe._providers.request import read_request

CALL = {"name": "weather", "arguments": '{"city":"Paris"}'}
URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def messages(*said, **more):
    """Read a conversation."""
    return read_request({"messages": list(said)} | more).messages


def called(call_id):
    """Build the assistant's message that calls the tool."""
    calls = [{"id": call_id, "type": "function", "function": CALL}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answered(call_id, content="Rain", **more):
    """Build the message with the tool's result."""
    return {"role": "tool", "content": content, "tool_call_id": call_id} | more


def test_openais_messages_are_the_contracts():
    """What is in the contract's form already stays as it is."""
    said = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}, URL]},
        called("c1"),
        answered("c1"),
        {"role": "user", "content": "Thanks", "name": "Ann"},
    ]

    assert messages(*said) == said


def test_anthropics_turns_are_read():
    """Results of tools come under the user's role; they are messages of their own."""
    use = {"type": "tool_use", "id": "t1", "name": "weather"}
    source = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": "Rain"},
        {"type": "tool_result", "tool_use_id": "t2"}
        | {"content": [{"type": "text", "text": "12"}]},
        {"type": "text", "text": "So?"},
        {"type": "image", "source": source},
    ]
    said = [
        {"role": "assistant", "content": [use | {"input": {"city": "Paris"}}]},
        {"role": "user", "content": results},
    ]

    read = messages(*said, system=[{"type": "text", "text": "Be brief."}])

    asked = {"role": "user", "content": [{"type": "text", "text": "So?"}, URL]}
    assert read == [
        {"role": "system", "content": "Be brief."},
        called("t1"),
        answered("t1"),
        answered("t2", "12"),
        asked,
    ]


def test_the_items_of_the_responses_api_are_read():
    """Calls and results are items beside the messages."""
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "c1"} | CALL,
        {"type": "function_call_output", "call_id": "c1", "output": "Rain"},
        {"type": "message", "role": "assistant"}
        | {"content": [{"type": "output_text", "text": "Rain."}]},
    ]

    read = read_request({"input": items, "instructions": "Be brief."}).messages

    assert read[0] == {"role": "system", "content": "Be brief."}
    assert read[1] == {"role": "user", "content": "Weather?"}
    assert read[2]["role"] == "assistant"
    assert read[2]["thinking"][0]["thinking"] == "Hm."
    assert read[3] == called("c1")
    assert read[4] == answered("c1")
    assert read[5] == {"role": "assistant", "content": "Rain."}


def test_geminis_contents_are_read():
    """The model's role, calls and responses take the contract's names."""
    contents = [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "weather", "args": {"city": "Paris"}}}],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"sky": "Rain"}}}
            ],
        },
        {"parts": [{"text": "So?"}]},
    ]
    system = {"parts": [{"text": "Be brief."}]}

    read = read_request({"contents": contents, "systemInstruction": system}).messages

    assert read == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        called("weather"),
        answered("weather", '{"sky":"Rain"}', name="weather"),
        {"role": "user", "content": "So?"},
    ]


def test_geminis_bare_parts_are_one_turn():
    """Text and a picture in a list are what one user says at once."""
    image = {"inline_data": {"mime_type": "image/png", "data": "aGk="}}

    read = read_request({"contents": ["Look:", image]}).messages

    content = [{"type": "text", "text": "Look:"}, URL]
    assert read == [{"role": "user", "content": content}]


def test_bedrocks_messages_are_read():
    """Untyped parts name themselves; a cache point says nothing."""
    use = {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}
    said = [
        {
            "role": "user",
            "content": [
                {"image": {"format": "png", "source": {"bytes": b"hi"}}},
                {"cachePoint": {"type": "default"}},
            ],
        },
        {"role": "assistant", "content": [{"toolUse": use}]},
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t1", "content": [{"json": {"a": 1}}]}}
            ],
        },
    ]

    read = messages(*said, modelId="m", system=[{"text": "Be brief."}])

    assert read == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [URL]},
        called("t1"),
        answered("t1", '{"a":1}'),
    ]


def test_coheres_first_conversation_is_read():
    """History, preamble and message are one conversation."""
    history = [
        {"role": "USER", "message": "Weather?"},
        {"role": "CHATBOT", "message": "Where?"},
        {
            "role": "TOOL",
            "tool_results": [
                {"call": {"name": "weather"}, "outputs": [{"sky": "Rain"}]}
            ],
        },
    ]
    asked = {"message": "Paris", "preamble": "Be brief.", "chat_history": history}

    assert read_request(asked).messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Where?"},
        answered("weather", '[{"sky":"Rain"}]'),
        {"role": "user", "content": "Paris"},
    ]


def test_ollamas_pictures_and_tools_are_read():
    """Base64 beside the text is a picture; a path stays a path."""
    said = [
        {"role": "user", "content": "Look:", "images": ["aGk=", b"hi", "./cat.png"]},
        {"role": "tool", "content": "Rain", "tool_name": "weather"},
    ]

    read = messages(*said)

    path = {"type": "image_url", "image_url": {"url": "./cat.png"}}
    text = {"type": "text", "text": "Look:"}
    assert read[0]["content"] == [text, URL, URL, path]
    assert read[1] == answered("weather", name="weather")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "human", "content": "hi"},
        {"lc": 1, "kwargs": {"type": "human", "content": "hi"}},
        ["user", "hi"],
        ["human", "hi"],
        "hi",
        {"role": "user", "parts": ["hi"]},
        {"content": "hi"},
    ],
)
def test_a_users_message_has_one_form(message):
    """LangChain's objects, pairs and plain text are all the user's words."""
    assert messages(message) == [{"role": "user", "content": "hi"}]


def test_langchains_calls_are_read():
    """Flat calls and results of LangChain's messages meet by their id."""
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "c1"}
    said = [
        {"type": "ai", "content": "", "tool_calls": [call]},
        {"type": "tool", "content": "Rain", "tool_call_id": "c1", "name": None},
    ]

    assert messages(*said) == [called("c1"), answered("c1")]


def test_a_role_of_ones_own_becomes_a_name():
    """The contract has five roles; another word is kept as who spoke."""
    read = messages({"role": "Critic", "content": "hi"})

    assert read == [{"role": "user", "content": "hi", "name": "Critic"}]
