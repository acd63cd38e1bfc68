"""OpenInference's dialect: ``llm.*``, one attribute for each leaf of a message.

Its law: what the instrumentation kept of request and response as JSON
(``input.value``, ``output.value``) says more than the leaves, and is read first.
Source: github.com/Arize-ai/openinference,
``spec/semantic_conventions.md``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptscribe._dialects.answer import put_answers, put_facts
from promptscribe._dialects.draft import row, structure
from promptscribe._dialects.indexed import has_gap, nest
from promptscribe._dialects.value import (
    figure,
    first_word,
    provider,
    table_of,
    tools,
    words,
)
from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.registry import interpret
from promptscribe._providers.request import read_request
from promptscribe._providers.value import count, rows, table, tables, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue

KIND: Final = "openinference.span.kind"
_IN: Final = "llm.input_messages"
_OUT: Final = "llm.output_messages"
_JSON: Final = "application/json"
_SAID: Final = re.compile(r"llm\.(input|output)_messages\.\d+\.message\.role")

ROWS: Final = (
    row("path", word, "prompt.id"),
    row("metadata.prompt_version", word, "llm.prompt_template.version"),
    row("prompt.template", word, "llm.prompt_template.template"),
    row("inputs", table_of, "llm.prompt_template.variables"),
    row("prompt.model", word, "llm.request.model_name"),
    row("prompt.provider", provider, "llm.provider", "llm.system"),
    row("finish_reason", first_word, "llm.finish_reason"),
    row("usage.prompt_tokens", count, "llm.token_count.prompt"),
    row("usage.output_tokens", count, "llm.token_count.completion"),
    row(
        "usage.reasoning_tokens",
        count,
        "llm.token_count.completion_details.reasoning",
    ),
    row(
        "usage.cache_read_tokens",
        count,
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
    ),
    row(
        "usage.cache_write_tokens",
        count,
        "llm.token_count.prompt_details.cache_write",
    ),
    row("usage.input_audio_tokens", count, "llm.token_count.prompt_details.audio"),
    row("usage.output_audio_tokens", count, "llm.token_count.completion_details.audio"),
    row("prompt_cost", figure, "llm.cost.prompt"),
    row("output_cost", figure, "llm.cost.completion"),
    row("usage.total_cost", figure, "llm.cost.total"),
    row("response.model", word, "llm.response.model_name", "llm.model_name"),
    row("user", word, "user.id"),
    row("metadata.session_id", word, "session.id"),
    row("metadata.tags", words, "tag.tags"),
)


def is_call(span: Span) -> bool | None:
    """Say whether a span is the call of a model."""
    kind = span.attributes.get(KIND)
    if isinstance(kind, str) and kind:
        return kind == "LLM"
    # Where a limit is reached the SDK lets go of what was told first: of the kind.
    return True if span.dropped and any(map(_SAID.match, span.attributes)) else None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    if KIND not in draft.attributes and not is_call(draft.span):
        return
    draft.use([KIND, "llm.token_count.total"])
    draft.fill(ROWS)
    _read_bodies(draft)
    _read_parameters(draft)
    _read_tools(draft)
    _read_messages(draft)
    draft.fill([row("prompt.model", word, "llm.model_name")])  # the one that answered
    extra = draft.take("metadata", table_of)
    for name, value in table(extra).items():
        draft.put(f"metadata.{name}", value)


def _read_bodies(draft: Draft) -> None:
    asked = _body(draft, "input")
    if isinstance(asked, dict):
        facts = read_request(asked)
        draft.put("messages", facts.messages)
        draft.put("tool_choice", facts.tool_choice)
        for name, value in table(facts.prompt).items():
            draft.put(f"prompt.{name}", value)
    said = _body(draft, "output")
    answer = interpret(said) if isinstance(said, dict) else None
    if answer is not None:
        put_facts(draft, answer)
        draft.put("provider_response", said)


def _body(draft: Draft, name: str) -> JSONValue:
    if draft.attributes.get(f"{name}.mime_type") != _JSON:
        return None
    draft.use([f"{name}.mime_type"])
    return draft.take(f"{name}.value", structure)


def _read_parameters(draft: Draft) -> None:
    asked = draft.take("llm.invocation_parameters", table_of)
    if asked is None:
        return
    facts = read_request(asked)
    draft.put("tool_choice", facts.tool_choice)
    for name, value in table(facts.prompt).items():
        draft.put(f"prompt.{name}", value)


def _read_tools(draft: Draft) -> None:
    nested, names = nest(draft.attributes, "llm.tools")
    draft.use(names)
    schemas = [structure(_at_tool(item)) for item in rows(nested)]
    draft.put("prompt.tools", tools([s for s in schemas if s is not None]))


def _at_tool(item: JSONValue) -> JSONValue:
    return table(table(item).get("tool")).get("json_schema")


def _read_messages(draft: Draft) -> None:
    for prefix in (_IN, _OUT):
        if has_gap(draft.attributes, prefix):
            draft.put("metadata.truncated", value=True)
    asked, names = nest(draft.attributes, _IN)
    draft.use(names)
    messages = [_message(item) for item in rows(asked)]
    draft.put("messages", read_messages(messages))
    said, names = nest(draft.attributes, _OUT)
    draft.use(names)
    if not draft.has("output_message"):  # the raw response said it
        put_answers(draft, [_message(item) for item in rows(said)])
    _read_completion(draft)


def _read_completion(draft: Draft) -> None:
    """Read the prompts and choices of the old completions."""
    asked, names = nest(draft.attributes, "llm.prompts")
    draft.use(names)
    texts = [table(table(item).get("prompt")).get("text") for item in rows(asked)]
    if texts:
        draft.put("prompt.endpoint", "complete")
        draft.put("messages", read_messages([t for t in texts if isinstance(t, str)]))
    said, names = nest(draft.attributes, "llm.choices")
    draft.use(names)
    for item in rows(said)[:1]:
        draft.put("output", word(table(table(item).get("completion")).get("text")))


def _message(item: JSONValue) -> JSONObject:
    """Give a message in the form of OpenAI's."""
    message = dict(table(table(item).get("message")))
    parts = [
        _part(table(p.get("message_content")))
        for p in tables(message.pop("contents", None))
    ]
    calls = [
        _call(table(c.get("tool_call"))) for c in tables(message.get("tool_calls"))
    ]
    if parts:
        message["content"] = parts
    if calls:
        message["tool_calls"] = calls
    return message


def _part(part: JSONObject) -> JSONObject:
    url = table(table(part.get("image")).get("image")).get("url")
    if url is not None:
        return {"type": "image_url", "image_url": {"url": url}}
    return part


def _call(call: JSONObject) -> JSONObject:
    return {"id": call.get("id"), "type": "function", "function": call.get("function")}
