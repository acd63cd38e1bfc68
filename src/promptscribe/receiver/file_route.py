"""Routes of files: Prompts, Tools and Flows, their versions and deployments.

Its law: what a request means is said by `file_request`, what an answer looks like
by `record` and `directory`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from promptscribe.receiver.answer import (
    failure,
    json_answer,
    refusal,
    unprocessable,
)
from promptscribe.receiver.body import read_body
from promptscribe.receiver.check import Problem, check_path, shape
from promptscribe.receiver.directory import directories, directory_record
from promptscribe.receiver.file_entry import FileName, FileQuery
from promptscribe.receiver.file_request import (
    file_query,
    read_move,
    read_name,
    read_version,
)
from promptscribe.receiver.filter import QueryReader
from promptscribe.receiver.ingest import BadRequest, decode_body
from promptscribe.receiver.log_entry import Refused
from promptscribe.receiver.record import environment_record, file_record
from promptscribe.receiver.version import KINDS

if TYPE_CHECKING:
    from starlette.requests import Request

    from promptscribe.receiver.file_entry import FileVersion
    from promptscribe.receiver.store import Store
    from promptscribe.receiver.version import FileKind

_ALL: Final = FileQuery(sort_by="name", descending=False, size=100_000)


class FileRoutes:
    """The routes of files over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self, prefix: str) -> list[Route]:
        """Return the routes under a prefix."""
        return [
            *[route for kind in KINDS for route in self._of_kind(prefix, kind)],
            Route(f"{prefix}/files", partial(self.list, None), methods=["GET"]),
            Route(f"{prefix}/files/retrieve-by-path", self.by_path, methods=["POST"]),
            Route(f"{prefix}/directories", self.directories, methods=["GET"]),
            Route(f"{prefix}/directories/{{id}}", self.directory, methods=["GET"]),
            Route(f"{prefix}/evaluations", self.evaluations, methods=["GET"]),
        ]

    def _of_kind(self, prefix: str, kind: FileKind) -> list[Route]:
        files = f"{prefix}/{kind}s"
        one = f"{files}/{{id}}"
        deployed = f"{one}/environments/{{environment_id}}"
        return [
            Route(files, partial(self.list, kind), methods=["GET"]),
            Route(files, partial(self.put, kind), methods=["POST"]),
            Route(one, partial(self.read, kind), methods=["GET"]),
            Route(one, partial(self.move, kind), methods=["PATCH"]),
            Route(one, partial(self.delete, kind), methods=["DELETE"]),
            Route(f"{one}/versions", partial(self.versions, kind), methods=["GET"]),
            Route(
                f"{one}/environments", partial(self.environments, kind), methods=["GET"]
            ),
            Route(deployed, partial(self.deploy, kind), methods=["POST"]),
            Route(deployed, partial(self.undeploy, kind), methods=["DELETE"]),
        ]

    async def list(self, kind: FileKind | None, request: Request) -> Response:
        """Answer one page of files."""
        query = file_query(request.query_params, kind)
        page = await self._store.find_files(query)
        return json_answer(
            {
                "records": [file_record(file) for file in page.files],
                "page": query.page,
                "size": query.size,
                "total": page.total,
            }
        )

    async def put(self, kind: FileKind, request: Request) -> Response:
        """Make a version, and its file where that is new."""
        draft = read_version(kind, decode_body(await read_body(request)))
        version_id = await self._store.put_version(draft)
        if isinstance(version_id, Refused):
            return refusal(version_id)
        versions = await self._store.read_versions([version_id])
        return json_answer(file_record(versions[version_id]))

    async def read(self, kind: FileKind, request: Request) -> Response:
        """Answer one file, at the version that the query names."""
        name = read_name(request.query_params, kind, request.path_params["id"])
        return _file_answer(await self._store.find_file(name))

    async def by_path(self, request: Request) -> Response:
        """Answer the file at a path, of whatever kind."""
        body = decode_body(await read_body(request))
        found: list[Problem] = []
        shape({"path": check_path}, "path")(body, ("body",), found)
        if found:
            raise BadRequest(found)
        reader = QueryReader(request.query_params)
        reader.flag("include_raw_file_content")  # answered wherever there is one
        reader.finish()
        environment = reader.text("environment")
        name = FileName(path=body["path"].strip("/"), environment=environment)
        return _file_answer(await self._store.find_file(name))

    async def move(self, kind: FileKind, request: Request) -> Response:
        """Give a file another path, or another name in its folder."""
        body = decode_body(await read_body(request))
        name = FileName(kind=kind, file_id=request.path_params["id"])
        file = await self._store.find_file(name)
        if isinstance(file, Refused):
            return refusal(file)
        path = read_move(body, file.path)
        refused = await self._store.move_file(kind, file.id, path)
        return _file_answer(refused or await self._store.find_file(name))

    async def delete(self, kind: FileKind, request: Request) -> Response:
        """Delete a file."""
        refused = await self._store.delete_file(kind, request.path_params["id"])
        return Response(status_code=204) if refused is None else refusal(refused)

    async def versions(self, kind: FileKind, request: Request) -> Response:
        """Answer all versions of a file, newest first."""
        name = FileName(kind=kind, file_id=request.path_params["id"])
        file = await self._store.find_file(name)
        if isinstance(file, Refused):
            return refusal(file)
        reader = QueryReader(request.query_params)
        wanted = reader.wants_committed("status")
        reader.flag("evaluator_aggregates")  # there are no evaluators: an empty list
        reader.finish()
        versions = await self._store.find_versions(file.id) if wanted else []
        return json_answer({"records": [file_record(version) for version in versions]})

    async def environments(self, kind: FileKind, request: Request) -> Response:
        """Answer every environment, and what of the file is deployed there."""
        name = FileName(kind=kind, file_id=request.path_params["id"])
        file = await self._store.find_file(name)
        if isinstance(file, Refused):
            return refusal(file)
        deployed: dict[str, FileVersion] = {
            environment.id: version
            for version in await self._store.find_versions(file.id)
            for environment in version.environments
        }
        return json_answer(
            [
                environment_record(environment)
                | {"file": file_record(deployed[environment.id])}
                if environment.id in deployed
                else environment_record(environment) | {"file": None}
                for environment in await self._store.environments()
            ]
        )

    async def deploy(self, kind: FileKind, request: Request) -> Response:
        """Deploy a version to an environment."""
        version_id = request.query_params.get("version_id")
        if version_id is None:
            problem = Problem(("query", "version_id"), "Field required", "missing")
            return unprocessable([problem])
        names = request.path_params
        refused = await self._store.deploy(
            kind, names["id"], names["environment_id"], version_id
        )
        name = FileName(kind=kind, file_id=names["id"], version_id=version_id)
        return _file_answer(refused or await self._store.find_file(name))

    async def undeploy(self, kind: FileKind, request: Request) -> Response:
        """Take away what is deployed to an environment."""
        names = request.path_params
        refused = await self._store.deploy(
            kind, names["id"], names["environment_id"], None
        )
        return Response(status_code=204) if refused is None else refusal(refused)

    async def directories(self, _request: Request) -> Response:
        """Answer every directory."""
        page = await self._store.find_files(_ALL)
        return json_answer(list(directories(page.files).values()))

    async def directory(self, request: Request) -> Response:
        """Answer one directory with its files and subdirectories."""
        wanted = request.path_params["id"]
        page = await self._store.find_files(_ALL)
        record = directory_record(page.files, wanted)
        if record is None:
            return failure(404, f"Directory {wanted} not found")
        return json_answer(record)

    async def evaluations(self, request: Request) -> Response:
        """Answer that there are none: the hosted service's export tool asks."""
        query = file_query(request.query_params, None)
        page = {"page": query.page, "size": query.size, "total": 0}
        return json_answer({"records": [], **page})


def _file_answer(found: FileVersion | Refused) -> Response:
    if isinstance(found, Refused):
        return refusal(found)
    return json_answer(file_record(found))
