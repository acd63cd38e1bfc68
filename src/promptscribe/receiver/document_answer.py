"""The shapes of answers in the OpenAPI document, and which route answers which.

Its law: shapes only, for clients to count on; an answer may have more members than
these. Nothing is encoded by them: a test holds what is served to what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject

_Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
_Status = Literal["complete", "incomplete"]


class Health(msgspec.Struct):
    """That the receiver runs, and what it can do beyond the contract."""

    status: Literal["ok"]
    server: Literal["promptscribe"]
    version: str
    bulk: bool
    gzip: bool
    records: bool


class PromptReceipt(msgspec.Struct):
    """Where a log of a Prompt was stored."""

    id: str
    prompt_id: str
    version_id: str
    session_id: str | None


class ToolReceipt(msgspec.Struct):
    """Where a log of a Tool was stored."""

    id: str
    tool_id: str
    version_id: str
    session_id: str | None


class FlowReceipt(msgspec.Struct):
    """Where a log of a Flow was stored."""

    id: str
    flow_id: str
    version_id: str
    log_status: _Status
    trace_status: _Status


class Environment(msgspec.Struct):
    """Where a version can be deployed."""

    id: str
    name: str
    tag: Literal["default", "other"]
    created_at: _Time


class File(msgspec.Struct):
    """A Prompt, Tool or Flow at one of its versions, with the version's details."""

    path: str
    id: str
    directory_id: str
    name: str
    version_id: str
    type: Literal["prompt", "tool", "flow"]
    created_at: _Time
    updated_at: _Time
    last_used_at: _Time
    status: str
    version_logs_count: int
    total_logs_count: int
    environments: list[Environment]
    evaluators: list[Any]
    evaluator_aggregates: list[Any]


class Deployment(msgspec.Struct):
    """An environment, and what of a file is deployed there."""

    id: str
    name: str
    tag: Literal["default", "other"]
    created_at: _Time
    file: File | None


class Log(msgspec.Struct):
    """A log, with the members that it was posted with, and what is below it."""

    id: str
    log_id: str
    inputs: dict[str, Any]
    save: bool
    start_time: _Time | None
    end_time: _Time | None
    created_at: _Time
    evaluator_logs: list[Any]
    batches: list[str]
    trace_id: str
    trace_parent_id: str | None
    trace_flow_id: str | None
    trace_children: list[Log]
    prompt: File | None = None
    tool: File | None = None
    flow: File | None = None
    output: str | None = None
    error: str | None = None
    messages: list[dict[str, Any]] | None = None
    output_message: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    log_status: _Status | None = None


class LogPage(msgspec.Struct):
    """One page of logs; an empty one past the end."""

    records: list[Log]
    page: int
    size: int
    total: int


class FilePage(msgspec.Struct):
    """One page of files; an empty one past the end."""

    records: list[File]
    page: int
    size: int
    total: int


class Versions(msgspec.Struct):
    """All versions of a file."""

    records: list[File]


class Directory(msgspec.Struct):
    """A directory."""

    id: str
    parent_id: str | None
    name: str
    path: str
    description: str | None
    readme: str | None
    tags: list[str]
    created_at: _Time
    updated_at: _Time


class DirectoryTree(Directory):
    """A directory with what is in it and above it."""

    parents: list[Directory]
    subdirectories: list[Directory]
    files: list[File]


class NoEvaluations(msgspec.Struct):
    """That there are no evaluations here."""

    records: list[Any]
    page: int
    size: int
    total: int


class Uploaded(msgspec.Struct):
    """Ids of the logs that spans became."""

    records: list[str]


class Traces(msgspec.Struct):
    """What of an OTLP upload was not taken; nothing, where that is absent."""

    partialSuccess: dict[str, Any] | None = None  # noqa: N815 - OTLP's own name


# By method and path, as `document_route.OPERATIONS` has them.
_ANSWERS: Final[dict[tuple[str, str], Any]] = {
    ("GET", "/health"): Health,
    ("GET", "/logs"): LogPage,
    ("GET", "/logs/{id}"): Log,
    ("PATCH", "/prompts/{id}/log/{log_id}"): Log,
    ("PATCH", "/tools/{id}/log/{log_id}"): Log,
    ("PATCH", "/flows/logs/{log_id}"): Log,
    ("GET", "/{kind}"): FilePage,
    ("POST", "/{kind}"): File,
    ("GET", "/{kind}/{id}"): File,
    ("GET", "/{kind}/{id}/versions"): Versions,
    ("GET", "/{kind}/{id}/environments"): list[Deployment],
    ("POST", "/{kind}/{id}/environments/{environment_id}"): File,
    **{("PATCH", f"/{kind}s/{{id}}"): File for kind in ("prompt", "tool", "flow")},
    ("GET", "/files"): FilePage,
    ("POST", "/files/retrieve-by-path"): File,
    ("GET", "/directories"): list[Directory],
    ("GET", "/directories/{id}"): DirectoryTree,
    ("GET", "/evaluations"): NoEvaluations,
    ("POST", "/import/otel/v1/traces"): Uploaded,
    ("POST", "/v1/traces"): Traces,
}
_RECEIPTS: Final[dict[FileKind, Any]] = {
    "prompt": PromptReceipt,
    "tool": ToolReceipt,
    "flow": FlowReceipt,
}
_TYPES: Final = [*_ANSWERS.values(), *_RECEIPTS.values()]
_SCHEMAS, ANSWER_SCHEMAS = msgspec.json.schema_components(
    _TYPES, ref_template="#/components/schemas/{name}"
)


def answer_schema(method: str, path: str, kind: FileKind | None) -> JSONObject:
    """Return the schema of a route's answer.

    Args:
        method: HTTP method.
        path: Path, with ``{kind}`` where it is for every kind.
        kind: The kind, where there is one.
    """
    if (method, path) == ("POST", "/prompts/logs"):
        return {"type": "string"}  # a JSON object a line
    receipt = kind is not None and path == "/{kind}/log"
    answer = _RECEIPTS[kind] if kind and receipt else _ANSWERS[method, path]
    return dict(_SCHEMAS[_TYPES.index(answer)])
