"""OpenTelemetry's own dialect: ``gen_ai.*``, as it is now and as it was before.

Its law: the names are written here. Those in opentelemetry-semantic-conventions are
deprecated, and the repository that they moved to has no package
(github.com/open-telemetry/semantic-conventions-genai, ``docs/gen-ai``). The first name
of a line is today's, the ones behind it are older; all are still emitted by somebody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._dialects.answer import put_answers
from promptscribe._dialects.draft import row, structure
from promptscribe._dialects.value import (
    ENDPOINTS,
    endpoint,
    figure,
    first_word,
    integer,
    provider,
    tools,
    truth,
    words,
)
from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.value import count, read_json, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue

OPERATION: Final = "gen_ai.operation.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_ID: Final = "gen_ai.response.id"
INPUT: Final = "gen_ai.input.messages"
OUTPUT: Final = "gen_ai.output.messages"
SYSTEM: Final = "gen_ai.system_instructions"
TOOLS: Final = "gen_ai.tool.definitions"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
VARIABLE: Final = "gen_ai.prompt.variable."
DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"

ROWS: Final = (
    row("path", word, "gen_ai.prompt.name"),
    row("metadata.prompt_version", word, "gen_ai.prompt.version"),
    row("prompt.model", word, REQUEST_MODEL, "gen_ai.response.model"),
    row("prompt.provider", provider, "gen_ai.provider.name", "gen_ai.system"),
    row("prompt.endpoint", endpoint, OPERATION),
    row("prompt.temperature", figure, "gen_ai.request.temperature"),
    row("prompt.top_p", figure, "gen_ai.request.top_p"),
    row("prompt.max_tokens", integer, "gen_ai.request.max_tokens"),
    row("prompt.presence_penalty", figure, "gen_ai.request.presence_penalty"),
    row("prompt.frequency_penalty", figure, "gen_ai.request.frequency_penalty"),
    row("prompt.seed", integer, "gen_ai.request.seed", "gen_ai.openai.request.seed"),
    row("prompt.stop", words, "gen_ai.request.stop_sequences"),
    row("prompt.tools", tools, TOOLS),
    row(
        "prompt.reasoning_effort",
        word,
        "gen_ai.request.reasoning.level",
        "gen_ai.request.reasoning_effort",
    ),
    row("other.top_k", figure, "gen_ai.request.top_k"),
    row("other.n", integer, "gen_ai.request.choice.count", "gen_ai.request.n"),
    row("finish_reason", first_word, FINISH_REASONS),
    row("finish_reason", word, "anthropic.message.stop_reason"),
    row(
        "usage.prompt_tokens",
        count,
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
    ),
    row(
        "usage.output_tokens",
        count,
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
    ),
    row(
        "usage.reasoning_tokens",
        count,
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",  # pydantic-ai
    ),
    row(
        "usage.cache_read_tokens",
        count,
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
    ),
    row(
        "usage.cache_write_tokens",
        count,
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    row(
        "usage.cache_write_1h_tokens",
        count,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    row("usage.input_audio_tokens", count, "gen_ai.usage.audio.input_tokens"),
    row("usage.output_audio_tokens", count, "gen_ai.usage.audio.output_tokens"),
    row("usage.total_cost", figure, "gen_ai.usage.cost"),
    row("response.id", word, RESPONSE_ID),
    row("response.model", word, "gen_ai.response.model"),
    row(
        "metadata.time_to_first_token",
        figure,
        "gen_ai.response.time_to_first_chunk",
    ),
    row("metadata.session_id", word, "gen_ai.conversation.id"),
    row("metadata.streamed", truth, "gen_ai.request.stream", "gen_ai.is_streaming"),
    row(
        "metadata.service_tier",
        word,
        "openai.response.service_tier",
        "anthropic.response.service_tier",
        "gen_ai.openai.response.service_tier",
    ),
    row("user", word, "user.id", "enduser.id", "gen_ai.user"),
)

_EVENT_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""The events of semantic conventions 1.28 to 1.36."""

EVENTS: Final = frozenset({*_EVENT_ROLES, "gen_ai.choice", DETAILS_EVENT})
"""Names of events that carry content, whether of a span's or records beside it."""

EVALUATION: Final = "gen_ai.evaluation.result"
"""Event with what somebody thinks of an answer: a score, a label, the reasons."""


def is_call(span: Span) -> bool | None:
    """Say whether a span is the call of a model: by its operation, else by its look."""
    attributes = span.attributes
    operation = attributes.get(OPERATION)
    if isinstance(operation, str) and operation:
        return operation in ENDPOINTS
    if not isinstance(attributes.get(REQUEST_MODEL), str):
        return None
    signs = (INPUT, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    return True if any(name in attributes for name in signs) else None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    draft.fill(ROWS)
    _read_output_type(draft)
    _read_variables(draft)
    draft.put("messages", _input(draft) or None)
    said = draft.take_structure(OUTPUT)
    if said is not None:
        reasons = words(draft.attributes.get(FINISH_REASONS))
        put_answers(draft, said, None if reasons is None else len(reasons))
    _read_events(draft)


def _input(draft: Draft) -> list[JSONObject]:
    messages: list[JSONObject] = []
    system = draft.take_structure(SYSTEM)
    if system:
        messages += read_messages({"role": "system", "content": system})
    said = draft.take_structure(INPUT)
    return messages + read_messages(said) if said else messages


def _read_variables(draft: Draft) -> None:
    inputs = {
        name[len(VARIABLE) :]: value
        for name, value in draft.attributes.items()
        if name.startswith(VARIABLE)
    }
    draft.use(VARIABLE + name for name in inputs)
    draft.put("inputs", inputs)


def _read_output_type(draft: Draft) -> None:
    if draft.take("gen_ai.output.type", word) == "json":
        draft.put("prompt.response_format", {"type": "json_object"})


def _read_events(draft: Draft) -> None:
    """Read the events that older instrumentations tell the content by."""
    said: list[JSONValue] = []
    answers: list[JSONValue] = []
    for event in draft.span.events:
        attributes = event.attributes
        role = _EVENT_ROLES.get(event.name)
        if role is not None:
            message = _unpacked(attributes)
            # Without content capture each message is told of, and nothing of it.
            if any(message.get(name) for name in ("content", "tool_calls")):
                said.append({"role": role, **message})
        elif event.name == "gen_ai.choice":
            message = structure(attributes.get("message"))
            body = message if isinstance(message, dict) else _unpacked(attributes)
            reason = attributes.get("finish_reason")
            answers.append({"finish_reason": reason, **body})
        elif event.name == "gen_ai.content.prompt":
            said.extend(_listed(attributes.get("gen_ai.prompt")))
        elif event.name == "gen_ai.content.completion":
            answers.extend(_listed(attributes.get("gen_ai.completion")))
    if said:
        draft.put("messages", read_messages(said))
    put_answers(draft, answers)


def _unpacked(attributes: JSONObject) -> JSONObject:
    return {name: _opened(value) for name, value in attributes.items()}


def _opened(value: JSONValue) -> JSONValue:
    found = structure(value)
    return value if found is None else found


def _listed(value: JSONValue) -> list[JSONValue]:
    found = read_json(value)
    if isinstance(found, list):
        return found
    return [] if found is None else [found]
