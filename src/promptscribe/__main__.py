"""The command line: ``promptscribe demo | serve | drain | agent | journal | keys | …``.

Its law: words that do not parse end with one clear sentence on stderr and exit code 2,
whatever else is wrong with one and exit code 1; a traceback is always a bug of ours.
"""

from __future__ import annotations

import argparse
import errno
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from promptscribe import __version__
from promptscribe._runtime import command as outbox
from promptscribe.errors import ConfigurationError, PromptscribeError
from promptscribe.receiver import command

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS_RECEIVER = (
    "this needs the receiver's packages: pip install 'promptscribe[receiver]'"
)
_TYPED = {"host": "--host", "hosts": "--allow-host", "api_keys": "--api-key"}
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_LEAST_BYTES = 2**20  # an empty file has half of it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Words after the program's name; those of the process if None.

    Returns:
        The exit code.
    """
    parser = _parser()
    words = sys.argv[1:] if argv is None else argv
    if not words:  # whoever types only the name wants to know what there is
        parser.print_help(sys.stderr)
        return 2
    arguments = parser.parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as missing:
        return outbox.fail(f"{missing.name} is not installed; {_NEEDS_RECEIVER}")
    except PromptscribeError as problem:
        return outbox.fail(str(problem))
    except OSError as problem:
        reason = problem.strerror or str(problem)
        file = problem.filename
        return outbox.fail(reason if file is None else f"{file}: {reason}")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="promptscribe", description="Record every LLM call, lose none."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="run a small traced agent and show its log",
        description="Run a small agent through the real openai client, print its"
        " trace, and serve it until Ctrl-C where this is a terminal. Without"
        " OPENAI_API_KEY a scripted server answers.",
    )
    _add_address(demo)
    demo.add_argument(
        "--once", action="store_true", help="end when the trace has been shown"
    )
    demo.set_defaults(run=_demo)

    serve = commands.add_parser(
        "serve",
        help="receive logs and show them in a browser",
        description="Receive logs at POST /prompts/log, keep them in a SQLite file and"
        " show them in a browser, until Ctrl-C.",
        epilog="A body has at most 10 MB and 500,000 members, objects and arrays, and"
        " inflates at most a hundredfold. A little before the file or the disk is full"
        " logs are refused with 507, and clients keep them. Text search finds every"
        " word of the first and the last 128 Ki characters of a log.",
    )
    _add_address(serve)
    serve.add_argument(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="ask clients for this key (may be given again; default: none); needed"
        " beyond loopback",
    )
    _add_limits(serve)
    serve.set_defaults(run=_serve)

    outbox.add_commands(commands)
    command.add_commands(commands)
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address to listen at (default: 127.0.0.1, this machine alone)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8420,
        help="port to listen at (default: 8420); 0 takes a free one",
    )
    parser.add_argument(
        "--db", type=Path, help="SQLite file (default: in your data folder)"
    )


def _add_limits(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this host name as well, for a proxy that does not pass it on"
        " (may be given again; default: the loopback's names)",
    )
    serve.add_argument(
        "--rate-limit",
        type=_positive,
        metavar="N",
        help="requests a second for each key (default: no limit)",
    )
    serve.add_argument(
        "--min-rate",
        type=_positive,
        default=1024.0,
        metavar="N",
        help="bytes a second that a request has to come with at least (default: 1024)",
    )
    serve.add_argument(
        "--max-bytes",
        type=_bytes,
        metavar="SIZE",
        help="refuse logs when the file is as large: bytes, or with K, M, G or T, for"
        " example 500M or 20G (default: no limit)",
    )
    serve.add_argument(
        "--keep-days",
        type=_positive,
        metavar="N",
        help="delete logs that are older than so many days (default: keep them)",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:6]) < 2**16):
        raise argparse.ArgumentTypeError(f"not a port, from 0 to 65535: {text}")
    return int(text)


def _positive(text: str) -> float:
    number = _number(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"not between 0 and a million: {text}")
    return number


def _bytes(text: str) -> int:
    unit = text[-1:].upper()
    try:
        number = float(text[:-1] if unit in _UNITS else text) * _UNITS.get(unit, 1)
    except ValueError:
        wrong = f"not a size, such as 500M or 20G: {text!r}"
        raise argparse.ArgumentTypeError(wrong) from None
    if not _LEAST_BYTES <= number < 2**60:
        raise argparse.ArgumentTypeError(f"less than 1M, or beyond every disk: {text}")
    return round(number)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None


def _demo(arguments: argparse.Namespace) -> int:
    from promptscribe.demo.run import run_demo

    return run_demo(
        host=arguments.host,
        port=arguments.port,
        db=arguments.db,
        keep_serving=not arguments.once and sys.stdout.isatty(),
    )


def _serve(arguments: argparse.Namespace) -> int:
    from promptscribe._runtime import packed
    from promptscribe.receiver import server

    db = arguments.db or server.default_db()

    def announce(url: str) -> None:
        print(f"promptscribe receives and shows logs at {url}", flush=True)
        print(f"they are kept in {db}; stop it with Ctrl-C", flush=True)

    try:
        receiver = server.Receiver(
            arguments.host,
            arguments.port,
            db,
            api_keys=arguments.api_key,
            hosts=arguments.allow_host,
            rate_limit=arguments.rate_limit,
            min_rate=arguments.min_rate,
            max_bytes=arguments.max_bytes,
            keep_days=arguments.keep_days,
            reader=packed.reader(),
            announce=announce,
        )
        server.serve(receiver)
    except ConfigurationError as wrong:
        return outbox.fail(f"{_TYPED.get(wrong.name, wrong.name)}: {wrong.problem}")
    except (sqlite3.Error, OSError) as problem:
        # An OSError is of the file, or of the address.
        file = getattr(problem, "filename", None)
        if isinstance(problem, sqlite3.Error):
            file = db
        what = f"open {file}" if file else f"serve at {arguments.host}:{arguments.port}"
        why = getattr(problem, "strerror", None) or str(problem)
        if getattr(problem, "errno", None) == errno.EADDRINUSE:
            why += ": is one running already? Another --port serves beside it"
        return outbox.fail(f"cannot {what}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
