"""The assignment: a secret's name and its value, in whatever text they stand.

Its law: linear in the text, and valid JSON stays valid: a value gives way to a text of
the same quotes. JSON, Python, YAML, dotenv files, headers, forms, queries and command
lines have one thing in common, a name, a sign and a value; where the value is a word
like any other, prose and code are left alone.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from promptscribe._capture.command_line import hide_options
from promptscribe._capture.everyday import (
    is_code,
    is_everyday,
    is_identifier,
    is_placeholder,
)
from promptscribe._capture.pattern import late
from promptscribe._capture.secret_name import (
    NONE,
    STRONG,
    WEAK,
    keeps_numbers,
    secrecy,
)
from promptscribe._capture.secret_word import WIDE_COLON, find_words

_QUOTES: Final = frozenset("\"'`")
_KINDS: Final = ("double", "single", "back", "inner")
_QUOTE: Final = r"\\{0,31}[\"'`]"
_TYPE: Final = (
    r":[ \t]?(?:Optional\[)?&?(?:str|bytes|[Ss]tring|SecretStr|SecretBytes|[Aa]ny)\b"
    r"\]?(?:[ ]?\|[ ]?(?:None|null|undefined))?[ \t]{0,4}"
)
_NAME: Final = late(
    rf"""
    (?i:key|token|secret|passw(?:or)?d|passphrase|passcode|pass|pwd|auth(?:orization)?
      |cookie|cred(?:ential)?|jwt|bearer|connection_?string|card_?number|cvv|cvc)
    [\w-]{{0,16}}+(?P<rest>)
    (?P<close>{_QUOTE}|\]|\*\*)?
    [ \t]{{0,8}}
    (?:(?P<typed>{_TYPE})?(?P<sign>:=|=>|===?|=)|(?P<mark>[:\uff1a,>]))
    [*_]{{0,2}}[ \t]{{0,8}}
    """,
    re.VERBOSE,
)
_BEFORE: Final = late(r"[\w.\-]{0,64}(?:[ ][A-Za-z]{1,16}){0,2}")
"""What a name has in front, from its end: ``OPENAI_API_``, and a word: ``api key``."""

_ESCAPE: Final = late(r"\\[abfnrtv]|[\[;][0-9;]{0,8}m")
"""What ends in a letter, but is none: a line's end, a colour."""
_QUOTED: Final = late(
    r"(?:[bBrRuUfF]{1,2}(?=[\"']))?(?:"
    r"\"(?P<double>(?:[^\"\\\n]|\\.)*+)\"|'(?P<single>(?:[^'\\\n]|\\.)*+)'"
    r"|`(?P<back>[^`\n]*+)`"
    r"|(?P<q>\\{1,31}[\"'])(?P<inner>[^\n]*?)(?<!\\)(?P=q))"
)
_OPEN: Final = late(r"(?:[bBrRuUfF]{1,2})?\\{0,31}[\"'`](?P<rest>[^\n\"'…]*)")
_NUMBER: Final = late(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s{0,2}[,}\]])")
_BRACKET: Final = late(r"\"(?:[^\"\\\n]|\\.)*+\"|(?P<open>[{\[])|(?P<shut>[}\]])")
_WIDEST: Final = 4_096
"""Characters of an object that are looked through for its end."""
_SCHEMA: Final = late(
    r"\{[\s\\]{0,8}\"(?:type|description|title|\$ref|anyOf)\\{0,31}\""
    r"(?!.{0,2048}(?:const|default|enum|example))"
)
"""What says of a secret what it is, as the schemas of tools do."""
_VALUE_OF: Final = late(r"\\{0,31}[\"'](?:[Vv]alue|val)\\{0,31}[\"']\s{0,4}:\s{0,4}")
_BARE: Final = late(
    r"(?:[^\s\"'`<>,;&|(){}\[\]\\]|\\(?![nrtu\"'\\])"
    r"|[,;&|(){}\[\]]{1,3}(?=[^\s\"'`,;&|(){}\[\]<>\\:.])(?![\w.\-%]{1,64}[=:]))++"
)
_ELEMENT: Final = late(r"[^<\n\"]{1,4096}(?=</|\Z)")
_LOGPROB: Final = late(r"[\"'\\\s]{0,8},[\"'\\\s]{0,12}logprob")
"""A token of the model's."""
_SCHEMED: Final = late(
    r"(?:(?i:bearer|basic|token|bot|apikey|negotiate|key)(?:[ \t]|%20|\+){1,4}"
    r"|(?P<other>[A-Za-z][\w-]{1,24})[ \t]{1,4}(?=[^\s\"'`]{0,256}[0-9]))"
    r"[^\s\"'`,;<>\\]+"
)
"""A scheme, known or not, and what follows."""
_LINE: Final = late(r"[^\r\n\"'`\\<>]+")
_TO_END: Final = late(r"[^\r\n]+")
_PARAMETERS: Final = late(r"(?i:digest|aws4-[\w-]+|hawk|oauth|signature)[ \t]")


class _Given(NamedTuple):
    """A name in a text, and the sign after it.

    Attributes:
        text: The whole text.
        name: As it is written, with up to two words before it.
        level: How surely it is a secret's.
        start: Where it begins.
        close: The quote that closes it, with what escapes it, or nothing.
        sign: What stands between name and value.
        is_typed: Whether a type stands there as well.
        at: Where the value begins.
    """

    text: str
    name: str
    level: int
    start: int
    close: str
    sign: str
    is_typed: bool
    at: int


class _Value(NamedTuple):
    """Where a value stands, and what to write there."""

    start: int
    end: int
    mark: str


def hide_assigned(text: str, mark: str) -> str:
    """Return a text with *mark* in place of what secrets' names are given."""
    pieces: list[str] = []
    done = 0
    for word in find_words(text):
        given = _read_name(text, word, done) if word >= done else None
        value = _read_value(given, mark) if given is not None else None
        if value is not None:
            pieces += text[done : value.start], value.mark
            done = value.end
    if pieces:
        text = "".join([*pieces, text[done:]])
    return hide_options(text, mark)


def _read_name(text: str, word: int, done: int) -> _Given | None:
    """Return the name that has a secret's word in it, if it is one."""
    found = _NAME.match(text, word)
    if found is None:
        return None
    before = _BEFORE.match(text[max(word - 96, done) : word][::-1])
    start = word - (before.end() if before is not None else 0)
    escape = _ESCAPE.match(text, start - 1) if start else None
    if escape is not None and escape.end() <= word:
        start = escape.end()
    name = text[start : found.end("rest")]
    level = secrecy(name)
    if level == NONE:
        return None
    close, sign = found["close"] or "", found["sign"] or found["mark"]
    if sign == ">" and text[start - 1 : start] not in {"<", ":"}:
        return None
    is_typed = found["typed"] is not None
    return _Given(text, name, level, start, close, sign, is_typed, found.end())


def _read_value(given: _Given, mark: str) -> _Value | None:
    """Return what stands under a name, if it is to be hidden."""
    text, at = given.text, given.at
    is_quoted_name = given.close[-1:] in _QUOTES
    if given.sign == ">":
        inside = _ELEMENT.match(text, at)
        return None if inside is None else _Value(at, inside.end(), mark)
    if given.sign == ",":
        if not is_quoted_name:
            return None
        value_of = _VALUE_OF.match(text, at)  # {"name": "api_key", "value": …}
        if value_of is not None:
            given = given._replace(sign=":", at=value_of.end())
            return _read_value(given, mark)
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        return _read_quoted(given, quoted, mark)
    if given.sign == ",":
        return None
    end = _end_of_structure(given) if is_quoted_name else None
    if end is not None:
        return _Value(at, end, f"{given.close}{mark}{given.close}")
    if is_quoted_name and text[at : at + 1] in {"{", "["}:
        return None
    opened = _OPEN.match(text, at)
    if opened is not None:  # a text that was cut, or goes on in the next line
        return _Value(*opened.span("rest"), mark) if opened["rest"] else None
    end = _end_of_special(given) or _end_of_bare(given)
    return None if end is None else _Value(at, end, mark)


def _read_quoted(given: _Given, quoted: re.Match[str], mark: str) -> _Value | None:
    kind = next(k for k in _KINDS if quoted[k] is not None)
    said = quoted[kind]
    if is_placeholder(said):
        return None
    if given.sign == "," and _is_name(said) and not _is_in_pair(given, quoted.end()):
        return None
    if given.level == WEAK and _LOGPROB.match(given.text, quoted.end()):
        return None
    return _Value(*quoted.span(kind), mark)


def _is_name(said: str) -> bool:
    """Say whether this is one more of a list of names: ["password", "username"]."""
    word = said.replace("_", "").replace("-", "")
    return said.islower() and (word.isalpha() or secrecy(said) != NONE)


def _is_in_pair(given: _Given, end: int) -> bool:
    """Say whether name and value are all that is in the tuple around them."""
    before = given.text[max(given.start - 4, 0) : given.start]
    return "(" in before and given.text[end : end + 1] == ")"


def _end_of_structure(given: _Given) -> int | None:
    """Return where an object, a list or a number ends that is to be hidden."""
    text, at = given.text, given.at
    number = _NUMBER.match(text, at)
    if number is not None:
        return None if keeps_numbers(given.name) else number.end()
    if text[at : at + 1] not in {"{", "["} or _SCHEMA.match(text, at):
        return None
    depth = 0
    for found in _BRACKET.finditer(text, at, at + _WIDEST):
        depth += (found["open"] is not None) - (found["shut"] is not None)
        if depth == 0:
            return found.end() if found.end() > at + 2 else None
    return min(at + _WIDEST, len(text))  # cut, or not what it looked like


def _end_of_special(given: _Given) -> int | None:
    """Return where a header's value ends that has spaces in it."""
    text, at, name = given.text, given.at, given.name.lower()
    found: re.Match[str] | None = None
    if name.endswith(("authorization", "auth")):
        is_long = _PARAMETERS.match(text, at)
        found = (_TO_END if is_long else _SCHEMED).match(text, at)
        if found is not None and _is_sentence(found):
            return None
    elif name.endswith(("cookie", "cookies")) and given.sign in {":", WIDE_COLON}:
        found = _LINE.match(text, at)
        if found is not None and "=" not in found.group().split()[0]:
            return None
    return None if found is None else found.end()


def _is_sentence(found: re.Match[str]) -> bool:
    """Say whether a header's value is what somebody says of it."""
    words = found.group().split()
    scheme = found.groupdict().get("other")
    return is_everyday(words[-1]) or (scheme is not None and is_everyday(scheme))


def _end_of_bare(given: _Given) -> int | None:
    """Return where a value without quotes ends, if it is a secret."""
    text, at = given.text, given.at
    bare = _BARE.match(text, at)
    said = bare.group().rstrip(".,;:!?") if bare is not None else ""
    if not said or said[0] in "{<" or said == "[redacted" or is_placeholder(said):
        return None
    end = at + len(said)
    is_form = text[given.start - 1 : given.start] in {"?", "&"}
    if is_form or text[end : end + 1] == "&" or _is_secret(given, said, end):
        return end
    return None


def _is_secret(given: _Given, said: str, end: int) -> bool:
    """Say whether a bare word is a secret, or the program's or the sentence's own."""
    text = given.text
    if is_code(text, given.at, said) or is_everyday(said):
        return False
    if said.replace(".", "").isdigit():
        return given.level == STRONG and not keeps_numbers(given.name)
    if not is_identifier(said):
        return True
    after = text[end : end + 2]
    if said[0].isupper() and after[:1] == " " and after[1:].isalpha():
        return given.sign == "="  # what a docstring says of it
    if given.name.isupper():
        return True  # a variable of the environment
    if "." in said or secrecy(said) != NONE or given.is_typed:
        return False  # settings.api_key, token=token
    if after[:1] in {"", "\n", "\r"} or after == "\\n":
        line = text[max(given.start - 128, 0) : given.start].rpartition("\n")[2]
        if line.strip(" \t-*>$#|") in {"", "export", "set"}:
            return True
    is_programs = after[:1] in {",", ")", "]", "}"} or after in {" |", " ="}
    is_close = given.sign == "=" and text[given.at - 1] == "="
    return (given.level == STRONG or is_close) and not is_programs
