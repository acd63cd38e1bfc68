"""The command line: options that take a secret, in a text that shows how it was called.

Its law: linear in the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from promptscribe._capture.everyday import is_everyday
from promptscribe._capture.pattern import late
from promptscribe._capture.secret_name import NONE, secrecy

if TYPE_CHECKING:
    import re

_OPTION: Final = late(
    # The signs first, and only then what stands before them: so the search skips to
    # them, at 0.3 ns a character; the other way round it takes 10.
    r"(--(?<!\S--)[A-Za-z][\w-]{0,40})[ \t]{1,4}(?!-)"
    r"(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\s\"']+))"
)
_CURL_USER: Final = late(
    r"(?<!\S)(?:-u|--user|--proxy-user|-U)[ \t=]{0,4}[\"']?([^\s:\"']{1,256}:[^\s\"']+)"
)
_NETRC: Final = late(r"\bpassword[ \t\n]{1,8}(\S+)")


def hide_options(text: str, mark: str) -> str:
    """Return a text with *mark* in place of what secrets' options are given."""
    if "--" in text:
        text = _OPTION.sub(lambda found: _hide_option(found, mark), text)
    if "curl" in text:
        text = _CURL_USER.sub(lambda found: _within(found, 1, mark), text)
    if "machine " in text and "login " in text:
        text = _NETRC.sub(lambda found: _within(found, 1, mark), text)
    return text


def _hide_option(found: re.Match[str], mark: str) -> str:
    group = next(n for n in (2, 3, 4) if found[n] is not None)
    word = found[group]
    if secrecy(found[1]) == NONE or is_everyday(word) or _is_named_so(found[1], word):
        return found.group()
    return _within(found, group, mark)


def _is_named_so(option: str, word: str) -> bool:
    """Say whether a word only names what is to be given: ``--api-key KEY``."""
    named = {*option.upper().split("-"), option[2:].upper().replace("-", "_")}
    return word.strip("<>[]") in {*named, "STRING", "TEXT", "VALUE"}


def _within(found: re.Match[str], group: int, mark: str) -> str:
    said, start = found.group(), found.start()
    return (
        f"{said[: found.start(group) - start]}{mark}{said[found.end(group) - start :]}"
    )
