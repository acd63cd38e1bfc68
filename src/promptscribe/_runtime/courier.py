"""The courier: delivers what other processes recorded; for the command line.

Its law: it records nothing itself. Any number may run at a time, beside the programs:
the locks of the lanes say whose turn it is.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from promptscribe import _config
from promptscribe._delivery import retry
from promptscribe._delivery.ledger import Ledger
from promptscribe._delivery.transport import Request
from promptscribe._journal import deadletter, survey
from promptscribe._journal.estate import Estate, this_program
from promptscribe._runtime import destination, render
from promptscribe._runtime.pipeline import Pipeline
from promptscribe.errors import DeliveryError, Unreachable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from promptscribe._delivery.ledger import FlushResult

_TICK: Final = 0.2
_ASK_EVERY: Final = 2.0
"""Seconds between two questions of our own to a server that is not well; not at each
look at what was done so far."""


def drain(
    timeout: float, tell: Callable[[FlushResult], None], *, any_key: bool = False
) -> FlushResult:
    """Deliver what waits on this machine, of living and dead processes.

    Args:
        timeout: Seconds.
        tell: Called a few times a second with what was done so far.
        any_key: Whether to deliver also what was recorded with other keys.

    Raises:
        DeliveryError: The time was over before anybody knew how much there is.
    """
    pipeline = Pipeline(_settings(), follow=True, any_key=any_key)
    deadline = time.monotonic() + timeout
    result = pipeline.flush(0.0)
    has_looked = False
    ask_at = 0.0
    before = None
    while (now := time.monotonic()) < deadline:
        # Asked before: to count a large journal takes more than one turn, and until
        # then nothing is pending, which is not to say that nothing is there.
        has_looked = pipeline.has_looked()
        is_due = now >= ask_at or before != (result.delivered, result.adopted)
        before = result.delivered, result.adopted
        ask_at = now + _ASK_EVERY if is_due else ask_at
        next_look = min(now + _TICK, deadline)
        result = pipeline.flush(next_look - now, eager=is_due)
        if has_looked:
            tell(result)
            if not result.pending:
                break
        time.sleep(max(next_look - time.monotonic(), 0.0))  # it is left alone
    result = pipeline.close(0.0, eager=False)
    if not (has_looked or result.pending):
        raise DeliveryError("there was no time to look at all that waits")
    return result


def serve(stop: threading.Event, tell: Callable[[FlushResult], None]) -> FlushResult:
    """Deliver until *stop* is set; *tell* hears of each change."""
    pipeline = Pipeline(_settings(), follow=True)
    before = None
    while not stop.wait(_TICK):
        result = pipeline.flush(_TICK, eager=False)
        if result != before:
            tell(result)
        before = result
    return pipeline.close(_settings().flush_timeout, eager=False)


def addresses() -> list[str]:
    """Return the servers that logs are delivered to."""
    return destination.addresses(_settings())


def lanes() -> tuple[str, list[survey.LaneReport], int]:
    """Return the journal's folder, what lanes hold, and the count of refused."""
    root = _settings().journal_root()
    refused = sum(1 for _ in deadletter.read(root))
    found = [lane for each in _roots() for lane in survey.report(each)]
    return str(root), found, refused


def left_to_others() -> int:
    """Return how many logs wait that other processes are delivering."""
    root = _settings().journal_root()
    return sum(lane.waiting for lane in survey.report(root) if lane.is_read)


def under_other_keys() -> dict[str, int]:
    """Return how many logs wait for the server that are not this key's, by folder."""
    return _counted(_estate().others(is_for_others=True))


def elsewhere() -> dict[str, int]:
    """Return how many logs wait for other servers, by folder."""
    return _counted(_estate().elsewhere())


def _counted(roots: list[Path]) -> dict[str, int]:
    counts = {
        root.name: sum(lane.waiting for lane in survey.report(root)) for root in roots
    }
    return {name: count for name, count in counts.items() if count}


def waiting() -> Iterator[dict[str, Any]]:
    """Return the logs that wait, as they will be sent."""
    for start, end in (log for root in _roots() for log in survey.logs(root)):
        try:
            _, query, body = render.write_log(start, end)
        except ValueError:
            yield {"error": "a log that cannot be read"}
        else:
            yield {**json.loads(body), **({"query": query} if query else {})}


def replay() -> tuple[int, int, int]:
    """Send what was refused once more.

    Returns:
        How many were taken, how many were not, and how many nobody can read.

    Raises:
        Unreachable: The server does not answer; what was not sent stays where it is.
    """
    settings = _settings()
    root = settings.journal_root()
    transport = destination.make_transport(settings, None, Ledger())
    taken = refused = unreadable = 0
    while transport and (entries := deadletter.begin_replay(root)) is not None:
        left = []
        for entry in entries:
            body = json.dumps(entry["body"]).encode()
            request = Request("/prompts/log", entry["query"], body)
            answer = transport.send(request)
            fate = retry.judge(answer.status, answer.headers, now=0.0).fate
            is_kept = fate in {"again", "hold"} and not retry.is_in_doubt(answer)
            if is_kept or retry.is_strangers(answer, is_known=taken > 0):
                raise Unreachable(f"the server answers {answer.status}")
            is_repeat = retry.is_repeat(answer, entry["body"].get("log_id"))
            if fate == "delivered" or is_repeat:
                taken += 1
            else:
                left.append((answer, request))
        for answer, request in left:
            words = answer.body.decode("utf-8", "replace")[:500]
            deadletter.bury(root, answer.status, words, request.query, request.body)
        unreadable += deadletter.end_replay(root)
        refused += len(left)
        if left:
            break
    if transport is not None:
        transport.close()
    return taken, refused, unreadable


def _estate() -> Estate:
    return Estate(_settings().journal_root(), this_program())


def _roots() -> list[Path]:
    """Return the folders that `drain` delivers: this key's, and what it inherits."""
    estate = _estate()
    return [estate.root, *estate.inherited(is_for_others=True)]


def _settings() -> _config.Settings:
    return _config.resolve({"export": True})
