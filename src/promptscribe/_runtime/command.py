"""The commands for what waits on this machine: ``drain``, ``agent``, ``journal``.

Its law: what they say is for people; what they do is in `courier`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from promptscribe.errors import DeliveryError

if TYPE_CHECKING:
    from promptscribe._delivery.ledger import FlushResult
    from promptscribe._journal.survey import LaneReport


_UNOPENED: Final = {"segment_unopened", "lane_unopened"}
"""Reasons that say that there is more than could be counted."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to the program's."""
    drain = commands.add_parser(
        "drain",
        help="deliver what is left in the journal",
        description="Deliver what is left in the journal by programs that have ended."
        " What another process is delivering is left to it, and told."
        " Exit code: 0 where all else is delivered, else 1.",
    )
    drain.add_argument(
        "--timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long to try at most (default: 60)",
    )
    drain.add_argument(
        "--any-key",
        action="store_true",
        help="deliver also what was recorded with other keys: to this key's project",
    )
    drain.set_defaults(run=_drain)

    agent = commands.add_parser(
        "agent",
        help="deliver for all programs of this user, until stopped",
        description="Deliver for all programs of this user, which run with"
        " export=False, until Ctrl-C or SIGTERM.",
    )
    agent.set_defaults(run=_agent)

    journal = commands.add_parser(
        "journal",
        help="look at what is not delivered yet",
        description="Look at what is kept on this machine and not delivered yet.",
    )
    verbs = journal.add_subparsers(required=True)
    for name, run, about in (
        ("ls", _ls, "list the lanes: one for each process that left something"),
        ("show", _show, "print the logs that wait, one JSON object a line"),
        ("verify", _verify, "look for damage"),
        ("replay", _replay, "send what the server refused once more"),
    ):
        verb = verbs.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}."
        )
        verb.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"not a number of seconds, from 0: {text}")
    return seconds


def _drain(arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import courier

    shows = sys.stderr.isatty()

    def tell(result: FlushResult) -> None:
        if shows:
            total = max(result.recorded + result.adopted, 1)
            done = (total - result.pending) * 30 // total
            bar = "#" * done + "." * (30 - done)
            sys.stderr.write(f"\r[{bar}] {result.delivered} of {total}")
            sys.stderr.flush()

    result = courier.drain(arguments.timeout, tell, any_key=arguments.any_key)
    if shows:
        sys.stderr.write("\n")
    print(_sentence(result))
    if not result.pending and (others := courier.left_to_others()):
        print(f"{others} logs wait that another process is delivering")
    _tell_of_other_keys()
    if not result or _UNOPENED & result.reasons.keys():
        reasons = ", ".join(f"{n} {why}" for why, n in sorted(result.reasons.items()))
        return fail(f"not everything was delivered ({reasons or 'out of time'})")
    return 0


def _agent(_arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import courier

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    where = " and ".join(courier.addresses())
    print(f"promptscribe delivers for this user's programs to {where}")
    print("stop it with Ctrl-C", flush=True)
    result = courier.serve(stop, lambda r: print(_sentence(r), flush=True))
    print(_sentence(result))
    return 0


def _ls(_arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import courier

    folder, lanes, refused = courier.lanes()
    print(folder)
    for lane in lanes:
        state = "alive" if lane.is_alive else "dead"
        print(
            f"  {lane.name}  {state:5}  {lane.segments} segments  "
            f"{lane.size_bytes / 1e6:.1f} MB  {lane.waiting} logs"
        )
        _tell_unopened(lane)
    print(f"  {sum(lane.waiting for lane in lanes)} logs wait, {refused} refused")
    _tell_of_other_keys()
    return 0


def _tell_unopened(lane: LaneReport) -> None:
    for told in lane.unopened:
        print(f"{lane.name}: cannot be read, it waits: {told}")


def _tell_of_other_keys() -> None:
    from promptscribe._runtime import courier

    for name, count in courier.under_other_keys().items():
        print(f"{count} logs wait for another key: {name}")
    for name, count in courier.elsewhere().items():
        print(f"{count} logs wait for another server: {name}")


def _show(_arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import courier

    for log in courier.waiting():
        print(json.dumps(log, ensure_ascii=False))
    return 0


def _verify(_arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import courier

    _, lanes, _ = courier.lanes()
    unsound = [lane for lane in lanes if lane.damaged_bytes or lane.unopened]
    for lane in unsound:
        if lane.damaged_bytes:
            print(f"{lane.name}: {lane.damaged_bytes} bytes are damaged")
        _tell_unopened(lane)
    print(f"{len(lanes) - len(unsound)} of {len(lanes)} lanes are sound")
    return 1 if unsound else 0


def _replay(_arguments: argparse.Namespace) -> int:
    from promptscribe._journal.deadletter import UNREADABLE
    from promptscribe._runtime import courier

    try:
        taken, refused, unreadable = courier.replay()
    except DeliveryError as problem:
        return fail(str(problem))
    print(f"{taken} delivered, {refused} refused again")
    if unreadable:
        print(f"{unreadable} cannot be read, kept in {UNREADABLE}")
    return 1 if refused or unreadable else 0


def _sentence(result: FlushResult) -> str:
    return (
        f"delivered {result.delivered}, pending {result.pending}, "
        f"rejected {result.rejected}, dropped {result.dropped}"
    )


def fail(sentence: str) -> int:
    """Say on stderr why a command failed; return its exit code."""
    print(f"promptscribe: {sentence}", file=sys.stderr)
    return 1
