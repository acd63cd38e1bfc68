"""The receiver's commands: ``keys``, ``import`` and ``export``.

Its law: light to import, since every command's help needs it; what is for programs
goes to stdout, what is for people to stderr.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from promptscribe.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from promptscribe.receiver.importer import ImportReport

_SCOPES: Final = ("ingest", "read", "manage")  # those of `key`, which is heavier
_PARTLY: Final = 3  # 2 is what a mistake on the command line ends with
_BAR: Final = 30  # characters


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the receiver's commands to the command line's parser."""
    keys = commands.add_parser(
        "keys",
        help="make, list and revoke API keys",
        description="Make, list and revoke the API keys of a receiver's file. Once"
        " one was made, the receiver asks every client for a key.",
    )
    _add_keys(keys)
    moved_in = commands.add_parser(
        "import",
        help="move in from elsewhere",
        description="Bring logs into a receiver's file, each under its own id.",
    )
    _add_import(moved_in)
    export = commands.add_parser(
        "export",
        help="write everything to files",
        description="Write all that a receiver's file holds as a tree of files, as"
        " one log a line, or as both. Nothing is taken out of the file.",
    )
    _add_export(export)


def _add_keys(keys: argparse.ArgumentParser) -> None:
    actions = keys.add_subparsers(required=True)
    add = actions.add_parser(
        "add",
        help="make a key and print it, once",
        description="Make a key and print it to stdout; it cannot be shown again.",
    )
    add.add_argument("name", help="what to call it, for example who has it")
    add.add_argument(
        "--scope",
        action="append",
        choices=_SCOPES,
        help="what it may do (may be given again; default: all of it)",
    )
    listed = actions.add_parser(
        "list",
        help="list keys, without the keys themselves",
        description="List the keys, one a line: id, end of the key, scopes, when it"
        " was made, state and name.",
    )
    revoke = actions.add_parser(
        "revoke",
        help="make a key useless at once",
        description="Make a key useless with the next request, for good.",
    )
    revoke.add_argument("id", help="as `keys list` shows it")
    for parser, run in ((add, _add_key), (listed, _list_keys), (revoke, _revoke_key)):
        _add_db(parser, run)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Exit code: 0 where everything is here now, 3 where some is not and was"
        " named, 1 where nothing is. Running it again changes nothing."
    )
    services = parser.add_subparsers(required=True)
    humanloop = services.add_parser(
        "humanloop",
        help="the tree that the hosted service's export tool wrote",
        description="Bring in the tree of files that the hosted service's export tool"
        " or `promptscribe export` wrote.",
    )
    humanloop.add_argument(
        "directory", type=Path, metavar="DIR", help="folder of the tree"
    )
    _add_db(humanloop, _import_humanloop)
    lines = services.add_parser(
        "jsonl",
        help="what `export --jsonl` wrote",
        description="Bring in what `promptscribe export --jsonl` wrote, a log a line.",
    )
    lines.add_argument(
        "file", type=Path, metavar="FILE", help="file of the lines; - is stdin"
    )
    _add_db(lines, _import_lines)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        type=Path,
        nargs="?",
        metavar="DIR",
        help="folder for a tree of files that `import humanloop` reads",
    )
    parser.add_argument(
        "--jsonl",
        type=Path,
        metavar="FILE",
        help="file for one log a line; - is stdout",
    )
    _add_db(parser, _export)


def _add_db(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]
) -> None:
    parser.add_argument(
        "--db", type=Path, help="SQLite file (default: in your data folder)"
    )

    def with_file(arguments: argparse.Namespace) -> int:
        from promptscribe.receiver.server import default_db

        arguments.db = arguments.db or default_db()
        try:
            return run(arguments)
        except sqlite3.Error as error:
            raise ConfigurationError("--db", f"{arguments.db}: {error}") from error

    parser.set_defaults(run=with_file)


def _add_key(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.keyring import Keyring

    key, entry = Keyring(arguments.db).add(arguments.name, arguments.scope or _SCOPES)
    sys.stdout.write(f"{key}\n")
    _tell(f"this is key {entry.id}; it is shown now and never again")
    _tell("from now on the receiver asks every client for a key")
    return 0


def _list_keys(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.instant import format_instant
    from promptscribe.receiver.keyring import Keyring

    _require("--db", arguments.db)
    for entry in Keyring(arguments.db).list():
        revoked = entry.revoked_us
        columns = (
            entry.id,
            f"psk_…{entry.hint}",
            "+".join(entry.scopes),
            format_instant(entry.created_us),
            "in use" if revoked is None else f"revoked {format_instant(revoked)}",
            _plain(entry.name),
        )
        sys.stdout.write("\t".join(columns) + "\n")
    return 0


def _revoke_key(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.keyring import Keyring

    _require("--db", arguments.db)
    if not Keyring(arguments.db).revoke(arguments.id):
        _tell(f"there is no key {arguments.id} to revoke")
        return 1
    _tell(f"key {arguments.id} is revoked")
    return 0


def _import_humanloop(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.importer import import_humanloop

    _require("DIR", arguments.directory)
    report = import_humanloop(arguments.directory, arguments.db, _progress())
    return _tell_what_is_here(report, arguments.db)


def _import_lines(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.importer import import_lines

    file, progress = arguments.file, _progress()
    if file == Path("-"):
        file, progress = Path("/dev/stdin"), None
    _require("FILE", file)
    report = import_lines(file, arguments.db, progress)
    return _tell_what_is_here(report, arguments.db)


def _tell_what_is_here(report: ImportReport, db: Path) -> int:
    sys.stdout.write(
        f"{len(report.logs)} logs, {len(report.files)} files and"
        f" {len(report.versions)} versions are in {db}\n"
    )
    for kind, number in sorted(report.skipped.items()):
        _tell(f"not moved: {number} x {kind}")
    for sentence in report.missing:
        _tell(f"missing: {sentence}")
    if not report.files:
        return 1
    return _PARTLY if report.skipped or report.missing else 0


def _export(arguments: argparse.Namespace) -> int:
    from promptscribe.receiver.exporter import export_files, export_lines

    if arguments.directory is None and arguments.jsonl is None:
        raise ConfigurationError("DIR", "give a folder, or --jsonl and a file")
    if arguments.directory == Path("-"):
        raise ConfigurationError("DIR", "is a folder; for stdout there is --jsonl -")
    _require("--db", arguments.db)
    if arguments.directory is not None:
        arguments.directory.mkdir(parents=True, exist_ok=True)
        number = export_files(arguments.db, arguments.directory, _progress())
        _tell(f"{number} logs are in {arguments.directory}")
    if arguments.jsonl == Path("-"):
        export_lines(arguments.db, sys.stdout.buffer, _progress())
    elif arguments.jsonl is not None:
        with arguments.jsonl.open("wb") as file:
            number = export_lines(arguments.db, file, _progress())
        _tell(f"{number} logs are in {arguments.jsonl}")
    return 0


def _require(word: str, path: Path) -> None:
    # Else SQLite makes an empty file of a name that was mistyped.
    if not path.exists():
        raise ConfigurationError(word, f"there is no {path}")


def _progress() -> Callable[[int, int], None] | None:
    """Return what draws a bar, or None where nobody would see one."""
    if not sys.stderr.isatty():
        return None

    def draw(done: int, total: int) -> None:
        filled = _BAR * done // max(total, 1)
        bar = "#" * filled + "." * (_BAR - filled)
        sys.stderr.write(f"\r[{bar}] {done:,} of {total:,} logs")
        if done >= total:
            sys.stderr.write("\n")
        sys.stderr.flush()

    return draw


def _tell(sentence: str) -> None:
    sys.stderr.write(f"promptscribe: {_plain(sentence)}\n")


def _plain(text: str) -> str:
    """Return anybody's text without what could move or colour a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
