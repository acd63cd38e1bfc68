"""The tree: a trace as the receiver has it, in lines for a terminal.

Its law: pure functions from records to lines; figures look as on the receiver's pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from promptscribe.receiver.figure import UNKNOWN, count, dollars, duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptscribe.demo.terminal import Style
    from promptscribe.schema import JSONObject, JSONValue

_COLUMNS: Final = (("start", 9), ("took", 9), ("tokens in/out", 15), ("cost", 11))
"""The columns on the right, with their widths; what is left belongs to the name."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the tree, and how it looks."""

    text: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Branch:
    """A log in its place.

    Attributes:
        record: The log.
        stem: What is drawn before its name.
        under: What is drawn before the notes under it.
    """

    record: JSONObject
    stem: str
    under: str


def draw(trace: JSONObject, width: int) -> list[Line]:
    """Return a trace as a table whose first column is a tree.

    Args:
        trace: A log with its ``trace_children``, as ``GET /logs/{id}`` answers it.
        width: Columns to use.
    """
    branches = list(_walk(trace, "", "", ""))
    began = _instant(trace, "start_time")
    lines = [Line(_row("log", [name for name, _ in _COLUMNS], width), "dim")]
    for branch in branches:
        record = branch.record
        name = branch.stem + (record.get("prompt") or {}).get("path", UNKNOWN)
        figures = [
            _elapsed(began, _instant(record, "start_time")),
            _elapsed(_instant(record, "start_time"), _instant(record, "end_time")),
            _tokens(record.get("prompt_tokens"), record.get("output_tokens")),
            dollars(_sum([record.get("prompt_cost"), record.get("output_cost")])),
        ]
        failed = bool(record.get("error"))
        lines.append(Line(_row(name, figures, width), "bad" if failed else "plain"))
        style: Style = "bad" if failed else "dim"
        lines += [Line(_cut(branch.under + n, width), style) for n in _notes(record)]
    lines.append(Line(_row(*_totals([b.record for b in branches]), width), "bold"))
    return lines


def _walk(record: JSONObject, stem: str, under: str, left: str) -> Iterator[Branch]:
    children = record.get("trace_children") or []
    yield Branch(record, stem, under + ("│    " if children else "     "))
    for number, child in enumerate(children, 1):
        last = number == len(children)
        below = left + ("   " if last else "│  ")
        yield from _walk(child, left + ("└─ " if last else "├─ "), below, below)


def _notes(record: JSONObject) -> list[str]:
    notes: list[str] = []
    if record.get("error"):
        notes.append(" ".join(str(record["error"]).split()))
    metadata = record.get("metadata") or {}
    first = metadata.get("time_to_first_token")
    if isinstance(first, float):
        after = duration(round(first * 1e6))
        notes.append(f"streamed, first piece after {after}")
    return notes


def _totals(records: list[JSONObject]) -> tuple[str, list[str]]:
    # Only the calls to the model have tokens and costs here, their parent has none;
    # a sum over any trace must leave out a parent that repeats them.
    failed = sum(bool(record.get("error")) for record in records)
    took = _elapsed(
        _instant(records[0], "start_time"), _instant(records[0], "end_time")
    )
    tokens = _tokens(
        _sum([record.get("prompt_tokens") for record in records]),
        _sum([record.get("output_tokens") for record in records]),
    )
    costs = [r.get(name) for r in records for name in ("prompt_cost", "output_cost")]
    name = f"{len(records)} logs, {failed} with an error"
    return name, ["", took, tokens, dollars(_sum(costs))]


def _sum(amounts: list[JSONValue]) -> JSONValue:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _tokens(prompt: JSONValue, output: JSONValue) -> str:
    if prompt is None and output is None:
        return UNKNOWN
    return f"{count(prompt)} / {count(output)}"


def _instant(record: JSONObject, name: str) -> datetime | None:
    value = record.get(name)
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _elapsed(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return UNKNOWN
    return duration(round((end - start).total_seconds() * 1e6))


def _row(name: str, figures: list[str], width: int) -> str:
    right = "".join(
        f"{figure:>{size}}" for figure, (_, size) in zip(figures, _COLUMNS, strict=True)
    )
    left = width - sum(size for _, size in _COLUMNS)
    return f"{_cut(name, left):<{left}}{right}"


def _cut(text: str, width: int) -> str:
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"
