"""The bulk route's lines: many logs in one request, an answer for each.

Its law: a line that is bad harms no other; answers stand in the order of lines.
A line is what `POST /prompts/log` takes as its body; what goes into the query there
is a member of the line, ``version_id`` and ``version_environment``.

A client of the same version may send its journal's records instead, and leave the
reading of them to us. Each becomes a line, and nothing else is known of it here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from time import thread_time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from promptscribe.receiver.answer import STATUS
from promptscribe.receiver.body import BodyTooLarge
from promptscribe.receiver.check import Problem
from promptscribe.receiver.ingest import BadRequest, decode_body, read_log
from promptscribe.receiver.log_entry import LogDraft, Refused
from promptscribe.receiver.record import encode, receipt_record
from promptscribe.receiver.store import StoreUnavailable
from promptscribe.schema import QUERY_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
_TURN: Final = 0.02  # seconds of work after which they get it anyway: lines differ

Outcome: TypeAlias = "LogReceipt | Refused | BadRequest | StoreUnavailable"


class RecordReader(Protocol):
    """Reads the records of a client's journal."""

    @property
    def media_type(self) -> str:
        """Of a body of these; only a client of the same version says the same."""
        ...

    def prepare(self) -> None:
        """Load what reading takes; may take a second, once."""

    def read(self, body: bytes) -> Sequence[Any]:
        """Return the records in a body.

        Raises:
            ValueError: It has none, or too many.
        """
        ...

    def write_line(self, record: Any) -> bytes:
        """Return a record as a line of JSON.

        Raises:
            ValueError: It is none.
        """
        ...


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
    return await _take(store, lines, partial(_read, now_us=now_us), metrics)


async def take_records(
    store: Store, body: bytes, reader: RecordReader, now_us: int, metrics: Metrics
) -> bytes:
    """Store the logs of a body of records and return a status object for each.

    Args:
        store: Where the logs go.
        body: The records of a client's journal.
        reader: Can read them.
        now_us: The present, µs since 1970.
        metrics: Where what becomes of the records is counted.

    Raises:
        BadRequest: The body is not one of records.
    """
    try:
        records = reader.read(body)
    except ValueError as error:
        problem = Problem(("body",), f"Not records: {error}", "records_invalid")
        raise BadRequest([problem]) from None
    read = partial(_read_record, reader=reader, now_us=now_us)
    return await _take(store, records, read, metrics)


async def _take(
    store: Store,
    lines: Sequence[Any],
    read_line: Callable[[Any], LogDraft | BadRequest],
    metrics: Metrics,
) -> bytes:
    # Reading the next slice and writing the last one overlap.
    tasks: list[asyncio.Task[list[Outcome]]] = []
    async with asyncio.TaskGroup() as group:
        waiting = iter(lines)
        while read := _read_slice(waiting, read_line):
            tasks.append(group.create_task(_store(store, read)))
            await asyncio.sleep(0)
    answers = [_answer(each) for task in tasks for each in task.result()]
    for status, number in Counter(answer["status"] for answer in answers).items():
        metrics.count_log("prompt", _OUTCOMES[status], number)
    return b"".join(encode(answer) + b"\n" for answer in answers)


def _read_slice(
    waiting: Iterator[Any], read_line: Callable[[Any], LogDraft | BadRequest]
) -> list[LogDraft | BadRequest]:
    """Read the next lines: as many as may be read in one turn."""
    read: list[LogDraft | BadRequest] = []
    late = thread_time() + _TURN
    for line in waiting:
        read.append(read_line(line))
        if len(read) == _SLICE or thread_time() > late:
            break
    return read


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


def _read_record(
    record: Any, reader: RecordReader, now_us: int
) -> LogDraft | BadRequest:
    try:
        line = reader.write_line(record)
    except Exception as error:  # noqa: BLE001 - a stranger's may break anything in it
        kind = type(error).__name__
        problem = Problem(("body",), f"Not a record: {kind}", "record_invalid")
        return BadRequest([problem])
    return _read(line, now_us)


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
