"""The path: which names of files every server takes, and how another is made one.

Its law: pure and total. A path is a name and never a file; still, what looks like a way
out of a folder is none, so that no later export can be led astray by it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

MAX_PATH: Final = 512
"""Characters."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_PATH: Final = "log"  # the path of a block that has none


def fit_path(path: str) -> str:
    """Return a path as it is, or what is left of it where no server would take it."""
    if fault_of(path) is None:
        return path
    plain = _plain(path)
    plain = _CONTROL.sub(" ", plain).replace("\\", "/").replace("%", "-")
    names = [each.strip() for each in plain[:MAX_PATH].split("/") if _is_name(each)]
    return "/".join(names) or _NO_PATH


def fault_of(path: str) -> str | None:
    """Return what is wrong with a path, for a person; None if nothing is."""
    if len(path) > MAX_PATH:
        return _NO_LENGTH
    return _fault_of(path)


_NO_LENGTH: Final = f"Path should have 1 to {MAX_PATH} characters"


@lru_cache(maxsize=1024)  # the same few paths come again and again; none is long
def _fault_of(path: str) -> str | None:
    plain = _plain(path)
    if not plain:
        return _NO_LENGTH
    # Once as it is, once as a web server would read it.
    segments = [*plain.split("/"), *unquote(plain).split("/")]
    if any(_CONTROL.search(each) or "\\" in each for each in segments):
        return "Path should have no control characters and no backslash"
    if not all(map(_is_name, segments)):
        return "Path should have no empty segment and none of dots"
    return None


def _plain(path: str) -> str:
    return unicodedata.normalize("NFKC", path).strip("/")


def _is_name(segment: str) -> bool:
    return segment.strip() not in {"", ".", ".."}
