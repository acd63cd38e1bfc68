"""The pages of files: the list of Prompts, one with its versions, two compared.

Its law: rendered here, escaped by the templates, no script needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from starlette.routing import Route

from promptscribe.receiver.difference import difference, readable
from promptscribe.receiver.file_entry import FileName
from promptscribe.receiver.file_request import file_query
from promptscribe.receiver.log_entry import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from promptscribe.receiver.file_entry import FileVersion
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.template import Templates

PAGE_SIZE: Final = 50


class FilePages:
    """The pages of files over a store."""

    def __init__(self, store: Store, templates: Templates) -> None:
        self._store = store
        self._templates = templates

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/library", self.list, methods=["GET"]),
            Route("/library/{id}", self.file, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """Show files, the last changed first."""
        params = request.query_params
        query = file_query(
            params, None, default_size=PAGE_SIZE, default_sort="updated_at"
        )
        query = msgspec.structs.replace(query, size=query.size or PAGE_SIZE)
        page = await self._store.find_files(query)
        return await self._templates.page(
            "library.html",
            files=page.files,
            total=page.total,
            query=query,
            pages=max(-(-page.total // query.size), 1),
            params={key: params[key] for key in params if key != "page"},
        )

    async def file(self, request: Request) -> Response:
        """Show a file with its versions, and what one changed against another."""
        name = FileName(file_id=request.path_params["id"])
        file = await self._store.find_file(name)
        if isinstance(file, Refused):
            return await self._templates.page(
                "missing.html", 404, what="Prompt", name=name.file_id
            )
        versions = await self._store.find_versions(file.id)
        new = _chosen(versions, request.query_params.get("version"), versions[0])
        older = versions[versions.index(new) + 1 :] or [new]
        old = _chosen(versions, request.query_params.get("against"), older[0])
        return await self._templates.page(
            "file.html",
            file=file,
            versions=versions,
            new=new,
            old=old,
            lines=difference(
                readable(file.kind, old.details), readable(file.kind, new.details)
            ),
        )


def _chosen(
    versions: list[FileVersion], wanted: str | None, default: FileVersion
) -> FileVersion:
    return next((each for each in versions if each.version_id == wanted), default)
