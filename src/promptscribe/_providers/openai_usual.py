"""The usual chat completion: one answer that is text, and no mark of any provider.

Its law: pure. A completion is one of these if it has these members and no others, each
of the type given here: msgspec finds that out in 0.5 µs, where asking for one member
after the other takes 2. What has more in it is for `openai_chat` to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)] | None


class _Shape(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class Message(_Shape):
    """An answer of text by one of the contract's roles."""

    role: Literal["assistant", "user", "system", "tool", "developer"]
    content: _Text
    refusal: None = None
    annotations: _Nothing = None
    audio: None = None
    function_call: None = None
    tool_calls: _Nothing = None
    reasoning: None = None  # vLLM, which says so where there is none
    reasoning_content: None = None


class Choice(_Shape):
    """The answer and why it ended."""

    message: Message
    index: Any = None
    logprobs: Any = None
    finish_reason: str | None = None


class Counts(_Shape):
    """Tokens; the details are read by `openai_chat`."""

    prompt_tokens: _Count
    completion_tokens: _Count
    total_tokens: Any = None
    prompt_tokens_details: dict[str, Any] | None = None
    completion_tokens_details: dict[str, Any] | None = None

    def is_bare(self) -> bool:
        """Say whether there are two counts, and no part of them."""
        return (
            self.prompt_tokens_details is None
            and self.completion_tokens_details is None
            and (self.prompt_tokens > 0 or self.completion_tokens > 0)
        )


class Completion(_Shape):
    """A whole response."""

    choices: tuple[Choice]
    usage: Counts
    model: _Text
    id: Any = None
    object: Any = None
    created: Any = None
    service_tier: str | None = None
    system_fingerprint: Any = None


_NAMES: Final = frozenset(Completion.__struct_fields__)


def read(body: JSONObject) -> Completion | None:
    """Return a response as what it is; None if it is no usual completion."""
    if "choices" not in body or not body.keys() <= _NAMES:
        return None  # to find out by an exception takes 1 µs
    try:
        return msgspec.convert(body, Completion)
    except (ValueError, TypeError, RecursionError):
        # It is another, or holds what only damage leaves: half of a surrogate pair.
        return None
