"""From a record of the journal to a prompt log: the one place that knows both.

Its law: pure and total. It runs in the background, long after the call and perhaps in
another process, so everything it needs is in the record.

Who wins where a member comes from several sides, weakest first: settings and
`log_context`, the decorator, the arguments of this call's ``with`` or `start_log`, what
`Recording.update` was given. What is captured fills only what nobody gave. ``metadata``
is merged over all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from promptscribe import _clock, schema
from promptscribe._providers import pricing, registry, request
from promptscribe._wire import body, member, record

INTERRUPTED: Final = "Interrupted: the process ended before the call returned"

Members = dict[str, Any]


def read_log(start: bytes | None, end: bytes | None) -> schema.PromptLog:
    """Return the log that the frames of one call make up.

    Args:
        start: Payload of the start frame, or None if *end* is a whole frame.
        end: Payload of the end frame, or None for a call that was interrupted.

    Raises:
        ValueError: The bytes are no record.
    """
    first, last = record.read(start, end)
    members = _merge(first, last)
    updates = {} if last is None else _combine(last.updates or [])
    _add_identity(members, first)
    _add_times(members, first, last)
    _add_error(members, last)
    _add_inputs(members, first)
    _add_request(members, updates.get(record.REQUEST))
    told = _read_told(members, updates)
    _fill(members, "prompt", told.get("prompt"))  # a response knows the model at most
    if last is not None:
        _add_result(members, last, updates.get(record.RESPONSE))
        _add_stream(members, first, last.stream or updates.get(record.STREAM))
    _add_captured(members, told)
    if members.get("save") is False:
        _strip(members)
    return _finish(members)


def write_log(log: schema.PromptLog) -> tuple[str, dict[str, str], bytes]:
    """Return path, query and JSON body of the request that carries a log."""
    query, content = body.write(log)
    return body.PATH, query, content


def _merge(first: record.Start, last: record.End | None) -> Members:
    members: Members = {}
    metadata: Members = {}
    updates = [] if last is None else last.updates or []
    for layer in (first.context, first.declared, first.given, *updates):
        for name, value in (layer or {}).items():
            if name == "metadata" and type(value) is dict:
                metadata.update(value)
            elif name in schema.MEMBERS and value is not None:
                members[name] = value
    if metadata:
        members["metadata"] = metadata
    return members


def _combine(updates: list[Members]) -> Members:
    combined: Members = {}
    for update in updates:
        combined.update(update)
    return combined


def _note(members: Members, name: str, value: Any) -> None:
    if value is None:
        return
    metadata = members.setdefault("metadata", {})
    if type(metadata) is dict:
        metadata.setdefault(name, value)


def _fill(members: Members, name: str, value: Any) -> None:
    if value is not None:
        members.setdefault(name, value)


def _add_identity(members: Members, first: record.Start) -> None:
    trace = int.from_bytes(first.trace, "big")
    _fill(members, "log_id", _clock.format_log_id(trace, first.key))
    parent = first.parent
    if type(parent) is int:
        parent = _clock.format_log_id(trace, parent)
    _fill(members, "trace_parent_id", parent)


def _add_times(members: Members, first: record.Start, last: record.End | None) -> None:
    given = [member.coerce(n, members.get(n)) for n in ("start_time", "end_time")]
    if all(isinstance(moment, datetime) for moment in given):
        elapsed = (_clock.to_ns(given[1]) - _clock.to_ns(given[0])) / 1e9
        _fill(members, "provider_latency", max(elapsed, 0.0))
    _fill(members, "start_time", _clock.from_ns(first.began))
    _fill(members, "created_at", members["start_time"])
    if last is not None and last.returned is not None:  # else it was not timed
        _fill(members, "end_time", _clock.from_ns(last.ended))
        _fill(members, "provider_latency", max(last.ended - first.began, 0) / 1e9)


def _add_error(members: Members, last: record.End | None) -> None:
    if last is None:
        _fill(members, "error", INTERRUPTED)
    elif last.error is not None:
        name, message, traceback = last.error
        if members.get("save") is False:
            message = ""  # it quotes what the call was given
        _fill(members, "error", f"{name}: {message}" if message else name)
        _note(members, "traceback", traceback)


def _add_inputs(members: Members, first: record.Start) -> None:
    inputs = record.plain(first.inputs)
    if type(inputs) is not dict:
        return
    if "messages" not in members and member.coerce("messages", inputs.get("messages")):
        members["messages"] = inputs.pop("messages")
    _fill(members, "inputs", inputs)


def _add_request(members: Members, sent: Any) -> None:
    sent = record.plain(sent)
    if type(sent) is not dict:
        return
    facts = request.read_request(sent)
    _fill(members, "messages", facts.messages)
    _fill(members, "prompt", facts.prompt)
    _fill(members, "tool_choice", facts.tool_choice)
    _fill(members, "provider_request", sent)


def _add_result(members: Members, last: record.End, recorded: Any) -> None:
    if recorded is not None:
        _add_response(members, recorded)
    if last.returned:
        _add_response(members, last.result)


def read_response(value: Any) -> Members:
    """Return the members that a response, or any other result, says by itself."""
    members: Members = {}
    _add_response(members, value)
    return members


def _read_told(members: Members, updates: Members) -> Members:
    if record.SPAN not in updates and record.CAPTURED not in updates:
        return {}
    from promptscribe._runtime import told  # few logs have a span

    return told.read(updates, is_own=not {"path", "id"} & members.keys())


def _add_captured(members: Members, captured: Members) -> None:
    if "$usage" in captured:
        from promptscribe._dialects import usage

        facts = usage.read_facts(captured)
        if facts is not None:
            _add_usage(members, facts)
    for name, value in captured.items():
        if name != "metadata":
            if name in schema.MEMBERS:
                _fill(members, name, value)
        elif type(value) is dict:
            for key, item in value.items():
                _note(members, key, item)


def _add_response(members: Members, value: Any) -> None:
    """Fill in what a response, or any other result, says."""
    type_name = None
    if isinstance(value, record.Model):
        type_name, value = value
    elif isinstance(value, record.Chunks):
        type_name = value.type_name
        value = registry.join([record.plain(c) for c in value.chunks], type_name)
    value = record.plain(value)
    facts = registry.interpret(value, type_name)
    if facts is None:
        _fill(members, "output", _as_text(value))
        return
    _fill(members, "output", facts.output)
    _fill(members, "output_message", facts.output_message)
    _fill(members, "finish_reason", facts.finish_reason)
    if type(value) is dict and (facts.usage is not None or facts.model is not None):
        _fill(members, "provider_response", value)
    _add_model(members, facts.model, facts.provider)
    _add_usage(members, facts)
    _note(members, "choices", facts.choices)


def _add_model(members: Members, model: str | None, provider: str | None) -> None:
    if model is None:
        return
    prompt = members.get("prompt")
    if type(prompt) is dict and "model" not in prompt:
        members["prompt"] = {"model": model, **prompt}  # the client is bound to it
        return
    prompt = {"model": model}
    if provider is not None:
        prompt["provider"] = provider
    _fill(members, "prompt", prompt)


def _add_usage(members: Members, facts: Any) -> None:
    usage = facts.usage
    if usage is None:
        return
    _fill(members, "prompt_tokens", usage.prompt_tokens)
    _fill(members, "output_tokens", usage.output_tokens)
    for name in ("reasoning_tokens", "cache_read_tokens", "cache_write_tokens"):
        _note(members, name, getattr(usage, name))
    if "prompt_cost" in members or "output_cost" in members:
        return
    prompt = members.get("prompt")
    asked = prompt if type(prompt) is dict else {}
    price = pricing.price(
        facts,
        # Bedrock and Cohere do not repeat the model, Azure answers with an alias.
        model=_text_of(asked.get("model")),
        provider=_text_of(asked.get("provider")),
        at=_time_of(members.get("start_time")),
    )
    if price is not None:
        members["prompt_cost"] = price.prompt_cost
        members["output_cost"] = price.output_cost
        _note(members, "price_source", price.source)


def _text_of(value: Any) -> str | None:
    return value if type(value) is str else None


def _time_of(value: Any) -> datetime | None:
    moment = member.coerce("start_time", value)
    return moment if isinstance(moment, datetime) else None


def _add_stream(members: Members, first: record.Start, stream: Any) -> None:
    if stream is None:
        return
    first_chunk, ending, chunks = stream
    if first_chunk is not None:
        elapsed = max(first_chunk - first.began, 0) / 1e9
        _note(members, "time_to_first_token", elapsed)
    _note(members, "chunks", chunks)
    _note(members, "stream", ending)
    if chunks and not {"prompt_tokens", "output_tokens"} & members.keys():
        _note(members, "usage_missing", True)


def _strip(members: Members) -> None:
    for name in schema.PAYLOAD_MEMBERS:
        members.pop(name, None)
    metadata = members.get("metadata")
    if type(metadata) is dict:
        for name in ("traceback", "choices"):
            metadata.pop(name, None)
        if type(metadata.get("otel")) is dict:
            metadata["otel"].pop("attributes", None)


def _as_text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return msgspec.json.encode(body.jsonable(value)).decode()


def _finish(members: Members) -> schema.PromptLog:
    """Return the log; a value of the wrong type is told in metadata, not sent."""
    kept: Members = {}
    for name, value in members.items():
        settled = member.coerce(name, record.plain(value))
        if settled is None:
            _note(kept, "not_recorded", {})
            kept["metadata"]["not_recorded"][name] = f"a {type(value).__name__}"
        elif name == "metadata":
            kept["metadata"] = {**settled, **kept.get("metadata", {})}
        else:
            kept[name] = settled
    return schema.PromptLog(**kept)
