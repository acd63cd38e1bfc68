"""What requests about files hold: versions put on purpose, names, lists.

Its law: pure functions of decoded JSON and of query strings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from promptscribe.receiver.check import (
    Problem,
    check_path,
    check_string,
    list_of,
    shape,
)
from promptscribe.receiver.file_entry import FileDraft, FileName, FileQuery, read_labels
from promptscribe.receiver.filter import QueryReader
from promptscribe.receiver.ingest import BadRequest
from promptscribe.receiver.request import KERNELS
from promptscribe.receiver.version import KERNEL_MEMBERS, KINDS, canonical_details

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONValue

Sort: TypeAlias = Literal["created_at", "updated_at", "name"]
_SORTS: Final[tuple[Sort, ...]] = (
    "created_at",
    "updated_at",
    "name",
)
_NAME: Final = {"path": check_path, "id": check_string}
_LABELS: Final = {
    "description": check_string,
    "tags": list_of(check_string),
    "readme": check_string,
    "version_name": check_string,
    "version_description": check_string,
    "commit_message": check_string,
}
_REQUIRED: Final[dict[FileKind, tuple[str, ...]]] = {
    "prompt": ("model",),
    "tool": (),
    "flow": ("attributes",),
}


def read_version(kind: FileKind, body: JSONValue) -> FileDraft:
    """Return the version that an upsert asks for.

    Raises:
        BadRequest: With every problem of the body.
    """
    found: list[Problem] = []
    members = _NAME | _LABELS | KERNELS[kind]
    shape(members, *_REQUIRED[kind])(body, ("body",), found)
    if isinstance(body, dict) and body.get("path") is None and body.get("id") is None:
        message = "Field required: the path of the file, or the id of a known one"
        found.append(Problem(("body", "path"), message, "missing"))
    if found:
        raise BadRequest(found)
    kernel = {name: body[name] for name in KERNEL_MEMBERS[kind] if name in body}
    of_file, of_version = read_labels(body)
    return FileDraft(
        kind=kind,
        details=canonical_details(kind, kernel),
        file_id=body.get("id"),
        path=(body.get("path") or "").strip("/") or None,
        file_labels=of_file,
        version_labels=of_version,
    )


def read_move(body: JSONValue, path: str) -> str:
    """Return the new path that a move asks for.

    Args:
        body: With a new ``path``, or a new ``name`` in the same folder.
        path: The present path.

    Raises:
        BadRequest: With every problem of the body.
    """
    found: list[Problem] = []
    shape({"path": check_path, "name": check_path})(body, ("body",), found)
    if found:
        raise BadRequest(found)
    moved: str = body.get("path") or path
    if body.get("name"):
        folder, slash, _ = moved.rpartition("/")
        moved = f"{folder}{slash}{body['name']}"
    return moved.strip("/")


def read_name(params: QueryParams, kind: FileKind | None, file_id: str) -> FileName:
    """Return the file that a route and its query string name."""
    reader = QueryReader(params)
    return FileName(
        kind=kind,
        file_id=file_id,
        version_id=reader.text("version_id"),
        environment=reader.text("environment"),
    )


def file_query(
    params: QueryParams,
    kind: FileKind | None,
    default_size: int = 10,
    default_sort: Sort = "created_at",
) -> FileQuery:
    """Return the query that a query string stands for.

    Args:
        params: The query string.
        kind: The only kind that is meant; None lets the string choose.
        default_size: Files on a page where the string does not say.
        default_sort: The order where the string does not say.

    Raises:
        BadRequest: With every value that does not fit.
    """
    reader = QueryReader(params)
    kinds = (kind,) if kind else tuple(reader.words("type", KINDS))
    reader.flag("include_raw_file_content")  # answered wherever there is one
    query = FileQuery(
        kinds=kinds,
        name=reader.text("name"),
        folder=(reader.text("path") or "").strip("/") or None,
        environment=reader.text("environment"),
        sort_by=(reader.words("sort_by", _SORTS) or [default_sort])[0],
        descending=reader.words("order", ("asc", "desc")) != ["asc"],
        # Nobody's name stands at a file here, and none is a template for others.
        nothing=bool(reader.text("user_filter") or reader.flag("template")),
        page=reader.page(),
        size=reader.size(default_size),
    )
    reader.finish()
    return query
