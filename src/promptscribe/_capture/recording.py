"""The recording: a log while its call is under way.

Its law: no public method raises or waits. A failure of ours becomes one line in the
log, at most once a minute, and a number in `force_flush`'s result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from promptscribe import schema
from promptscribe._capture import failure, snapshot
from promptscribe._capture.plain import LONGEST, encode_plain, is_plain
from promptscribe._clock import join_log_id
from promptscribe._interrupt import let_through
from promptscribe._runtime.state import runtime
from promptscribe._wire.record import REQUEST, RESPONSE, STREAM

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from promptscribe._capture.tape import Tape
    from promptscribe._runtime.state import Append
    from promptscribe._wire.record import ErrorFacts, StreamFacts
    from promptscribe.schema import JSONObject

T = TypeVar("T")

START: Final = 1
END: Final = 2
WHOLE: Final = 3
"""Kinds of frames, see the journal's description of them."""

_PRIVATE: Final = frozenset(
    {
        "api_key", "auth", "authorization", "aws_access_key_id",
        "aws_secret_access_key", "aws_session_token", "azure_ad_token", "client",
        "credentials", "default_headers", "extra_headers", "headers", "http_client",
        "token", "vertex_credentials",
    }
)  # fmt: skip
"""Keyword arguments of providers' SDKs and of LiteLLM that say who calls, not what."""

_encode: Final = encode_plain


class Recording:
    """One call that is being recorded; inside of it, it is the current log.

    Get it from ``with log_prompt(...) as log``, `current_log` or `start_log`.
    It is false where nothing is recorded; everything it is told is then forgotten.

    Attributes:
        key: Span id, 64 bits with the top one set.
        trace: Trace id, 16 bytes.
    """

    __slots__ = ("_append", "_first", "_updates", "anchor", "key", "members", "trace")

    key: int | None
    trace: bytes | None
    anchor: int
    members: msgspec.Raw | None
    dropped = False
    """Whether sampling leaves the trace out: a class's matter, it costs no store."""
    controlled: bool = False
    """Whether not everything of what is made inside may be kept: the same."""
    _append: Append | None
    """Where the start went, and the end goes; None once the log has ended."""
    _first: bytes | None
    """The start, if the journal did not take it: it is written with the end."""
    _updates: list[Any] | None

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Recording {self.id}>"

    @property
    def recording(self) -> Recording | None:
        """The log itself: a recording is the scope of what it encloses."""
        return self

    @property
    def id(self) -> str | None:
        """The log's id, as ``log_id`` and as ``trace_parent_id`` of what is inside."""
        if self.key is None or self.trace is None:
            return None
        return join_log_id(self.trace, self.key)

    @property
    def trace_id(self) -> str | None:
        """The W3C trace id, 32 hexadecimal digits."""
        return None if self.trace is None else self.trace.hex()

    def update(self, **members: Unpack[schema.LogMembers]) -> None:
        """Set members of the log; they win over what is captured.

        Values are taken as they are now. ``metadata`` is added to what is there,
        every other member replaces what was set before. After ``save=False`` neither
        what the call returns is written, nor what is logged inside; its inputs are in
        the journal by then, and are left out when the log is sent.

        Args:
            **members: Any member of a prompt log, see `PromptLog`.
        """
        unknown = [name for name in members if name not in schema.MEMBERS]
        if unknown:
            failure.note("unknown_member", f"update() got {', '.join(unknown)}")
        error: Any = members.get("error")
        if issubclass(type(error), BaseException):  # a caught one, handed in as it is
            members["error"] = failure.sentence(error)
        if members.get("save") is False and self._append is not None:
            try:
                self._withhold()
            except BaseException as problem:  # noqa: BLE001 - see the law of this file
                failure.note("snapshot_failed", problem)
        self._add(members)

    def _withhold(self) -> None:
        from promptscribe._capture import withholding  # few logs are told so late

        withholding.withhold(self)

    def record(self, response: T) -> T:
        """Fill the log from a provider's response: output, tokens, cost and so on.

        Args:
            response: A response object or dict of a provider's API, or its stream.

        Returns:
            The response itself. A stream comes back as one that is recorded while
            you iterate over it: use that one.
        """
        from promptscribe._capture import stream

        try:
            if stream.is_stream(response):
                recorded: T = stream.record_stream(
                    response, self._finish_response, self._take, self
                )
                return recorded
            self._take(stream.payload(response))
        except BaseException as problem:  # noqa: BLE001 - see the law of this file
            failure.note("recording_failed", problem)
            self._take(response)
        return response

    def record_request(self, request: Mapping[str, Any]) -> None:
        """Fill messages, prompt details and raw request from a provider's request.

        Args:
            request: The keyword arguments, or the JSON body, of the call to the
                provider. Keys and headers in it are not recorded.
        """
        try:
            sent = {k: v for k, v in request.items() if k not in _PRIVATE}
        except BaseException as problem:  # noqa: BLE001 - see the law of this file
            failure.note("request_unreadable", problem)
            return
        self._add({REQUEST: sent})

    def enter(self) -> None:
        """Do nothing: only a log that is a span as well has something to enter."""

    def leave(self) -> None:
        """Do nothing, see `enter`."""

    def populate(self, **inputs: Any) -> list[JSONObject]:
        """Fill the prompt's template with the inputs.

        Template and inputs are logged apart, and the result as ``messages``.

        Args:
            **inputs: Values for ``{{name}}`` in the template, besides the
                function's arguments.

        Returns:
            The messages, ready for the provider; none if there is no template.

        Example:
            >>> from promptscribe import current_log, log_prompt
            >>> template = [{"role": "user", "content": "Hello {{name}}"}]
            >>> @log_prompt(prompt={"model": "gpt-4o", "template": template})
            ... def greet(name: str) -> str:
            ...     return current_log().populate()[0]["content"]
            >>> from promptscribe.testing import captured_logs
            >>> with captured_logs():
            ...     greet("Ada")
            'Hello Ada'
        """
        filled, known = self._fill_template(inputs)
        if filled:
            self._add({"messages": filled, "inputs": known})
        return filled

    def end(
        self, output: Any = None, *, error: BaseException | str | None = None
    ) -> None:
        """End a log that `start_log` began; a second time does nothing.

        Args:
            output: What the call returned: text, or a provider's response.
            error: What went wrong, if anything did.
        """
        if isinstance(error, BaseException):
            self.fail(error)
            return
        if error is not None:
            self._add({"error": error})
        try:
            self._end(output is not None, output, None, None)
        except BaseException as problem:  # noqa: BLE001 - see the law of this file
            failure.note("recording_failed", problem)

    def finish(self, result: Any) -> None:
        """End the log of a call that returned; the hot path, repeated in `_end`."""
        append = self._append
        if append is None:
            return
        self._append = None
        ended = self.anchor + runtime.monotonic_ns()
        last = (self.key, ended, True, result, None, self._updates, None)
        payload = b""
        try:
            is_text = type(result) is str and len(result) <= LONGEST
            if is_text or is_plain(result):
                payload = _encode(last)
        except Exception as problem:  # noqa: BLE001 - the slow way takes an odd value
            let_through(problem)
        if not payload or len(payload) > snapshot.LARGE:
            payload = _encode((*last[:3], raw(result), *last[4:]))
        if self._first is None:
            append(END, payload)
        else:
            _append_whole(append, self.key, self._first, payload)

    def fail(self, error: BaseException) -> None:
        """End the log of a call that raised; never raises itself."""
        try:
            self._end(False, None, self._describe(error), None)
        except RecursionError:
            failure.elsewhere(self.fail, error)
        except BaseException as problem:  # noqa: BLE001 - the user's error goes first
            self._give_up(problem, error)

    def finish_stream(
        self, tape: Tape, ending: str | None, error: BaseException | None = None
    ) -> None:
        """End the log of a call whose result came in pieces; never raises.

        Args:
            tape: What came.
            ending: None if the stream was read to its end, else how it ended.
            error: What broke it off.
        """
        try:
            packed, told = self._unwind(tape, ending)
            described = None if error is None else self._describe(error)
            has_result = tape.count > 0 or (error is None and ending is None)
            self._end(has_result, packed, described, told)
        except RecursionError:
            failure.elsewhere(self.finish_stream, tape, ending, error)
        except BaseException as problem:  # noqa: BLE001 - the stream belongs to the user
            self._give_up(problem, error)

    def _give_up(self, problem: BaseException, error: BaseException | None) -> None:
        """End the log with what is certain of it, then tell the problem."""
        try:
            described = None if error is None else (failure.name_of(error), "", None)
            self._end(False, None, described, None)
        except BaseException as again:  # noqa: BLE001 - the journal's, then
            failure.note("recording_failed", again)
        failure.note("recording_failed", problem)

    def _take(self, response: Any) -> None:
        self._add({RESPONSE: response})

    def _finish_response(
        self,
        tape: Tape,
        ending: str | None,
        error: BaseException | None = None,  # noqa: ARG002 - the block logs it
    ) -> None:
        try:
            if self and self._append is None:
                failure.note("recorded_late", "a stream was read after its log's end")
            packed, told = self._unwind(tape, ending)
            self._add({RESPONSE: packed, STREAM: told})
        except BaseException as problem:  # noqa: BLE001 - the stream belongs to the user
            failure.note("recording_failed", problem)

    def _unwind(
        self, tape: Tape, ending: str | None
    ) -> tuple[msgspec.Raw, StreamFacts]:
        """Return what a stream brought, and what is told of it."""
        packed, first = tape.pack(), tape.first_chunk
        first_chunk = None if first is None else first + self.anchor
        if tape.cut:
            self._add({"metadata": {"chunks_cut": tape.cut}})
        return packed, (first_chunk, ending, tape.count)

    def _describe(self, error: BaseException) -> ErrorFacts:
        return failure.describe(error)

    def _fill_template(self, inputs: JSONObject) -> tuple[list[JSONObject], JSONObject]:
        return [], inputs  # a log with a template is a controlled one

    def _add(self, members: Mapping[str, Any]) -> None:
        try:
            # What a stream brought is encoded, and known to be sound.
            is_stream = type(members.get(RESPONSE)) is msgspec.Raw and STREAM in members
            encoded = msgspec.Raw(_encode(members)) if is_stream else raw(members)
            if self._updates is None:
                self._updates = []
            self._updates.append(encoded)
        except BaseException as problem:  # noqa: BLE001 - see the law of this file
            failure.note("snapshot_failed", problem)

    def _end(
        self,
        returned: bool,
        result: Any,
        error: ErrorFacts | None,
        stream: StreamFacts | None,
    ) -> None:
        append, self._append = self._append, None
        if append is None:
            return
        ended = self.anchor + runtime.monotonic_ns()
        kept = result if stream and type(result) is msgspec.Raw else raw(result)
        last = (self.key, ended, returned, kept, raw(error), self._updates, stream)
        payload = _encode(last)
        if self._first is None:
            append(END, payload)
        else:
            _append_whole(append, self.key, self._first, payload)


def _append_whole(append: Append, key: int | None, first: bytes, last: bytes) -> None:
    append(WHOLE, _encode((key, msgspec.Raw(first), msgspec.Raw(last))))


def raw(value: Any) -> msgspec.Raw | None:
    """Return a value encoded; None stays None."""
    return None if value is None else msgspec.Raw(snapshot.encode(value))
