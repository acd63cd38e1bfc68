"""Logfire's dialect: ``gen_ai.*`` beside ``request_data`` and ``response_data``.

Its law: a stream is two spans. The first is over when the stream begins and knows no
answer; the second, a span of no length, is written when the stream ends and knows all.
The second one is the call.
Source: github.com/pydantic/logfire, ``logfire/_internal/integrations/llm_providers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._dialects import gen_ai
from promptscribe._dialects.answer import put_facts, put_raw_usage
from promptscribe._dialects.draft import row
from promptscribe._dialects.value import figure, table_of, words
from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.message import answered
from promptscribe._providers.request import read_request
from promptscribe._providers.value import table, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span

SPAN_TYPE: Final = "logfire.span_type"
_NOISE: Final = (
    SPAN_TYPE,
    "logfire.json_schema",
    "logfire.msg",
    "logfire.msg_template",
    "logfire.level_num",
    "async",
)

ROWS: Final = (
    row("metadata.tags", words, "logfire.tags"),
    row("usage.total_cost", figure, "operation.cost"),
    row("metadata.function", word, "code.function"),
)


def is_call(span: Span) -> bool | None:
    """Say that a span is no call if it is only the beginning of a stream."""
    attributes = span.attributes
    if attributes.get(SPAN_TYPE) != "span" or span.status == "ERROR":
        return None
    if not span.scope.startswith("logfire.") or "request_data" not in attributes:
        return None
    ended = (gen_ai.OUTPUT, "response_data", gen_ai.RESPONSE_ID)
    return None if any(name in attributes for name in ended) else False


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    if SPAN_TYPE not in draft.attributes:
        return
    draft.use(_NOISE)
    draft.fill(ROWS)
    raw = draft.take("gen_ai.usage.raw", table_of)
    asked = draft.take("request_data", table_of)
    if asked is not None:
        facts = read_request(asked)
        draft.put("messages", facts.messages)
        draft.put("tool_choice", facts.tool_choice)
        for name, value in table(facts.prompt).items():
            draft.put(f"prompt.{name}", value)
    said = draft.take("response_data", table_of)
    if said is not None:
        _read_response(draft, said)
    put_raw_usage(draft, raw)  # the reasoning tokens are only in here


def _read_response(draft: Draft, said: dict[str, object]) -> None:
    message = said.get("message")
    if isinstance(message, dict):
        put_facts(draft, answered([read_answer(message)]))
    draft.put("output", word(said.get("combined_chunk_content")))
    put_raw_usage(draft, said.get("usage"))


def began(span: Span) -> int:
    """Give a stream its length back: the span was written when all was over."""
    seconds = figure(span.attributes.get("duration"))
    if span.began == span.ended and seconds is not None and 0 < seconds < 1e6:
        return span.ended - int(seconds * 1e9)
    return span.began
