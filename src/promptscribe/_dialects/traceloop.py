"""Traceloop's dialect of old, and its ``traceloop.*``, which is still in use.

Its law: new releases speak OpenTelemetry's dialect; this one reads what is left.
Source: github.com/traceloop/openllmetry,
``opentelemetry-semantic-conventions-ai/…/__init__.py``, up to 0.4x.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptscribe._dialects.answer import put_answers
from promptscribe._dialects.draft import row, structure
from promptscribe._dialects.indexed import has_gap, nest
from promptscribe._dialects.value import (
    endpoint,
    figure,
    scalar,
    table_of,
    tools,
    truth,
    words,
)
from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.value import count, rows, table, tables, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue

TYPE: Final = "llm.request.type"
KIND: Final = "traceloop.span.kind"
_PROMPT: Final = "gen_ai.prompt"
_COMPLETION: Final = "gen_ai.completion"
_SAID: Final = re.compile(r"gen_ai\.(prompt|completion)\.\d+\.role")
_PROPERTIES: Final = "traceloop.association.properties."

ROWS: Final = (
    row("path", word, "traceloop.prompt.key"),
    row(
        "metadata.prompt_version",
        scalar,
        "traceloop.prompt.version",
        "traceloop.prompt.version_hash",
        "traceloop.prompt.version_name",
    ),
    row("inputs", table_of, "traceloop.prompt.template_variables"),
    row("prompt.template", word, "traceloop.prompt.template"),
    row("prompt.endpoint", endpoint, TYPE),
    row("prompt.presence_penalty", figure, "llm.presence_penalty"),
    row("prompt.frequency_penalty", figure, "llm.frequency_penalty"),
    row("prompt.stop", words, "llm.chat.stop_sequences"),
    row("prompt.reasoning_effort", word, "llm.request.reasoning_effort"),
    row("other.top_k", figure, "llm.top_k"),
    row(
        "finish_reason",
        word,
        "llm.response.finish_reason",
        "llm.response.stop_reason",
    ),
    row("usage.reasoning_tokens", count, "llm.usage.reasoning_tokens"),
    row("metadata.streamed", truth, "llm.is_streaming"),
    row("user", word, "llm.user", f"{_PROPERTIES}user_id"),
    row(
        "metadata.session_id",
        word,
        f"{_PROPERTIES}session_id",
        f"{_PROPERTIES}chat_id",
        "traceloop.correlation.id",
    ),
    row("metadata.workflow", word, "traceloop.workflow.name"),
    row("metadata.entity", word, "traceloop.entity.name"),
)


def is_call(span: Span) -> bool | None:
    """Say whether a span is the call of a model."""
    kind = span.attributes.get(TYPE)
    if isinstance(kind, str) and kind:
        return kind in {"chat", "completion"}
    if isinstance(span.attributes.get(KIND), str):
        return False
    # Where a limit is reached the SDK lets go of what was told first: of the type.
    return True if span.dropped and any(map(_SAID.match, span.attributes)) else None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    draft.use(["llm.usage.total_tokens", "gen_ai.usage.total_tokens"])
    draft.fill(ROWS)
    _read_functions(draft)
    _read_schema(draft)
    for prefix in (_PROMPT, _COMPLETION):
        if has_gap(draft.attributes, prefix):
            draft.put("metadata.truncated", value=True)
    asked, names = nest(draft.attributes, _PROMPT)
    messages = [
        _message(item)
        for item in tables(rows(asked))
        if "content" in item or "role" in item or "tool_calls" in item
    ]
    if messages:
        draft.use(
            n for n in names if n[len(_PROMPT) + 1 :].partition(".")[0].isdecimal()
        )
        draft.put("messages", read_messages(messages))
    said, names = nest(draft.attributes, _COMPLETION)
    draft.use(names)
    put_answers(draft, [_message(item) for item in tables(rows(said))])
    for name, value in draft.attributes.items():
        if name.startswith(_PROPERTIES):
            draft.use([name])
            draft.put(f"metadata.{name[len(_PROPERTIES) :]}", value)


def _read_functions(draft: Draft) -> None:
    nested, names = nest(draft.attributes, "llm.request.functions")
    draft.use(names)
    offered = [
        {**item, "parameters": structure(item.get("parameters"))}
        for item in tables(rows(nested))
    ]
    draft.put("prompt.tools", tools(offered))


def _read_schema(draft: Draft) -> None:
    schema = draft.take("gen_ai.request.structured_output_schema", table_of)
    if schema is not None:
        wanted = {"type": "json_schema", "json_schema": {"schema": schema}}
        draft.put("prompt.response_format", wanted)


def _message(item: JSONObject) -> JSONObject:
    """Give a message in the form of OpenAI's; its content may be JSON text of parts."""
    message = dict(item)
    parts = structure(message.get("content"))
    if isinstance(parts, list) and all(_is_part(part) for part in parts):
        message["content"] = parts
    return message


def _is_part(value: JSONValue) -> bool:
    return isinstance(table(value).get("type"), str)
