"""The translation: a span of any dialect as members of a prompt log.

Its law: pure and total: junk gives a log with what could be read, never an exception.
Each dialect says what it knows, the first one wins member by member; what nobody
understood is kept as it came, under ``metadata.otel``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from promptscribe._dialects import (
    gen_ai,
    langfuse,
    logfire,
    openinference,
    own,
    traceloop,
    vercel,
)
from promptscribe._dialects.draft import USAGE, Draft, public
from promptscribe._providers.value import add, text, word
from promptscribe._wire import member
from promptscribe._wire.path import fit_path

if TYPE_CHECKING:
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONObject, JSONValue


class Dialect(Protocol):
    """One file of this room: how one family of instrumentations speaks."""

    def is_call(self, span: Span, /) -> bool | None:
        """Say whether a span is the call of a model; None if the dialect is silent."""
        ...

    def read(self, draft: Draft, /) -> None:
        """Put what the dialect says of a call into the draft."""
        ...


DIALECTS: Final[tuple[Dialect, ...]] = (
    own,
    langfuse,  # what the user said by hand comes first
    vercel,
    gen_ai,
    openinference,
    traceloop,
    logfire,
)
"""In the order of who wins."""

SELECTORS: Final[tuple[Dialect, ...]] = (
    own,
    vercel,  # its outer spans have the operation's name, too
    logfire,
    langfuse,
    openinference,
    gen_ai,
    traceloop,
)
"""In the order of who is asked whether a span is a call."""

SIGNS: Final = (
    "gen_ai.",
    "llm.",
    "openinference.",
    "ai.",
    "langfuse.",
    "traceloop.",
)
"""What names of attributes begin with where a dialect is spoken."""

MOST_EVENTS: Final = 64
"""Events of a span that are kept as they came."""

_READ: Final = gen_ai.EVENTS | {
    "exception",
    "gen_ai.content.prompt",
    "gen_ai.content.completion",
}


def is_call(span: Span) -> bool:
    """Say whether a span is the call of a model, and so a prompt log.

    Agents, tools and workflows are not: their spans repeat the tokens of the calls
    inside of them.
    """
    for dialect in SELECTORS:
        said = dialect.is_call(span)
        if said is not None:
            return said
    return False


def began(span: Span) -> int:
    """Give the time at which the call began, nanoseconds since 1970."""
    is_logs = logfire.SPAN_TYPE in span.attributes
    return max(logfire.began(span) if is_logs else span.began, 0)


def read_call(span: Span) -> dict[str, Any]:
    """Return the members of a log that the span of a call says.

    Returns:
        Members without ids and times; ``$usage`` has the token counts, for whoever
        prices them.
    """
    draft = Draft(span, {**_details(span), **span.attributes})
    for dialect in DIALECTS:
        dialect.read(draft)
    members = draft.members
    _add_prompt(draft)
    _add_response(draft)
    _add_error(draft)
    _add_labels(draft)
    _add_metadata(draft)
    usage = _usage(dict(draft.section("usage")))
    if usage:
        members[USAGE] = usage
    return members


def withhold(members: dict[str, Any]) -> dict[str, Any]:
    """Return what is read without what may quote the content of the call.

    Besides the members that are payload: unread attributes, and what errors say.
    """
    error = text(members.get("error"))
    kept = {k: v for k, v in members.items() if k not in {"error", "metadata"}}
    if error is not None:
        kept["error"] = error.partition(":")[0] if ": " in error else "error"
    return {**kept, "metadata": member.without_content(members.get("metadata") or {})}


def _details(span: Span) -> JSONObject:
    """Give the attributes of the event that carries a call's content."""
    found: JSONObject = {}
    for event in span.events:
        if event.name == gen_ai.DETAILS_EVENT:
            found |= event.attributes
    return found


def _add_prompt(draft: Draft) -> None:
    prompt = dict(draft.section("prompt"))
    other = dict(draft.section("other"))
    if other.get("n") == 1:
        del other["n"]
    if other:
        prompt["other"] = {**other, **prompt.get("other", {})}
    if prompt.get("model"):
        draft.put("prompt", prompt)
    elif prompt:
        draft.put("metadata.prompt", prompt)


def _add_response(draft: Draft) -> None:
    response = dict(draft.section("response"))
    draft.section("metadata").pop("response_model", None)
    draft.put("provider_response", response)


def _add_error(draft: Draft) -> None:
    if draft.span.status != "ERROR":
        return
    kind = word(draft.take("error.type"))
    message = word(draft.span.status_message)
    for event in draft.span.events:
        if event.name == "exception":
            kind = word(event.attributes.get("exception.type")) or kind
            message = word(event.attributes.get("exception.message")) or message
            trace = word(event.attributes.get("exception.stacktrace"))
            draft.put("metadata.traceback", trace)
    name = kind.rpartition(".")[2] if kind else None
    if message and name and message.startswith(f"{name}:"):
        name = None  # the SDK's status description names the type already
    draft.put("error", ": ".join(part for part in (name, message) if part) or "error")


def _add_labels(draft: Draft) -> None:
    span = draft.span
    _add_path(draft)
    for name in ("deployment.environment.name", "deployment.environment"):
        draft.put("environment", word(span.resource.get(name)))
    if span.scope and own.is_call(span) is None:
        version = f"@{span.scope_version}" if span.scope_version else ""
        draft.put("source", f"otel:{span.scope}{version}")


def _add_path(draft: Draft) -> None:
    """Have a path that every server takes; another one stays in the metadata."""
    said = draft.members.pop("path", None) or _path(draft.span)
    path = fit_path(said)
    draft.put("path", path)
    if path != said:
        draft.put("metadata.path", said)


def _path(span: Span) -> str:
    """Give ``service/operation``: the model is not in it, it makes a version."""
    service = word(span.resource.get("service.name")) or ""
    if service.startswith("/"):  # Traceloop's default: the program's place on disk
        service = service.rpartition("/")[2].removesuffix(".py")
    if not service or service.startswith("unknown_service"):
        service = "otel"
    operation = word(span.attributes.get(gen_ai.OPERATION)) or "chat"
    raw = f"{service}/{operation}"
    return "".join(c if c.isalnum() or c in "-_./ " else "_" for c in raw)


def _add_metadata(draft: Draft) -> None:
    span = draft.span
    rest = draft.rest()
    told: JSONObject = {"trace_id": span.trace_id, "span_id": span.span_id}
    if span.parent_id:
        told["parent_span_id"] = span.parent_id
    if span.name:
        told["name"] = span.name
    below = own.beneath(span.attributes.get(own.BENEATH))
    if below:
        told["beneath"] = below
    if rest:
        told["attributes"] = rest
    events = _unread(span)
    if events:
        told["events"] = events
    if span.dropped:
        told["dropped_attributes"] = span.dropped
        draft.put("metadata.truncated", value=True)
    draft.put("metadata.otel", told)
    draft.put("metadata", dict(draft.section("metadata")))


def _unread(span: Span) -> list[JSONValue]:
    """Return events that no dialect reads: evaluations, retries, an application's own.

    But for those of each chunk of a stream, which say no more than that it came.
    """
    kept = [
        event
        for event in span.events
        if event.name not in _READ and not event.name.lower().endswith("chunk")
    ]
    return [
        {"name": event.name, "attributes": public(event.attributes)}
        for event in kept[:MOST_EVENTS]
    ]


def _usage(usage: dict[str, Any]) -> dict[str, JSONValue]:
    """Return token counts in the contract's sense: those of caches are included.

    Some emitters pass on what Anthropic and Bedrock count, the tokens beside the
    cache. A part that is larger than the whole gives them away.
    """
    read, written = usage.get("cache_read_tokens"), usage.get("cache_write_tokens")
    whole, cached = usage.get("prompt_tokens"), add(read, written)
    if whole is not None and cached is not None and cached > whole:
        usage["prompt_tokens"] = whole + cached
    return usage
