"""The served OpenAPI document agrees with the code."""

import json
import re

import pytest
from starlette.routing import Route

from promptscribe.receiver.app import create_app
from promptscribe.receiver.document import document
from promptscribe.receiver.request import KERNELS, LOG_REQUEST, LOG_UPDATE
from promptscribe.receiver.sqlite_store import SqliteStore

# Pages and their kin, which are for people and scrapers.
NOT_IN_THE_CONTRACT = {"/", "/metrics", "/openapi.json", "/library", "/library/{id}"}


def test_the_document_is_served(client):
    """Under both prefixes, and it is JSON."""
    assert client.get("/openapi.json").json() == document()
    assert client.get("/v5/openapi.json").json()["openapi"] == "3.1.0"


def test_every_route_is_in_the_document_and_no_other(tmp_path):
    """Methods and paths are those of the application, bare and under /v5."""
    store = SqliteStore(tmp_path / "logs.db")
    app = create_app(store)
    store.close()

    served = {
        (method, re.sub(r":path", "", route.path))
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }

    described = {
        (method.upper(), path)
        for path, methods in document()["paths"].items()
        for method in methods
    }
    pages = {"/trace/{id}", "/log/{id}", *NOT_IN_THE_CONTRACT}
    bare = {pair for pair in served if not pair[1].startswith("/v5")}
    assert {pair for pair in bare if pair[1] not in pages} == described
    under = {(method, path.removeprefix("/v5")) for method, path in served - bare}
    assert under - {("GET", "/openapi.json")} == described


@pytest.mark.parametrize("kind", ["prompt", "tool", "flow"])
def test_every_member_is_in_the_document(kind):
    """The schemas of requests have the members that the code takes, and no other."""
    schemas = document()["components"]["schemas"]
    name = kind.title()

    assert schemas[f"{name}LogRequest"]["properties"].keys() == LOG_REQUEST[kind]
    assert schemas[f"{name}LogRequest"]["additionalProperties"] is False
    assert schemas[f"{name}LogUpdateRequest"]["properties"].keys() == LOG_UPDATE[kind]
    assert schemas[f"{name}Kernel"]["properties"].keys() == KERNELS[kind].keys()


def test_references_lead_somewhere_and_ids_are_unique():
    """No dead reference, no operation twice."""
    served = document()
    names = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(served))

    assert set(names) <= served["components"]["schemas"].keys()
    ids = [
        operation["operationId"]
        for methods in served["paths"].values()
        for operation in methods.values()
    ]
    assert len(ids) == len(set(ids))
