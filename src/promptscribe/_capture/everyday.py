"""The everyday: words, code and placeholders that stand where secrets stand.

Its law: pure. What is not known here is a secret, under a secret's name.
"""

from __future__ import annotations

from typing import Final

from promptscribe._capture.pattern import late
from promptscribe._capture.secret_name import NONE, secrecy

_CODE: Final = late(
    r"(?:await[ ]|new[ ])?[A-Za-z_$]+(?:\.[A-Za-z_]+)*(?:\(|\[(?=[\"'\w]))"
)
_CALL: Final = late(r"(?<= )[A-Za-z_]\w*(?:\.\w+)*\(")
"""The same with digits in its name, if it stands apart: else passwords look like it."""
_ATTRIBUTE: Final = late(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_IDENTIFIER: Final = late(r"[A-Za-z_][A-Za-z_]*(?:\.[A-Za-z_]+)*")
_PLACEHOLDER: Final = late(
    r"(?i:bearer |basic |token )?(?:\{.*\}|\$[\w({].*|<.*>|%\(?\w+\)?s?"
    r"|[*x.•\-_X#…]+|\[redacted\]|[A-Z]+_[A-Z_]+|)\Z"
)
_WORDS_IN_ALL: Final = (
    "a above all an and any are array as at authentication authorization be been"
    " before below bool boolean both but by bytes can cannot check could dict did"
    " disabled do does else empty enabled enter error expired expires failed false"
    " field float for format found from get given had has have here hidden how if in"
    " incorrect int integer into invalid is it its key keys list located may me might"
    " missing must my needed needs never new nil no none not null number object of ok"
    " old on only optional or our own please provided required reset revoked rotated"
    " same secret see set should so some str string than that the their them then"
    " there these they this those to token tokens true tuple undefined unset until up"
    " use used user uses using valid value was we were what when where which who why"
    " will with without would wrong yes you your"
)
"""Words that a sentence goes on with, and types and constants: no secret is one."""
_WORDS: Final = frozenset(_WORDS_IN_ALL.split())


def is_code(text: str, at: int, word: str) -> bool:
    """Say whether a program looks something up there: ``os.environ["API_KEY"]``.

    Args:
        text: The whole text.
        at: Where it would begin.
        word: What stands there, up to the next space or the like.
    """
    if _CODE.match(text, at) or _CALL.match(text, at):
        return True
    if _ATTRIBUTE.fullmatch(word) is None:
        return False
    return secrecy(word.rpartition(".")[2]) != NONE


def is_identifier(word: str) -> bool:
    """Say whether a word could be one, or a program's name for something."""
    return _IDENTIFIER.fullmatch(word) is not None


def is_placeholder(said: str) -> bool:
    """Say whether this is where a secret is to be put: ``{{key}}``, ``$KEY``."""
    return _PLACEHOLDER.match(said) is not None


def is_everyday(said: str) -> bool:
    """Say whether this is a word that a sentence goes on with, or a placeholder."""
    return said.lower().rstrip(".,:;") in _WORDS or is_placeholder(said)
