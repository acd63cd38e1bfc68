"""Answers: the contract's bodies and statuses as HTTP responses.

Its law: one function for each kind of answer, so that no route invents its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptscribe.receiver.check import Problem
    from promptscribe.receiver.log_entry import Refused
    from promptscribe.receiver.store import StoreUnavailable
    from promptscribe.schema import JSONValue

STATUS: Final = {"missing": 404, "conflict": 409}
RETRY_AFTER: Final = "5"  # seconds: long enough for a lock, short for a person


def json_answer(
    body: JSONValue | bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a JSON body; bytes are JSON already."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Response(content, status, headers, media_type="application/json")


def failure(
    status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error as the contract has it: ``{"detail": …}``."""
    return json_answer({"detail": sentence}, status, headers)


def refusal(refused: Refused) -> Response:
    """Return 404 or 409 for what the store refused."""
    return failure(STATUS[refused.reason], refused.sentence)


def unprocessable(problems: Sequence[Problem]) -> Response:
    """Return 422 with every problem."""
    return json_answer({"detail": problems}, 422)


def unavailable(error: StoreUnavailable) -> Response:
    """Return 507 where the disk is full, else 503; nothing was kept."""
    status = 507 if error.full else 503
    return failure(status, str(error), {"Retry-After": RETRY_AFTER})
