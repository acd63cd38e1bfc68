"""The span: OpenTelemetry's noun as plain data, wherever it came from.

Its law: values only; no OpenTelemetry is needed to have one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from promptscribe.schema import JSONObject  # noqa: TC001 - msgspec reads it

KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
"""Kinds of spans, at their numbers (opentelemetry-proto ``trace.proto``)."""

STATUSES: Final = ("UNSET", "OK", "ERROR")
"""Status codes, at their numbers (same file)."""


OURS: Final = "promptscribe"
"""Name of the instrumentation whose spans are logs already."""


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that happened during a span.

    Attributes:
        name: Its name, ``exception`` for one.
        time: Nanoseconds since 1970.
        attributes: What is said of it.
    """

    name: str = ""
    time: int = 0
    attributes: JSONObject = msgspec.field(default_factory=dict)


class Span(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One span that has ended.

    Attributes:
        trace_id: 32 hexadecimal digits; all zeros if it has none.
        span_id: 16 hexadecimal digits; all zeros if it has none.
        parent_id: The same of the span that it was started under, or None.
        name: Its name.
        kind: One of `KINDS`.
        began: Nanoseconds since 1970.
        ended: Nanoseconds since 1970; 0 while it runs.
        status: One of `STATUSES`.
        status_message: What goes with the status.
        attributes: Plain data; objects and arrays may be inside.
        events: In the order in which they happened.
        resource: Attributes of what made the span, ``service.name`` and so on.
        scope: Name of the instrumentation.
        scope_version: Version of the instrumentation.
        dropped: Attributes that a limit kept out.
    """

    trace_id: str
    span_id: str
    parent_id: str | None = None
    name: str = ""
    kind: str = "INTERNAL"
    began: int = 0
    ended: int = 0
    status: str = "UNSET"
    status_message: str | None = None
    attributes: JSONObject = msgspec.field(default_factory=dict)
    events: list[Event] = msgspec.field(default_factory=list)
    resource: JSONObject = msgspec.field(default_factory=dict)
    scope: str = ""
    scope_version: str | None = None
    dropped: int = 0

    @property
    def log_id(self) -> str:
        """The id of the span's log: the same span seen twice is the same log."""
        return f"log_{self.trace_id}{self.span_id}"

    @property
    def has_ids(self) -> bool:
        """Whether both ids are what W3C calls valid: present and not zero."""
        return bool(self.trace_id.strip("0")) and bool(self.span_id.strip("0"))

    def with_events(self, events: list[Event]) -> Span:
        """Return the span with events besides its own."""
        if not events:
            return self
        return msgspec.structs.replace(self, events=[*self.events, *events])

    def as_plain(self) -> JSONObject:
        """Give the span as objects and arrays, for a journal."""
        plain: JSONObject = {
            name: getattr(self, name) for name in self.__struct_fields__
        }
        plain["events"] = [
            {"name": e.name, "time": e.time, "attributes": e.attributes}
            for e in self.events
        ]
        return plain


def from_plain(plain: JSONObject) -> Span:
    """Build a span of what `Span.as_plain` gave, whatever became of it.

    Raises:
        ValueError: It is no span.
    """
    kept = {name: value for name, value in plain.items() if value is not None}
    return msgspec.convert(kept, Span, strict=False)
