"""Damage that only ``python -bb`` tells: bytes where a word is expected."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import copy, json, sys
from pathlib import Path
from promptscribe._providers.registry import interpret, join
from promptscribe._providers.request import read_request

def places(value, *above):
    pairs = value.items() if type(value) is dict else enumerate(value)
    for key, item in pairs:
        yield (*above, key)
        if type(item) in (dict, list):
            yield from places(item, *above, key)

def read(recording):
    read_request(recording["request"])
    if "chunks" in recording:
        return interpret(join(recording["chunks"]))
    return interpret(recording["response"])

count = 0
for path in sorted(Path(sys.argv[1]).glob("*.json")):
    recording = json.loads(path.read_bytes())
    parts = {k: v for k, v in recording.items() if k in ("request", "response")}
    parts |= {"chunks": recording["chunks"][:6]} if "chunks" in recording else {}
    for place in places(parts):
        if len(place) > 1:
            damaged = copy.deepcopy(parts)
            held = damaged
            for key in place[:-1]:
                held = held[key]
            held[place[-1]] = b"damage"
            read(damaged)
            count += 1
print(count)
"""


def test_bytes_in_place_of_any_member_are_read_where_python_compares_none():
    """Each member of every recorded request and response, one after another."""
    recorded = Path(__file__).parent / "recorded"

    done = subprocess.run(
        [sys.executable, "-bb", "-W", "error", "-c", PROGRAM, str(recorded)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1_000
