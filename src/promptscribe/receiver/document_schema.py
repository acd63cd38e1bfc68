"""The schemas of the OpenAPI document: of members, messages, tools and errors.

Its law: tables only; which request has which member is said by `request`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject


def _nullable(*types: str, **more: object) -> JSONObject:
    return {"type": [*types, "null"], **more}


_TEXT: Final = _nullable("string")
_COUNT: Final = _nullable("integer")
_AMOUNT: Final = _nullable("number")
_OBJECT: Final = _nullable("object", additionalProperties=True)
_TEXTS: Final = _nullable("array", items={"type": "string"})
_TIME: Final = _nullable(
    "string", "number", description="ISO 8601, without an offset UTC; or epoch seconds"
)
_STATUS: Final = {"enum": ["complete", "incomplete", None]}
_ID: Final = _nullable("string", maxLength=512)
_MESSAGE: Final = {"$ref": "#/components/schemas/ChatMessage"}


def _or_null(*schemas: JSONObject) -> JSONObject:
    return {"anyOf": [*schemas, {"type": "null"}]}


def _ref(name: str) -> JSONObject:
    return {"$ref": f"#/components/schemas/{name}"}


_ONE_TEXT: Final[JSONObject] = {"type": "string"}
_MESSAGES: Final[JSONObject] = {"type": "array", "items": _MESSAGE}

MEMBER_SCHEMAS: Final[JSONObject] = {
    **dict.fromkeys(
        (
            "id",
            "evaluation_id",
            "batch_id",
            "run_id",
            "finish_reason",
            "output",
            "error",
            "stdout",
            "source",
            "source_datapoint_id",
            "user",
            "environment",
            "model",
            "provider",
            "source_code",
            "version_name",
            "version_description",
            "commit_message",
            "description",
            "readme",
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        ("prompt_tokens", "output_tokens", "reasoning_tokens", "max_tokens", "seed"),
        _COUNT,
    ),
    **dict.fromkeys(
        (
            "prompt_cost",
            "output_cost",
            "provider_latency",
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
        ),
        _AMOUNT,
    ),
    **dict.fromkeys(
        (
            "provider_request",
            "provider_response",
            "inputs",
            "metadata",
            "other",
            "setup_values",
            "attributes",
        ),
        _OBJECT,
    ),
    **dict.fromkeys(("start_time", "end_time", "created_at"), _TIME),
    **dict.fromkeys(("log_status", "trace_status"), _STATUS),
    **dict.fromkeys(("log_id", "trace_parent_id"), _ID),
    **dict.fromkeys(("tags", "linked_tools"), _TEXTS),
    "path": _nullable("string", minLength=1, maxLength=512),
    "save": _nullable("boolean"),
    "output_message": _or_null(_MESSAGE),
    "messages": _or_null(_MESSAGES),
    "tool_choice": _or_null({"enum": ["none", "auto", "required"]}, _ref("ToolChoice")),
    "prompt": _or_null(_ref("PromptKernel"), _ONE_TEXT),
    "tool": _or_null(_ref("ToolKernel")),
    "flow": _or_null(_ref("FlowKernel")),
    "endpoint": {"enum": ["chat", "complete", "edit", None]},
    "template": _or_null(_ONE_TEXT, _MESSAGES),
    "template_language": {"enum": ["default", "jinja", None]},
    "stop": _or_null(_ONE_TEXT, {"type": "array", "items": _ONE_TEXT}),
    "response_format": _or_null(
        {"type": "object", "properties": {"type": _TEXT, "json_schema": _OBJECT}}
    ),
    "reasoning_effort": _nullable("string", "integer"),
    "function": _or_null(_ref("ToolFunction")),
    "tools": _or_null({"type": "array", "items": _ref("ToolFunction")}),
}

SCHEMAS: Final[JSONObject] = {
    "ChatMessage": {
        "type": "object",
        "properties": {
            "role": {"type": "string", "examples": ["user", "assistant"]},
            "content": _or_null(
                _ONE_TEXT, {"type": "array", "items": {"type": "object"}}
            ),
            "name": _TEXT,
            "tool_call_id": _TEXT,
            "tool_calls": _nullable("array", items={"type": "object"}),
            "thinking": _nullable("array", items={"type": "object"}),
        },
        "required": ["role"],
    },
    "ToolChoice": {
        "type": "object",
        "properties": {
            "type": _TEXT,
            "function": {"type": "object", "properties": {"name": _TEXT}},
        },
    },
    "ToolFunction": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "description": _TEXT,
            "strict": _nullable("boolean"),
            "parameters": _OBJECT,
        },
        "required": ["name"],
    },
    "Lines": {
        "description": "A PromptLogRequest a line, with version_id and "
        "version_environment as members; gzip is taken. A client of this very version "
        "sends its journal's records instead, where GET /health says that they are "
        "read; no others need to know how.",
        "type": "string",
    },
    "Move": {"type": "object", "properties": {"path": _TEXT, "name": _TEXT}},
    "Path": {
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
    },
    "Spans": {"type": "object", "additionalProperties": True},
    "Error": {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    },
    "HTTPValidationError": {
        "type": "object",
        "properties": {"detail": {"type": "array", "items": _ref("ValidationError")}},
        "required": ["detail"],
    },
    "ValidationError": {
        "type": "object",
        "properties": {
            "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
        },
        "required": ["loc", "msg", "type"],
    },
}
