"""What goes into a store and comes out of it, of files and their versions.

Its law: times are µs since 1970; no SQL and no HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from promptscribe.receiver.version import Details, FileKind
    from promptscribe.schema import JSONObject


_FILE_LABELS: Final = ("description", "tags", "readme")
_VERSION_LABELS: Final = ("version_name", "version_description", "commit_message")


def read_labels(said: JSONObject) -> tuple[JSONObject, JSONObject]:
    """Return what describes a file and what describes its version, as far as given."""
    of_file, of_version = (
        {name: said[name] for name in names if said.get(name) is not None}
        for names in (_FILE_LABELS, _VERSION_LABELS)
    )
    return of_file, of_version


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
        last_used_us: When the newest log was made, µs since 1970.
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


class FileDraft(msgspec.Struct, kw_only=True, frozen=True):
    """A version that is made, or found, on purpose and not by a log.

    Attributes:
        kind: What the file is.
        file_id: Id of an existing file; wins over *path*.
        path: Path of the file, made where it is new.
        details: Canonical details.
        file_labels: ``description``, ``tags``, ``readme``, where given.
        version_labels: ``version_name``, ``version_description``,
            ``commit_message``, where given.
    """

    kind: FileKind
    details: Details
    file_id: str | None = None
    path: str | None = None
    file_labels: JSONObject
    version_labels: JSONObject


class FileName(msgspec.Struct, kw_only=True, frozen=True):
    """Which file, and at which version; the one deployed by default unless told.

    Attributes:
        kind: What the file must be; None for any kind.
        file_id: Its id, or None.
        path: Its path, where there is no id.
        version_id: The version.
        environment: Name of the environment whose version is meant.
    """

    kind: FileKind | None = None
    file_id: str | None = None
    path: str | None = None
    version_id: str | None = None
    environment: str | None = None


class FileQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Which files to read; None and empty mean "no matter".

    Attributes:
        kinds: Files of one of these kinds.
        name: Text in the last segment of the path, no matter the case.
        folder: Files in this folder and in those below it.
        environment: Files with a version deployed there.
        sort_by: What the order follows.
        descending: Greatest first.
        nothing: True where something is asked for that no file can be.
        page: Page, from 1.
        size: Files on a page, from 0.
    """

    kinds: tuple[FileKind, ...] = ()
    name: str | None = None
    folder: str | None = None
    environment: str | None = None
    sort_by: Literal["created_at", "updated_at", "name"] = "created_at"
    descending: bool = True
    nothing: bool = False
    page: int = 1
    size: int = 10


class FilePage(msgspec.Struct):
    """One page of files, and how many there are in all."""

    files: list[FileVersion]
    total: int


class MovedVersion(msgspec.Struct, kw_only=True, frozen=True):
    """A version that comes from another store, ids and times included.

    Attributes:
        kind: What the file is.
        file_id: Id of the file there.
        path: Its path there.
        version_id: Id of the version there.
        details: Canonical details.
        created_us: When the file was made, µs since 1970.
        updated_us: When the file last changed, µs since 1970.
        file_labels: As in `FileDraft`.
        version_labels: As in `FileDraft`.
        environments: Where the version is deployed.
    """

    kind: FileKind
    file_id: str
    path: str
    version_id: str
    details: Details
    created_us: int
    updated_us: int
    file_labels: JSONObject
    version_labels: JSONObject
    environments: tuple[Environment, ...] = ()
