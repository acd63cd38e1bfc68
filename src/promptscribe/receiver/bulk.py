"""The bulk route's lines: many logs in one request, an answer for each.

Its law: a line that is bad harms no other; answers stand in the order of lines.
A line is what `POST /prompts/log` takes as its body; what goes into the query there
is a member of the line, ``version_id`` and ``version_environment``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeAlias

from promptscribe.receiver.answer import STATUS
from promptscribe.receiver.body import BodyTooLarge
from promptscribe.receiver.check import Problem
from promptscribe.receiver.ingest import BadRequest, decode_body, read_log
from promptscribe.receiver.log_entry import LogDraft, Refused
from promptscribe.receiver.record import encode, receipt_record
from promptscribe.receiver.store import StoreUnavailable
from promptscribe.schema import QUERY_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptscribe.receiver.log_entry import LogReceipt
    from promptscribe.receiver.metrics import Metrics
    from promptscribe.receiver.store import Store
    from promptscribe.schema import JSONObject

MAX_LINES: Final = 10_000
_OUTCOMES: Final = {
    200: "stored",
    404: "missing",
    409: "conflict",
    422: "invalid",
    503: "unavailable",
    507: "unavailable",
}
_SLICE: Final = 250  # lines read before other requests get a turn: about 5 ms

Outcome: TypeAlias = "LogReceipt | Refused | BadRequest | StoreUnavailable"


async def take_lines(store: Store, body: bytes, now_us: int, metrics: Metrics) -> bytes:
    """Store the logs of a bulk body and return a status object for each line.

    Args:
        store: Where the logs go.
        body: Lines of JSON; empty ones are passed over.
        now_us: The present, µs since 1970.
        metrics: Where what becomes of the lines is counted.

    Raises:
        BodyTooLarge: There are more than `MAX_LINES` lines.
    """
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    if len(lines) > MAX_LINES:
        raise BodyTooLarge(f"The body has more than {MAX_LINES} lines")
    # Reading the next slice and writing the last one overlap.
    tasks: list[asyncio.Task[list[Outcome]]] = []
    async with asyncio.TaskGroup() as group:
        for at in range(0, len(lines), _SLICE):
            read = [_read(line, now_us) for line in lines[at : at + _SLICE]]
            tasks.append(group.create_task(_store(store, read)))
            await asyncio.sleep(0)
    answers = [_answer(each) for task in tasks for each in task.result()]
    for status, number in Counter(answer["status"] for answer in answers).items():
        metrics.count_log("prompt", _OUTCOMES[status], number)
    return b"".join(encode(answer) + b"\n" for answer in answers)


def _read(line: bytes, now_us: int) -> LogDraft | BadRequest:
    try:
        body = decode_body(line)
        target: JSONObject = {}
        if isinstance(body, dict) and not body.keys().isdisjoint(QUERY_MEMBERS):
            target = {name: body.pop(name, None) for name in QUERY_MEMBERS}
            _require_text(target)
        return read_log(
            "prompt",
            body,
            now_us,
            target_version=target.get("version_id"),
            target_environment=target.get("version_environment"),
        )
    except BadRequest as error:
        return error


def _require_text(target: JSONObject) -> None:
    problems = [
        Problem(("body", name), "Input should be a valid string", "string_type")
        for name, value in target.items()
        if value is not None and not isinstance(value, str)
    ]
    if problems:
        raise BadRequest(problems)


async def _store(store: Store, read: Sequence[LogDraft | BadRequest]) -> list[Outcome]:
    drafts = [each for each in read if isinstance(each, LogDraft)]
    stored: list[LogReceipt | Refused] | None = None
    try:
        stored = await store.add_logs(drafts)
    except StoreUnavailable as error:
        return [each if isinstance(each, BadRequest) else error for each in read]
    outcomes = iter(stored)
    return [each if isinstance(each, BadRequest) else next(outcomes) for each in read]


def _answer(outcome: Outcome) -> JSONObject:
    if isinstance(outcome, BadRequest):
        return {"status": 422, "detail": outcome.problems}
    if isinstance(outcome, Refused):
        return {"status": STATUS[outcome.reason], "detail": outcome.sentence}
    if isinstance(outcome, StoreUnavailable):
        return {"status": 507 if outcome.full else 503, "detail": str(outcome)}
    return {"status": 200, **receipt_record("prompt", outcome)}
