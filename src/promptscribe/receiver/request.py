"""What a request may hold: the members of every route's body, old and new.

Its law: tables, and one function over them. The union of all generations of
clients is taken. Vocabularies stay open (``provider``, ``finish_reason``, a
message's ``role``): a word that is new to us must not cost a log. Unknown members
at the top are refused, as the contract says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe.receiver.check import (
    MOST_PROBLEMS,
    Problem,
    check_boolean,
    check_identifier,
    check_instant,
    check_integer,
    check_number,
    check_object,
    check_path,
    check_string,
    either,
    list_of,
    one_of,
    shape,
)
from promptscribe.receiver.shape import CHECKED_APART, fits
from promptscribe.schema import BODY_MEMBERS

if TYPE_CHECKING:
    from promptscribe.receiver.check import Check
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONValue

_MESSAGE: Final = shape(
    {
        "role": check_string,
        "content": either(str, check_string, list_of(check_object)),
        "name": check_string,
        "tool_call_id": check_string,
        "tool_calls": list_of(check_object),
        "thinking": list_of(check_object),
    },
    "role",
)
_FUNCTION: Final = shape(
    {
        "name": check_string,
        "description": check_string,
        "strict": check_boolean,
        "parameters": check_object,
    },
    "name",
)
_TOOL_CHOICE: Final = either(
    dict,
    shape({"type": check_string, "function": shape({"name": check_string})}),
    one_of("none", "auto", "required"),
)
_STATUS: Final = one_of("complete", "incomplete")
PROMPT_KERNEL: Final[dict[str, Check]] = {
    "model": check_string,
    "endpoint": one_of("chat", "complete", "edit"),
    "template": either(str, check_string, list_of(_MESSAGE)),
    "template_language": one_of("default", "jinja"),
    "provider": check_string,
    "max_tokens": check_integer,
    "temperature": check_number,
    "top_p": check_number,
    "stop": either(str, check_string, list_of(check_string)),
    "presence_penalty": check_number,
    "frequency_penalty": check_number,
    "other": check_object,
    "seed": check_integer,
    "response_format": shape({"type": check_string, "json_schema": check_object}),
    "reasoning_effort": either(str, check_string, check_integer),
    "tools": list_of(_FUNCTION),
    "linked_tools": list_of(check_string),
    "attributes": check_object,
}
TOOL_KERNEL: Final[dict[str, Check]] = {
    "function": _FUNCTION,
    "source_code": check_string,
    "setup_values": check_object,
    "attributes": check_object,
}
FLOW_KERNEL: Final[dict[str, Check]] = {"attributes": check_object}
KERNELS: Final[dict[FileKind, dict[str, Check]]] = {
    "prompt": PROMPT_KERNEL,
    "tool": TOOL_KERNEL,
    "flow": FLOW_KERNEL,
}
_DETAILS: Final[dict[FileKind, Check]] = {
    "prompt": either(str, check_string, shape(PROMPT_KERNEL, "model")),
    "tool": shape(TOOL_KERNEL),
    "flow": shape(FLOW_KERNEL, "attributes"),
}

# One check for every member of every log request; which request may have
# which member is said below.
_LOG_MEMBERS: Final[dict[str, Check]] = {
    "path": check_path,
    "id": check_string,
    "log_id": check_identifier,
    "evaluation_id": check_string,
    "batch_id": check_string,
    "run_id": check_string,
    "output_message": _MESSAGE,
    "prompt_tokens": check_integer,
    "reasoning_tokens": check_integer,
    "output_tokens": check_integer,
    "prompt_cost": check_number,
    "output_cost": check_number,
    "finish_reason": check_string,
    "messages": list_of(_MESSAGE),
    "tool_choice": _TOOL_CHOICE,
    "prompt": _DETAILS["prompt"],
    "tool": _DETAILS["tool"],
    "flow": _DETAILS["flow"],
    "start_time": check_instant,
    "end_time": check_instant,
    "created_at": check_instant,
    "output": check_string,
    "error": check_string,
    "provider_latency": check_number,
    "stdout": check_string,
    "provider_request": check_object,
    "provider_response": check_object,
    "inputs": check_object,
    "source": check_string,
    "metadata": check_object,
    "source_datapoint_id": check_string,
    "trace_parent_id": check_identifier,
    "user": check_string,
    "environment": check_string,
    "save": check_boolean,
    "log_status": _STATUS,
    "trace_status": _STATUS,
}
_MODEL_CALL: Final = frozenset(
    {
        "prompt",
        "prompt_tokens",
        "reasoning_tokens",
        "output_tokens",
        "prompt_cost",
        "output_cost",
        "finish_reason",
        "tool_choice",
    }
)
_NOT_IN_TOOLS: Final = frozenset(
    {"evaluation_id", "run_id", "messages", "output_message"}
)
LOG_REQUEST: Final[dict[FileKind, frozenset[str]]] = {
    "prompt": BODY_MEMBERS,
    "tool": (BODY_MEMBERS - _MODEL_CALL - _NOT_IN_TOOLS) | {"tool"},
    "flow": (BODY_MEMBERS - _MODEL_CALL) | {"flow", "trace_status"},
}
_TIMING: Final = frozenset({"start_time", "end_time", "created_at"})
_CALL: Final = frozenset(
    {
        "output",
        "error",
        "provider_latency",
        "stdout",
        "provider_request",
        "provider_response",
        "inputs",
        "source",
        "metadata",
        "log_status",
    }
)
LOG_UPDATE: Final[dict[FileKind, frozenset[str]]] = {
    "prompt": _TIMING
    | _CALL
    | (_MODEL_CALL - {"prompt"})
    | {"messages", "output_message"},
    "tool": _TIMING | _CALL,
    # The times are more than the contract has: a decorator's span ends its log.
    "flow": _TIMING
    | frozenset(
        {
            "inputs",
            "output",
            "error",
            "messages",
            "output_message",
            "trace_status",
            "log_status",
        }
    ),
}


def update_problems(kind: FileKind, body: JSONValue) -> list[Problem]:
    """Return everything that is wrong with the body of an update of a log.

    Unknown members are passed over here: the contract forbids them in log
    requests only.
    """
    if not isinstance(body, dict):
        return [Problem(("body",), "Input should be an object", "dict_type")]
    found: list[Problem] = []
    for name in LOG_UPDATE[kind]:
        value = body.get(name)
        if value is not None:
            _LOG_MEMBERS[name](value, ("body", name), found)
    return found


def log_problems(kind: FileKind, body: JSONValue) -> list[Problem]:
    """Return everything that is wrong with the body of a log request.

    Args:
        kind: Which route the body was posted to.
        body: The decoded JSON.

    Returns:
        Problems in the order of the body's members; empty for a good body.
    """
    if not isinstance(body, dict):
        return [Problem(("body",), "Input should be an object", "dict_type")]
    found: list[Problem] = []
    get = body.get
    quick = kind == "prompt" and fits(body)
    for name in CHECKED_APART if quick else body:
        if len(found) >= MOST_PROBLEMS:
            break
        value = get(name)
        if quick and value is None:
            continue
        if name not in LOG_REQUEST[kind]:
            message = "Extra inputs are not permitted"
            found.append(Problem(("body", name), message, "extra_forbidden"))
        elif value is not None:
            _LOG_MEMBERS[name](value, ("body", name), found)
    if get("id") is None and get("path") is None:
        message = "Field required: the path of the file, or the id of a known one"
        found.append(Problem(("body", "path"), message, "missing"))
    return found
