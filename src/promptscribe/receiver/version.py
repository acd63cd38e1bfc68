"""What makes two prompt details the same version, and the ids of the receiver.

Its law: pure functions of their arguments; only ids that are new draw random bits.
Equal are details that differ in the order of keys, in 1 and 1.0, in a null and
an absent member, or in a default that is spelled out and one that is left out.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from promptscribe._clock import getrandbits

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

FileKind: TypeAlias = Literal["prompt", "tool", "flow"]
"""What a file in the receiver's tree of paths can be."""

KINDS: Final[tuple[FileKind, ...]] = ("prompt", "tool", "flow")

FILE_PREFIX: Final[dict[FileKind, str]] = {"prompt": "pr", "tool": "tl", "flow": "fl"}
VERSION_PREFIX: Final[dict[FileKind, str]] = {
    "prompt": "prv",
    "tool": "tv",
    "flow": "flv",
}

# The kernels of the published OpenAPI of October 2024, with the later members.
# Other members are ignored, as that API did: they would split versions.
KERNEL_MEMBERS: Final[dict[FileKind, tuple[str, ...]]] = {
    "prompt": (
        "model",
        "endpoint",
        "template",
        "template_language",
        "provider",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "other",
        "seed",
        "response_format",
        "reasoning_effort",
        "tools",
        "linked_tools",
        "attributes",
    ),
    "tool": ("function", "source_code", "setup_values", "attributes"),
    "flow": ("attributes",),
}

PROMPT_DEFAULTS: Final[JSONObject] = {
    "endpoint": "chat",
    "provider": "openai",
    "max_tokens": -1,
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "other": {},
}

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
_ID_LENGTH: Final = 16  # 95 bits, as long as the hosted service's own ids
_EXACT_FLOATS: Final = 2.0**53  # beyond it a float no longer names one integer
_FRONT_MATTER: Final = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
_MODEL_LINE: Final = re.compile(r"^model:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)

_encode = msgspec.json.Encoder(order="sorted").encode


class Details(msgspec.Struct, frozen=True, gc=False):
    """The canonical details of one version.

    Attributes:
        canonical: JSON text with sorted keys, defaults filled, nulls left out.
        digest: SHA-256 of the text, hexadecimal.
    """

    canonical: str
    digest: str


def _base62(number: int, length: int) -> str:
    # Two letters at a time: half the divisions.
    pairs: list[str] = []
    for _ in range(length // 2):
        number, rest = divmod(number, 3844)
        pairs.append(_PAIRS[rest])
    pairs.reverse()
    return "".join(pairs)


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``log_LRqMSYvJYLVMC5Ty``."""
    return f"{prefix}_{_base62(getrandbits(95), _ID_LENGTH)}"


def new_log_id(now_us: int) -> str:
    """Return a fresh id for a log; what was made later sorts later.

    So the ids of a million logs go to the end of their index, and not each to a
    page of its own all over it.
    """
    # 62**8 times 32 µs are 221 years. 47 random bits, for those of one transaction.
    return f"log_{_base62_of_time(now_us >> 5)}{_base62(getrandbits(47), 8)}"


@lru_cache(maxsize=4)
def _base62_of_time(ticks: int) -> str:
    return _base62(ticks % 62**8, 8)


def version_id(kind: FileKind, file_id: str, details: Details) -> str:
    """Return the id of a file's version: the same details, the same id, anywhere."""
    name = f"{file_id}\0{details.digest}".encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:12])
    return f"{VERSION_PREFIX[kind]}_{_base62(number, _ID_LENGTH)}"


def directory_id(path: str) -> str:
    """Return the id of the directory at a path; the topmost one is ``""``."""
    number = int.from_bytes(hashlib.sha256(path.encode()).digest()[:12])
    return f"dir_{_base62(number, _ID_LENGTH)}"


def folder_of(path: str) -> str:
    """Return the path of the directory that a path is in."""
    return path.rpartition("/")[0]


def canonical_details(kind: FileKind, details: JSONObject | str | None) -> Details:
    """Return the canonical form of a request's details.

    Args:
        kind: Which kernel the details belong to.
        details: The request's ``prompt``, ``tool`` or ``flow``; text is the
            content of a ``.prompt`` file; None stands for "nothing is known".
    """
    if details is None:
        return _digested(b"{}")
    if isinstance(details, str):
        details = _from_prompt_file(details)
    return _canonical(kind, _encode(details))


@lru_cache(maxsize=1024)
def _canonical(kind: FileKind, encoded: bytes) -> Details:
    # Cached by content, so it can never be stale: a service logs the same few
    # details over and over, and finding them costs 1 µs instead of 30.
    given: JSONObject = msgspec.json.decode(encoded)
    kernel: JSONObject = dict(PROMPT_DEFAULTS) if kind == "prompt" else {}
    for member in (*KERNEL_MEMBERS[kind], "raw_file_content"):
        value = given.get(member)
        if value is not None:
            kernel[member] = _typed(member, value)
    return _digested(_encode(_unified(kernel)))


def _digested(canonical: bytes) -> Details:
    return Details(canonical.decode(), hashlib.sha256(canonical).hexdigest())


def _typed(member: str, value: JSONValue) -> JSONValue:
    """Fill the defaults of members that the contract gives a type of their own."""
    if member == "template" and isinstance(value, list):
        return [_without_nulls(message) for message in value]
    if member == "tools" and isinstance(value, list):
        return [_function(tool) for tool in value]
    if member == "function":
        return _function(value)
    if member == "response_format":
        return _without_nulls(value)
    return value


def _without_nulls(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if item is not None}


def _function(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return value
    return {"strict": False, **_without_nulls(value)}


def _unified(value: JSONValue) -> JSONValue:
    """Write every number that is an integer as an integer."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT_FLOATS:
            return int(value)
        return value
    if isinstance(value, dict):
        return {key: _unified(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unified(item) for item in value]
    return value


def _from_prompt_file(text: str) -> JSONObject:
    """Return details for the text of a ``.prompt`` file: kept whole, model read."""
    details: JSONObject = {"raw_file_content": text}
    front = _FRONT_MATTER.match(text)
    model = _MODEL_LINE.search(front[1]) if front else None
    if model:
        details["model"] = model[1].strip("\"'")
    return details


def template_inputs(template: JSONValue) -> list[JSONObject]:
    """Return the variables ``{{name}}`` of a template, each once, in order."""
    text = template if isinstance(template, str) else _encode(template).decode()
    names = dict.fromkeys(re.findall(r"\{\{\s*(\w+)\s*\}\}", text))
    return [{"name": name} for name in names]
