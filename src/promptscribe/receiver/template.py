"""The templates of the pages, rendered with everything escaped.

Its law: no template marks anything as safe; what a log contains is text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import jinja2
from starlette.responses import HTMLResponse

from promptscribe.receiver import figure

HERE: Final = Path(__file__).parent
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
        self._environment.filters |= {name: getattr(figure, name) for name in _FILTERS}

    def page(
        self, template: str, status: int = 200, /, **values: object
    ) -> HTMLResponse:
        """Return a page."""
        text = self._environment.get_template(template).render(**values)
        # A lone surrogate cannot come in; should one be here, the page still goes out.
        return HTMLResponse(text.encode("utf-8", "replace"), status)
