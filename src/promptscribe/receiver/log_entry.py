"""What goes into a store and comes out of it, of logs: values without behaviour.

Its law: times are µs since 1970, and None means unknown; no SQL and no HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from promptscribe.receiver.version import Details, FileKind
    from promptscribe.schema import JSONObject

LABELS: Final = (
    "source",
    "user",
    "environment",
    "batch_id",
    "evaluation_id",
    "run_id",
    "source_datapoint_id",
    "session_id",
)
"""Texts by which logs are found, each as it is; the session is in the metadata."""


class LogDraft(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One log on its way into the store.

    Attributes:
        kind: Which kind of file the log belongs to.
        log_id: The client's own id; None lets the store make one.
        file_id: Id of an existing file; wins over *path*.
        path: Path of the file, made on its first log.
        details: Canonical details; None where the request had none.
        target_version: Log to this version (query ``version_id``).
        target_environment: Log to what is deployed there (query).
        trace_parent_id: Id of the parent, which may arrive later or never.
        created_us: When the log was made, µs since 1970.
        start_us: When the call began, µs since 1970.
        end_us: When the call ended, µs since 1970.
        members: The other members of the request, nulls and times left out;
            without payload where ``save`` is false.
    """

    kind: FileKind
    members: JSONObject
    created_us: int
    log_id: str | None = None
    file_id: str | None = None
    path: str | None = None
    details: Details | None = None
    target_version: str | None = None
    target_environment: str | None = None
    trace_parent_id: str | None = None
    start_us: int | None = None
    end_us: int | None = None


class LogChange(msgspec.Struct, kw_only=True, frozen=True):
    """What an update says about a stored log.

    Attributes:
        kind: Which kind of file the log must belong to.
        log_id: The log.
        file_id: The file that it must belong to; None where the route names none.
        members: New values; None takes a member away.
        times: New ``created_us``, ``start_us`` and ``end_us``, where given.
    """

    kind: FileKind
    log_id: str
    file_id: str | None = None
    members: JSONObject
    times: dict[str, int | None]


class LogReceipt(msgspec.Struct, frozen=True, gc=False):
    """Where a log was stored, now or the first time that it was sent.

    Attributes:
        log_id: The log's id.
        file_id: The Prompt, Tool or Flow.
        version_id: Its version.
        status: ``log_status`` of the stored log, or None.
        session_id: The session that its metadata name, or None.
    """

    log_id: str
    file_id: str
    version_id: str
    status: str | None = None
    session_id: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """Why the store did not do what it was asked to.

    Attributes:
        reason: ``missing`` for an id or name that is unknown, ``conflict`` for
            a request that contradicts what is stored.
        sentence: The same for the client, as a sentence.
    """

    reason: Literal["missing", "conflict"]
    sentence: str


class StoredLog(msgspec.Struct, kw_only=True):
    """One log, as it is stored.

    Attributes:
        id: The log's id, unique over all kinds.
        kind: What kind of file it belongs to.
        file_id: The file.
        version_id: The version.
        path: The file's path.
        trace_id: Id of the topmost log of its trace, itself if it is alone;
            the name of a parent that has not arrived counts.
        trace_parent_id: Id of the parent, which may not have arrived.
        created_us: When the log was made, µs since 1970.
        start_us: When the call began, µs since 1970, or None.
        end_us: When the call ended, µs since 1970, or None.
        members: What `LogDraft.members` was, updates included.
    """

    id: str
    kind: FileKind
    file_id: str
    version_id: str
    path: str
    trace_id: str
    trace_parent_id: str | None
    created_us: int
    start_us: int | None
    end_us: int | None
    members: JSONObject


class LogOutline(msgspec.Struct, kw_only=True):
    """One log without its content: what a list of traces is added up from.

    Attributes:
        id: The log's id.
        trace_id: The trace that it belongs to.
        trace_parent_id: Its parent, or None.
        path: The file's path.
        kind: What kind of file it belongs to.
        created_us: When the log was made, µs since 1970.
        start_us: When the call began, µs since 1970, or None.
        end_us: When the call ended, µs since 1970, or None.
        prompt_tokens: Tokens of the request, or None.
        output_tokens: Tokens of the answer, or None.
        prompt_cost: Dollars, or None.
        output_cost: Dollars, or None.
        failed: True where the log has an error.
    """

    id: str
    trace_id: str
    trace_parent_id: str | None
    path: str
    kind: FileKind
    created_us: int
    start_us: int | None = None
    end_us: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cost: float | None = None
    output_cost: float | None = None
    failed: bool = False


class LogQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Which logs to read; None and empty mean "no matter".

    Attributes:
        file_id: Logs of this file.
        path: Logs of the file at this path.
        version_id: Logs of this version.
        ids: Logs with one of these ids.
        search: Text in inputs, messages, output or error, no matter the case.
        metadata_search: Text in the metadata, no matter the case.
        start_us: Made at or after, µs since 1970.
        end_us: Made before or at, µs since 1970.
        in_trace: True for logs with a parent or children, False for others.
        roots: True for the topmost log of each trace only.
        failed: True for logs with an error, False for those without.
        equal: Members that must have a value: one of `LABELS`, or ``trace_id``.
        most: How many of those with a text are looked at, the last that arrived;
            None for all. A text that a million logs have takes long to gather.
        sample: Only so many of them, drawn at random but the same ones each time;
            None for all.
        nothing: True where something is asked for that no log can be.
        bare: True for logs without their members: a list has no use for megabytes.
        page: Page, from 1.
        size: Logs on a page, from 0.
    """

    file_id: str | None = None
    path: str | None = None
    version_id: str | None = None
    ids: tuple[str, ...] = ()
    search: str | None = None
    metadata_search: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    in_trace: bool | None = None
    roots: bool = False
    failed: bool | None = None
    equal: tuple[tuple[str, str], ...] = ()
    most: int | None = None
    sample: int | None = None
    nothing: bool = False
    bare: bool = False
    page: int = 1
    size: int = 10


class LogPage(msgspec.Struct):
    """One page of logs.

    Attributes:
        logs: Those on the page.
        total: How many there are on all pages.
        partial: True where older logs were not looked at, as `LogQuery.most` allows.
    """

    logs: list[StoredLog]
    total: int
    partial: bool = False


class LogStep(msgspec.Struct):
    """The next logs of a walk through all of them.

    Attributes:
        logs: In the order of time; none at the end.
        after: Where the next step begins: the store's own words.
    """

    logs: list[StoredLog]
    after: str
