"""What Anthropic, Google, Amazon and Cohere answer, after their documents.

Its law: data only; see `documented`.
"""

import json
from base64 import b64encode

from documented import event

# https://docs.claude.com/en/api/messages,
# https://docs.claude.com/en/docs/build-with-claude/prompt-caching
ANTHROPIC_USAGE = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 188,
    "cache_read_input_tokens": 1800,
    "cache_creation": {
        "ephemeral_5m_input_tokens": 88,
        "ephemeral_1h_input_tokens": 100,
    },
    "output_tokens": 393,
    "output_tokens_details": {"thinking_tokens": 250},
    "service_tier": "standard",
}
ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Two cities.", "signature": "c2ln"},
        {"type": "text", "text": "Let me look."},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "weather",
            "input": {"city": "Paris"},
        },
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": ANTHROPIC_USAGE,
}


def block_delta(index, kind, **members):
    """Build a content_block_delta."""
    return event("content_block_delta", index=index, delta={"type": kind} | members)


# https://docs.claude.com/en/docs/build-with-claude/streaming
ANTHROPIC_STREAM = [
    event(
        "message_start",
        message=ANTHROPIC
        | {"content": [], "stop_reason": None}
        | {
            "usage": ANTHROPIC_USAGE
            | {"output_tokens": 1, "output_tokens_details": None}
        },
    ),
    event(
        "content_block_start",
        index=0,
        content_block={"type": "thinking", "thinking": "", "signature": ""},
    ),
    event("ping"),
    block_delta(0, "thinking_delta", thinking="Two "),
    block_delta(0, "thinking_delta", thinking="cities."),
    block_delta(0, "signature_delta", signature="c2ln"),
    event("content_block_stop", index=0),
    event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
    block_delta(1, "text_delta", text="Let me"),
    block_delta(1, "text_delta", text=" look."),
    event("content_block_stop", index=1),
    event(
        "content_block_start",
        index=2,
        content_block=ANTHROPIC["content"][2] | {"input": {}},
    ),
    block_delta(2, "input_json_delta", partial_json=""),
    block_delta(2, "input_json_delta", partial_json='{"city":'),
    block_delta(2, "input_json_delta", partial_json=' "Paris"}'),
    event("content_block_stop", index=2),
    event(
        "message_delta",
        delta={"stop_reason": "tool_use", "stop_sequence": None},
        usage={
            "input_tokens": 21,
            "cache_creation_input_tokens": 188,
            "cache_read_input_tokens": 1800,
            "output_tokens": 393,
            "output_tokens_details": {"thinking_tokens": 250},
        },
    ),
    event("message_stop"),
]

# https://ai.google.dev/api/generate-content#UsageMetadata,
# https://ai.google.dev/gemini-api/docs/thinking
GEMINI_USAGE = {
    "promptTokenCount": 1024,
    "cachedContentTokenCount": 800,
    "candidatesTokenCount": 40,
    "thoughtsTokenCount": 120,
    "toolUsePromptTokenCount": 10,
    "totalTokenCount": 1194,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1024}],
}
GEMINI_PARTS = [
    {"text": "Two cities.", "thought": True},
    {"text": "Let me look."},
    {
        "functionCall": {"name": "weather", "args": {"city": "Paris"}},
        "thoughtSignature": "c2ln",
    },
]


def gemini(*parts, finish_reason=None, usage=None):
    """Build one response of Gemini, whole or a chunk."""
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish_reason:
        candidate["finishReason"] = finish_reason
    made = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash"}
    return made | {"responseId": "r1"} | ({"usageMetadata": usage} if usage else {})


GEMINI = gemini(*GEMINI_PARTS, finish_reason="STOP", usage=GEMINI_USAGE)
GEMINI_STREAM = [
    gemini({"text": "Two ", "thought": True}),
    gemini({"text": "cities.", "thought": True}),
    gemini({"text": "Let me"}),
    gemini({"text": " look."}),
    gemini(GEMINI_PARTS[2], finish_reason="STOP", usage=GEMINI_USAGE),
]

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
BEDROCK_USAGE = {
    "inputTokens": 21,
    "outputTokens": 393,
    "totalTokens": 2402,
    "cacheReadInputTokens": 1800,
    "cacheWriteInputTokens": 188,
}
BEDROCK = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {
                    "reasoningContent": {
                        "reasoningText": {"text": "Two cities.", "signature": "c2ln"}
                    }
                },
                {"text": "Let me look."},
                {
                    "toolUse": {
                        "toolUseId": "tooluse_1",
                        "name": "weather",
                        "input": {"city": "Paris"},
                    }
                },
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": BEDROCK_USAGE,
    "metrics": {"latencyMs": 1275},
}
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
BEDROCK_STREAM = [
    ("messageStart", {"role": "assistant"}),
    *(
        ("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
        for index, delta in [
            (0, {"reasoningContent": {"text": "Two "}}),
            (0, {"reasoningContent": {"text": "cities."}}),
            (0, {"reasoningContent": {"signature": "c2ln"}}),
            (1, {"text": "Let me"}),
            (1, {"text": " look."}),
        ]
    ),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "contentBlockStart",
        {
            "contentBlockIndex": 2,
            "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}},
        },
    ),
    *(
        (
            "contentBlockDelta",
            {"contentBlockIndex": 2, "delta": {"toolUse": {"input": piece}}},
        )
        for piece in ('{"city":', ' "Paris"}')
    ),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 1275}}),
]

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html
BEDROCK_BODY_STREAM = [
    ("chunk", {"bytes": b64encode(json.dumps({kind: what}).encode()).decode()})
    for kind, what in BEDROCK_STREAM
]

# https://docs.cohere.com/reference/chat
COHERE_USAGE = {
    "billed_units": {"input_tokens": 17, "output_tokens": 12},
    "tokens": {"input_tokens": 496, "output_tokens": 28},
}
COHERE_CALL = {
    "id": "weather_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
}
COHERE = {
    "id": "c1",
    "finish_reason": "TOOL_CALL",
    "message": {
        "role": "assistant",
        "tool_plan": "Two cities.",
        "content": [{"type": "text", "text": "Let me look."}],
        "tool_calls": [COHERE_CALL],
    },
    "usage": COHERE_USAGE,
}


def cohere_event(kind, index=None, **message):
    """Build one event of Cohere's second API."""
    made = {"type": kind, "delta": {"message": message}}
    return made if index is None else made | {"index": index}


# https://docs.cohere.com/v2/docs/streaming
COHERE_STREAM = [
    {"id": "c1"} | cohere_event("message-start", role="assistant"),
    cohere_event("tool-plan-delta", tool_plan="Two "),
    cohere_event("tool-plan-delta", tool_plan="cities."),
    cohere_event("content-start", 0, content={"type": "text", "text": ""}),
    cohere_event("content-delta", 0, content={"text": "Let me"}),
    cohere_event("content-delta", 0, content={"text": " look."}),
    {"type": "content-end", "index": 0},
    cohere_event(
        "tool-call-start",
        0,
        tool_calls=COHERE_CALL | {"function": {"name": "weather", "arguments": ""}},
    ),
    cohere_event(
        "tool-call-delta", 0, tool_calls={"function": {"arguments": '{"city":'}}
    ),
    cohere_event(
        "tool-call-delta", 0, tool_calls={"function": {"arguments": '"Paris"}'}}
    ),
    {"type": "tool-call-end", "index": 0},
    event("message-end", delta={"finish_reason": "TOOL_CALL", "usage": COHERE_USAGE}),
]

# https://docs.cohere.com/v1/reference/chat
COHERE_FIRST = {
    "response_id": "r1",
    "generation_id": "g1",
    "text": "Let me look.",
    "finish_reason": "COMPLETE",
    "chat_history": [{"role": "USER", "message": "Weather?"}],
    "meta": COHERE_USAGE | {"api_version": {"version": "1"}},
}
COHERE_FIRST_STREAM = [
    {"event_type": "stream-start", "is_finished": False, "generation_id": "g1"},
    {"event_type": "text-generation", "is_finished": False, "text": "Let me"},
    {"event_type": "text-generation", "is_finished": False, "text": " look."},
    {
        "event_type": "stream-end",
        "is_finished": True,
        "finish_reason": "COMPLETE",
        "response": COHERE_FIRST,
    },
]
