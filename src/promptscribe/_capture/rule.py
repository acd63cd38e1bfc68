"""The rules: what may be kept of a call, and what is made of the rest.

Its law: where leaving out fails, more is left out, never less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptscribe import schema
from promptscribe._capture import cut, failure, snapshot
from promptscribe._capture.plain import encode_plain
from promptscribe._runtime.state import runtime
from promptscribe._wire import record
from promptscribe._wire.record import EXT_CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptscribe._capture.context import Scope
    from promptscribe._capture.options import Options, Plan

_NAMES: Final = frozenset(
    {
        *schema.MEMBERS,
        *(record.CAPTURED, record.REQUEST, record.RESPONSE, record.SPAN, record.STREAM),
    }
)
"""Names of members; any other is the program's, and may be anything."""

_declared: Final[dict[tuple[int, bool], tuple[Plan, dict[str, Any], msgspec.Raw]]] = {}
"""What is built in made of a decorator's members; the plans in here stay alive."""
_MOST_PLANS: Final = 512
"""Decorators made at run time, inside of functions, must not pile up here."""


class Rules:
    """What may be kept of a call: the decorator's options over the settings.

    Attributes:
        is_bare: Whether payload is left out.
        is_open: Whether every value may be kept as it is.
        redacts: Whether secrets go out of what is kept.
    """

    __slots__ = ("_hook", "_is_built_in", "_redaction", "is_bare", "is_open", "redacts")

    def __init__(self, options: Options, save: Any, outer: Rules | None = None) -> None:
        settings = runtime.controls
        capture, redact = options.capture, options.redact
        if redact is None and outer is not None and outer.redacts:
            redact = outer._hook or True  # it is about what that was called with
        if redact is None and settings is not None:
            redact = settings.redact
        if capture is None and settings is not None:
            capture = settings.capture
        self.is_bare = capture == "metadata" or save is False
        self.redacts: bool = bool(redact)
        self._redaction: Any = None
        if self.redacts:
            from promptscribe._capture import redaction  # 15 ms of patterns, once

            self._redaction = redaction
            if getattr(redaction.__spec__, "_initializing", False):
                # A signal's handler logs while the thread that it interrupted is
                # importing this, on the very stack: a part of it is missing.
                failure.note("redaction_failed", "it is just being loaded")
                self._redaction = _Unready
        self._hook: Callable[[str], str] | None = redact if callable(redact) else None
        is_ready = self.redacts and self._redaction is not _Unready
        self._is_built_in = is_ready and self._hook is None
        self.is_open = not (self.is_bare or self.redacts)

    def clean(self, value: Any) -> Any:
        """Return a plain value without secrets."""
        return self._redaction.redact(value, self._hook) if self.redacts else value

    def clean_text(self, text: str | None) -> str | None:
        """Return a text without secrets."""
        if not self.redacts:
            return text
        cleaned: str | None = self._redaction.redact_text(text, self._hook)
        return cleaned

    def cleaner(self) -> Callable[[str], str] | None:
        """Return what cleans a text and never raises, or None if there is no need."""
        return (lambda text: self.clean_text(text) or "") if self.redacts else None

    def pieces(self, chunks: list[Any]) -> list[Any]:
        """Return chunks of no known shape without secrets that stand across them."""
        clean = self.cleaner()
        if clean is None:
            return chunks
        from promptscribe._capture import piece

        return piece.hide_across(chunks, clean)

    def mend(self, packed: msgspec.Raw, seam: int) -> msgspec.Raw:
        """Return chunks of a stream of which some were cut out.

        Args:
            packed: The chunks, as the tape has packed them.
            seam: How many stand before the cut.
        """
        clean = self.cleaner()
        if clean is None:
            return packed
        from promptscribe._capture import piece

        try:
            kind, chunks = record.decode(bytes(packed))
            mended = piece.hide_at_cut(record.plain(chunks), seam, clean)
            inner = encode_plain((kind, mended))
            return msgspec.Raw(encode_plain(msgspec.msgpack.Ext(EXT_CHUNKS, inner)))
        except BaseException as problem:  # noqa: BLE001 - it fails closed
            failure.note("redaction_failed", problem)
            return msgspec.Raw(encode_plain(self._redaction.FAILED))

    def members(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return what may be kept of a log's members."""
        if self.is_bare:
            left_out = {*schema.PAYLOAD_MEMBERS, record.REQUEST, record.RESPONSE}
            members = {k: v for k, v in members.items() if k not in left_out}
        if not self.redacts:
            return members
        cleaned = {
            name if name in _NAMES else str(self.clean_text(name)): self.clean(value)
            for name, value in members.items()
        }
        if type(cleaned.get("path")) is dict:  # failed: without one it is no log
            cleaned["path"] = cut.REDACTED
        return cleaned

    def declared(self, plan: Plan) -> tuple[dict[str, Any], msgspec.Raw]:
        """Return what may be kept of a decorator's members, also encoded.

        It is the same for each call, and a template may be long: 3 ms for 64 KB.
        """
        if plan.declared is None:
            return {}, msgspec.Raw(snapshot.encode({}))
        key = id(plan), self.is_bare
        known = _declared.get(key)
        if known is not None and known[0] is plan and self._is_built_in:
            return known[1:]
        members = self.members(to_plain(plan.declared, self))
        encoded = msgspec.Raw(snapshot.encode(members))
        if self._is_built_in and len(_declared) < _MOST_PLANS:
            _declared[key] = plan, members, encoded
        return members, encoded

    def response(self, value: Any, name: str) -> dict[str, Any]:
        """Return what may be kept of a response, as members and under *name*."""
        if not self.is_bare:
            return {name: self._clean_typed(value)}
        from promptscribe._runtime import answer

        facts = answer.read_response(value)
        kept = {k: v for k, v in facts.items() if k not in schema.PAYLOAD_MEMBERS}
        return {record.CAPTURED: kept} if kept else {}

    def _clean_typed(self, value: Any) -> Any:
        """Return a result without secrets; a model's type tells who has answered."""
        if type(value) is record.Model:
            return _as_model(value.type_name, self.clean(value.value))
        if not is_pair(value):
            return self.clean(value)
        made, (type_name, response) = value
        cleaned = self.clean([made, response])
        if type(cleaned) is not list:  # it failed
            return cleaned
        made, response = cleaned
        return [made, _as_model(type_name, response)]


class _Unready:
    """The redaction while there is none yet: it leaves nothing of a value."""

    FAILED: Final = {record.MARK: "redaction failed"}

    @classmethod
    def redact(cls, value: Any, _hook: Any) -> Any:
        return None if value is None else dict(cls.FAILED)

    @staticmethod
    def redact_text(text: str | None, _hook: Any) -> str | None:
        return None if text is None else cut.REDACTED


def rules_of(scope: Scope | None) -> Rules | None:
    """Return the rules of the log that is current in a scope, if it has any."""
    if scope is None:
        return None
    rules: Rules | None = getattr(scope.recording, "_rules", None)
    return rules


def _as_model(type_name: str, value: Any) -> Any:
    start = type_name.encode("utf-8", "replace") + b"\0"
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError):  # half of a surrogate pair
        return value
    return msgspec.msgpack.Ext(record.EXT_MODEL, start + text)


def is_pair(value: Any) -> bool:
    """Say whether this is what was made of a response, and the response."""
    return type(value) is list and len(value) == 2 and type(value[1]) is record.Model


def to_plain(value: Any, rules: Rules, *, is_result: bool = False) -> Any:
    """Return a value as the plain data that the journal would give back.

    Where a long text is cut, no secret is cut through.

    Args:
        value: Anything.
        rules: What cleans a text.
        is_result: Whether a model is to stay one, and a response beside what was made
            of it: as plain data that would be a part of the output.
    """
    decoded = record.decode(snapshot.encode(value, rules.cleaner()))
    if type(value) is msgspec.Raw and type(decoded) is dict and record.MARK in decoded:
        # The sanitizer is just being loaded: the bytes themselves are a snapshot.
        decoded = record.decode(bytes(value))
    if isinstance(decoded, record.Chunks):
        from promptscribe._providers import registry

        joined = registry.join(record.plain(decoded))
        return rules.pieces(joined) if type(joined) is list else joined
    if is_result and type(decoded) is record.Model:
        return decoded
    if is_result and is_pair(decoded):
        return [record.plain(decoded[0]), decoded[1]]
    return record.plain(decoded)
