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
from typing import TYPE_CHECKING, Any, Final

from promptscribe import _clock, schema
from promptscribe._providers import request
from promptscribe._runtime import answer, layers, usual
from promptscribe._wire import body, member, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptscribe._providers.facts import ResponseFacts
    from promptscribe._runtime.layers import Draft, Members

INTERRUPTED: Final = "Interrupted: the process ended before the call returned"


def read_log(start: bytes | None, end: bytes | None) -> schema.PromptLog:
    """Return the log that the frames of one call make up.

    Args:
        start: Payload of the start frame, or None if *end* is a whole frame.
        end: Payload of the end frame, or None for a call that was interrupted.

    Raises:
        ValueError: The bytes are no record.
    """
    first, last, _ = record.read(start, end)
    draft = layers.read_anew(first)
    return schema.PromptLog(**_read(draft, first, last, record.plain))


def read_at_once(start: bytes | None, end: bytes | None) -> schema.PromptLog:
    """Return the same while the caller waits for it, to be looked at and let go.

    It shares values with other logs, and has no price where no list is loaded.

    Args:
        start: As for `read_log`.
        end: As for `read_log`.

    Raises:
        ValueError: The bytes are no record.
    """
    first, last, is_plain = record.read(start, end)
    draft = layers.read(first)
    draft.is_hasty = True
    members = _read(draft, first, last, _same if is_plain else record.plain)
    return schema.PromptLog(**members)


def write_log(
    start: bytes | None, end: bytes | None, *, is_strange: bool = False
) -> tuple[str, Mapping[str, str], bytes]:
    """Return path, query and JSON body of the request that carries a log.

    The same as `read_log` says, without the detour over an object of its own.

    Args:
        start: As for `read_log`.
        end: As for `read_log`.
        is_strange: As for `record.read`.

    Raises:
        ValueError: The bytes are no record.
    """
    first, last, is_plain = record.read(start, end, is_strange=is_strange)
    said = layers.find(first)
    if is_plain and last is not None and said.form is not None:
        written = usual.write(said.form, first, last)
        if written is not None:
            return body.PATH, *written
    draft = layers.take(said, first)
    members = _read(draft, first, last, _same if is_plain else record.plain)
    draft.write_prompt()
    query, content = body.write(members, is_plain=is_plain)
    return body.PATH, query, content


def _same(value: Any) -> Any:
    return value


def _read(
    draft: Draft,
    first: record.Start,
    last: record.End | None,
    plain: Callable[[Any], Any],
) -> Members:
    updates = _say_updates(draft, last)
    members = draft.members
    given = _given(first, updates, members)
    _add_identity(members, first)
    _add_times(members, first, last)
    if last is None or last.error is not None:
        _add_error(draft, last)
    _add_inputs(draft, plain(first.inputs))
    told: Members = {}
    _add_request(draft, updates.get(record.REQUEST, members.get("provider_request")))
    if updates:
        told = _read_told(members, updates)
        # Here, since a response knows the model at most.
        draft.fill_said("prompt", told.get("prompt"))
    read: list[ResponseFacts | None] = []
    if record.RESPONSE in updates:
        read.append(answer.add_response(draft, updates[record.RESPONSE], plain))
    if last is not None:
        if last.returned:
            read.append(answer.add_response(draft, last.result, plain))
        _add_stream(draft, first, last.stream or updates.get(record.STREAM))
    if told:
        _add_captured(draft, told)
    read.append(answer.add_given(draft, given))
    if "$usage" not in told and not any(facts and facts.usage for facts in read):
        answer.add_price(draft)
    if members.get("save") is False:
        _strip(members)
    return draft.finish()


def _say_updates(draft: Draft, last: record.End | None) -> Members:
    """Take what was said in mid-call; return all of it, the last word of each name."""
    if last is None or not last.updates:
        return {}
    for update in last.updates:
        draft.say(update)
    return layers.combine(last.updates)


def _given(first: record.Start, updates: Members, members: Members) -> Any:
    """Return the response that somebody gave as a member, an SDK's object as such."""
    if "provider_response" not in members:
        return None
    for layer in (updates, first.given or {}):
        if layer.get("provider_response") is not None:
            return layer["provider_response"]
    return members["provider_response"]


def _add_identity(members: Members, first: record.Start) -> None:
    if "log_id" not in members:
        members["log_id"] = _clock.join_log_id(first.trace, first.key)
    parent = first.parent
    if parent is not None and "trace_parent_id" not in members:
        if type(parent) is int:
            parent = _clock.join_log_id(first.trace, parent)
        members["trace_parent_id"] = parent


def _add_times(members: Members, first: record.Start, last: record.End | None) -> None:
    began, ended = members.get("start_time"), members.get("end_time")
    if began is None:
        began = members["start_time"] = _clock.from_ns(first.began)
    elif not isinstance(began, datetime):
        began = _clock.from_ns(first.began)
    elif isinstance(ended, datetime):
        elapsed = (_clock.to_ns(ended) - _clock.to_ns(began)) / 1e9
        members.setdefault("provider_latency", max(elapsed, 0.0))
    members.setdefault("created_at", began)
    if last is not None and last.returned is not None:  # else it was not timed
        if ended is None:
            members["end_time"] = _clock.from_ns(last.ended)
        elapsed = last.ended - first.began
        members.setdefault("provider_latency", elapsed / 1e9 if elapsed > 0 else 0.0)


def _add_error(draft: Draft, last: record.End | None) -> None:
    if last is None:
        draft.fill("error", INTERRUPTED)
    elif last.error is not None:
        name, message, traceback = last.error
        if draft.members.get("save") is False:
            message = ""  # it quotes what the call was given
        draft.fill("error", f"{name}: {message}" if message else name)
        draft.note("traceback", traceback)


def _add_inputs(draft: Draft, inputs: Any) -> None:
    if type(inputs) is not dict:
        return
    usual.drop_omitted(inputs)
    if "messages" in inputs and "messages" not in draft.members:
        draft.fill("messages", usual.take_messages(inputs))
    draft.fill("inputs", inputs)


def _add_request(draft: Draft, sent: Any) -> None:
    sent = record.plain(sent)
    if type(sent) is not dict:
        return
    facts = request.read_request(sent)
    draft.fill_said("messages", facts.messages)
    draft.fill_said("prompt", facts.prompt)
    draft.fill_said("tool_choice", facts.tool_choice)
    draft.fill("provider_request", sent)


def _read_told(members: Members, updates: Members) -> Members:
    if record.SPAN not in updates and record.CAPTURED not in updates:
        return {}
    from promptscribe._runtime import told  # few logs have a span

    return told.read(updates, is_own=not {"path", "id"} & members.keys())


def _add_captured(draft: Draft, captured: Members) -> None:
    if "$usage" in captured:
        from promptscribe._dialects import usage

        facts = usage.read_facts(captured)
        if facts is not None:
            answer.add_usage(draft, facts)
    for name, value in captured.items():
        if name != "metadata":
            draft.fill_said(name, value)
        elif type(value) is dict:
            for key, item in record.plain(value).items():
                draft.note(key, item)


def _add_stream(draft: Draft, first: record.Start, stream: Any) -> None:
    if stream is None:
        return
    first_chunk, ending, chunks = stream
    if first_chunk is not None:
        elapsed = max(first_chunk - first.began, 0) / 1e9
        draft.note("time_to_first_token", elapsed)
    draft.note("chunks", chunks)
    draft.note("stream", ending)
    if chunks and not {"prompt_tokens", "output_tokens"} & draft.members.keys():
        draft.note("usage_missing", True)


def _strip(members: Members) -> None:
    for name in schema.PAYLOAD_MEMBERS:
        members.pop(name, None)
    metadata = members.get("metadata")
    if type(metadata) is dict:
        members["metadata"] = member.without_content(metadata)
