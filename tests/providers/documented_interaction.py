"""Interactions of Gemini's, whole and streamed, after Google's documentation.

Its law: data only; `record` serves it to the SDK. Sources:
https://ai.google.dev/gemini-api/docs/interactions and
https://ai.google.dev/gemini-api/docs/interactions/streaming.
"""

ABOUT = {
    "id": "v1_ChdYUTR2NWFp",
    "object": "interaction",
    "model": "gemini-3-flash-preview",
}
USAGE = {
    "total_input_tokens": 1000,
    "input_tokens_by_modality": [
        {"modality": "text", "tokens": 900},
        {"modality": "image", "tokens": 100},
    ],
    "total_cached_tokens": 200,
    "total_output_tokens": 40,
    "output_tokens_by_modality": [{"modality": "text", "tokens": 40}],
    "total_tool_use_tokens": 34,
    "total_thought_tokens": 120,
    "total_tokens": 1194,
}
THOUGHT = {
    "type": "thought",
    "signature": "c2lnbmVk",
    "summary": [{"type": "text", "text": "Look it up."}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "name": "weather",
    "arguments": {"city": "Paris"},
}
SAID = {"type": "model_output", "content": [{"type": "text", "text": "Let me look."}]}
INTERACTION = ABOUT | {
    "status": "requires_action",
    "created": "2026-11-26T12:25:15Z",
    "updated": "2026-11-26T12:25:15Z",
    "service_tier": "standard",
    "steps": [
        {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
        THOUGHT,
        SAID,
        CALL,
    ],
    "usage": USAGE,
}


def event(kind, **more):
    """Build an event of the stream."""
    return more | {"event_type": kind}


def step(index, begun, *deltas):
    """Build the events of one step."""
    return [
        event("step.start", index=index, step=begun),
        *(event("step.delta", index=index, delta=delta) for delta in deltas),
        event("step.stop", index=index),
    ]


INTERACTION_STREAM = [
    event("interaction.created", interaction=ABOUT | {"status": "in_progress"}),
    event(
        "interaction.status_update", interaction_id=ABOUT["id"], status="in_progress"
    ),
    *step(
        0,
        {"type": "thought"},
        {"type": "thought_summary", "content": {"type": "text", "text": "Look "}},
        {"type": "thought_summary", "content": {"type": "text", "text": "it up."}},
        {"type": "thought_signature", "signature": "c2lnbmVk"},
    ),
    *step(
        1,
        {"type": "model_output"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "look."},
    ),
    *step(
        2,
        {"type": "function_call", "id": "fc_1", "name": "weather", "arguments": {}},
        {"type": "arguments_delta", "arguments": '{"city": '},
        {"type": "arguments_delta", "arguments": '"Paris"}'},
    ),
    event(
        "interaction.completed",
        interaction=ABOUT
        | {"status": "requires_action", "service_tier": "standard", "usage": USAGE},
    ),
]
