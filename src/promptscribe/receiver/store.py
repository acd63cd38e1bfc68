"""What the receiver asks of a store, and the values that pass between them.

Its law: no SQL and no HTTP here. A store may live in a file, in a server or in
several processes at once; nothing in this protocol assumes that it is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from promptscribe.errors import PromptscribeError
from promptscribe.receiver.version import Details, FileKind  # noqa: TC001 - msgspec
from promptscribe.schema import JSONObject  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Sequence


class StoreUnavailable(PromptscribeError):  # noqa: N818 - a state, not a mistake
    """The store cannot write just now; nothing of the request was kept.

    Attributes:
        full: True where the disk is full, False where the store is only busy.
    """

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


class LogDraft(msgspec.Struct, kw_only=True, frozen=True):
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


class LogReceipt(msgspec.Struct, frozen=True):
    """Where a log was stored, now or the first time that it was sent.

    Attributes:
        log_id: The log's id.
        file_id: The Prompt, Tool or Flow.
        version_id: Its version.
        status: ``log_status`` of the stored log, or None.
    """

    log_id: str
    file_id: str
    version_id: str
    status: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """Why the store did not do what it was asked to.

    Attributes:
        reason: ``missing`` for an id or name that is unknown, ``conflict`` for
            a request that contradicts what is stored.
        sentence: The same for the client, as a sentence.
    """

    reason: Literal["missing", "conflict"]
    sentence: str


class Environment(msgspec.Struct, frozen=True):
    """A place that versions are deployed to; ``default`` is the one tag known."""

    id: str
    name: str
    tag: str
    created_us: int


class FileVersion(msgspec.Struct, kw_only=True):
    """A Prompt, Tool or Flow, seen at one of its versions.

    Attributes:
        id: Id of the file.
        kind: What the file is.
        path: Its unique path.
        version_id: Id of the version.
        details: The version's canonical details.
        created_us: When the version was made, µs since 1970.
        file_created_us: When the file was made, µs since 1970.
        updated_us: When the file last changed, µs since 1970.
        last_used_us: When a log last came in, µs since 1970.
        version_logs: Logs of this version.
        total_logs: Logs of the file.
        environments: Where this version is deployed.
        labels: What a caller said about file and version: ``version_name``,
            ``version_description``, ``commit_message``, ``description``,
            ``tags``, ``readme``.
    """

    id: str
    kind: FileKind
    path: str
    version_id: str
    details: JSONObject
    created_us: int
    file_created_us: int
    updated_us: int
    last_used_us: int
    version_logs: int
    total_logs: int
    environments: list[Environment]
    labels: JSONObject


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
        equal: Members that must have a value: ``source``, ``user``,
            ``environment``, ``batch_id``, ``evaluation_id``, ``run_id``,
            ``source_datapoint_id``, ``trace_id``.
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
    page: int = 1
    size: int = 10


class LogPage(msgspec.Struct):
    """One page of logs, newest first, and how many there are in all."""

    logs: list[StoredLog]
    total: int


class Store(Protocol):
    """Keeps logs, files and their versions.

    What a method that writes has returned is kept, whatever happens to the
    process afterwards.
    """

    async def add_logs(self, drafts: Sequence[LogDraft]) -> list[LogReceipt | Refused]:
        """Keep logs, in one step; a known ``log_id`` answers as the first time.

        Raises:
            StoreUnavailable: Nothing was kept.
        """
        ...

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete logs and return how many there were; unknown ids are passed over."""
        ...

    async def find_logs(self, query: LogQuery) -> LogPage:
        """Return one page of logs, newest first."""
        ...

    async def read_log(self, log_id: str) -> StoredLog | None:
        """Return one log, or None."""
        ...

    async def read_trace(self, trace_id: str, limit: int) -> list[StoredLog]:
        """Return the logs of one trace, oldest first, at most *limit* of them."""
        ...

    async def read_outlines(
        self, trace_ids: Sequence[str], limit: int
    ) -> list[LogOutline]:
        """Return the logs of several traces without their content."""
        ...

    async def read_versions(self, version_ids: Sequence[str]) -> dict[str, FileVersion]:
        """Return versions by id; unknown ids are left out."""
        ...

    def close(self) -> None:
        """Finish what was asked for, then let go of every file and thread."""
        ...
