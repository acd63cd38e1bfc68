"""The served document is fed to a fuzzer: no 500, and every answer is as it says."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from promptscribe.receiver.document import document
from promptscribe.receiver.server import start_in_thread

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document())


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """Send what was generated for a line as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


BODY = {"path": "a/b", "prompt": {"model": "m"}, "log_id": "{id}", "output": "x"}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    running = start_in_thread(db=tmp_path_factory.mktemp("schema") / "logs.db")
    with httpx.Client(base_url=running.url, timeout=60) as session:
        session.post("/prompts/log", json=BODY | {"log_id": "0"})
        session.post("/tools/log", json={"path": "a/t", "trace_parent_id": "0"})
        session.post("/flows/log", json={"path": "f", "flow": {"attributes": {}}})
    yield running.url
    running.stop()


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_request_that_the_document_allows(case, url):
    """Whatever the schemas generate, right or wrong: a documented answer."""
    case.call_and_validate(base_url=f"{url}/v5", checks=CHECKS)
