"""The script: what the scripted provider says, and how long it takes.

Its law: values and pure functions. The texts are made up; the token counts are
estimates from the length of the text, four characters a token, as OpenAI's rule of
thumb has it (https://help.openai.com/en/articles/4936856).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from promptscribe.schema import JSONObject, JSONValue

MODEL: Final = "gpt-4o-mini"
SNAPSHOT: Final = "gpt-4o-mini-2024-07-18"
"""What the real provider calls the model in its answers."""

BUSY_DELAY: Final = 0.07
"""Seconds until a request is turned away."""

_MESSAGE_TOKENS: Final = 4
"""What a message costs beside its text: role and separators."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the script.

    Attributes:
        cue: Words in the request's first message that call for it.
        text: What is answered.
        first: Seconds until the first token.
        each: Seconds for every token after it.
    """

    cue: str
    text: str
    first: float
    each: float

    @property
    def pieces(self) -> list[str]:
        """The text in pieces such as a model streams, blanks in front."""
        return re.findall(r"\s*\w+|\s*[^\w\s]|\s+$", self.text)

    @property
    def duration(self) -> float:
        """Seconds for the whole text."""
        return self.first + self.each * len(self.pieces)


REPLIES: Final = (
    Reply("Name the topic", "delivery", 0.16, 0.01),
    Reply(
        "Sum up",
        "Order 4711 was paid on Monday, held at the depot on Wednesday because its"
        " label was damaged, and sent on with a new label on Thursday.",
        0.11,
        0.005,
    ),
    Reply(
        "You answer",
        "I am sorry that order 4711 is late. Its label was damaged on the way, so the"
        " depot held it on Wednesday and sent it on with a new label on Thursday."
        " It should be with you on Monday; if it is not, write to me and I will send"
        " you another one.",
        0.21,
        0.011,
    ),
)
DEFAULT_REPLY: Final = Reply("", "This is a scripted answer.", 0.08, 0.01)


def reply_to(messages: list[JSONValue]) -> Reply:
    """Return the answer that the first message calls for."""
    first = _text(messages[0]) if messages else ""
    for reply in REPLIES:
        if reply.cue in first:
            return reply
    return DEFAULT_REPLY


def usage_of(messages: list[JSONValue], pieces: list[str]) -> JSONObject:
    """Return the usage of a call as OpenAI's API has it."""
    asked = sum(_MESSAGE_TOKENS + -(-len(_text(each)) // 4) for each in messages)
    return {
        "prompt_tokens": asked,
        "completion_tokens": len(pieces),
        "total_tokens": asked + len(pieces),
    }


def _text(message: JSONValue) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""
