"""Writes the bill of materials: ``python -m tests.security.sbom > sbom.cdx.json``.

CycloneDX 1.7, the same bytes for the same pyproject.toml. It names what is in the wheel
and not ours, and what has to be installed with it, by the ranges that are allowed: what
of these is installed is the environment's bill, not the wheel's. The build puts it into
the wheel (PEP 770); ``test_supply`` has it compared and validated.
"""

from __future__ import annotations

import json
import re
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "promptscribe" / "receiver" / "static"
FLOORS = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?P<range>[^;\[]*)$")


def bill():
    """Return the bill of materials, as one value."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    me = f"pkg:pypi/promptscribe@{project['version']}"
    needs = [_external(each, "required") for each in sorted(project["dependencies"])]
    names = {each["name"] for each in needs}
    for each in sorted(project["optional-dependencies"]["receiver"]):
        component = _external(each, "optional")
        if component["name"] not in names:
            needs.append(component)
    bundled = _bundled()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, me)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": me,
                "name": "promptscribe",
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": me,
                "components": [bundled],
            }
        },
        "components": needs,
        "dependencies": [
            {
                "ref": me,
                "dependsOn": sorted(
                    each["bom-ref"] for each in needs if each["scope"] == "required"
                ),
            },
            {"ref": bundled["bom-ref"]},
            *({"ref": each["bom-ref"]} for each in needs),
        ],
    }


def _external(requirement, scope):
    """Return what is installed beside, as a component."""
    found = FLOORS.match(requirement)
    name, allowed = found["name"].lower(), found["range"]
    component = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "scope": scope,
        "purl": f"pkg:pypi/{name}",
        "isExternal": True,
    }
    if allowed:
        component["versionRange"] = "vers:pypi/" + allowed.replace(",", "|")
    return component


def _bundled():
    """Return the one script that is shipped along, as a component."""
    said = (STATIC / "htmx" / "SOURCE").read_text("utf-8")
    version = re.match(r"htmx (\S+),", said)[1]
    return {
        "type": "library",
        "bom-ref": f"pkg:npm/htmx.org@{version}",
        "name": "htmx.org",
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": re.search(r"\w{64}", said)[0]}],
        "licenses": [{"license": {"id": "0BSD"}}],
        "purl": f"pkg:npm/htmx.org@{version}",
        "evidence": {
            "occurrences": [
                {"location": "promptscribe/receiver/static/htmx/htmx.min.js"}
            ]
        },
    }


def text():
    """Return the bill as it is written."""
    return json.dumps(bill(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
