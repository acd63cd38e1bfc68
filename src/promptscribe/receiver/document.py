"""The OpenAPI document of the receiver, made from the tables that it works by.

Its law: no member and no route is written down twice; a test holds the document to
the application's routes.
"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.document_answer import ANSWER_SCHEMAS, answer_schema
from promptscribe.receiver.document_route import OPERATIONS, PARAMETERS
from promptscribe.receiver.document_schema import MEMBER_SCHEMAS, SCHEMAS
from promptscribe.receiver.request import KERNELS, LOG_REQUEST, LOG_UPDATE
from promptscribe.receiver.version import KINDS

if TYPE_CHECKING:
    from promptscribe.receiver.document_route import Operation
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject

_TEXT: Final = {"type": "string"}
_ERRORS: Final = {
    "400": ("the body cannot be read", "Error"),
    "401": ("the key is missing or wrong", "Error"),
    "403": ("the key is not for this, or the request comes from elsewhere", "Error"),
    "404": ("unknown id, version, environment or path", "Error"),
    "408": ("the body came too slowly", "Error"),
    "409": ("it contradicts what is stored", "Error"),
    "413": ("the body is too large", "Error"),
    "415": ("the media type or content encoding is not taken", "Error"),
    "422": ("the request does not fit the schema", "HTTPValidationError"),
    "429": ("too many requests; see Retry-After", "Error"),
    "503": ("the store is busy; see Retry-After", "Error"),
    "507": ("the disk is full; see Retry-After", "Error"),
}


def document() -> JSONObject:
    """Return the OpenAPI 3.1 document."""
    paths: JSONObject = {}
    for operation in OPERATIONS:
        for kind in KINDS if "{kind}" in operation.path else (None,):
            path = operation.path.replace("{kind}", f"{kind}s")
            methods = paths.setdefault(path, {})
            methods[operation.method.lower()] = _operation(operation, kind)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "promptscribe receiver",
            "version": importlib.metadata.version("promptscribe"),
            "description": "The logging contract; every route also under /v5.",
        },
        "servers": [{"url": "/v5"}, {"url": "/"}],
        "security": [{"ApiKey": []}, {"Bearer": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": SCHEMAS | ANSWER_SCHEMAS | _request_schemas(),
        },
    }


def _operation(operation: Operation, kind: FileKind | None) -> JSONObject:
    responses: JSONObject = {operation.status: {"description": "done"}}
    if operation.status == "200":
        schema = answer_schema(operation.method, operation.path, kind)
        responses["200"]["content"] = {operation.answers: {"schema": schema}}
    for status, (description, error) in _ERRORS.items():
        content = {"schema": {"$ref": f"#/components/schemas/{error}"}}
        responses[status] = {
            "description": description,
            "content": {"application/json": content},
        }
    name = operation.path.strip("/").replace("{kind}", f"{kind}s")
    words = [word.strip("{}") for word in name.replace("-", "_").split("/")]
    described: JSONObject = {
        "operationId": "_".join([operation.method.lower(), *words]),
        "summary": operation.summary,
        "parameters": [
            {"in": "path", "name": word[1:-1], "required": True, "schema": _TEXT}
            for word in operation.path.split("/")
            if word.startswith("{") and word != "{kind}"
        ]
        + [PARAMETERS[query] for query in operation.query],
        "responses": responses,
    }
    if operation.body is not None:
        name = f"{(kind or '').title()}{operation.body}"
        body = {"$ref": f"#/components/schemas/{name}"}
        described["requestBody"] = {
            "required": True,
            "content": {operation.takes: {"schema": body}},
        }
    return described


def _request_schemas() -> JSONObject:
    schemas: JSONObject = {}
    for kind in KINDS:
        name = kind.title()
        schemas[f"{name}LogRequest"] = {
            "type": "object",
            "properties": _members(LOG_REQUEST[kind]),
            "anyOf": [{"required": ["path"]}, {"required": ["id"]}],
            "additionalProperties": False,
        }
        schemas[f"{name}LogUpdateRequest"] = {
            "type": "object",
            "properties": _members(LOG_UPDATE[kind]),
        }
        schemas[f"{name}Kernel"] = _kernel(kind, frozenset())
        names = frozenset({"path", "id", "version_name", "version_description"})
        labels = frozenset({"commit_message", "description", "tags", "readme"})
        schemas[f"{name}UpsertRequest"] = _kernel(kind, names | labels)
    return schemas


def _kernel(kind: FileKind, more: frozenset[str]) -> JSONObject:
    required = {"prompt": ["model"], "tool": [], "flow": ["attributes"]}
    return {
        "type": "object",
        "properties": _members(frozenset(KERNELS[kind]) | more),
        "required": required[kind],
    }


def _members(names: frozenset[str]) -> JSONObject:
    return {name: MEMBER_SCHEMAS[name] for name in sorted(names)}
