"""What the receiver asks of a store: a small protocol that any database can keep.

Its law: no SQL and no HTTP here. A store may live in a file, in a server or in
several processes at once; nothing in this protocol assumes that it is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from promptscribe.errors import PromptscribeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.file_entry import (
        Environment,
        FileDraft,
        FileName,
        FilePage,
        FileQuery,
        FileVersion,
        MovedVersion,
    )
    from promptscribe.receiver.key import KeyEntry, Scope
    from promptscribe.receiver.log_entry import (
        LogChange,
        LogDraft,
        LogOutline,
        LogPage,
        LogQuery,
        LogReceipt,
        LogStep,
        Refused,
        StoredLog,
    )
    from promptscribe.receiver.upload import SpanLink
    from promptscribe.receiver.version import FileKind


class StoreUnavailable(PromptscribeError):  # noqa: N818 - a state, not a mistake
    """The store cannot write just now; nothing of the request was kept.

    Attributes:
        full: True where the disk is full, False where the store is only busy.
    """

    def __init__(self, reason: str, *, full: bool = False) -> None:
        super().__init__(reason)
        self.full = full


class AnswerTooLarge(PromptscribeError):  # noqa: N818 - a state, not a mistake
    """What was asked for is more than one answer may hold; fewer logs may fit."""


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

    async def update_log(self, change: LogChange) -> Refused | None:
        """Change a stored log; what ``save=False`` kept out stays out."""
        ...

    async def delete_logs(self, ids: Sequence[str]) -> int:
        """Delete logs and return how many there were; unknown ids are passed over."""
        ...

    async def delete_before(self, before_us: int, limit: int) -> int:
        """Delete logs made before a time, the oldest first; return how many.

        Args:
            before_us: The time, µs since 1970.
            limit: How many at most; as many may be left to delete.
        """
        ...

    async def add_upload(
        self, links: Sequence[SpanLink], drafts: Sequence[LogDraft]
    ) -> list[LogReceipt | Refused | None]:
        """Keep the logs of an upload of spans, all or none, and remember the spans.

        Spans that are no logs are nobody's parent: logs that name one as their parent,
        by its ids, are brought under the next log above it, whichever of them arrives
        first. How many are remembered is bounded.

        Args:
            links: The upload's spans, and the calls whose response another span may
                tell of as well.
            drafts: The logs of its calls.

        Returns:
            In the order of the drafts as `add_logs` does; None for a call that another
            span has told of, in this process or any other, which is no log then.

        Raises:
            StoreUnavailable: Nothing was kept.
        """
        ...

    async def find_logs(self, query: LogQuery) -> LogPage:
        """Return one page of logs, newest first.

        Raises:
            AnswerTooLarge: They have more content than memory should hold at once.
        """
        ...

    async def walk_logs(self, file_id: str | None, after: str, limit: int) -> LogStep:
        """Return the next logs, oldest first, however many lie behind.

        What is added or deleted meanwhile moves no other log out of the walk.

        Args:
            file_id: Logs of this file; None for every log.
            after: `LogStep.after` of the last step; empty for the first.
            limit: How many at most.
        """
        ...

    async def read_log(self, log_id: str) -> StoredLog | None:
        """Return one log, or None."""
        ...

    async def read_trace(self, trace_id: str, limit: int) -> list[StoredLog]:
        """Return the logs of one trace, oldest first, at most *limit* of them.

        Raises:
            AnswerTooLarge: As for `find_logs`.
        """
        ...

    async def read_outlines(
        self, trace_ids: Sequence[str], limit: int, log_ids: Sequence[str] = ()
    ) -> list[LogOutline]:
        """Return the logs of several traces without their content.

        Args:
            trace_ids: The traces.
            limit: How many of their logs at most.
            log_ids: Logs that are there in any case, of whatever trace.
        """
        ...

    async def read_versions(self, version_ids: Sequence[str]) -> dict[str, FileVersion]:
        """Return versions by id; unknown ids are left out."""
        ...

    async def put_version(self, draft: FileDraft) -> str | Refused:
        """Make a version, and its file where that is new; return the version's id."""
        ...

    async def move_in(self, version: MovedVersion) -> str | Refused:
        """Keep a version from another store; return the id that it has here.

        It is another one where the same details were here before.
        """
        ...

    async def find_file(self, name: FileName) -> FileVersion | Refused:
        """Return a file at one of its versions."""
        ...

    async def find_files(self, query: FileQuery) -> FilePage:
        """Return one page of files, each at its default version."""
        ...

    async def find_versions(self, file_id: str) -> list[FileVersion]:
        """Return all versions of a file, newest first."""
        ...

    async def move_file(
        self, kind: FileKind, file_id: str, path: str
    ) -> Refused | None:
        """Give a file another path."""
        ...

    async def delete_file(self, kind: FileKind, file_id: str) -> Refused | None:
        """Delete a file and give its path away; its logs stay readable."""
        ...

    async def deploy(
        self, kind: FileKind, file_id: str, environment_id: str, version_id: str | None
    ) -> Refused | None:
        """Deploy a version to an environment; None takes away what is there."""
        ...

    async def environments(self) -> list[Environment]:
        """Return every environment there is, the default first."""
        ...

    async def add_key(self, entry: KeyEntry) -> None:
        """Keep an API key."""
        ...

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key; return False where there is none of this id to revoke."""
        ...

    async def list_keys(self) -> list[KeyEntry]:
        """Return every key, revoked ones included, oldest first."""
        ...

    async def key_scopes(self, digest: str) -> tuple[Scope, ...]:
        """Return what the key with this digest may do: nothing, if there is none."""
        ...

    async def has_keys(self) -> bool:
        """Return whether a key was ever made."""
        ...

    def close(self) -> None:
        """Finish what was asked for, then let go of every file and thread."""
        ...
