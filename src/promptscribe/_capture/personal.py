"""The personal: card numbers and e-mail addresses in a text.

Its law: linear in the text, whatever it says: every look around a digit or an ``@`` has
a bound. Sources: ISO/IEC 7812 (issuers, Luhn's check digit); RFC 5321 (the parts of an
address and their lengths), RFC 6531 (in letters beyond ASCII).
"""

from __future__ import annotations

import re
from typing import Final

from promptscribe._capture.digit_run import NO_DIGITS, find_runs
from promptscribe._capture.pattern import late

SMALLEST_CARD: Final = 10**12
LARGEST_CARD: Final = 10**19

_GAP: Final = r"(?:[\s\-._/\u00b7\u2010-\u2015\u2022\u2212]{1,3})"
# A digit first, and only then what stands before it: so the search runs over what is
# no digit at the speed of `memchr`, nearly.
_CARD: Final = late(
    rf"""
    \d(?<!\d\d)(?<![+]\d)(?<!\d\.\d)(?:
        \d{{3}}(?:
            \d{{9,15}}
          | {_GAP}(?:
                \d{{4}}{_GAP}\d{{4}}{_GAP}(?:\d{{4}}(?:{_GAP}\d{{1,3}})?|\d{{1,3}})
              | \d{{6}}{_GAP}\d{{4,5}}
            )
          | \d{{4}}{_GAP}\d{{8}}
        )
      | \d{{0,2}}(?:[,.'\u2019\s_]\d{{3}}){{4,6}}
      | (?:[\s\-._]\d){{12,18}}
      | \.\d{{12,15}}[eE]\+?1[2-8]
    )(?!\d)(?!\.\d*[1-9])
    """,
    re.VERBOSE,
)
_ISSUER: Final = late(
    r"""
      4(?:\d{12}|\d{15}|\d{18})                                # Visa
    | (?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}  # Mastercard
    | 220[0-4]\d{12,15}                                        # Mir
    | 3[47]\d{13}                                              # American Express
    | 3(?:0[0-5]|095|[689]\d)\d{11,16}                         # Diners Club
    | 35(?:2[89]|[3-8]\d)\d{12,15}                             # JCB
    | (?:50|5[6-8]|6\d|8[12])\d{11,17}                         # Maestro, Discover, …
    | 9792\d{12}                                               # Troy
    """,
    re.VERBOSE,
)
_FOURS: Final = late(r"\d{4}(\D)\d{4}\1\d{4}\1\d{4}")
_FIGURES: Final = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))
"""Of a digit, and of one that Luhn's sum takes twice: 0.5 µs a number, not 9."""
_WORD: Final = late(r"[0-9A-Za-z-]+")
_HEX: Final = late(
    r"[0-9a-f]{24,}|[0-9A-F]{24,}"
    r"|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
)
_NUMBER_IN_JSON: Final = late(r"\\{0,31}\"\s{0,2}:\s{0,2}\Z")


def hide_cards(text: str, mark: str) -> str:
    """Return a text with *mark* in place of card numbers.

    Numbers with no issuer's beginning, such as times, stay, and so do digests.
    """
    known: dict[str, bool] = {}

    def hide(found: re.Match[str]) -> str:
        said = found.group()
        is_card = known.get(said)
        if is_card is None:
            is_card = known[said] = _is_card(said)
        start, end = found.span()
        if not is_card or _is_in_hex(text, start, end):
            return said
        if ":" not in text[max(start - 3, 0) : start]:
            return mark
        before = _NUMBER_IN_JSON.search(text, max(start - 12, 0), start)
        # A number in JSON stands bare, a text does not.
        quote = before.group().split(":")[0].strip() if before else ""
        return f"{quote}{mark}{quote}"

    pieces: list[str] = []
    done = 0
    for start, end in find_runs(text):
        for found in _CARD.finditer(text, max(start, done), end):
            pieces += text[done : found.start()], hide(found)
            done = found.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def is_card_number(number: float) -> bool:
    """Say whether a number is a card's."""
    if not SMALLEST_CARD <= number < LARGEST_CARD or number != int(number):
        return False
    return _is_card(str(int(number)))


def _is_card(said: str) -> bool:
    if said[-3] in "eE+" or said[-4] in "eE":
        said = str(int(float(said)))
    if said.isascii():
        digits = said.encode().translate(None, NO_DIGITS)
    else:
        digits = "".join(str(int(c)) for c in said if c.isdecimal()).encode()
    if not _passes_luhn(digits):
        return False
    is_known = _ISSUER.fullmatch(digits.decode()) is not None
    return is_known or _FOURS.fullmatch(said) is not None


def _passes_luhn(digits: bytes) -> bool:
    others = digits[-2::-2].translate(_DOUBLED)
    return (sum(digits[-1::-2].translate(_FIGURES)) + sum(others)) % 10 == 0


def _is_in_hex(text: str, start: int, end: int) -> bool:
    """Say whether the digits are a piece of a digest, a trace id or a UUID."""
    if not (_WORD.match(text, start - 1, start) or _WORD.match(text, end, end + 1)):
        return False  # they stand alone, and are too few for one
    if _WORD.fullmatch(text, start, end) is None:
        return False
    low = max(start - 64, 0)
    for word in _WORD.finditer(text, low, end + 64):
        if word.start() <= start and word.end() >= end:
            return _HEX.fullmatch(word.group()) is not None
    return False


_AT_SIGN: Final = late(r"@(?=[\[\w])")
_AT: Final = late(r"[@\uff20](?=[\[\w])|(?:%40|\\u0040)(?=\w)")
_EAST: Final = "\u1100-\u11ff\u3000-\u9fff\uac00-\ud7ff\uff01-\uff9f"
"""Scripts without spaces between words: an address ends where they begin."""
_STOP: Final = r"\s@\uff20\"'<>()\[\]{},;:\\/=?&|`"
_LOCAL: Final = late(
    rf"(?:[^{_STOP}{_EAST}]|(?<=\w)'(?=\w)){{1,64}}|[^{_STOP}]{{1,64}}"
)
_QUOTED_LOCAL: Final = late(r'"(?:[^"\r\n]{1,64})"\\?|"\\[^"\r\n]{1,64}"\\?')
_DOT: Final = r".\u3002\uff0e\uff61"
"""RFC 3490, section 3.1: what is taken for a dot in an internationalised name."""
_LABEL: Final = rf"[^{_STOP}{_DOT}!#$%*+^~“”„«»…]{{1,63}}"
_DOMAIN: Final = late(
    rf"""(?:
      (?:{_LABEL}[{_DOT}]){{1,8}}
      (?:xn--[A-Za-z0-9-]{{1,59}}|[A-Za-z]{{2,24}}(?![A-Za-z0-9_(-])
        |(?=[^\x00-\x7f])[^\W\d_]{{2,24}})
    | \[(?:[0-9.]{{7,15}}|IPv6:[0-9A-Fa-f:.]{{2,45}})\]
    )""",
    re.VERBOSE,
)
_FARTHEST: Final = 72


def hide_addresses(text: str, mark: str) -> str:
    """Return a text with *mark* in place of e-mail addresses."""
    others = any(sign in text for sign in ("%40", "u0040", "\uff20"))
    if not others and "@" not in text:
        return text
    pieces: list[str] = []
    done = 0
    for at in (_AT if others else _AT_SIGN).finditer(text):
        start = _find_local(text, done, at.start())
        if start is None:
            continue
        domain = _DOMAIN.match(text, at.end())
        if domain is None or _is_git(text, start, at.start(), domain.end()):
            continue
        pieces += text[done:start], mark
        done = domain.end()
    if not pieces:
        return text
    pieces.append(text[done:])
    return "".join(pieces)


def _find_local(text: str, done: int, at: int) -> int | None:
    before = text[max(at - _FARTHEST, done) : at][::-1]
    pattern = _QUOTED_LOCAL if before[:1] == '"' else _LOCAL
    found = pattern.match(before)
    if found is None:
        return None
    start = at - found.end()
    if text[start - 1 : start] == "\\":  # ``\\n`` of a text within a text is no letter
        start += 5 if text[start] == "u" else 1
    return start if start < at else None


def _is_git(text: str, start: int, at: int, end: int) -> bool:
    """Say whether this is the address of a repository, which is nobody's."""
    return text[start:at] == "git" and text[end : end + 1] in {":", "/"}
