"""This library's own dialect: ``promptscribe.*``, what no convention has a name for.

Its law: what `emission` writes is read back here, so that a log that travelled as a
span is the log that it was. The id of a file, ``promptscribe.id``, is another server's
and stays what it is: an attribute.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from promptscribe._dialects.draft import row, structure
from promptscribe._dialects.value import figure, table_of
from promptscribe._providers.tool import read_tool_choice
from promptscribe._providers.value import flag, text, word

if TYPE_CHECKING:
    from promptscribe._dialects.draft import Draft
    from promptscribe._dialects.span import Span
    from promptscribe.schema import JSONValue

PREFIX: Final = "promptscribe."
LOG: Final = "promptscribe.log"
"""True in a span that is a whole log, whether of a model's call or of a function."""

BENEATH: Final = "promptscribe.beneath"
"""Spans that are no logs, but that logs made before them name as their parent. Each by
its id, 16 hexadecimal digits, if it is beneath this one; else with the id of the log
above it behind a colon, or nothing there if there is none."""

_BENEATH: Final = re.compile(r"[0-9a-f]{16}(:([0-9a-f]{16})?)?")

METADATA: Final = "promptscribe.metadata."


def _choice(value: JSONValue) -> JSONValue:
    found = table_of(value)
    return read_tool_choice({"tool_choice": value if found is None else found}, {})


ROWS: Final = (
    row("output", text, "promptscribe.output"),
    row("prompt_cost", figure, "promptscribe.cost.prompt"),
    row("output_cost", figure, "promptscribe.cost.output"),
    row("tool_choice", _choice, "promptscribe.tool_choice"),
    row("source", word, "promptscribe.source"),
    row("stdout", word, "promptscribe.stdout"),
    row("save", flag, "promptscribe.save"),
    row("evaluation_id", word, "promptscribe.evaluation_id"),
    row("batch_id", word, "promptscribe.batch_id"),
    row("source_datapoint_id", word, "promptscribe.source_datapoint_id"),
)


def is_call(span: Span) -> bool | None:
    """Say that a span is a log, where it says so itself."""
    return True if span.attributes.get(LOG) is True else None


def read(draft: Draft) -> None:
    """Read what the dialect says of a call."""
    draft.fill(ROWS)
    draft.use([LOG, BENEATH, "promptscribe.trace_parent_id"])
    for name, value in draft.attributes.items():
        if name.startswith(METADATA):
            draft.use([name])
            found = structure(value)
            draft.put(f"metadata.{name[len(METADATA) :]}", found or value)


def beneath(value: JSONValue) -> list[str]:
    """Give the entries of `BENEATH`; what is none is left out."""
    found = value if isinstance(value, list) else []
    return [s for s in found if isinstance(s, str) and _BENEATH.fullmatch(s)]
