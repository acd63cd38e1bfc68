"""Records: logs, files and environments as the contract has them in answers.

Its law: pure functions from stored values to JSON. Every file object carries all
that its kind requires, since clients tell the kinds apart by what validates; a
trace is written out as text without recursion, however deep it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from promptscribe.receiver.instant import format_instant
from promptscribe.receiver.version import directory_id, folder_of, template_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptscribe.receiver.file_entry import Environment, FileVersion
    from promptscribe.receiver.log_entry import LogReceipt, StoredLog
    from promptscribe.receiver.trace import Tree
    from promptscribe.receiver.version import FileKind
    from promptscribe.schema import JSONObject

encode: Final = msgspec.json.encode


def receipt_record(kind: FileKind, receipt: LogReceipt) -> JSONObject:
    """Return the answer to a log request."""
    record: JSONObject = {
        "id": receipt.log_id,
        f"{kind}_id": receipt.file_id,
        "version_id": receipt.version_id,
    }
    if kind == "flow":
        # The second is the name of the seed's generation.
        return record | {"log_status": receipt.status, "trace_status": receipt.status}
    return record | {"session_id": receipt.session_id}


def environment_record(environment: Environment) -> JSONObject:
    """Return an environment."""
    return {
        "id": environment.id,
        "name": environment.name,
        "tag": environment.tag,
        "created_at": format_instant(environment.created_us),
    }


def file_record(version: FileVersion) -> JSONObject:
    """Return a Prompt, Tool or Flow at one of its versions."""
    record: JSONObject = {
        "path": version.path,
        "id": version.id,
        "directory_id": directory_id(folder_of(version.path)),
        "name": version.path.rpartition("/")[2],
        "version_id": version.version_id,
        "type": version.kind,
        "created_at": format_instant(version.file_created_us),
        "updated_at": format_instant(version.updated_us),
        "last_used_at": format_instant(version.last_used_us),
        "status": "committed",  # required by clients of the seed's generation
        "version_logs_count": version.version_logs,
        "total_logs_count": version.total_logs,
        "environments": [environment_record(each) for each in version.environments],
        "evaluators": [],
        "evaluator_aggregates": [],
        **version.labels,
    }
    return record | _kernel_record(version)


def _kernel_record(version: FileVersion) -> JSONObject:
    details = version.details
    if version.kind == "prompt":
        # A log without details makes a version of which no model is known.
        inputs = template_inputs(details.get("template"))
        return {"model": "", **details, "inputs": inputs, "linked_tools": []}
    if version.kind == "tool":
        function = details.get("function") or {}
        properties = (function.get("parameters") or {}).get("properties")
        names = properties if isinstance(properties, dict) else {}
        inputs = [{"name": name} for name in names]
        return {**details, "inputs": inputs, "tool_type": "json_schema"}
    return {"attributes": {}, **details}


def log_record(log: StoredLog, version: FileVersion) -> JSONObject:
    """Return a log without what its trace adds."""
    members = log.members
    record: JSONObject = {
        "inputs": {},
        "save": True,
        **members,
        "start_time": _time(log.start_us),
        "end_time": _time(log.end_us),
        "created_at": format_instant(log.created_us),
        "id": log.id,
        "log_id": log.id,
        "evaluator_logs": [],
        "batches": [members["batch_id"]] if "batch_id" in members else [],
        "trace_id": log.trace_id,
        "trace_parent_id": log.trace_parent_id,
        log.kind: file_record(version),
    }
    if log.kind == "flow":
        status = members.get("log_status", "incomplete")
        record |= {"log_status": status, "trace_status": status}
    return record


def _time(instant_us: int | None) -> str | None:
    return None if instant_us is None else format_instant(instant_us)


def log_text(
    log: StoredLog, tree: Tree[StoredLog], versions: Mapping[str, FileVersion]
) -> bytes:
    """Return a log as JSON text, with everything below it as ``trace_children``."""
    parts: list[bytes] = []
    depth = 0
    flow_id = _flow_id(log, tree)
    for each, level in tree.walk(log.id):
        # A sibling or uncle: close what was open at this level or deeper.
        parts.append(b"]}" * (depth - level + 1) if parts and level <= depth else b"")
        if parts[-1]:
            parts.append(b",")
        record = log_record(each, versions[each.version_id])
        record["trace_flow_id"] = flow_id
        parts.extend((encode(record)[:-1], b',"trace_children":['))
        depth = level
    parts.append(b"]}" * (depth + 1))
    return b"".join(parts)


def _flow_id(log: StoredLog, tree: Tree[StoredLog]) -> str | None:
    top = tree.logs.get(log.trace_id)
    return top.file_id if top is not None and top.kind == "flow" else None


def page_text(records: Iterable[bytes], page: int, size: int, total: int) -> bytes:
    """Return a page of records as JSON text."""
    tail = encode({"page": page, "size": size, "total": total})[1:]
    return b'{"records":[' + b",".join(records) + b"]," + tail
