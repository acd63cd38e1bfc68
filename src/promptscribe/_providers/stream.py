"""Deltas of a stream put together: text appended, lists matched, the rest replaced.

Its law: linear in the size of the stream, and the chunks stay as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._providers.value import number, rows, table, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from promptscribe.schema import JSONObject, JSONValue

APPENDED: Final = frozenset(
    {
        "arguments",
        "content",
        "data",
        "input",
        "partial_json",
        "reasoning",
        "reasoning_content",
        "refusal",
        "response",
        "signature",
        "summary",
        "text",
        "thinking",
        "tool_plan",
        "transcript",
    }
)
"""Members whose text comes in pieces; the text of any other member is whole."""

DEPTH: Final = 12
"""Deltas are at most six levels deep; below this a member is replaced as it is."""


ANSWERS: Final = "$answers"
"""Member of a sum that holds what was added up."""


class Pieces(list[str]):
    """Text that is still growing: joined once, at the end."""


class Rows(list["JSONValue"]):
    """A list that is still growing, and is no chunk's."""


def merge(held: JSONObject, delta: JSONValue, depth: int = 0) -> JSONObject:
    """Put one delta into what is held; `sealed` gives the result."""
    for name, value in table(delta).items():
        if value is None:
            held.setdefault(name, None)
        else:
            held[name] = _merged(name, held.get(name), value, depth)
    return held


def _merged(name: str, old: JSONValue, new: JSONValue, depth: int) -> JSONValue:
    if isinstance(new, str):
        if name in APPENDED:
            return _appended(old, new)
        # DashScope repeats a call's id and name as "".
        return new or (old if isinstance(old, str) else new)
    if isinstance(new, dict) and depth < DEPTH:
        return merge(old if isinstance(old, dict) else {}, new, depth + 1)
    if isinstance(new, list) and depth < DEPTH:
        return _merged_rows(_as_rows(old), new, depth + 1)
    return new


def _appended(old: JSONValue, new: str) -> JSONValue:
    if isinstance(old, Pieces):
        old.append(new)
        return old
    if not isinstance(old, list):
        return Pieces([new])
    last = table(old[-1]) if old else {}  # Mistral: parts first, then plain text
    if word(last.get("type")) == "text" and isinstance(last.get("text"), Pieces):
        last["text"].append(new)
    elif new:
        old.append({"type": "text", "text": Pieces([new])})
    return old


def _as_rows(old: JSONValue) -> list[JSONValue]:
    if isinstance(old, Pieces):
        return [{"type": "text", "text": old}] if any(old) else []
    return rows(old)


def _merged_rows(old: list[JSONValue], new: list[JSONValue], depth: int) -> JSONValue:
    for row in new:
        place = _place(old, row) if isinstance(row, dict) else None
        if place is not None:
            merge(place, row, depth)
        elif isinstance(row, dict):
            old.append(merge({}, row, depth))
        else:
            old.append(row)
    return old


def _place(old: list[JSONValue], row: JSONObject) -> JSONObject | None:
    """Find the row that *row* goes on with; the newest one is looked at first."""
    if not any(name in row for name in ("index", "id", "function")):
        return None
    for held in reversed(old):
        if isinstance(held, dict) and _goes_on(held, row):
            return held
    return None


def _goes_on(held: JSONObject, row: JSONObject) -> bool:
    index, key, known = number(row.get("index")), word(row.get("id")), held.get("id")
    if key is not None and word(known) not in (None, key):
        return False  # Gemini's OpenAI door gives every call the index 0
    if index is not None:  # Together's SDK gives 0.0
        return number(held.get("index")) == index
    if key is not None:
        return word(known) == key
    return "function" in row and not table(row["function"]).get("name")


def sealed(value: JSONValue, depth: int = 0) -> JSONValue:
    """Give what was put together, all text joined."""
    if isinstance(value, Pieces):
        return "".join(value)
    if depth > DEPTH:
        return value
    if isinstance(value, dict):
        return {name: sealed(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [sealed(item, depth + 1) for item in value]
    return value


def turns(
    events: Iterable[JSONObject], begins: Callable[[JSONObject], bool]
) -> list[list[JSONObject]]:
    """Split the events of a generator that asks several times, one after another.

    Args:
        events: What it yielded.
        begins: Says whether an event is the first one of an answer.
    """
    found: list[list[JSONObject]] = [[]]
    for event in events:
        if found[-1] and begins(event):
            found.append([])
        found[-1].append(event)
    return found


def total(usages: list[JSONValue]) -> JSONValue:
    """Add up what several answers used; None where one of them does not say it.

    What each used stays beside the sum: each has its own price.
    """
    whole, *others = usages
    for usage in others:
        whole = None if whole is None or usage is None else _sum(whole, usage)
    return {**whole, ANSWERS: usages} if others and isinstance(whole, dict) else whole


def _sum(old: JSONValue, new: JSONValue, depth: int = 0) -> JSONValue:
    if isinstance(old, dict) and isinstance(new, dict) and depth < DEPTH:
        names = {**old, **new}
        return {name: _sum(old.get(name), new.get(name), depth + 1) for name in names}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    held, more = number(old), number(new)
    if held is not None and more is not None:
        return held + more
    return old if new is None else new


def fused(parts: list[JSONValue]) -> list[JSONValue]:
    """Join neighbouring parts of one kind that differ in their text only.

    Args:
        parts: Content parts as they came, chunk after chunk.

    Returns:
        The parts, each run of text (or of thoughts) in one.
    """
    runs: list[JSONValue] = []
    for part in parts:
        last = runs[-1] if runs else None
        if isinstance(part, dict) and isinstance(last, dict) and _alike(last, part):
            _extend(last, part)
        else:
            runs.append(dict(part) if isinstance(part, dict) else part)
    return [sealed(part) for part in runs]


TEXTS: Final = ("text", "thinking", "reasoning")


def _alike(last: JSONObject, part: JSONObject) -> bool:
    keys = ("type", "index", "thought")
    for old, new in ((last.get(key), part.get(key)) for key in keys):
        if type(old) is not type(new) or old != new:
            return False
    return any(_says(last, name) and _says(part, name) for name in TEXTS)


def _says(part: JSONObject, name: str) -> bool:
    return isinstance(part.get(name), str | list)


def _extend(last: JSONObject, part: JSONObject) -> None:
    for name, value in part.items():
        if value is not None:
            last[name] = _longer(last.get(name), value) if name in TEXTS else value


def _longer(old: JSONValue, new: JSONValue) -> JSONValue:
    if isinstance(new, str):
        if isinstance(old, Pieces):
            old.append(new)
        elif isinstance(old, str):
            return Pieces([old, new])
    elif isinstance(new, list):
        if isinstance(old, Rows):
            old.extend(new)
        elif isinstance(old, list) and not isinstance(old, Pieces):
            return Rows([*old, *new])
    return new if old is None else old
