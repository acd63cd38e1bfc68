"""The secret's name: under which names secrets stand, in dicts, headers and texts.

Its law: pure. It goes by whole words, so that ``api_key`` is one and ``max_tokens``,
``primary_key`` and ``keyboard`` are none.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

from promptscribe._capture.pattern import late

NONE: Final = 0
WEAK: Final = 1
"""A word that often means something else: a token of a text, a secret of success."""
STRONG: Final = 2

LONGEST: Final = 96
"""Characters; what is longer is no name."""

_WORDS: Final = late(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_KEY_OF: Final = (
    "access account admin api app application auth client consumer credential deploy"
    " encryption function functions hmac license master private rsa root secret server"
    " service session shared sharedaccess signing ssh storageaccount subscription"
    " webhook"
    " anthropic aws azure cerebras claude cohere databricks deepgram deepseek"
    " elevenlabs fireworks gcp gemini github gitlab google grok groq hf huggingface"
    " jina langfuse langsmith litellm mailchimp mailgun mistral nvidia openai"
    " openrouter perplexity pinecone pplx qdrant replicate sendgrid serp serper"
    " slack stripe supabase tavily together twilio voyage wandb weaviate xai"
)
"""What a key belongs to that is a secret: a primary key or a sort key is none."""

_GRANTING: Final = (
    "access admin api app auth authentication authorization aws azure bearer bot client"
    " csrf deploy device gh github gitlab hf huggingface id identity invite jwt login"
    " npm oauth oauth2 personal private pypi push refresh registry reset sas secret"
    " security service session slack user vault verification webhook xsrf"
)
_COUNTING: Final = (
    "accepted added audio avg average bos by cached cancel cancellation cls completion"
    " continuation count current decoder delimiter draft end eos eot first generated"
    " image input last mask max mean min n new next num output pad page parsed per"
    " prev previous prompt reasoning resume sampled sep sot special start stop sub"
    " subword sync text thinking top total unexpected unk vocab word"
)
"""``max_token`` is a number of tokens, no token; ``next_token`` is a page's."""

_LOGIN: Final = (
    "admin basic db database email ftp http imap key ldap login mail mongo mysql my pg"
    " postgres proxy redis root smtp sql ssh sudo user wifi"
)
_SUFFIX: Final = (
    r"(?:b64|backup|base64|confirm|confirmation|current|dev|hash|live|new|old|plain"
    r"|plaintext|primary|prod|production|secondary|staging|test|value)?[0-9]{0,3}"
)
_STRONG: Final = late(
    rf"""(?:
      (?:{_KEY_OF.replace(" ", "|")})keys?(?:id)?
    | (?:access|client|api|app|shared)secrets?
    | passwords? | passwds? | passphrases? | passcodes? | pword
    | connectionstrings? | connstr | (?:credit)?cardnumber | ccnumber | cvv2? | cvc2?
    ){_SUFFIX}""",
    re.VERBOSE,
)
_STRONG_TOKEN: Final = late(rf"(?:{_GRANTING.replace(' ', '|')})tokens?")
_WEAK: Final = late(
    rf"""(?:
      secrets? | pwd | pass | jwt | bearer | creds? | credentials?
    ){_SUFFIX}
    | (?:set)?cookies? | token | (?:basic|http|proxy|helicone)?auth""",
    re.VERBOSE,
)
_PART: Final = late(
    "key|token|secret|pass|pword|pwd|auth|conn|card|ccnum|cv[vc]|jwt|bearer|cred|cookie"
)
"""What all of these have one of: most names have none, and need no other look."""
_ENDS_STRONG: Final = late(rf"(?:{_STRONG.pattern})\Z", re.VERBOSE)
_GRANTING_WORDS: Final = frozenset(_GRANTING.split())
_COUNTING_WORDS: Final = frozenset(_COUNTING.split())
_LOGIN_WORDS: Final = frozenset(_LOGIN.split())
_WORKING_DIRECTORY: Final = frozenset({"PWD", "OLDPWD"})


def secrecy(name: str) -> int:
    """Say how surely what stands under a name is a secret.

    Args:
        name: In any spelling: ``apiKey``, ``X-Api-Key``, ``OPENAI_API_KEY``.

    Returns:
        `NONE`, `WEAK` or `STRONG`.
    """
    return _secrecy(name) if len(name) <= LONGEST else NONE


def name_of(key: Any) -> str:
    """Return a dict's key, or what stands in its place, as a name; none is empty."""
    if type(key) is bytes:
        return key.decode("utf-8", "replace") if len(key) <= LONGEST else ""
    if type(key) is not str:
        return ""
    return key[2:-1] if key[:2] in {"b'", 'b"'} else key  # that was bytes


def keeps_numbers(name: str) -> bool:
    """Say whether a number under the name is a count, and no secret."""
    words = _words(name)
    return bool(words) and words[-1] in {"token", "tokens", "pass", "auth", "cookies"}


@functools.lru_cache(2_048)
def _secrecy(name: str) -> int:
    if name in _WORKING_DIRECTORY:
        return NONE
    words = _words(name)
    if not words or _PART.search("".join(words)) is None:
        return NONE
    if words[-1] in {"token", "tokens"}:
        return _secrecy_of_token(words)
    if words[-1] == "pass" and len(words) > 1:
        return WEAK if words[-2] in _LOGIN_WORDS else NONE
    joined = "".join(words)
    if "authorization" in joined[-13:] or _ENDS_STRONG.search(joined):
        return STRONG
    if _STRONG_TOKEN.fullmatch(joined):
        return STRONG
    # Of the last words: ``my_secret``, ``secret_2``, ``proxy_auth``.
    for at in range(len(words) - 1, max(len(words) - 4, -1), -1):
        if _WEAK.fullmatch("".join(words[at:])):
            return WEAK
    return NONE


def _secrecy_of_token(words: list[str]) -> int:
    before = words[-4:-1]
    if not before:
        return WEAK if words[-1] == "token" else NONE
    if before[-1] in _GRANTING_WORDS:
        return STRONG
    if words[-1] == "tokens" or not _COUNTING_WORDS.isdisjoint(before):
        return NONE
    return WEAK


def _words(name: str) -> list[str]:
    if name[:2] in {"b'", 'b"'}:  # a dict's key that was bytes
        name = name[2:]
    return [word.lower() for word in _WORDS.findall(name)]
