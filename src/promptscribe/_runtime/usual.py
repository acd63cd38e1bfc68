"""The usual log: one decorator, one result, nothing that went wrong.

Its law: it says what `render` says of the same frames, in a third of the time, or
nothing. What context and decorator say of all their logs is worked out once, as a
`Form`; what is left for each log is filled in without asking who said what before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from promptscribe import _clock
from promptscribe._providers import conversation, registry
from promptscribe._providers.bill import bill
from promptscribe._wire import body, member, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptscribe._providers.facts import ResponseFacts
    from promptscribe.schema import JSONObject

Members = dict[str, Any]

_OMITTED: Final = frozenset({"Omit", "NotGiven"})
"""Classes of what stands for no argument in the SDKs of OpenAI, Anthropic and others;
what a log has in its place tells the class."""
_UNSET: Final = "~?~unset~?~sentinel~?~"
"""The same in Mistral's, as it is written in JSON."""

_FILLED: Final = frozenset(
    {"log_id", "trace_parent_id", "start_time", "end_time", "created_at"}
    | {"provider_latency", "error", "inputs", "messages", "save"}
    | {"output", "output_message", "finish_reason", "provider_response"}
    | {"prompt_tokens", "output_tokens", "prompt_cost", "output_cost"}
)
"""Members that a call itself fills in: where they are given, it is no usual log."""


class Form(NamedTuple):
    """What the logs of one decorator, in one context, have in common.

    Attributes:
        query: Of the request.
        members: Those that are sent, ready to be encoded; each log takes a copy.
        notes: What *metadata* says.
        model: The model that the prompt names; empty where there is a prompt and it
            names none as text; None where there is no prompt.
        provider: The provider that the prompt names.
    """

    query: Mapping[str, str]
    members: Members
    notes: Members
    model: str | None
    provider: str | None


def make_form(members: Members, written: Any) -> Form | None:
    """Return the form of the logs that have *members*, which are fit for sending.

    Args:
        members: What context and decorator say.
        written: The prompt among them as it is sent.

    Returns:
        The form; None if these say something that a call says by itself.
    """
    prompt = members.get("prompt")
    if not _FILLED.isdisjoint(members):
        return None
    model = provider = None
    if type(prompt) is dict:
        model, provider = prompt.get("model", ""), prompt.get("provider")
        if type(model) is not str:
            return None
    elif prompt is not None:
        model = ""
    sent = body.jsonable({**members, "prompt": None})
    if prompt is None:
        del sent["prompt"]
    else:
        sent["prompt"] = written
    query, notes = body.take_query(sent), sent.get("metadata", {})
    provider = provider if type(provider) is str else None
    return Form(query, sent, notes, model, provider)


def write(
    form: Form, first: record.Start, last: record.End
) -> tuple[Mapping[str, str], bytes] | None:
    """Return query and body of a log's request; None if it is not a usual one.

    Args:
        form: What its decorator and context say.
        first: How it began; JSON can hold its values as they are.
        last: How it ended; the same.
    """
    _, ended, returned, result, error, updates, stream = last
    if (
        first.given
        or not returned
        or updates
        or error is not None
        or stream is not None
    ):
        return None
    facts = None
    members = form.members.copy()
    if type(result) is str:
        members["output"] = result
    else:
        type_name = None
        if type(result) is record.Model:
            type_name, result = result
        facts = _read(form, result, type_name)
        if facts is None:
            return None
    _add_call(members, first, ended)
    if facts is not None and facts.usage is not None:
        _add_facts(form, members, facts)
        members["provider_response"] = result
        _add_usage(form, members, facts, first.began)
    return form.query, body.encode(members)


def _read(form: Form, result: Any, type_name: str | None) -> ResponseFacts | None:
    """Read a response; None if what is to be said of it takes more than filling in."""
    if type(result) is not dict:
        return None
    facts = registry.interpret(result, type_name)
    if facts is None or facts.usage is None or facts.choices is not None:
        return None
    if facts.has_failed:
        return None
    if form.model == "" and facts.model is not None:
        return None  # it knows the model that the prompt does not
    return facts


def _add_call(members: Members, first: record.Start, ended: int) -> None:
    key, trace, parent, began, _, _, inputs, _ = first
    members["log_id"] = _clock.join_log_id(trace, key)
    if parent is not None:
        if type(parent) is int:
            parent = _clock.join_log_id(trace, parent)
        members["trace_parent_id"] = parent
    members["start_time"] = members["created_at"] = _clock.to_text(began)
    members["end_time"] = _clock.to_text(ended)
    members["provider_latency"] = (ended - began) / 1e9 if ended > began else 0.0
    if type(inputs) is dict:
        drop_omitted(inputs)
        if "messages" in inputs:
            messages = take_messages(inputs)
            if messages:
                members["messages"] = messages
        members["inputs"] = inputs


def drop_omitted(inputs: Members) -> None:
    """Drop the arguments that an SDK's method was not given: so their defaults say."""
    for name in [name for name, value in inputs.items() if _is_omitted(value)]:
        del inputs[name]


def _is_omitted(value: Any) -> bool:
    if type(value) is dict:
        kind = value.get("type") if record.MARK in value else None
        return type(kind) is str and kind.rpartition(".")[2] in _OMITTED
    return type(value) is str and value == _UNSET


def take_messages(inputs: Members) -> list[JSONObject] | None:
    """Take the argument called ``messages`` out of *inputs*, if it is a conversation.

    Returns:
        It, as the contract has it: LangChain's and the responses API's are translated.
    """
    given = inputs["messages"]
    messages: list[JSONObject] | None = member.coerce("messages", given)
    if messages is None and type(given) is list:
        messages = conversation.read(record.plain(given))
    if not messages:
        return None
    del inputs["messages"]
    return messages


def _add_facts(form: Form, members: Members, facts: ResponseFacts) -> None:
    if facts.output is not None:
        members["output"] = facts.output
    if facts.output_message is not None:
        members["output_message"] = facts.output_message
    if facts.finish_reason is not None:
        members["finish_reason"] = facts.finish_reason
    if form.model is None and facts.model is not None:
        members["prompt"] = prompt = {"model": facts.model}
        if facts.provider is not None:
            prompt["provider"] = facts.provider


def _add_usage(form: Form, members: Members, facts: ResponseFacts, began: int) -> None:
    found, notes = bill(
        facts,
        model=form.model or facts.model,
        provider=form.provider or (facts.provider if form.model is None else None),
        at=began,
    )
    members |= found
    if notes:
        members["metadata"] = {**notes, **form.notes}
