"""The supply chain: builds that can be repeated, and the oldest dependencies."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.security import sbom

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BILL = "sbom.cdx.json"
BUILT_FROM = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", BILL, "src")


def build(folder, umask, mtime):
    """Build sdist and wheel from a copy; return the files by their name."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*"):
        os.utime(path, (mtime, mtime))
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist"],
        cwd=source,
        env=environment,
        umask=umask,
        capture_output=True,
        check=True,
    )
    return {path.name: path for path in (folder / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two builds: another folder, another year, another umask."""
    folder = tmp_path_factory.mktemp("built")
    one = build(folder / "one", 0o022, 1_000_000_000)
    other = build(folder / "other", 0o077, 1_600_000_000)
    return one, other


def test_who_builds_twice_gets_the_same_bytes(built):
    """Sdist and wheel: anyone can check what was published."""
    one, other = built
    digests = [
        {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in each.items()}
        for each in built
    ]

    assert len(one) == 2
    assert digests[0] == digests[1]
    assert one.keys() == other.keys()


def test_an_index_would_take_them(built):
    """The metadata is complete, the README renders."""
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *built[0].values()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_they_hold_the_package_and_nothing_else(built):
    """No tests, no databases, no settings of an editor; but the licence."""
    names = {}
    for path in built[0].values():
        if path.suffix == ".whl":
            names["wheel"] = zipfile.ZipFile(path).namelist()
        else:
            with tarfile.open(path) as archive:
                names["sdist"] = archive.getnames()
    assert any(name.endswith("licenses/LICENSE") for name in names["wheel"])
    assert any(name.endswith("py.typed") for name in names["wheel"])
    assert all(
        re.match(r"promptscribe(-[\d.]+\.dist-info)?/", name) for name in names["wheel"]
    )
    assert not [n for n in names["sdist"] if re.search(r"\.(db|pyc|env|key)$", n)]


def test_the_bill_of_materials_is_that_of_this_package(built):
    """In the wheel, where PEP 770 has it; what it says is what pyproject.toml says."""
    (wheel,) = (path for path in built[0].values() if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if ".dist-info/sboms/" in n)
        bill = archive.read(name).decode()

    assert bill == sbom.text(), "python -m tests.security.sbom > sbom.cdx.json"
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(bill) is None
    names = {component["name"] for component in json.loads(bill)["components"]}
    assert {"httpx", "msgspec", "wrapt", "starlette"} <= names


ROUND_TRIP = """
import sys
import promptscribe
from promptscribe.testing import MemoryTransport
from promptscribe.receiver.server import start_in_thread

receiver = start_in_thread(db="logs.db")
promptscribe.configure(base_url=receiver.url, journal_dir="journal", export=True)

@promptscribe.log_prompt(path="oldest/call")
def call(mark):
    return {"model": "gpt-4o", "choices": [{"message": {"role": "assistant",
            "content": "yes"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}

for mark in range(100):
    call(mark)
print(promptscribe.force_flush(20))
import promptscribe.otel
receiver.stop()
"""


SUITES = (
    *("config", "journal", "providers", "wire"),
    *("delivery/test_exporter.py", "delivery/test_identity.py"),
    *("delivery/test_render.py", "delivery/test_retry.py", "delivery/test_secrecy.py"),
    *("capture/test_controls.py", "capture/test_decorator.py"),
    *("capture/test_nesting.py", "capture/test_snapshot.py", "capture/test_stream.py"),
)
TOOLS = ("anyio[trio]", "attrs", "dirty-equals", "hypothesis", "pydantic")
TOOLS += ("pytest", "pytest-timeout", "openai")


@pytest.mark.peers
@pytest.mark.timeout(600)
def test_capture_and_delivery_hold_with_the_oldest_dependencies(tmp_path):
    """Their own tests, with every lower bound of what a bare installation needs.

    So with httpx itself: the extras bring its fork along, which is preferred.
    """
    uv = [sys.executable, "-m", "uv"]
    python = tmp_path / "venv" / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--python", python]
    for command in (
        [*uv, "venv", "-q", "-p", sys.executable, "venv"],
        [*install, "--resolution", "lowest-direct", ROOT],
        [*install, *TOOLS],
        [*uv, "pip", "uninstall", "-q", "--python", python, "httpx2"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"),
            *(f"tests/{suite}" for suite in SUITES),
        ],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert_oldest(python, ("httpx", "msgspec", "opentelemetry-api", "wrapt"))


def assert_oldest(python, names):
    """Assert that an environment has the lower bounds of pyproject.toml."""
    told = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "freeze", "--python", python],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in names:
        lower = re.search(rf'"{name}>=([\d.]+)', project)[1]
        assert re.search(rf"^{name}=={re.escape(lower)}", told, re.MULTILINE), told


@pytest.mark.peers
@pytest.mark.timeout(600)
def test_the_oldest_dependencies_that_are_allowed_will_do(tmp_path):
    """With every lower bound of pyproject.toml: from the call into the receiver."""
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "uv", "venv", "-q", "-p", sys.executable, "venv"],
        cwd=tmp_path,
        check=True,
    )
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python),
            *("--resolution", "lowest-direct", f"{ROOT}[receiver]"),
        ],
        cwd=tmp_path,
        check=True,
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PROMPTSCRIBE_")}
    done = subprocess.run(
        [python, "-c", ROUND_TRIP],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "delivered=100, pending=0" in done.stdout, done.stderr
    assert_oldest(python, ("httpx", "msgspec", "wrapt", "starlette"))
