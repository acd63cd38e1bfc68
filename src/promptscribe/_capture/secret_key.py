"""The secret key: the shapes by which keys, tokens and the like are known.

Its law: linear in the text. What has a beginning of its own is found wherever it
stands; what has none is found by the name that it stands under, see `assignment`.

Sources: what the providers' consoles hand out; the prefixes that they register with
secret scanners, of which gitleaks keeps the largest public list; RFC 7519 (JWT), RFC
7468 (PEM), RFC 6750 and 7617 (bearer and basic), RFC 3986 section 3.2.1 (user:…).
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from typing import TYPE_CHECKING, Final

from promptscribe._capture.pattern import late
from promptscribe._capture.secret_word import find_all, lower

if TYPE_CHECKING:
    from collections.abc import Iterable

_IN_RUN: Final = b"x"
_RUN: Final = _IN_RUN * 15
"""Every key below has this many characters in a row, which prose rarely has; the
beginnings are looked for in these: 0.1 ms for 64 KB; all patterns at once take 15."""
_RUNS: Final = bytes(
    _IN_RUN[0] if chr(c).isascii() and (chr(c).isalnum() or chr(c) in "_-./") else 32
    for c in range(256)
)
"""Makes each of such a run's characters the same, and a space of any other."""

_MOST_RUNS: Final = 2_000
"""Of more it takes longer to find them than to look into all of the text."""

_ANY: Final = r"[A-Za-z0-9_\-]"
_WORD: Final = r"[A-Za-z0-9]"

_ANYWHERE: Final = {
    # Model providers, gateways, and what is used beside them.
    "sk-proj-": rf"{_ANY}{{12,}}",  # OpenAI
    "sk-svcacct-": rf"{_ANY}{{12,}}",
    "sk-admin-": rf"{_ANY}{{12,}}",
    "sk-None-": rf"{_ANY}{{12,}}",
    "sk-ant-": rf"{_ANY}{{12,}}",  # Anthropic
    "sk-or-v": rf"\d-{_ANY}{{12,}}",  # OpenRouter
    "sk-lf-": rf"{_ANY}{{12,}}",  # Langfuse
    "pk-lf-": rf"{_ANY}{{12,}}",
    "gsk_": rf"{_WORD}{{20,}}",  # Groq
    "hf_": rf"{_WORD}{{20,}}",  # Hugging Face
    "api_org_": rf"{_WORD}{{20,}}",
    "xai-": rf"{_WORD}{{20,}}",
    "pplx-": rf"{_WORD}{{20,}}",  # Perplexity
    "nvapi-": rf"{_ANY}{{20,}}",
    "csk-": rf"{_WORD}{{20,}}",  # Cerebras
    "tgp_v1_": rf"{_ANY}{{20,}}",  # Together
    "lsv2_": rf"[a-z]{{2}}_{_ANY}{{20,}}",  # LangSmith
    "pylf_v": rf"\d_[a-z]{{2,8}}_{_WORD}{{20,}}",  # Logfire
    "tvly-": rf"{_ANY}{{20,}}",  # Tavily
    "jina_": rf"{_ANY}{{20,}}",
    "pcsk_": rf"{_ANY}{{20,}}",  # Pinecone
    "e2b_": rf"{_WORD}{{20,}}",
    "bedrock-api-key-": r"[A-Za-z0-9+/=]{20,}",
    "dapi": r"[a-f0-9]{32}(?:-\d)?",  # Databricks
    # Code, packages, clouds, mail, payment.
    "ghp_": rf"{_WORD}{{20,}}",
    "gho_": rf"{_WORD}{{20,}}",
    "ghu_": rf"{_WORD}{{20,}}",
    "ghs_": rf"{_WORD}{{20,}}",
    "ghr_": rf"{_WORD}{{20,}}",
    "github_pat_": r"[A-Za-z0-9_]{20,}",
    **{
        f"gl{kind}-": r"[A-Za-z0-9_.\-]{16,}"  # GitLab
        for kind in (
            "agent", "cbt", "dt", "ffct", "ft", "imt", "oas", "pat", "ptt", "rt", "soat"
        )
    },
    **{f"xox{kind}-": rf"{_ANY}{{10,}}" for kind in "abceoprs"},  # Slack
    "xapp-": rf"\d-{_ANY}{{10,}}",
    "hooks.slack.com/": r"[a-z]+/[A-Za-z0-9/+]{20,}",
    "npm_": rf"{_WORD}{{30,}}",
    "pypi-": rf"{_ANY}{{32,}}",
    "dckr_pat_": rf"{_ANY}{{20,}}",
    "do": r"[opr]_v1_[a-f0-9]{40,}",  # DigitalOcean
    "GOCSPX-": rf"{_ANY}{{20,}}",  # Google
    "ya29.": r"[A-Za-z0-9_\-.]{20,}",
    "lin_api_": rf"{_WORD}{{20,}}",  # Linear
    "ntn_": rf"{_WORD}{{30,}}",  # Notion
    "sbp_": r"[a-f0-9]{30,}",  # Supabase
    "sb_secret_": rf"{_ANY}{{20,}}",
    "pscale_": r"(?:tkn|pw|oauth)_[A-Za-z0-9_.\-]{20,}",
    "shp": r"(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",  # Shopify
    **{
        f"{kind}k_{use}_": rf"{_WORD}{{10,}}"  # Stripe
        for kind in "spr" for use in ("live", "test", "prod")
    },
    "whsec_": r"[A-Za-z0-9+/=]{20,}",
    "ATATT3": r"[A-Za-z0-9_\-=]{40,}",  # Atlassian
    "PMAK-": r"[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
    "glc_": r"[A-Za-z0-9+/=]{32,}",  # Grafana
    "glsa_": r"[A-Za-z0-9_]{32,}",
    "sntrys_": r"[A-Za-z0-9+/=_]{30,}",  # Sentry
    "sntryu_": r"[a-f0-9]{40,}",
    "AGE-SECRET-KEY-1": r"[A-Z0-9]{50,}",
}  # fmt: skip
"""Beginnings that no word has, and what follows."""

_AT_THE_BEGINNING: Final = {
    "sk-": rf"(?=[A-Za-z_\-]{{0,64}}\d|{_WORD}{{16}}){_ANY}{{16,}}",  # DeepSeek, …
    "pk-": rf"(?=[A-Za-z_\-]{{0,64}}\d|{_WORD}{{16}}){_ANY}{{16,}}",
    "rk-": rf"(?=[A-Za-z_\-]{{0,64}}\d|{_WORD}{{16}}){_ANY}{{16,}}",
    "pa-": rf"(?=[A-Za-z_\-]{{0,64}}\d){_ANY}{{30,}}",  # Voyage
    "key-": r"[a-f0-9]{32}",  # Mailgun
    "AIza": rf"{_ANY}{{30,}}",  # Google
    "AQ.": rf"{_ANY}{{30,}}",
    "1//0": rf"{_ANY}{{24,}}",
    **{
        f"A{kind}": (  # AWS, and the secret beside it
            rf"[A-Z0-9]{{16}}(?!{_WORD})"
            r"(?:[\"'\s,;:|]{1,6}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?"
        )
        for kind in ("KIA", "SIA", "BIA", "CCA")
    },
    "ABSK": r"[A-Za-z0-9+/]{80,}={0,2}",  # Bedrock
    "r8_": rf"{_WORD}{{20,}}",  # Replicate
    "fw_": rf"(?=[A-Za-z]{{0,40}}\d){_WORD}{{16,}}",  # Fireworks
    "psk_": rf"{_ANY}{{24,}}",  # our own receiver's
    **{f"{kind}_": r"_?[a-f0-9]{24,}" for kind in ("hl", "ls", "pk", "sk")},
    "SG.": rf"{_ANY}{{16,}}\.{_ANY}{{16,}}",  # SendGrid
    "SK": rf"[0-9a-f]{{32}}(?!{_WORD})",  # Twilio
    "sq0": rf"[a-z]{{3}}-{_ANY}{{20,}}",  # Square
    "EAAA": rf"{_ANY}{{50,}}",
    "pat": rf"{_WORD}{{14}}\.[a-f0-9]{{64}}",  # Airtable
    **{f"hv{kind}.": rf"{_ANY}{{24,}}" for kind in "bsr"},  # Vault
    "dp.": rf"[a-z]{{2,6}}\.{_WORD}{{40,}}",  # Doppler
    "A3-": r"[A-Z0-9]{6}-[A-Z0-9\-]{22,}",  # 1Password
}
"""The same for beginnings that a word may have in its middle: ``task-…``."""

_SIGNS: Final = "-_./"
"""What beginnings have that are no letters."""
_LATER: Final = {"do": "_", "pat": "."}
"""The same that stand behind a beginning."""

_WITHIN: Final = {
    "-us": r"(?<![0-9a-f])[0-9a-f]{32}-us\d{1,2}(?!\w)",  # Mailchimp
    ":AA": r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_\-]{32,}",  # Telegram
    "Q~": r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}",  # Entra ID
    ".atlasv1.": r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{40,}",  # Terraform
}
"""What a key has in its middle, and the whole."""

_JWT: Final = late(
    # Of an encrypted one, five parts. What is none is passed over as a whole: looked at
    # from each ``eyJ`` in it, a text of them would take for ever.
    rf"eyJ(?:({_ANY}{{8,}}+\.(?:eyJ{_ANY}{{8,}}+|{_ANY}{{8,}}+\.){_ANY}*"
    rf"(?:\.{_ANY}+){{0,3}})|{_ANY}*+)"
)
_PEM: Final = late(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----)){0,65536}(?:-----END [A-Z0-9 ]{0,40}-----)?"
)
_PEM_END: Final = late(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_LINES: Final = late(
    r"(?:\s|[nr]\\){0,8}[A-Za-z0-9+/=]{1,80}(?:(?:\s|[nr]\\){1,8}[A-Za-z0-9+/=]{16,80})*+"
)
"""Lines of base64, from the last letter to the first."""
_SCHEME: Final = late(
    r"(?i:(?:(bearer)|basic)(?:[ \t]|%20|\+){1,4})([A-Za-z0-9._~+/\-]{8,}=*)"
)
_SCHEMES: Final = "bearer", "basic"
_USERINFO: Final = late(
    r"://([^\s/:@\"'<>`]{0,256}+):(?!\d{1,5}[/?#])"
    r"(?:(?:(?!://)[^\s\"'<>`@]){0,256}+@){1,4}+"  # a password may have an @ in it
)
_SIGNED: Final = late(
    # What it begins with has no letter in it: so the search skips to that.
    r"([?&])(?i:((?:amp;)?(?:sig|signature|x-(?:amz|goog)-(?:signature|credential)"
    r"|x-amz-security-token|awsaccesskeyid|googleaccessid)=)([^&\s\"'<>#\\]+)"
    r"|((?:amp;)?(?:key|code|auth)=)([A-Za-z0-9_\-.%]{20,}))"
)


def hide_keys(text: str, mark: str) -> str:
    """Return a text with *mark* in place of keys, tokens and passwords in URLs."""
    if "PRIVATE KEY" in text:
        text = _hide_rest_of_pem(_PEM.sub(mark, text), mark)
    if "://" in text:
        text = _USERINFO.sub(rf"://\1:{mark}@", text)
    runs = _find_runs(text)
    if runs:
        text = _hide_shapes(text, runs, mark)
    if "=" in text and ("?" in text or "&" in text):
        text = _SIGNED.sub(
            lambda found: f"{found[1]}{found[2] or found[4]}{mark}", text
        )
    return _hide_schemes(text, mark)


def _hide_schemes(text: str, mark: str) -> str:
    """Hide what stands after ``Bearer`` and the like."""
    lowered = lower(text)
    places = sorted(at for word in _SCHEMES for at in find_all(lowered, word))
    pieces: list[str] = []
    done = 0
    for at in places:
        found = _SCHEME.match(text, at) if at >= done else None
        if found is not None:
            pieces += text[done:at], _hide_scheme(found, mark)
            done = found.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def _find_runs(text: str) -> str:
    """Return the long words of a text in which there may be a key: no mere numbers."""
    said = text.encode("utf-8", "replace")
    marks = said.translate(_RUNS)
    runs: set[bytes] = set()
    at = marks.find(_RUN)
    while at >= 0:
        end = marks.find(b" ", at)
        run = said[at:] if end < 0 else said[at:end]
        if not run.isdigit():
            runs.add(run)
            if len(runs) > _MOST_RUNS:
                return text
        at = -1 if end < 0 else marks.find(_RUN, end)
    return b"\n".join(runs).decode()


def _hide_shapes(text: str, runs: str, mark: str) -> str:
    missing = {sign for sign in _SIGNS if sign not in runs}
    for beginning in _possible(_ANYWHERE, missing):
        if beginning in runs:
            text = _shape(beginning).sub(mark, text)
    if "." not in missing and "eyJ" in runs:
        text = _JWT.sub(lambda found: mark if found[1] else found.group(), text)
    for beginning in _possible(_AT_THE_BEGINNING, missing):
        if beginning in runs:
            text = _shape_at_the_beginning(beginning).sub(mark, text)
    for middle in _WITHIN:
        if middle in text:
            text = _shape_within(middle).sub(mark, text)
    return text


def _possible(beginnings: dict[str, str], missing: set[str]) -> Iterable[str]:
    """Return the beginnings of which no sign is missing.

    To look for one takes 0.6 ms a megabyte, and there are eighty: base64 and digests
    have none of the signs.
    """
    if not missing:
        return beginnings
    return [b for b in beginnings if _signs_of(b).isdisjoint(missing)]


@functools.cache
def _signs_of(beginning: str) -> frozenset[str]:
    return frozenset(_SIGNS) & frozenset(beginning + _LATER.get(beginning, ""))


@functools.cache
def _shape(beginning: str) -> re.Pattern[str]:
    return re.compile(re.escape(beginning) + _ANYWHERE[beginning])


@functools.cache
def _shape_at_the_beginning(beginning: str) -> re.Pattern[str]:
    r"""Return a pattern that begins with a letter: so the search skips to it.

    What stands before it is no letter or digit, or the end of an escape, in a text that
    is the source of a text (``\n``, ``%20``, ``\u0020``), or the end of a colour's.
    """
    word = re.escape(beginning)
    before = (
        rf"(?<![A-Za-z0-9]{word})",
        rf"(?<=\\[abfnrtv]{word})",
        rf"(?<=%[0-9A-Fa-f]{{2}}{word})",
        rf"(?<=\\u[0-9A-Fa-f]{{4}}{word})",
        rf"(?<=\\x[0-9A-Fa-f]{{2}}{word})",
        rf"(?<=[;\[]m{word})|(?<=[;\[]\dm{word})|(?<=[;\[]\d\dm{word})",
    )
    return re.compile(rf"{word}(?:{'|'.join(before)}){_AT_THE_BEGINNING[beginning]}")


@functools.cache
def _shape_within(middle: str) -> re.Pattern[str]:
    return re.compile(_WITHIN[middle])


def _hide_rest_of_pem(text: str, mark: str) -> str:
    """Hide the lines of a key whose beginning was cut off."""
    pieces: list[str] = []
    done = 0
    for end in _PEM_END.finditer(text):
        before = text[max(end.start() - 65_536, done) : end.start()][::-1]
        lines = _PEM_LINES.match(before)
        start = end.start() - (lines.end() if lines is not None else 0)
        pieces += text[done:start], mark
        done = end.end()
    return "".join([*pieces, text[done:]])


def _hide_scheme(found: re.Match[str], mark: str) -> str:
    """Hide a bearer's or basic token, and not what is basic or a bearer of news."""
    bearer, token = found[1], found[2]
    if bearer:
        is_token = len(token) >= 16 or any(c.isdigit() for c in token)
    else:
        is_token = b":" in _decode(token)
    return mark if is_token else found.group()


def _decode(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""
