"""The redaction: secrets go out of every value before anything reaches the journal.

Its law: it fails closed. What a hook raises on is replaced as a whole, and so is what
is of no known kind; the log stays.
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe._capture import failure
from promptscribe._capture.assignment import hide_assigned
from promptscribe._capture.cut import REDACTED
from promptscribe._capture.pattern import late
from promptscribe._capture.personal import (
    hide_addresses,
    hide_cards,
    is_card_number,
)
from promptscribe._capture.secret_key import hide_keys
from promptscribe._capture.secret_name import (
    NONE,
    WEAK,
    keeps_numbers,
    name_of,
    secrecy,
)
from promptscribe._wire.record import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    Clean = Callable[[str], str]

FAILED: Final = {MARK: "redaction failed"}
UNREAD: Final = "[redacted unread]"
"""Stands for a text of which nobody has looked whether it holds a secret."""

_MOST_WORK: Final = 30_000
"""Work of one value, in µs or so; what comes after it is not read, nor kept."""
_WORK_OF_A_TEXT: Final = 4
_WORK_OF_A_NAME: Final = 8
"""That has not been there before."""
_CHARACTERS: Final = 7
"""Characters of a text that take as long, as a power of two."""
_SMALL: Final = 64
"""Names in a dict that are read even then: tokens stand behind all the odds."""

_SHORTEST: Final = 5
"""Characters of the shortest text that is looked at: ``a@b.c`` is none."""
_SHORT: Final = 12
_HARMLESS: Final = late(r"[A-Za-z0-9 _.?!]*")
"""No more than `_SHORT` of these are no secret: keys have 15 in a row, cards 13 digits,
and what a name is given stands after a sign. Most names and roles are such texts."""
_LONG: Final = 4_096
_MEDIA: Final = late(
    r"(?:data:[a-z]+/[\w.+\-]{1,64};base64,)?[A-Za-z0-9+/]{4096,}+={0,2}\Z"
)
"""Base64 of media, long and of nothing else: no pattern below finds a secret in it."""
_ATOMS: Final = frozenset({bool, type(None), datetime})
_NAMES: Final = ("name", "key", "header", "field", "Name", "Key")
_VALUES: Final = ("value", "val", "Value")
"""How lists of headers and of variables are written in JSON: HAR, Kubernetes, …"""
_IN_SCHEMA: Final = ("const", "default", "enum", "example", "examples")


def built_in(text: str) -> str:
    """Return a text without API keys, bearer tokens, e-mail and card numbers.

    In JSON, whole or in part, and whatever else has names and values, what stands
    under a name like ``api_key`` goes as well. What was JSON is JSON afterwards.
    """
    return _BuiltIn().clean(text)


def _clean_text(text: str) -> str:
    text = hide_assigned(hide_keys(text, REDACTED), REDACTED)
    return hide_cards(hide_addresses(text, REDACTED), REDACTED)


def is_secret(name: str, text: str) -> bool:
    """Say whether a text is a secret, by its name or by itself; an address is none."""
    if secrecy(name) != NONE:
        return True
    hidden = hide_assigned(hide_keys(text, REDACTED), REDACTED)
    return hide_cards(hidden, REDACTED) != text


def redact(value: Any, hook: Clean | None) -> Any:
    """Return a plain value in which every text went through the redaction.

    Args:
        value: What `snapshot` made of the user's: dicts, lists, texts and numbers.
        hook: Takes a text and returns one; None is `built_in`, which also replaces
            whatever stands under a name like ``api_key``.

    Returns:
        The value, or `FAILED` in place of it if the hook raised.
    """
    try:
        return _walker(hook).walk(value)
    except BaseException as problem:  # noqa: BLE001 - the user's hook; see the law
        failure.note("redaction_failed", problem)
        return dict(FAILED)


def redact_text(text: str | None, hook: Clean | None) -> str | None:
    """Return a text that went through the redaction, or a mark if that failed."""
    cleaned = redact(text, hook)
    return cleaned if cleaned is None or type(cleaned) is str else REDACTED


def cleaner(hook: Clean | None) -> Clean:
    """Return what cleans one text; it raises where the hook does."""
    return _walker(hook).clean


def _walker(hook: Clean | None) -> _Walker:
    return _BuiltIn() if hook is None else _Walker(hook)


class _Walker:
    """Goes through a value.

    Args:
        hook: Cleans a text.
    """

    def __init__(self, hook: Clean) -> None:
        self._hook = hook

    def clean(self, text: str) -> str:
        """Return a text cleaned."""
        result = self._hook(text)
        if type(result) is not str:
            raise TypeError(f"the hook returned a {type(result).__name__}")
        return result

    def walk(self, value: Any) -> Any:
        """Return a value cleaned."""
        kind = type(value)
        if kind is str:
            return self.clean(value)
        if kind is dict:
            return self._walk_dict(value)
        if kind is list or kind is tuple:
            return self._walk_list(value)
        if kind is int or kind is float:
            return self._walk_number(value)
        if kind is bytes:
            return self._walk_bytes(value)
        if kind in _ATOMS:
            return value
        return {MARK: "not redacted", "type": kind.__name__}

    def _walk_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, item in value.items():
            self._put(result, self._clean_key(key), self.walk(item))
        return result

    def _clean_key(self, key: Any) -> Any:
        return self.clean(key) if type(key) is str else self.walk(key)

    @staticmethod
    def _put(result: dict[Any, Any], key: Any, item: Any) -> None:
        """Keep an item, also where two keys are the same now."""
        if key in result:
            count = len(result) + 1  # from 2 on each would be tried by all after it
            while f"{key} {count}" in result:
                count += 1
            key = f"{key} {count}"
        result[key] = item

    def _walk_list(self, value: Any) -> list[Any]:
        return [self.walk(item) for item in value]

    def _walk_number(self, number: Any) -> Any:
        return number

    def _walk_bytes(self, value: bytes) -> bytes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return self._walk_binary(value)
        cleaned = self.clean(text)
        return value if cleaned == text else cleaned.encode()

    def _walk_binary(self, value: bytes) -> bytes:
        return value


class _BuiltIn(_Walker):
    """Goes by names as well, and knows numbers; of very much it reads the beginning."""

    def __init__(self) -> None:
        super().__init__(_clean_text)
        self._left = _MOST_WORK
        self._names: set[str] = set()

    def clean(self, text: str) -> str:
        if len(text) <= _SHORT and (len(text) < _SHORTEST or _HARMLESS.fullmatch(text)):
            return text
        if len(text) > _LONG and _MEDIA.match(text):
            return text
        if self._left < 0:
            return UNREAD
        self._left -= _WORK_OF_A_TEXT + (len(text) >> _CHARACTERS)
        if text[0] in '{["' or (text[0].isspace() and text.lstrip()[:1] in {"{", "["}):
            return self._clean_json(text)
        return _clean_text(text)

    def _clean_json(self, text: str) -> str:
        """Return a text of JSON cleaned as what it says; as a text, if it is none."""
        try:
            value = msgspec.json.decode(text)
            cleaned = self.walk(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _clean_text(text)
        # A name that is there twice has one value that nobody has read.
        if cleaned == value and _clean_text(text) == text:
            return text
        return msgspec.json.encode(cleaned).decode()

    def _walk_dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        named = _is_named(value)
        for key, item in value.items():
            if self._left < 0 and len(value) > _SMALL:
                result[MARK] = f"{len(value) - len(result)} more values"
                break
            name = name_of(key)
            self._left -= 1 if name in self._names else _WORK_OF_A_NAME
            self._names.add(name)
            if _is_secret(name, item, value) or (named and name in _VALUES):
                cleaned: Any = REDACTED
            elif name == "properties" and type(item) is dict:
                cleaned = self._walk_properties(item)
            else:
                cleaned = self.walk(item)
            self._put(result, self._clean_key(key), cleaned)
        return result

    def _walk_properties(self, value: dict[Any, Any]) -> dict[Any, Any]:
        """Walk through the fields of a JSON schema, which say what a secret is."""
        result: dict[Any, Any] = {}
        for key, item in value.items():
            if type(item) is dict and _is_secret(name_of(key), item, value):
                cleaned = self._walk_field(item)
            else:
                (cleaned,) = self._walk_dict({key: item}).values()
            self._put(result, self._clean_key(key), cleaned)
        return result

    def _walk_field(self, field: dict[Any, Any]) -> Any:
        if not _is_schema(field):
            return REDACTED
        return self.walk(
            {k: REDACTED if k in _IN_SCHEMA else v for k, v in field.items()}
        )

    def _clean_key(self, key: Any) -> Any:
        if type(key) is str and len(key) <= _LONGEST_NAME:
            return _clean_name(key)
        return super()._clean_key(key)

    def _walk_list(self, value: Any) -> list[Any]:
        if len(value) == 2 and _is_pair(value) and not _is_plain_name(value[1]):
            return self._walk_pair(value)
        are_pairs = bool(value) and all(map(_is_pair, value))
        result: list[Any] = []
        option = False
        for item in value:
            if self._left < 0:
                result.append({MARK: f"{len(value) - len(result)} more values"})
                break
            if are_pairs:
                result.append(self._walk_pair(item))
                continue
            word = name_of(item)
            hidden = option and bool(word) and word[0] != "-"
            result.append(REDACTED if hidden else self.walk(item))
            option = word[:1] == "-" and _is_option(word)
        return result

    def _walk_pair(self, pair: Any) -> list[Any]:
        name, item = name_of(pair[0]), pair[1]
        cleaned = REDACTED if _is_secret(name, item, {}) else self.walk(item)
        return [self.walk(pair[0]), cleaned]

    def _walk_number(self, number: Any) -> Any:
        return REDACTED if is_card_number(number) else number

    def _walk_binary(self, value: bytes) -> bytes:
        """Clean the texts in bytes that are none as a whole."""
        return _TEXTS.sub(
            lambda found: self.clean(found.group().decode()).encode(), value
        )


_LONGEST_NAME: Final = 48
_TEXTS: Final = late(rb"[\t\r\n\x20-\x7e]{12,}")


@functools.lru_cache(2_048)
def _clean_name(name: str) -> str:
    return built_in(name)


def _is_secret(name: str, item: Any, beside: dict[Any, Any]) -> bool:
    level = secrecy(name)
    if level == NONE or item is None or type(item) is bool:
        return False
    if type(item) is str and not item:  # ``python -bb`` compares no bytes with ""
        return False
    if type(item) in {int, float}:
        return not keeps_numbers(name)
    # A token of the model's, not of the caller's: ``logprobs`` are full of them.
    about = (*beside, *item) if type(item) is dict else beside
    return not (level == WEAK and name[-5:].lower() == "token" and "logprob" in about)


def _is_named(value: dict[Any, Any]) -> bool:
    """Say whether a dict is a secret's name and its value, under those words."""
    # Not ``in value``: ``python -bb`` compares no text with a key that is bytes.
    if not any(name_of(key) in _VALUES for key in value):
        return False
    said = [item for key, item in value.items() if name_of(key) in _NAMES]
    return any(secrecy(name_of(each)) != NONE for each in said)


def _is_schema(value: dict[Any, Any]) -> bool:
    return any(name in value for name in ("type", "$ref", "anyOf", "oneOf", "allOf"))


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and type(value[0]) in {str, bytes}


def _is_plain_name(value: Any) -> bool:
    """Say whether this is a name like the one before it: ["token", "text"]."""
    return type(value) is str and value.islower() and value.replace("_", "").isalpha()


def _is_option(word: str) -> bool:
    return "=" not in word and " " not in word and secrecy(word) != NONE
