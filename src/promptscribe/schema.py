"""The nouns: what a prompt log is, as the logging contract has it.

Its law: values only. Nothing here reads a clock, a file or a socket.
Source of the members: "Log to a Prompt", the contract that this project keeps
(`POST /prompts/log`); members that came after it are marked with their origin.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads it at run time
from typing import Any, Final, TypeAlias, TypedDict

import msgspec

JSONValue: TypeAlias = Any
"""Any value that JSON can hold: None, bool, int, float, str, list, dict."""

JSONObject: TypeAlias = dict[str, JSONValue]
"""A JSON object."""


class PromptLog(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One finished call, as it is sent to and read from a server.

    A member that is None was neither given nor captured, and is not sent.

    Attributes:
        path: Folder and name of the Prompt, for example ``support/answer``.
        id: Id of an existing Prompt.
        version_id: Query parameter: log to this version of the Prompt.
        version_environment: Query parameter ``environment``: log to the version
            that is deployed there. Not to be confused with *environment*.
        prompt: Details of the Prompt (``model``, ``template``, ``temperature`` …);
            new details make a new version.
        inputs: Values filled into the prompt: the function's bound arguments.
        messages: Chat messages passed to the provider, each with ``role``.
        output: Text that the model generated.
        output_message: The message that the provider returned.
        finish_reason: Why generation ended, in the provider's own word.
        prompt_tokens: Tokens of the request, cached ones included.
        output_tokens: Tokens of the answer, reasoning included.
        prompt_cost: Dollars for the request; None when the price is unknown.
        output_cost: Dollars for the answer; None when the price is unknown.
        tool_choice: ``none``, ``auto``, ``required`` or the one function to call.
        start_time: When the call began, aware, UTC.
        end_time: When the call ended, aware, UTC.
        created_at: When the log was made; the start where nothing else was given.
        provider_latency: Duration of the call in seconds.
        error: Type and message of the exception that ended the call.
        stdout: What the call printed, where that was asked for.
        provider_request: Raw request to the provider.
        provider_response: Raw response of the provider.
        source: What made the call, for example the name of the service.
        metadata: Anything else: also time to first token, cached and reasoning
            tokens, session and tags.
        source_datapoint_id: The Datapoint that this log is derived from.
        trace_parent_id: Id of the log that this one is nested under.
        batch_id: Group of logs; made on first use.
        evaluation_id: Evaluation report to attach the log to.
        user: End user that the call was made for.
        environment: Label of the environment that the log came from.
        save: False keeps configuration, tokens, cost and timing but no payload.
        log_id: The log's own id, made by the client (SDK 0.8.19 and later);
            the same id is never stored twice.
        run_id: Evaluation run (SDK 0.8.9 and later); accepted, never sent.
        reasoning_tokens: Part of *output_tokens* (SDK 0.8.25 and later);
            accepted, never sent.
        log_status: ``complete`` or ``incomplete`` (SDKs 0.8.27 to 0.8.40b3);
            accepted, never sent.
    """

    path: str | None = None
    id: str | None = None
    version_id: str | None = None
    version_environment: str | None = None
    prompt: JSONObject | str | None = None
    inputs: JSONObject | None = None
    messages: list[JSONObject] | None = None
    output: str | None = None
    output_message: JSONObject | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cost: float | None = None
    output_cost: float | None = None
    tool_choice: str | JSONObject | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    created_at: datetime | None = None
    provider_latency: float | None = None
    error: str | None = None
    stdout: str | None = None
    provider_request: JSONObject | None = None
    provider_response: JSONObject | None = None
    source: str | None = None
    metadata: JSONObject | None = None
    source_datapoint_id: str | None = None
    trace_parent_id: str | None = None
    batch_id: str | None = None
    evaluation_id: str | None = None
    user: str | None = None
    environment: str | None = None
    save: bool | None = None
    log_id: str | None = None
    run_id: str | None = None
    reasoning_tokens: int | None = None
    log_status: str | None = None


class LogFacts(TypedDict, total=False):
    """What can be said of a log besides its path and prompt; see `PromptLog`."""

    id: str | None
    version_id: str | None
    version_environment: str | None
    inputs: JSONObject | None
    messages: list[JSONObject] | None
    output: str | None
    output_message: JSONObject | None
    finish_reason: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    prompt_cost: float | None
    output_cost: float | None
    tool_choice: str | JSONObject | None
    start_time: datetime | None
    end_time: datetime | None
    created_at: datetime | None
    provider_latency: float | None
    error: str | None
    stdout: str | None
    provider_request: JSONObject | None
    provider_response: JSONObject | None
    source: str | None
    metadata: JSONObject | None
    source_datapoint_id: str | None
    trace_parent_id: str | None
    batch_id: str | None
    evaluation_id: str | None
    user: str | None
    environment: str | None
    save: bool | None
    log_id: str | None


class LogDetails(LogFacts, total=False):
    """What can be said of a log besides its path."""

    prompt: JSONObject | str | None


class LogMembers(LogDetails, total=False):
    """What can be said of a log, by keyword."""

    path: str | None


QUERY_MEMBERS: Final = {
    "version_id": "version_id",
    "version_environment": "environment",
}
"""Members that travel in the URL's query, and their names there."""

LATER_MEMBERS: Final = frozenset({"log_id", "run_id", "reasoning_tokens", "log_status"})
"""Members that the contract gained after the seed's generation."""

MEMBERS: Final[tuple[str, ...]] = tuple(PromptLog.__struct_fields__)
"""Every member, the two of the query included."""

BODY_MEMBERS: Final = frozenset(MEMBERS) - frozenset(QUERY_MEMBERS)
"""Every member that a request body may have, of both generations."""

SEED_MEMBERS: Final = BODY_MEMBERS - LATER_MEMBERS
"""The members of the seed document's body: what we send, besides ``log_id``."""

PAYLOAD_MEMBERS: Final = frozenset(
    {
        "inputs",
        "messages",
        "output",
        "output_message",
        "stdout",
        "provider_request",
        "provider_response",
    }
)
"""Members with the content of a call: what ``save=False`` keeps out."""
