"""Every exception that promptscribe raises on purpose.

The tree::

    PromptscribeError
    ├── ConfigurationError      wrong argument, setting or environment variable
    ├── JournalError            the journal on disk cannot be used
    │   ├── CorruptFrame        bytes that are no frame
    │   └── JournalFull         the cap on disk is reached, or the disk is full
    ├── DeliveryError           a log could not be delivered
    │   ├── Rejected            the server refused the log for good
    │   └── Unreachable         no answer, or one that asks to come back later
    └── ContractError           a body that does not follow the logging contract

Only `ConfigurationError` and `ContractError` reach a caller:
the first before the first call (importing, configuring, decorating),
the second from functions that read logs on request.
Nothing else is ever raised into a decorated function.
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
    """The journal on disk cannot be used; calls go on, their logs are counted."""


class CorruptFrame(JournalError):  # noqa: N818 - the name says what was found
    """Bytes in a segment that are no frame; the reader skips them.

    Attributes:
        offset: Position in the segment, in bytes.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset

    def __str__(self) -> str:
        return f"no frame at byte {self.offset}"


class JournalFull(JournalError):  # noqa: N818 - a state, not a mistake
    """The journal has reached its cap or the disk is full.

    Free disk space, raise *journal_max_bytes*, or let the server catch up.
    """


class DeliveryError(PromptscribeError):
    """A log could not be delivered."""


class Rejected(DeliveryError):  # noqa: N818 - the server's verdict
    """The server refused a log for good; it is kept in the dead-letter file.

    Attributes:
        status: HTTP status of the answer.
        reason: The server's own words, shortened.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"the server answered {self.status}: {self.reason}"


class Unreachable(DeliveryError):  # noqa: N818 - a state, not a mistake
    """No answer from the server, or one that asks to come back later.

    Attributes:
        reason: What happened, without any header or key.
        retry_after: Seconds that the server asked to wait, or None.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.reason


class ContractError(PromptscribeError):
    """A body does not follow the logging contract.

    Attributes:
        location: Path to the member at fault, for example ``("body", "path")``.
        problem: What is wrong with it.
    """

    def __init__(self, location: tuple[str | int, ...], problem: str) -> None:
        super().__init__(location, problem)
        self.location = location
        self.problem = problem

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.location)
        return f"{where}: {self.problem}"
