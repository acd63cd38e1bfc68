"""What else providers answer: vectors, pictures, what was said in a sound, failures.

Its law: data only, after their documentation; `record` serves it to the SDKs.
"""

VECTOR = [0.0023064255, -0.009327292, 0.015797347]

# https://platform.openai.com/docs/api-reference/embeddings/create
EMBEDDING = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": n, "embedding": VECTOR} for n in (0, 1)],
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
# https://docs.mistral.ai/api/#tag/embeddings
MISTRAL_EMBEDDING = EMBEDDING | {
    "id": "embd-aad6fc62b17349b192ef09225058bc45",
    "model": "mistral-embed",
    "usage": {"prompt_tokens": 15, "completion_tokens": 0, "total_tokens": 15},
}
# https://docs.voyageai.com/reference/embeddings-api
VOYAGE_EMBEDDING = EMBEDDING | {"model": "voyage-3.5", "usage": {"total_tokens": 10}}
# https://docs.cohere.com/reference/embed
COHERE_EMBEDDING = {
    "id": "da6e531f-54c5-4a73-bf92-f60566d8d753",
    "embeddings": {"float": [VECTOR]},
    "texts": ["hello"],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2}},
    "response_type": "embeddings_by_type",
}
# https://ai.google.dev/api/embeddings#EmbedContentResponse
GEMINI_EMBEDDING = {
    "embeddings": [{"values": VECTOR}],
    "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
}
# https://docs.ollama.com/api/embed
OLLAMA_EMBEDDING = {
    "model": "all-minilm",
    "embeddings": [VECTOR],
    "total_duration": 14143917,
    "load_duration": 1019500,
    "prompt_eval_count": 8,
}

IMAGE_USAGE = {
    "total_tokens": 4260,
    "input_tokens": 100,
    "output_tokens": 4160,
    "input_tokens_details": {"text_tokens": 60, "image_tokens": 40},
}
# https://platform.openai.com/docs/api-reference/images/object
IMAGE = {
    "created": 1713833628,
    "background": "transparent",
    "output_format": "webp",
    "quality": "high",
    "size": "1024x1024",
    "data": [{"b64_json": "aGk="}],
    "usage": IMAGE_USAGE,
}
ABOUT_IMAGE = {"created_at": 1620000000, "size": "1024x1024", "quality": "high"}
ABOUT_IMAGE |= {"background": "transparent", "output_format": "webp"}
# https://platform.openai.com/docs/api-reference/images-streaming
IMAGE_STREAM = [
    {
        "type": "image_generation.partial_image",
        "b64_json": "aA==",
        "partial_image_index": 0,
        **ABOUT_IMAGE,
    },
    {
        "type": "image_generation.completed",
        "b64_json": "aGk=",
        "usage": IMAGE_USAGE,
        **ABOUT_IMAGE,
    },
]

SOUND_USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 45,
    "total_tokens": 59,
}
# https://platform.openai.com/docs/api-reference/audio/json-object
TRANSCRIPTION = {"text": "Imagine the wildest idea.", "usage": SOUND_USAGE}
# https://platform.openai.com/docs/api-reference/audio/verbose-json-object
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 8.470000267028809,
    "text": "The beach was a popular spot.",
    "segments": [],
    "usage": {"type": "duration", "seconds": 9},
}
# https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event
TRANSCRIPTION_STREAM = [
    {"type": "transcript.text.delta", "delta": "Imagine the"},
    {"type": "transcript.text.delta", "delta": " wildest idea."},
    {"type": "transcript.text.done", **TRANSCRIPTION},
]
# https://docs.mistral.ai/capabilities/audio_transcription
MISTRAL_TRANSCRIPTION = {
    "model": "voxtral-mini-2507",
    "text": "This week, I traveled to Chicago.",
    "language": "en",
    "segments": [],
    "usage": {
        "prompt_audio_seconds": 203,
        "prompt_tokens": 4,
        "total_tokens": 3264,
        "completion_tokens": 635,
    },
}

RESPONSE = {
    "id": "resp_67cb71b351908190a308f3859487620d06981a8637e6bc44",
    "object": "response",
    "created_at": 1741386163,
    "model": "gpt-5-mini-2025-08-07",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
# https://platform.openai.com/docs/api-reference/responses-streaming/response/failed
FAILED = RESPONSE | {
    "status": "failed",
    "error": {
        "code": "server_error",
        "message": "The model failed to generate a response.",
    },
}
BEGUN = [
    {
        "type": "response.created",
        "sequence_number": 0,
        "response": RESPONSE | {"status": "in_progress", "error": None},
    },
    {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hel",
        "logprobs": [],
    },
]
FAILED_STREAM = [
    *BEGUN,
    {"type": "response.failed", "sequence_number": 2, "response": FAILED},
]
# https://platform.openai.com/docs/api-reference/responses-streaming/error
BROKEN_STREAM = [
    *BEGUN,
    {
        "type": "error",
        "sequence_number": 2,
        "code": "server_error",
        "message": "The model failed to generate a response.",
        "param": None,
    },
]
# https://openrouter.ai/docs/api-reference/errors: the status is 200
OPENROUTER_FAILED = {
    "error": {"code": 502, "message": "Provider returned error"},
    "user_id": "user_1",
}
OPENROUTER_BROKEN = {
    "id": "gen-1",
    "object": "chat.completion",
    "created": 1741386163,
    "model": "openai/gpt-5-mini",
    "provider": "OpenAI",
    "choices": [
        {
            "index": 0,
            "finish_reason": "error",
            "message": {"role": "assistant", "content": "Hel"},
            "error": {"code": 502, "message": "Provider disconnected"},
        }
    ],
}

# https://docs.mistral.ai/agents/connectors/websearch
CONVERSATION = {
    "object": "conversation.response",
    "conversation_id": "conv_1",
    "outputs": [
        {
            "type": "tool.execution",
            "id": "te_1",
            "name": "web_search",
            "arguments": "{}",
        },
        {
            "type": "message.output",
            "id": "msg_1",
            "role": "assistant",
            "model": "mistral-medium-latest",
            "content": [{"type": "text", "text": "Hello"}],
        },
        {
            "type": "function.call",
            "id": "fc_1",
            "tool_call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Paris"}',
        },
    ],
    "usage": {
        "prompt_tokens": 188,
        "completion_tokens": 55,
        "total_tokens": 7355,
        "connector_tokens": 7112,
    },
}


def entry(kind, **members):
    """Build an event of a conversation's stream, as it is on the wire."""
    return {"type": kind, "created_at": "2025-05-28T10:57:45Z"} | members


CALLED = {"output_index": 1, "id": "fc_1", "name": "weather", "tool_call_id": "call_1"}
SPOKEN = {"output_index": 0, "id": "msg_1", "content_index": 0, "role": "assistant"}
SPOKEN |= {"model": "mistral-medium-latest"}
CONVERSATION_STREAM = [
    entry("conversation.response.started", conversation_id="conv_1"),
    entry("message.output.delta", **SPOKEN, content="Hel"),
    entry("message.output.delta", **SPOKEN, content="lo"),
    entry("function.call.delta", **CALLED, arguments='{"city":'),
    entry("function.call.delta", **CALLED, arguments='"Paris"}'),
    entry("conversation.response.done", usage=CONVERSATION["usage"]),
]

# https://docs.mistral.ai/capabilities/structured_output/custom
STRUCTURED = {
    "id": "cmpl-1",
    "object": "chat.completion",
    "created": 1741386163,
    "model": "mistral-large-latest",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": '{"city":"Paris"}'},
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
