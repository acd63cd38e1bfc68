"""Every exception that promptscribe raises on purpose.

The tree::

    PromptscribeError
    ├── ConfigurationError      wrong argument, setting or environment variable
    ├── JournalError            the journal on disk cannot be used
    └── DeliveryError           a log could not be delivered
        └── Unreachable         no answer, or one that asks to come back later

Only `ConfigurationError` reaches a caller: from configuring, decorating and whatever
else is said by name. The others end where the background thread and the command line
deal with them; a transport of one's own raises `Unreachable`. Nothing at all is ever
raised into a decorated function.
"""

from __future__ import annotations


class PromptscribeError(Exception):
    """The root: catch it to catch whatever promptscribe raises."""


class ConfigurationError(PromptscribeError, ValueError, TypeError):
    """A decorator argument or a setting is wrong; fix the one that is named.

    It is a `ValueError` and a `TypeError` as well,
    since a wrong argument may be either and callers should not need to guess.

    Attributes:
        name: The argument or setting at fault, as the user spelled it.
        problem: What is wrong with it, in one sentence.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


class JournalError(PromptscribeError):
    """The folder of the journal is not this user's alone; logs live in memory."""


class DeliveryError(PromptscribeError):
    """A log could not be delivered."""


class Unreachable(DeliveryError):  # noqa: N818 - a state, not a mistake
    """No answer from the server, or one that asks to come back later.

    Attributes:
        reason: What happened, without any header or key.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
