"""The dialect of Vercel's AI SDK: ``ai.*``, camel case, values as JSON text.

Its law: only the inner spans, ``….doGenerate`` and ``….doStream``, are calls; the outer
ones repeat the tokens of all their steps. The newer ``@ai-sdk/otel`` speaks
OpenTelemetry's dialect.
Source: github.com/vercel/ai, ``packages/ai/src/generate-text/generate-text.ts``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptscribe._dialects.answer import put_answers
from promptscribe._dialects.draft import row, structure
from promptscribe._dialects.value import (
    figure,
    integer,
    milliseconds,
    provider,
    table_of,
    tools,
    words,
)
from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.tool import read_tool_choice
from promptscribe._providers.value import count, first, kept, table, tables, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue

OPERATION: Final = "ai.operationId"
_METADATA: Final = "ai.telemetry.metadata."
_HEADERS: Final = "ai.request.headers."
"""What was sent along, credentials perhaps: not kept."""
_CALL: Final = re.compile(r"ai\.(generate|stream)(Text|Object)\.do(Generate|Stream)")


def _provider(value: JSONValue) -> str | None:
    said = word(value)  # "openai.chat", "anthropic.messages"
    return None if said is None else provider(said.partition(".")[0])


def _reason(value: JSONValue) -> str | None:
    said = word(value)
    return None if said is None else said.replace("-", "_")


ROWS: Final = (
    row("path", word, "ai.telemetry.functionId", "resource.name"),
    row("prompt.model", word, "ai.model.id"),
    row("prompt.provider", _provider, "ai.model.provider"),
    row("prompt.temperature", figure, "ai.settings.temperature"),
    row("prompt.top_p", figure, "ai.settings.topP"),
    row(
        "prompt.max_tokens",
        integer,
        "ai.settings.maxOutputTokens",
        "ai.settings.maxTokens",
    ),
    row("prompt.presence_penalty", figure, "ai.settings.presencePenalty"),
    row("prompt.frequency_penalty", figure, "ai.settings.frequencyPenalty"),
    row("prompt.seed", integer, "ai.settings.seed"),
    row("prompt.stop", words, "ai.settings.stopSequences"),
    row("prompt.tools", tools, "ai.prompt.tools"),
    row("other.top_k", figure, "ai.settings.topK"),
    row("finish_reason", _reason, "ai.response.finishReason"),
    row("usage.prompt_tokens", count, "ai.usage.inputTokens", "ai.usage.promptTokens"),
    row(
        "usage.output_tokens",
        count,
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    row(
        "usage.reasoning_tokens",
        count,
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    row(
        "usage.cache_read_tokens",
        count,
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    row(
        "usage.cache_write_tokens",
        count,
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    row("usage.total_cost", figure, "ai.usage.cost"),
    row("response.id", word, "ai.response.id"),
    row("response.model", word, "ai.response.model"),
    row(
        "metadata.time_to_first_token",
        milliseconds,
        "ai.response.msToFirstChunk",
        "ai.stream.msToFirstChunk",
    ),
    row("user", word, f"{_METADATA}userId"),
    row("metadata.session_id", word, f"{_METADATA}sessionId"),
    row("metadata.tags", words, f"{_METADATA}tags"),
)


def is_call(span: Span) -> bool | None:
    """Say whether a span is the call of a model."""
    operation = span.attributes.get(OPERATION)
    if not isinstance(operation, str) or not operation:
        return None
    return _CALL.fullmatch(operation) is not None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    if draft.take(OPERATION, word) is None:
        return
    draft.use(["operation.name", "ai.response.timestamp", "ai.usage.totalTokens"])
    draft.use(name for name in draft.attributes if name.startswith(_HEADERS))
    draft.fill(ROWS)
    draft.put("prompt.endpoint", "chat")
    _read_prompt(draft)
    _read_answer(draft)
    _read_schema(draft)
    choice = draft.take("ai.prompt.toolChoice", table_of)
    if choice is not None:
        named = {**choice, "name": choice.get("toolName")}
        draft.put("tool_choice", read_tool_choice({"tool_choice": named}, {}))
    for name, value in draft.attributes.items():
        if name.startswith(_METADATA):
            draft.use([name])
            draft.put(f"metadata.{name[len(_METADATA) :]}", value)


def _read_prompt(draft: Draft) -> None:
    asked = draft.take("ai.prompt.messages", structure)
    if asked is None:
        whole = table(draft.take("ai.prompt", table_of))
        system, text = word(whole.get("system")), word(whole.get("prompt"))
        before = [{"role": "system", "content": system}] if system else []
        after = [text] if text else []
        asked = [*before, *tables(whole.get("messages")), *after]
    messages: list[JSONValue] = [
        _message(item) if isinstance(item, dict) else item
        for item in (asked if isinstance(asked, list) else [])
    ]
    draft.put("messages", read_messages(messages))


def _read_answer(draft: Draft) -> None:
    text = draft.take("ai.response.text", word)
    text = text or draft.take("ai.response.object", word)
    thought = draft.take("ai.response.reasoning", word)
    calls = draft.take("ai.response.toolCalls", structure)
    parts = [_part(call | {"type": "tool-call"}) for call in tables(calls)]
    if text is None and thought is None and not parts:
        return
    message = {"role": "assistant", "content": text, "reasoning": thought}
    if parts:
        message["tool_calls"] = parts
    put_answers(draft, [message])


def _read_schema(draft: Draft) -> None:
    schema = draft.take("ai.schema", table_of)
    if schema is not None:
        named = kept(name=draft.take("ai.schema.name", word), schema=schema)
        draft.put(
            "prompt.response_format", {"type": "json_schema", "json_schema": named}
        )


def _message(message: JSONObject) -> JSONObject:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part(part) for part in tables(content)]}


def _part(part: JSONObject) -> JSONObject:
    """Give a part in the names that the providers' room knows."""
    kind = part.get("type")
    if kind == "tool-call":
        return {
            "type": "tool_call",
            "id": part.get("toolCallId"),
            "name": part.get("toolName"),
            "arguments": first(part, "args", "input"),
        }
    if kind == "tool-result":
        return {
            "type": "tool_result",
            "tool_call_id": part.get("toolCallId"),
            "name": part.get("toolName"),
            "content": first(part, "result", "output"),
        }
    return part
