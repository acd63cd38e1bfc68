"""The context: which log is current, here and now.

Its law: the context variable holds a scope whose identity never changes; tasks and
threads that copy the context see the scope of the moment they were made.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from promptscribe._runtime.state import runtime

if TYPE_CHECKING:
    from contextvars import Token

    from promptscribe._capture.recording import Recording


class _Said(msgspec.Struct):
    """What is looked at of inherited members; the rest is passed over, not read."""

    save: Any = None


_decode: Final = msgspec.msgpack.Decoder(_Said).decode
_decode_all: Final = msgspec.msgpack.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.msgpack.Encoder().encode


class Scope(Protocol):
    """What a call inherits from where it is made.

    Attributes:
        key: Span id of the log that is current, or None.
        trace: Trace id of it, 16 bytes, or None outside of any trace.
        anchor: What turns its monotonic times into times since 1970. The wall clock
            is read once a trace, so that durations and order survive its steps.
        dropped: Whether sampling leaves the trace out.
        controlled: Whether not everything of what is made here may be kept: the trace
            is dropped, or *save* is False.
        members: Members that logs get from `log_context` and settings, encoded.
        recording: The log itself, or None.
    """

    key: int | None
    trace: bytes | None
    anchor: int
    members: msgspec.Raw | None

    @property
    def dropped(self) -> bool:
        """Whether sampling leaves the trace out."""
        ...

    @property
    def controlled(self) -> bool:
        """Whether not everything of what is made here may be kept."""
        ...

    @property
    def recording(self) -> Recording | None:
        """The log that is current."""
        ...


def is_unsaved(members: msgspec.Raw | None) -> bool:
    """Say whether inherited members, encoded, forbid to keep payloads."""
    if members is None or members is runtime.members:  # settings have no say in it
        return False
    return _decode(members).save is False


def with_save(members: msgspec.Raw | None, save: bool) -> msgspec.Raw:
    """Return inherited members, encoded, that also say whether payloads are kept."""
    known = {} if members is None else _decode_all(members)
    return msgspec.Raw(_encode({**known, "save": save}))


class Inherited:
    """The scope of a `log_context` block: the log around it, with more members."""

    __slots__ = (
        "anchor", "controlled", "dropped", "key", "members", "recording", "trace"
    )  # fmt: skip

    def __init__(self, outer: Scope | None, members: msgspec.Raw | None) -> None:
        self.members = members
        self.key = None if outer is None else outer.key
        self.trace = None if outer is None else outer.trace
        self.anchor = 0 if outer is None else outer.anchor
        self.dropped = False if outer is None else outer.dropped
        self.recording = None if outer is None else outer.recording
        # A log that is redacted redacts what is made inside of it as well.
        redacts = self.recording is not None and self.recording.controlled
        self.controlled = self.dropped or redacts or is_unsaved(members)


class Pending(Inherited):
    """The scope of a generator while it is made: its log begins with the first step.

    A generator that is made meanwhile is the same function's, decorated twice.

    Attributes:
        log: The log, as soon as it has begun.
    """

    __slots__ = ("log",)

    def __init__(self, outer: Scope | None) -> None:
        super().__init__(outer, runtime.members if outer is None else outer.members)
        self.log: Scope | None = None


current: Final[ContextVar[Scope | None]] = ContextVar(
    "promptscribe_current", default=None
)
"""The scope of the code that runs."""


def reset(token: Token[Any]) -> None:
    """Reset a context variable; in another context, there is no need to."""
    with contextlib.suppress(ValueError):
        token.var.reset(token)
