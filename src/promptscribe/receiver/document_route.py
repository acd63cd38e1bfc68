"""The routes of the OpenAPI document, and their query parameters.

Its law: tables only; what bodies hold is in `document_schema`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.filter import EQUAL, MAX_PAGE_SIZE, STATUSES

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject


class Operation(msgspec.Struct, frozen=True):
    """One route.

    Attributes:
        method: HTTP method.
        path: Path; ``{kind}`` stands for prompts, tools and flows.
        summary: What it does.
        query: Names of query parameters.
        body: Name of the body's schema, after the kind's; None for no body.
        status: Status of a success.
        takes: Media type of the body.
        answers: Media type of the answer.
    """

    method: str
    path: str
    summary: str
    query: tuple[str, ...] = ()
    body: str | None = None
    status: str = "200"
    takes: str = "application/json"
    answers: str = "application/json"


def _query(
    name: str, schema: JSONObject, *, required: bool = False, note: str | None = None
) -> JSONObject:
    query: JSONObject = {"in": "query", "name": name}
    query |= {"required": required, "schema": schema}
    return query if note is None else query | {"description": note}


_SIZE: Final[JSONObject] = {"type": "integer", "minimum": 0, "maximum": MAX_PAGE_SIZE}
# What the contract has and what there cannot be here, with what becomes of it.
_NOTES: Final = {
    "include_parent": "of evaluators' logs only: there are none",
    "evaluator_aggregates": "there are no evaluators: always an empty list",
    "include_raw_file_content": "answered, asked for or not, where a version was made"
    " from the text of a .prompt file; else absent",
    "template": "no file here is a template for others: true finds none",
}
_TEXTUAL: Final = (
    "version_id",
    "environment",
    "file_id",
    "path",
    "search",
    "metadata_search",
    "name",
    *EQUAL,
)
PARAMETERS: Final[JSONObject] = {
    **{name: _query(name, {"type": "string"}) for name in _TEXTUAL},
    **{
        name: _query(name, {"type": "boolean"})
        for name in ("in_trace_filter", "include_trace_children", "roots", "failed")
    },
    **{
        name: _query(name, {"type": "string", "format": "date-time"})
        for name in ("start_date", "end_date")
    },
    **{
        name: _query(name, {"type": "boolean"}, note=note)
        for name, note in _NOTES.items()
    },
    "user_filter": _query(
        "user_filter",
        {"type": "string"},
        note="files here have no users: any text finds none",
    ),
    "id": _query("id", {"type": "array", "items": {"type": "string"}}),
    "ids": _query(
        "id",
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        required=True,
    ),
    "deployed": _query("version_id", {"type": "string"}, required=True),
    "page": _query("page", {"type": "integer", "minimum": 1, "default": 1}),
    "size": _query("size", _SIZE),
    "sample": _query("sample", {"type": "integer", "minimum": 0}),
    "sort_by": _query("sort_by", {"enum": ["created_at", "updated_at", "name"]}),
    "order": _query("order", {"enum": ["asc", "desc"]}),
    "type": _query("type", {"enum": ["prompt", "tool", "flow"]}),
    **{
        name: _query(name, {"enum": list(STATUSES)})
        for name in ("version_status", "status")
    },
}

_TARGET: Final = ("version_id", "environment")
_PAGE: Final = ("page", "size")
_SORTED: Final = (*_PAGE, "name", "sort_by", "order")
_FILES: Final = ("path", "type", "environment", "template", "include_raw_file_content")
_LOGS: Final = (
    *_PAGE,
    "file_id",
    "path",
    "version_id",
    "id",
    "search",
    "metadata_search",
    "start_date",
    "end_date",
    "in_trace_filter",
    "include_trace_children",
    "include_parent",
    "roots",
    "failed",
    "sample",
    "version_status",
    *EQUAL,
)
_NDJSON: Final = "application/x-ndjson"

OPERATIONS: Final = (
    Operation("GET", "/health", "Say that it runs, and what it can do"),
    Operation("POST", "/{kind}/log", "Take in a log", _TARGET, "LogRequest"),
    Operation(
        "POST",
        "/prompts/logs",
        "Take in many logs, a status for each",
        body="Lines",
        takes=_NDJSON,
        answers=_NDJSON,
    ),
    Operation("GET", "/logs", "Page through logs, newest first", _LOGS),
    Operation("DELETE", "/logs", "Delete logs", ("ids",), status="204"),
    Operation(
        "GET", "/logs/{id}", "Read a log with all below it; X-Trace-Cut says if not all"
    ),
    *[
        Operation(
            "PATCH",
            path,
            "Change a log; a null takes a member away",
            body=f"{kind}LogUpdateRequest",
        )
        for kind, path in (
            ("Prompt", "/prompts/{id}/log/{log_id}"),
            ("Tool", "/tools/{id}/log/{log_id}"),
            ("Flow", "/flows/logs/{log_id}"),
        )
    ],
    Operation("GET", "/{kind}", "Page through files", (*_SORTED, "user_filter")),
    Operation("POST", "/{kind}", "Make a version", body="UpsertRequest"),
    Operation("GET", "/{kind}/{id}", "Read a file at a version", _TARGET),
    Operation("DELETE", "/{kind}/{id}", "Delete a file; its logs stay", status="204"),
    Operation(
        "GET",
        "/{kind}/{id}/versions",
        "All versions, newest first",
        ("status", "evaluator_aggregates"),
    ),
    Operation("GET", "/{kind}/{id}/environments", "What is deployed where"),
    Operation(
        "POST",
        "/{kind}/{id}/environments/{environment_id}",
        "Deploy a version",
        ("deployed",),
    ),
    Operation(
        "DELETE",
        "/{kind}/{id}/environments/{environment_id}",
        "Take away what is deployed",
        status="204",
    ),
    *[
        Operation("PATCH", f"/{kind}/{{id}}", "Move or rename a file", body="Move")
        for kind in ("prompts", "tools", "flows")
    ],
    Operation("GET", "/files", "Page through files", (*_SORTED, *_FILES)),
    Operation(
        "POST",
        "/files/retrieve-by-path",
        "Find a file by its path",
        ("environment", "include_raw_file_content"),
        "Path",
    ),
    Operation("GET", "/directories", "All directories"),
    Operation("GET", "/directories/{id}", "One directory, by id or as root"),
    Operation("GET", "/evaluations", "None: there are no evaluations here", _PAGE),
    Operation(
        "POST",
        "/import/otel/v1/traces",
        "Take in spans of the hosted service's decorators",
        body="Spans",
    ),
    Operation(
        "POST",
        "/v1/traces",
        "Take in spans of any OpenTelemetry SDK, JSON or protobuf",
        body="Spans",
    ),
)
