"""The shapes of good requests, for a quick yes before the long look.

Its law: what fits a shape has no problem that `request` would find in the members
named here; what does not fit may still be good. The long look in Python finds every
problem and costs 10 µs for a log of 3 KB, this one 2: nearly all requests are good.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec


class Message(msgspec.Struct):
    """A chat message; other members are passed over."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    thinking: list[dict[str, Any]] | None = None


class PromptKernel(msgspec.Struct):
    """Details of a Prompt whose rarer members are absent."""

    model: str
    endpoint: Literal["chat", "complete", "edit"] | None = None
    template: str | list[Message] | None = None
    template_language: None = None
    provider: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    other: dict[str, Any] | None = None
    seed: int | None = None
    response_format: None = None
    reasoning_effort: str | None = None
    tools: None = None
    linked_tools: None = None
    attributes: dict[str, Any] | None = None


class PromptLogShape(msgspec.Struct, forbid_unknown_fields=True):
    """A log of a Prompt; times, paths and ids are only text here."""

    path: str | None = None
    id: str | None = None
    log_id: str | None = None
    evaluation_id: str | None = None
    batch_id: str | None = None
    run_id: str | None = None
    output_message: Message | None = None
    prompt_tokens: int | None = None
    reasoning_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cost: float | None = None
    output_cost: float | None = None
    finish_reason: str | None = None
    messages: list[Message] | None = None
    tool_choice: Literal["none", "auto", "required"] | None = None
    prompt: PromptKernel | None = None
    start_time: str | float | None = None
    end_time: str | float | None = None
    output: str | None = None
    created_at: str | float | None = None
    error: str | None = None
    provider_latency: float | None = None
    stdout: str | None = None
    provider_request: dict[str, Any] | None = None
    provider_response: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    source: str | None = None
    metadata: dict[str, Any] | None = None
    source_datapoint_id: str | None = None
    trace_parent_id: str | None = None
    user: str | None = None
    environment: str | None = None
    save: bool | None = None
    log_status: Literal["complete", "incomplete"] | None = None


CHECKED_APART: Final = (
    "path",
    "log_id",
    "trace_parent_id",
    "start_time",
    "end_time",
    "created_at",
)
"""Members whose text has a form that a shape cannot say."""


def fits(body: dict[str, Any]) -> bool:
    """Return whether a log of a Prompt has the shape of a good one."""
    try:
        msgspec.convert(body, PromptLogShape)
    except msgspec.ValidationError:
        return False
    return True
