"""The answer: output messages of a span as the members that a response has.

Its law: one answer is one message, however many pieces it came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptscribe._providers import openai_responses, openai_usage
from promptscribe._providers.dialogue import read_answer
from promptscribe._providers.message import answered
from promptscribe._providers.value import tables, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._providers.facts import ResponseFacts, Usage
    from promptscribe.schema import JSONObject, JSONValue


def put_answers(draft: Draft, said: JSONValue, reasons: int | None = None) -> None:
    """Put output messages into a draft.

    Args:
        draft: Where they go.
        said: A list of messages, in any dialect that the providers' room reads.
        reasons: How many finish reasons there are, if that is known. One for
            several messages means that they are pieces of one answer: the responses
            API gives reasoning, text and each tool call as items of their own.
    """
    rows = tables(said if isinstance(said, list) else [said])
    messages = [read_answer(item) for item in rows]
    if not messages:
        return
    if len(messages) > 1 and reasons == 1:
        messages = [_joined(messages)]
    put_facts(draft, answered(messages))
    draft.put("finish_reason", word(rows[0].get("finish_reason")))


def put_facts(draft: Draft, facts: ResponseFacts) -> None:
    """Put what a response says into a draft."""
    draft.put("output_message", facts.output_message)
    if facts.output is not None:
        draft.members.setdefault("output", facts.output)  # also an empty one
    draft.put("finish_reason", facts.finish_reason)
    draft.put("metadata.choices", facts.choices)
    draft.put("metadata.response_model", facts.model)
    draft.put("prompt.provider", facts.provider)
    if facts.usage is not None:
        put_usage(draft, facts.usage)


def put_usage(draft: Draft, usage: Usage) -> None:
    """Put token counts into a draft."""
    for name in usage.__struct_fields__:
        draft.put(f"usage.{name}", getattr(usage, name))


def put_raw_usage(draft: Draft, usage: JSONValue) -> None:
    """Put a provider's own usage object into a draft, OpenAI's of both kinds."""
    if isinstance(usage, dict):
        for read in (openai_usage.read_usage, openai_responses.read_usage):
            found = read({"usage": usage})
            if found is not None:
                put_usage(draft, found)


def _joined(messages: list[JSONObject]) -> JSONObject:
    joined = dict(messages[0])
    for message in messages[1:]:
        for name in ("tool_calls", "thinking"):
            if message.get(name):
                joined[name] = [*joined.get(name, []), *message[name]]
        if message.get("content"):
            joined["content"] = _added(joined.get("content"), message["content"])
    return joined


def _added(one: JSONValue, other: JSONValue) -> JSONValue:
    if not one:
        return other
    if isinstance(one, str) and isinstance(other, str):
        return one + other
    return [*_parts(one), *_parts(other)]


def _parts(content: JSONValue) -> list[JSONValue]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []
