"""From the bytes of a request to a draft for the store, or to its problems.

Its law: pure functions; the clock comes in as a value. What the client sent is
kept as sent, but for nulls (absent), times (µs) and, where ``save`` is false, the
payload, which gets no further than this file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.check import Problem
from promptscribe.receiver.instant import parse_instant
from promptscribe.receiver.log_entry import LogChange, LogDraft
from promptscribe.receiver.request import LOG_UPDATE, log_problems, update_problems
from promptscribe.receiver.version import canonical_details
from promptscribe.schema import PAYLOAD_MEMBERS

if TYPE_CHECKING:
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject, JSONValue

MAX_DEPTH: Final = 64  # nobody reads deeper, and recursion limits start at 1000
# Members, objects and arrays. A real log has some hundreds; the probabilities of 4,000
# tokens, each with twenty others, have 500,000: read in 0.5 s. A bomb of 10 MB
# has five million, which keep everybody else waiting for half a minute.
MAX_PARTS: Final = 500_000
_MARKS: Final = (b":", b"[", b"{")  # each begins a part
# Never goes back, so that no body makes it slow: one without an end is a text as well.
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+\\?"?', re.DOTALL)

# These have a place of their own in a draft.
_PLACED: Final = frozenset(
    {"path", "id", "log_id", "trace_parent_id", "start_time", "end_time", "created_at"}
)


class BadRequest(Exception):  # noqa: N818 - it becomes a 422, not a traceback
    """The request does not follow the contract.

    Attributes:
        problems: All of them.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


def decode_body(body: bytes, max_parts: int = MAX_PARTS) -> JSONValue:
    """Return the JSON of a request.

    Args:
        body: The bytes.
        max_parts: Members, objects and arrays that it may have.

    NaN, infinities, lone surrogates and numbers beyond every float are no JSON
    and refused; NUL characters and integers of any size are kept.

    Raises:
        BadRequest: No JSON, or nested too deeply, or of too many parts.
    """
    # Before it is read: reading a bomb is what it is made for.
    if len(body) > max_parts and _parts(body, max_parts) > max_parts:
        problem = Problem(("body",), f"More than {max_parts} members", "too_long")
        raise BadRequest([problem])
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        problem = Problem(("body",), f"JSON decode error: {error}", "json_invalid")
        raise BadRequest([problem]) from None
    except RecursionError:
        raise BadRequest([_too_deep()]) from None
    # Counting brackets bounds the depth from above for a microsecond; only a body
    # that may break the limit is walked.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(decoded) > MAX_DEPTH:
        raise BadRequest([_too_deep()])
    return decoded


def _parts(body: bytes, most: int) -> int:
    """Return how many members, objects and arrays a body has, or more than so many.

    What is in texts does not count: a listing of code is full of such marks.
    """
    parts = sum(map(body.count, _MARKS))
    if parts <= most:
        return parts
    quotes = body.count(b'"') - body.count(b'\\"')
    if quotes > 2 * most:
        return quotes  # texts, then, which are parts themselves
    return sum(map(_TEXT.sub(b"", body).count, _MARKS))


def _too_deep() -> Problem:
    message = f"Nested more deeply than {MAX_DEPTH} levels"
    return Problem(("body",), message, "recursion_loop")


def _depth(value: JSONValue) -> int:
    depth = 0
    level = [value]
    while level and depth <= MAX_DEPTH + 1:
        below: list[JSONValue] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        depth += 1
        level = below
    return depth - 1


def read_log(
    kind: FileKind,
    body: JSONValue,
    now_us: int,
    *,
    target_version: str | None = None,
    target_environment: str | None = None,
) -> LogDraft:
    """Return the draft of a log request.

    Args:
        kind: Which route the body was posted to.
        body: The decoded JSON.
        now_us: The present, µs since 1970, for a log without ``created_at``.
        target_version: Query parameter ``version_id``.
        target_environment: Query parameter ``environment``.

    Raises:
        BadRequest: With every problem of the body.
    """
    problems = log_problems(kind, body)
    if problems:
        raise BadRequest(problems)
    get = body.get
    members = {
        key: value
        for key, value in body.items()
        if value is not None and key not in _PLACED
    }
    details = members.pop(kind, None)
    created_at = get("created_at")
    path = get("path")
    return LogDraft(
        kind=kind,
        log_id=get("log_id") or None,
        file_id=get("id"),
        path=path.strip("/") if path else None,
        details=None if details is None else canonical_details(kind, details),
        target_version=target_version,
        target_environment=target_environment,
        trace_parent_id=get("trace_parent_id") or None,
        created_us=now_us if created_at is None else parse_instant(created_at),
        start_us=instant_of(body, "start_time"),
        end_us=instant_of(body, "end_time"),
        members=_stored(members),
    )


def read_change(
    kind: FileKind, log_id: str, file_id: str | None, body: JSONValue
) -> LogChange:
    """Return the change that an update of a log asks for.

    Args:
        kind: Which route the body was sent to.
        log_id: The log, from the route.
        file_id: The file, from the route, or None.
        body: The decoded JSON; a null takes a member away.

    Raises:
        BadRequest: With every problem of the body.
    """
    problems = update_problems(kind, body)
    if problems:
        raise BadRequest(problems)
    members = {name: body[name] for name in body if name in LOG_UPDATE[kind]}
    if "trace_status" in members:
        members.setdefault("log_status", members.pop("trace_status"))
    times = {
        f"{name.partition('_')[0]}_us": instant_of(members, name)
        for name in ("start_time", "end_time", "created_at")
        if name in members
    }
    if times.get("created_us", 0) is None:
        del times["created_us"]  # every log was made at some time
    return LogChange(
        kind=kind,
        log_id=log_id,
        file_id=file_id,
        members={name: members[name] for name in members if name not in _PLACED},
        times=times,
    )


def instant_of(members: JSONObject, name: str) -> int | None:
    """Return a valid member's time in µs since 1970, or None where it is absent."""
    value = members.get(name)
    return None if value is None else parse_instant(value)


def _stored(members: JSONObject) -> JSONObject:
    """Return a request's members in the form in which they are kept."""
    if members.get("save") is False:
        members = {key: members[key] for key in members if key not in PAYLOAD_MEMBERS}
    if "trace_status" in members:
        # Renamed in SDK 0.8.27; both names are answered.
        members.setdefault("log_status", members.pop("trace_status"))
    return members
