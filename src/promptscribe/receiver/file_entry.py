"""What goes into a store and comes out of it, of files and their versions.

Its law: times are µs since 1970; no SQL and no HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject


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
