"""The emission: a prompt log as the attributes of a standard GenAI span.

Its law: pure. One attribute for each member, JSON text where a member has structure:
older SDKs and collectors drop structures, and limits on the number of attributes cut
flattened messages. What matters most comes last: a Python SDK that has reached its
limit drops the oldest.
Source: github.com/open-telemetry/semantic-conventions-genai,
``docs/gen-ai/client-inference.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptscribe._dialects import gen_ai, own
from promptscribe._providers.value import (
    first,
    json_text,
    kept,
    read_json,
    table,
    tables,
    text,
    word,
)

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue, PromptLog

MOST_VARIABLES: Final = 32
"""Inputs and entries of metadata that get an attribute each; SDKs stop at 128."""

PROVIDERS: Final = {
    "openai_azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gen_ai",
    "mistral": "mistral_ai",
}
"""The contract's names of providers where the convention has others."""

_REQUEST: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "seed": "gen_ai.request.seed",
    "reasoning_effort": "gen_ai.request.reasoning.level",
}
_METADATA: Final = {
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "time_to_first_token": "gen_ai.response.time_to_first_chunk",
    "session_id": "gen_ai.conversation.id",
}
_VERSION: Final = "prompt_version"
"""Where a span's ``gen_ai.prompt.version`` is kept: whoever wrote it has versions of
its own, and the contract's *version_id* names one of the server's."""

_ELSEWHERE: Final = frozenset({*_METADATA, _VERSION, "traceback"})
_PLAIN: Final = (
    "stdout",
    "save",
    "evaluation_id",
    "batch_id",
    "source_datapoint_id",
    "id",
    "trace_parent_id",
)


def is_call(log: PromptLog) -> bool:
    """Say whether a log tells of the call of a model, and not only of a function."""
    return bool(table(log.prompt).get("model")) or log.output_tokens is not None


def is_told(log: PromptLog) -> bool:
    """Say whether a span of an instrumented client tells of a log's call.

    One that only reported to the log (``otel_context``) made no span: no ids.
    """
    told = table(table(log.metadata).get("otel"))
    return bool((word(told.get("trace_id")) or "").strip("0"))


def name_of(log: PromptLog) -> str:
    """Give the span's name: operation and model, else the path."""
    model = word(table(log.prompt).get("model"))
    if is_call(log) and model:
        return f"{_operation(log)} {model}"
    return log.path or "log"


def attributes_of(log: PromptLog, *, content: bool, repeats: bool = True) -> JSONObject:
    """Return a log's attributes, the least important first.

    Args:
        log: The log.
        content: Whether messages, inputs and answers may be among them.
        repeats: Whether the call is told; False where another span tells of it, so
            that no backend counts its tokens twice.
    """
    found = _minor(log)
    if content:
        found |= _variables(log)
        if not is_call(log):
            found |= kept(**{f"{own.PREFIX}output": log.output})
    version = log.version_id or word(table(log.metadata).get(_VERSION))
    found |= kept(**{"gen_ai.prompt.name": log.path, "gen_ai.prompt.version": version})
    found |= kept(**{"user.id": log.user, "error.type": _error_type(log)})
    if not (repeats and is_call(log)):
        return found
    if content:
        found |= _content(log)
    return found | _request(log) | _response(log)


def _operation(log: PromptLog) -> str:
    is_completion = table(log.prompt).get("endpoint") == "complete"
    return "text_completion" if is_completion else "chat"


def _minor(log: PromptLog) -> JSONObject:
    found = {f"{own.PREFIX}{name}": getattr(log, name) for name in _PLAIN}
    found |= {
        f"{own.PREFIX}cost.prompt": log.prompt_cost,
        f"{own.PREFIX}cost.output": log.output_cost,
        f"{own.PREFIX}tool_choice": json_text(log.tool_choice),
        f"{own.PREFIX}source": log.source,
    }
    named = 0
    for name, value in table(log.metadata).items():
        if name not in _ELSEWHERE and named < MOST_VARIABLES:
            named += 1
            found[f"{own.METADATA}{name}"] = _single(value)
    return kept(**found)


def _variables(log: PromptLog) -> JSONObject:
    names = list(table(log.inputs))[:MOST_VARIABLES]
    return kept(
        **{f"{gen_ai.VARIABLE}{n}": json_text(table(log.inputs)[n]) for n in names}
    )


def _request(log: PromptLog) -> JSONObject:
    prompt = table(log.prompt)
    provider = word(prompt.get("provider"))
    stop = prompt.get("stop")
    found = {theirs: prompt.get(ours) for ours, theirs in _REQUEST.items()}
    found["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else stop
    wanted = table(prompt.get("response_format")).get("type")
    if wanted in {"json_object", "json_schema"}:
        found["gen_ai.output.type"] = "json"
    found |= {
        gen_ai.REQUEST_MODEL: word(prompt.get("model")),
        "gen_ai.provider.name": PROVIDERS.get(provider or "", provider),
        gen_ai.OPERATION: _operation(log),
    }
    return kept(**found)


def _response(log: PromptLog) -> JSONObject:
    metadata = table(log.metadata)
    found = {theirs: metadata.get(ours) for ours, theirs in _METADATA.items()}
    response = table(log.provider_response)
    found |= {
        "gen_ai.response.id": word(response.get("id")),
        "gen_ai.response.model": word(first(response, "model", "modelVersion")),
        gen_ai.FINISH_REASONS: [log.finish_reason] if log.finish_reason else None,
        "gen_ai.usage.input_tokens": log.prompt_tokens,
        "gen_ai.usage.output_tokens": log.output_tokens,
    }
    return kept(**found)


def _content(log: PromptLog) -> JSONObject:
    said = [m for m in tables(log.messages) if m.get("role") != "system"]
    system = [m for m in tables(log.messages) if m.get("role") == "system"]
    answer = log.output_message or (
        {"role": "assistant", "content": log.output} if log.output is not None else None
    )
    told = _message(answer) if answer else None
    if told is not None and log.finish_reason:
        told["finish_reason"] = log.finish_reason
    tools = [{"type": "function", **t} for t in tables(table(log.prompt).get("tools"))]
    instructions = [part for message in system for part in _parts(message)]
    return kept(
        **{
            gen_ai.TOOLS: json_text(tools) if tools else None,
            gen_ai.SYSTEM: json_text(instructions) if instructions else None,
            gen_ai.INPUT: json_text([_message(m) for m in said]) if said else None,
            gen_ai.OUTPUT: json_text([told]) if told else None,
        }
    )


def _message(message: JSONObject) -> JSONObject:
    role = word(message.get("role")) or "user"
    return {"role": role, "parts": _parts(message)} | kept(name=message.get("name"))


def _parts(message: JSONObject) -> list[JSONObject]:
    content = message.get("content")
    if message.get("role") == "tool":
        answer = {"id": message.get("tool_call_id"), "response": content}
        return [{"type": "tool_call_response", **answer}]
    thinking = [
        {"type": "reasoning", "content": part.get("thinking")}
        for part in tables(message.get("thinking"))
        if text(part.get("thinking")) is not None
    ]
    said = [{"type": "text", "content": content}] if isinstance(content, str) else []
    parts = [_part(part) for part in tables(content)]
    calls = [_call(call) for call in tables(message.get("tool_calls"))]
    return [*thinking, *said, *parts, *calls]


def _part(part: JSONObject) -> JSONObject:
    if part.get("type") == "text":
        return {"type": "text", "content": part.get("text")}
    url = word(table(part.get("image_url")).get("url"))
    if url is None:
        return part
    head, comma, data = url.partition(";base64,")
    if comma and head.startswith("data:"):
        kind = head.removeprefix("data:")
        return {"type": "blob", "modality": "image", "mime_type": kind, "content": data}
    return {"type": "uri", "modality": "image", "uri": url}


def _call(call: JSONObject) -> JSONObject:
    function = table(call.get("function"))
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name"),
        "arguments": read_json(function.get("arguments")),
    }


def _error_type(log: PromptLog) -> str | None:
    if log.error is None:
        return None
    name = log.error.partition(":")[0]
    return name if name.isidentifier() else "_OTHER"


def _single(value: JSONValue) -> Any:
    return value if isinstance(value, str | bool | int | float) else json_text(value)
