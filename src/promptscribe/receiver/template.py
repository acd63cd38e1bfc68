"""The templates of the pages, rendered with everything escaped.

Its law: no template marks anything as safe; what a log contains is text.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import quote

import jinja2
from starlette.responses import HTMLResponse

from promptscribe.receiver import figure

HERE: Final = Path(__file__).parent
MOST_TEXT: Final = 100_000  # characters of one text: 40 pages of a book
MOST_PARTS: Final = 500  # messages, inputs or calls: what is more is in the JSON
MOST_HITS: Final = 5  # of one trace in a list: the trace itself shows all of them
_FILTERS: Final = ("duration", "count", "dollars", "moment", "full_moment", "pretty")


class Templates:
    """Renders pages."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "MOST_TEXT": MOST_TEXT,
            "MOST_PARTS": MOST_PARTS,
            "MOST_HITS": MOST_HITS,
        }
        self._environment.filters |= {name: getattr(figure, name) for name in _FILTERS}
        self._environment.filters["address"] = address_of

    async def page(
        self, template: str, status: int = 200, /, **values: object
    ) -> HTMLResponse:
        """Return a page, rendered beside the event loop, which others wait for."""
        text = await asyncio.to_thread(
            self._environment.get_template(template).render, **values
        )
        # A lone surrogate cannot come in; should one be here, the page still goes out.
        return HTMLResponse(text.encode("utf-8", "replace"), status)


def address_of(log_id: str, room: str) -> str:
    """Return where a log is found, as a link says it.

    Args:
        log_id: Any id.
        room: ``log`` or ``trace`` for a page, ``logs`` for JSON.
    """
    if log_id in {".", ".."}:  # to a browser these are folders, however they are quoted
        return f"/{room}/?id={log_id}"
    return f"/{room}/{quote(log_id, safe='')}"
