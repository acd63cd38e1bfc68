"""What providers answer, after their documentation; `record` serves it to the SDKs.

Its law: data only. Numbers are chosen so that every trap of counting shows:
cached tokens inside or beside the prompt, reasoning inside or beside the answer.
"""

USAGE = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0},
}


def call(name, arguments, call_id, index=None):
    """Build a tool call of OpenAI's form."""
    made = {"id": call_id, "type": "function"}
    made["function"] = {"name": name, "arguments": arguments}
    return made if index is None else {"index": index} | made


# https://platform.openai.com/docs/api-reference/chat/object
OPENAI_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1741570283,
    "model": "gpt-5-mini-2025-08-07",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "usage": USAGE,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "refusal": None,
                "annotations": [],
                "tool_calls": [
                    call("weather", '{"city":"Paris"}', "call_1"),
                    call("clock", "{}", "call_2"),
                ],
            },
        },
        {
            "index": 1,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "Rain.", "refusal": None},
        },
    ],
}


def chat_chunk(delta, index=0, finish_reason=None, **more):
    """Build one chunk of OpenAI's stream."""
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    head |= {"model": "gpt-5-mini-2025-08-07", "choices": [choice], "usage": None}
    return head | more


# https://platform.openai.com/docs/api-reference/chat-streaming
OPENAI_CHAT_STREAM = [
    chat_chunk({"role": "assistant", "content": "", "refusal": None}),
    chat_chunk({"role": "assistant", "content": ""}, 1),
    chat_chunk({"content": "Let me"}),
    chat_chunk({"content": "Rain"}, 1),
    chat_chunk({"content": " look."}),
    chat_chunk({"tool_calls": [call("weather", "", "call_1", 0)]}),
    chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
    chat_chunk({"content": "."}, 1),
    chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
    chat_chunk({"tool_calls": [call("clock", "{}", "call_2", 1)]}),
    chat_chunk({}, 1, "stop"),
    chat_chunk({}, 0, "tool_calls"),
    chat_chunk({}, choices=[], usage=USAGE),
]

# https://platform.openai.com/docs/api-reference/completions/object
OPENAI_TEXT = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1589478378,
    "model": "gpt-3.5-turbo-instruct",
    "choices": [
        {
            "text": "This is a test",
            "index": 0,
            "logprobs": None,
            "finish_reason": "length",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}
OPENAI_TEXT_STREAM = [
    OPENAI_TEXT
    | {"usage": None}
    | {
        "choices": [
            {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}
        ]
    }
    for text, reason in [("This is", None), (" a test", None), ("", "length")]
]

REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Two cities."}],
}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}],
}
FUNCTION = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Paris"}',
    "status": "completed",
}

# https://platform.openai.com/docs/api-reference/responses/object
OPENAI_RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1741476777,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "model": "gpt-5-mini-2025-08-07",
    "output": [REASONING, MESSAGE, FUNCTION],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "service_tier": "flex",
    "usage": {
        "input_tokens": 328,
        "input_tokens_details": {"cached_tokens": 128},
        "output_tokens": 152,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 480,
    },
}


def event(kind, **members):
    """Build one event of a stream that numbers and names its events."""
    return {"type": kind} | members


STARTED = OPENAI_RESPONSE | {"status": "in_progress", "output": [], "usage": None}
EMPTY_PART = {"type": "output_text", "text": "", "annotations": []}

# https://platform.openai.com/docs/api-reference/responses-streaming
OPENAI_RESPONSE_STREAM = [
    event("response.created", response=STARTED),
    event("response.in_progress", response=STARTED),
    event(
        "response.output_item.added", output_index=0, item=REASONING | {"summary": []}
    ),
    event(
        "response.reasoning_summary_text.delta",
        item_id="rs_1",
        output_index=0,
        summary_index=0,
        delta="Two ",
    ),
    event(
        "response.reasoning_summary_text.delta",
        item_id="rs_1",
        output_index=0,
        summary_index=0,
        delta="cities.",
    ),
    event("response.output_item.done", output_index=0, item=REASONING),
    event(
        "response.output_item.added",
        output_index=1,
        item=MESSAGE | {"content": [], "status": "in_progress"},
    ),
    event(
        "response.content_part.added",
        item_id="msg_1",
        output_index=1,
        content_index=0,
        part=EMPTY_PART,
    ),
    *(
        event(
            "response.output_text.delta",
            item_id="msg_1",
            output_index=1,
            content_index=0,
            delta=piece,
            logprobs=[],
        )
        for piece in ("Let me", " look.")
    ),
    event("response.output_item.done", output_index=1, item=MESSAGE),
    event(
        "response.output_item.added",
        output_index=2,
        item=FUNCTION | {"arguments": "", "status": "in_progress"},
    ),
    *(
        event(
            "response.function_call_arguments.delta",
            item_id="fc_1",
            output_index=2,
            delta=piece,
        )
        for piece in ('{"city":', '"Paris"}')
    ),
    event("response.output_item.done", output_index=2, item=FUNCTION),
    event("response.completed", response=OPENAI_RESPONSE),
]
OPENAI_RESPONSE_STREAM = [
    step | {"sequence_number": number}
    for number, step in enumerate(OPENAI_RESPONSE_STREAM)
]

# https://docs.mistral.ai/capabilities/reasoning/ (content in parts)
MISTRAL_CHAT = {
    "id": "m1",
    "object": "chat.completion",
    "created": 1702256327,
    "model": "magistral-medium-latest",
    "usage": {"prompt_tokens": 16, "completion_tokens": 34, "total_tokens": 50},
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "tool_calls": None,
                "content": [
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "Two cities."}],
                    },
                    {"type": "text", "text": "Rain."},
                ],
            },
        }
    ],
}


def mistral_chunk(content, finish_reason=None, **more):
    """Build one chunk of Mistral's stream."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}}
    choice["finish_reason"] = finish_reason
    head = {"id": "m1", "object": "chat.completion.chunk", "created": 1}
    return head | {"model": MISTRAL_CHAT["model"], "choices": [choice]} | more


def thought(text):
    """Build a piece of reasoning in Mistral's form."""
    return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]


MISTRAL_STREAM = [
    mistral_chunk(thought("Two ")),
    mistral_chunk(thought("cities.")),
    mistral_chunk("Ra"),
    mistral_chunk("in."),
    mistral_chunk("", "stop", usage=MISTRAL_CHAT["usage"]),
]
