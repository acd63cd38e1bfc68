"""The fetch: one GET of JSON from a server on this machine.

Its law: plain `http.client`, since a proxy that the environment names must not stand
between the demo and 127.0.0.1.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from promptscribe.demo.trouble import Trouble

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

_TIMEOUT: Final = 3.0
"""Seconds: the servers are on this machine and answer in milliseconds."""


def fetch(url: str, path: str, api_key: str | None = None) -> tuple[int, JSONValue]:
    """Return status and decoded body of one GET; None for a body that is no JSON.

    Args:
        url: Scheme, host and port.
        path: Path with its query.
        api_key: Sent as ``X-API-KEY``.

    Raises:
        OSError: Nobody answers.
        http.client.HTTPException: What answers does not speak HTTP.
    """
    parts = urlsplit(url)
    headers = {} if api_key is None else {"X-API-KEY": api_key}
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=_TIMEOUT
    )
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    try:
        return answer.status, json.loads(body)
    except ValueError:
        return answer.status, None


def read_trace(url: str, log_id: str, api_key: str | None) -> JSONObject:
    """Return a log with everything below it, as the receiver has it.

    Raises:
        Trouble: The receiver does not have it, or does not answer.
    """
    try:
        status, record = fetch(url, f"/logs/{log_id}", api_key)
    except (OSError, http.client.HTTPException) as problem:
        raise Trouble(f"The receiver at {url} stopped answering: {problem}") from None
    if status != 200 or not isinstance(record, dict):
        raise Trouble(
            f"The receiver at {url} does not have the trace yet: "
            f"GET /logs/{log_id} answers {status}."
        )
    return record
