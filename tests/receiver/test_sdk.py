"""The hosted service's own SDK as a client: only the base URL changes."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promptscribe.receiver.document_route import OPERATIONS
from promptscribe.receiver.server import start_in_thread
from promptscribe.receiver.version import KINDS

HERE = Path(__file__).parent / "sdk"
# The seed's era, and the last there was; that one needs what it does not declare.
GENERATIONS = {
    "seed": ("humanloop==0.8.8",),
    "last": ("humanloop==0.8.40b6", "requests"),
}
# No SDK has ever asked for these, or not this one.
OURS = {"GET /health", "POST /prompts/logs", "POST /v1/traces"}
LATER = {"GET /files", "POST /files/retrieve-by-path", "POST /import/otel/v1/traces"}
UNASKED = {"seed": OURS | LATER, "last": OURS}


class Asked(logging.Handler):
    """Keeps what the receiver's access log says."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(json.loads(record.getMessage()))


@pytest.fixture
def asked():
    access = logging.getLogger("promptscribe.receiver.access")
    handler = Asked()
    level = access.level
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    yield handler.lines
    access.removeHandler(handler)
    access.setLevel(level)


def routes():
    """Every route in the document, with what its paths look like."""
    for operation in OPERATIONS:
        for kind in KINDS if "{kind}" in operation.path else ("",):
            path = operation.path.replace("{kind}", f"{kind}s")
            pattern = re.sub(r"\{\w+\}", "[^/]+", f"/v5{path}")
            yield f"{operation.method} {path}", operation.method, pattern


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_sdk_does_all_it_can(generation, asked, tmp_path):
    """Both generations, over every route that they have, with their own types."""
    packages = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run(
        [*pip, "--target", packages, *GENERATIONS[generation]],
        check=True,
        capture_output=True,
    )
    receiver = start_in_thread(db=tmp_path / "logs.db")

    done = subprocess.run(
        [sys.executable, HERE / f"{generation}.py", f"{receiver.url}/v5"],
        env=os.environ | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    receiver.stop()

    assert done.returncode == 0, done.stderr
    answered = [line for line in asked if line["status"] in {200, 204}]
    unasked = {
        name
        for name, method, pattern in routes()
        if not any(
            line["method"] == method and re.fullmatch(pattern, line["path"])
            for line in answered
        )
    }
    assert unasked == UNASKED[generation]
    assert all(line["status"] < 500 for line in asked)
