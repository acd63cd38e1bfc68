"""Langfuse's dialect: ``langfuse.*``, values as JSON text.

Its law: input and output are what the user gave, in whatever form; they are read as
requests and responses are.
Source: github.com/langfuse/langfuse-python, ``langfuse/_client/attributes.py``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from promptscribe._clock import to_ns
from promptscribe._dialects.answer import put_facts, put_raw_usage
from promptscribe._dialects.draft import row
from promptscribe._dialects.value import table_of, words
from promptscribe._providers.dialogue import read_messages
from promptscribe._providers.model import maker_of
from promptscribe._providers.registry import interpret
from promptscribe._providers.request import read_request
from promptscribe._providers.value import (
    count,
    first,
    json_text,
    number,
    read_json,
    table,
    word,
)

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONValue

_OBSERVATION: Final = "langfuse.observation."
TYPE: Final = f"{_OBSERVATION}type"

ROWS: Final = (
    row("path", word, f"{_OBSERVATION}prompt.name"),
    row("prompt.model", word, f"{_OBSERVATION}model.name"),
    row("user", word, "user.id", "langfuse.user.id"),
    row("metadata.session_id", word, "session.id", "langfuse.session.id"),
    row("metadata.tags", words, "langfuse.trace.tags"),
    row("metadata.trace_name", word, "langfuse.trace.name"),
    row("environment", word, "langfuse.environment"),
    row("metadata.prompt_version", count, f"{_OBSERVATION}prompt.version"),
)

_USAGE: Final = {
    "prompt_tokens": ("input", "prompt_tokens", "input_tokens"),
    "output_tokens": ("output", "completion_tokens", "output_tokens"),
    "reasoning_tokens": ("output_reasoning", "output_reasoning_tokens"),
    "cache_read_tokens": ("input_cached_tokens", "cache_read_input_tokens"),
    "cache_write_tokens": ("input_cache_creation", "cache_creation_input_tokens"),
}
_COSTS: Final = {
    "prompt_cost": "input",
    "output_cost": "output",
    "usage.total_cost": "total",
}


def is_call(span: Span) -> bool | None:
    """Say whether a span is the call of a model."""
    kind = span.attributes.get(TYPE)
    return kind == "generation" if isinstance(kind, str) and kind else None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    if draft.take(TYPE, word) is None:
        return
    draft.fill(ROWS)
    _read_input(draft)
    _read_output(draft)
    asked = draft.take(f"{_OBSERVATION}model.parameters", table_of)
    for name, value in table(read_request(table(asked)).prompt).items():
        draft.put(f"prompt.{name}", value)
    model = draft.section("prompt").get("model")
    draft.put("prompt.provider", maker_of(model if isinstance(model, str) else None))
    _read_usage(draft)
    costs = table(draft.take(f"{_OBSERVATION}cost_details", table_of))
    for member, name in _COSTS.items():
        draft.put(member, number(costs.get(name)))
    if draft.take(f"{_OBSERVATION}level", word) == "ERROR":
        draft.put("error", draft.take(f"{_OBSERVATION}status_message", word) or "error")
    draft.put(
        "finish_reason", draft.take(f"{_OBSERVATION}metadata.finish_reason", word)
    )
    _read_first_chunk(draft)
    for prefix in ("langfuse.trace.metadata.", f"{_OBSERVATION}metadata."):
        for name, value in draft.attributes.items():
            if name.startswith(prefix):
                draft.use([name])
                draft.put(f"metadata.{name[len(prefix) :]}", read_json(value))


def _read_input(draft: Draft) -> None:
    said: JSONValue = read_json(draft.take(f"{_OBSERVATION}input"))
    if isinstance(said, dict) and "role" not in said:
        facts = read_request(said)
        draft.put("messages", facts.messages)
        draft.put("tool_choice", facts.tool_choice)
        draft.put("prompt.tools", table(facts.prompt).get("tools"))
        if facts.messages is None:
            draft.put("inputs", said)
    else:
        draft.put("messages", read_messages(said))


def _read_output(draft: Draft) -> None:
    said: JSONValue = read_json(draft.take(f"{_OBSERVATION}output"))
    facts = interpret(said)
    if facts is not None:
        put_facts(draft, facts)
    else:
        draft.put("output", json_text(said))


def _read_usage(draft: Draft) -> None:
    used = table(draft.take(f"{_OBSERVATION}usage_details", table_of))
    for member, names in _USAGE.items():
        draft.put(f"usage.{member}", count(first(used, *names)))
    put_raw_usage(draft, used)  # its OpenAI client passes it on


def _read_first_chunk(draft: Draft) -> None:
    said = word(read_json(draft.take(f"{_OBSERVATION}completion_start_time", word)))
    try:
        moment = to_ns(datetime.fromisoformat(said)) if said else 0
    except (ValueError, OverflowError):
        return
    if draft.span.began <= moment <= draft.span.ended:
        elapsed = (moment - draft.span.began) / 1e9
        draft.put("metadata.time_to_first_token", elapsed)
