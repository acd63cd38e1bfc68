"""The redaction: secrets go out of every text before anything reaches the journal.

Its law: it fails closed. What a hook raises on is replaced as a whole; the log stays.

The patterns aim at what has a shape of its own. Sources: the prefixes that providers
document for their keys; RFC 6750 for bearer tokens; ISO/IEC 7812 (Luhn) for cards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from promptscribe._capture import failure
from promptscribe._wire.record import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

REDACTED: Final = "[redacted]"
FAILED: Final = {MARK: "redaction failed"}

_PATTERNS: Final = re.compile(
    r"""
      \b(?:sk|pk|rk)-[A-Za-z0-9_\-]{16,}           # OpenAI, Anthropic, Stripe-like
    | \b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,} # Stripe
    | \b(?:ghp|gho|ghs|ghu|github_pat)_[A-Za-z0-9_]{20,}
    | \bxox[abeprs]-[A-Za-z0-9\-]{10,}             # Slack
    | \bAIza[A-Za-z0-9_\-]{30,}                    # Google
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                # AWS
    | \bhf_[A-Za-z0-9]{20,}                        # Hugging Face
    | \bgsk_[A-Za-z0-9]{20,}                       # Groq
    | \b(?:hl|psk|ls|pk|sk)_[a-f0-9]{24,}\b
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+  # JWT
    | (?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/\-]{8,}=*
    | [A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----[\s\S]*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----
    """,
    re.VERBOSE,
)
_DIGITS: Final = re.compile(r"(?<![\d.])(?:\d[ -]?){12,18}\d(?!\.?\d)")
_SECRET_NAME: Final = re.compile(
    r"(?i)^(?:x[-_])?(?:.*[-_])?(?:(?:access|client|auth|refresh)(?=secret|token))?"
    r"(?:api[-_]?key|secret|password|passwd|passphrase|pwd|token|authorization|cookie"
    r"|credentials?|(?:private|access|secret)[-_]?key(?:[-_]?id)?)$"
)
_COUNTED: Final = re.compile(r"(?i)(?:max|min|num|count)[-_].*token$")
"""``max_token`` is a number of tokens, no token."""


def built_in(text: str) -> str:
    """Return a text without API keys, bearer tokens, e-mail and card numbers."""
    text = _PATTERNS.sub(REDACTED, text)
    return _DIGITS.sub(_hide_card, text)


def redact(value: Any, hook: Callable[[str], str] | None) -> Any:
    """Return a plain value in which every text went through the redaction.

    Args:
        value: What `snapshot` made of the user's: dicts, lists, texts and numbers.
        hook: Takes a text and returns one; None is `built_in`, which also replaces
            whatever stands under a name like ``api_key``.

    Returns:
        The value, or `FAILED` in place of it if the hook raised.
    """
    try:
        return _walk(value, hook or built_in, by_name=hook is None)
    except Exception as problem:  # noqa: BLE001 - the user's hook; see the law
        failure.note("redaction_failed", problem)
        return dict(FAILED)


def redact_text(text: str | None, hook: Callable[[str], str] | None) -> str | None:
    """Return a text that went through the redaction, or a mark if that failed."""
    cleaned = redact(text, hook)
    return cleaned if cleaned is None or type(cleaned) is str else REDACTED


def _walk(value: Any, clean: Callable[[str], str], *, by_name: bool) -> Any:
    kind = type(value)
    if kind is str:
        return _cleaned(value, clean)
    if kind is dict:
        return {
            _cleaned(k, clean) if type(k) is str else k: (
                REDACTED
                if by_name and type(k) is str and _is_secret(k, v)
                else _walk(v, clean, by_name=by_name)
            )
            for k, v in value.items()
        }
    if kind is list or kind is tuple:
        return [_walk(item, clean, by_name=by_name) for item in value]
    return value


def _cleaned(text: str, clean: Callable[[str], str]) -> str:
    result = clean(text)
    if type(result) is not str:
        raise TypeError(f"the hook returned a {type(result).__name__}")
    return result


def _is_secret(name: str, value: Any) -> bool:
    if type(value) in {int, float, bool} or value is None:
        return False
    return bool(_SECRET_NAME.match(name)) and not _COUNTED.match(name)


def _hide_card(match: re.Match[str]) -> str:
    digits = [int(c) for c in match.group() if c.isdigit()]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * d, 10)) for d in digits[-2::-2])
    return REDACTED if total % 10 == 0 else match.group()
